//! Keys as hexadecimal digits, as go2rtc and HomeKit's own programs write them.
use std::fmt::Write as _;

/// Writes bytes in small digits.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // a string takes whatever is written
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads digits, small or capital; none when it is something else.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

/// A key of this length.
pub fn key_from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    from_hex(text)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_and_nothing_else_is_taken() {
        assert_eq!(to_hex(&[0, 10, 255]), "000aff");
        assert_eq!(from_hex("000aFf"), Some(vec![0, 10, 255]));
        assert_eq!(key_from_hex::<3>("000aff"), Some([0, 10, 255]));
        for wrong in ["0", "0g", "+1", "ää", "000aff00"] {
            assert_eq!(key_from_hex::<3>(wrong), None, "{wrong}");
        }
    }
}
