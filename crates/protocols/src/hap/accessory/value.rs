//! Values of characteristics: which JSON is one of a format.
//!
//! Source: HAP specification (R2) table 6-5.
use super::{Limits, Status};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

/// Longest string where a characteristic names no other length: 64 bytes, as the specification says.
pub const STRING_BYTES_MAX: usize = 64;

/// A format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Also written as 0 and 1.
    Bool,
    /// 0 to 255.
    Uint8,
    /// 16 bits.
    Uint16,
    /// 32 bits.
    Uint32,
    /// 64 bits.
    Uint64,
    /// 32 bits with a sign.
    Int,
    /// A number.
    Float,
    /// A text.
    String,
    /// TLV8 in base64.
    Tlv8,
    /// Bytes in base64.
    Data,
}

const NAMES: [(Format, &str); 10] = [
    (Format::Bool, "bool"),
    (Format::Uint8, "uint8"),
    (Format::Uint16, "uint16"),
    (Format::Uint32, "uint32"),
    (Format::Uint64, "uint64"),
    (Format::Int, "int"),
    (Format::Float, "float"),
    (Format::String, "string"),
    (Format::Tlv8, "tlv8"),
    (Format::Data, "data"),
];

impl Format {
    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        NAMES.iter().find(|(format, _)| *format == self).map_or("", |(_, name)| name)
    }

    /// The format of a name.
    pub fn parse(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, known)| *known == name).map(|(format, _)| *format)
    }

    /// A value as it is kept: of this format, within the limits.
    ///
    /// # Errors
    /// [`Status::InvalidValue`].
    pub fn check(self, value: &Value, limits: &Limits) -> Result<Value, Status> {
        let invalid = Status::InvalidValue;
        match self {
            Self::Bool => match (value.as_bool(), value.as_u64()) {
                (Some(value), _) => Ok(Value::Bool(value)),
                (None, Some(number @ 0..=1)) => Ok(Value::Bool(number == 1)),
                (None, _) => Err(invalid),
            },
            Self::Uint8 => uint(value, u64::from(u8::MAX), limits),
            Self::Uint16 => uint(value, u64::from(u16::MAX), limits),
            Self::Uint32 => uint(value, u64::from(u32::MAX), limits),
            Self::Uint64 => uint(value, u64::MAX, limits),
            Self::Int => {
                let number = whole(value).ok_or(invalid)?;
                let number = i32::try_from(number).map_err(|_| invalid)?;
                limits.allow(f64::from(number)).then(|| number.into()).ok_or(invalid)
            }
            Self::Float => {
                let number = value.as_f64().ok_or(invalid)?;
                limits.allow(number).then(|| value.clone()).ok_or(invalid)
            }
            Self::String => {
                let text = value.as_str().ok_or(invalid)?;
                (text.len() <= limits.max_len.unwrap_or(STRING_BYTES_MAX))
                    .then(|| value.clone())
                    .ok_or(invalid)
            }
            Self::Tlv8 | Self::Data => {
                let text = value.as_str().ok_or(invalid)?;
                BASE64.decode(text).map(|_| value.clone()).map_err(|_| invalid)
            }
        }
    }
}

fn uint(value: &Value, max: u64, limits: &Limits) -> Result<Value, Status> {
    let number = value.as_bool().map(u64::from).or_else(|| value.as_u64());
    let number = number.or_else(|| u64::try_from(whole(value)?).ok()).filter(|number| *number <= max);
    let number = number.filter(|number| limits.allow(*number as f64));
    number.map(Value::from).ok_or(Status::InvalidValue)
}

/// Some controllers write 50.0 for 50.
fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let number = value.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 9e15)?;
        Some(number as i64)
    })
}
