//! Types of services and characteristics: short numbers of Apple's, or UUIDs of anybody's.
use std::fmt;

/// What follows a short number. Source: HAP specification (R2) §6.6.1.
const BASE: &str = "-0000-1000-8000-0026BB765291";

/// A type.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum TypeId {
    /// One of Apple's.
    Apple(u32),
    /// A UUID of somebody else's, in upper case.
    Other(String),
}

impl TypeId {
    /// Reads either form; Apple's own may also come as whole UUIDs, or with zeros in front.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_uppercase();
        let short = match text.strip_suffix(BASE) {
            Some(first) if first.len() == 8 => first,
            Some(_) => return None,
            None => &text,
        };
        if (1..=8).contains(&short.len()) && short.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return u32::from_str_radix(short, 16).ok().map(Self::Apple);
        }
        let parts: Vec<&str> = text.split('-').collect();
        let hex = |part: &str| part.bytes().all(|digit| digit.is_ascii_hexdigit());
        let is_uuid =
            parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]) && parts.iter().all(|part| hex(part));
        is_uuid.then_some(Self::Other(text))
    }
}

impl fmt::Display for TypeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Apple(number) => write!(f, "{number:X}"),
            Self::Other(uuid) => f.write_str(uuid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_forms_of_a_type_are_one() {
        for text in [
            "110",
            "00000110",
            "00000110-0000-1000-8000-0026BB765291",
            "00000110-0000-1000-8000-0026bb765291",
        ] {
            assert_eq!(TypeId::parse(text), Some(TypeId::Apple(0x110)), "{text}");
        }
        assert_eq!(TypeId::Apple(0x3e).to_string(), "3E");
        let other = TypeId::parse("e863f007-079e-48ff-8f27-9c2605a29f52").unwrap();
        assert_eq!(other.to_string(), "E863F007-079E-48FF-8F27-9C2605A29F52");
        for text in ["", "xyz", "110-0000-1000-8000-0026BB765291", "123456789"] {
            assert_eq!(TypeId::parse(text), None, "{text}");
        }
    }
}
