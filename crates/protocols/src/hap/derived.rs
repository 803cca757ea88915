//! What an accessory is called and who it is where nobody says so: derived from a text, as go2rtc does, so that whoever takes
//! its place is the same accessory to those who are paired with it.
//!
//! Source: the behaviour of go2rtc's HomeKit server. An identity that is made like this can be guessed by whoever knows the
//! text: take it for pairings that are there already, and draw a new one otherwise.
use super::crypto::sha512;
use std::fmt::Write as _;

/// Length of an identifier, `XX:XX:XX:XX:XX:XX`.
const ID_CHARACTERS: usize = 17;
/// Length of a long-term key as go2rtc writes it: the secret half, then the public one.
const PRIVATE_BYTES: usize = 64;

/// The identifier of an accessory: what was configured, if it is as long as one; else made of it, or of the stream's name.
pub fn device_id(configured: &str, stream: &str) -> String {
    if configured.len() >= ID_CHARACTERS {
        return configured.to_owned();
    }
    let hash = sha512(&[seed_text(configured, stream).as_bytes()]);
    let pairs: Vec<String> = (0..6).map(|index| format!("{:02X}", hash[32 + 2 * index])).collect();
    pairs.join(":")
}

/// The name of an accessory that was given none.
pub fn name(device_id: &str) -> String {
    let hash = sha512(&[device_id.as_bytes()]);
    let mut name = String::from("go2rtc-");
    // a string takes whatever is written
    let _ = write!(name, "{:02X}{:02X}", hash[0], hash[2]);
    name
}

/// The seed of the long-term key: the hexadecimal key that was configured, or one made of that text, or of the stream's name.
pub fn seed(configured: &str, stream: &str) -> [u8; 32] {
    let digits =
        configured.len() == 2 * PRIVATE_BYTES && configured.bytes().all(|digit| digit.is_ascii_hexdigit());
    let mut seed = [0; 32];
    if digits {
        for (index, byte) in seed.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&configured[2 * index..2 * index + 2], 16).unwrap_or(0);
        }
    } else {
        seed.copy_from_slice(&sha512(&[seed_text(configured, stream).as_bytes()])[..32]);
    }
    seed
}

fn seed_text<'a>(configured: &'a str, stream: &'a str) -> &'a str {
    if configured.is_empty() { stream } else { configured }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_configured_goes_before_what_the_streams_name_gives() {
        assert_eq!(device_id("11:22:33:44:55:66", "cam"), "11:22:33:44:55:66");
        let of_name = device_id("", "cam");
        assert_eq!((of_name.len(), &of_name), (17, &device_id("cam", "other")));
        assert!(name(&of_name).starts_with("go2rtc-"));
        assert_eq!(seed("", "cam"), seed("cam", "other"));
        assert_ne!(seed("", "cam"), seed("", "door"));
        let key = "0a".repeat(32) + &"ff".repeat(32);
        assert_eq!(seed(&key, "cam"), [10; 32]);
    }

    /// SHA-512 of "dahua1" is the same everywhere.
    #[test]
    fn identifiers_are_those_of_go2rtc() {
        let hash = sha512(&[b"dahua1"]);
        let expected: Vec<String> =
            [32, 34, 36, 38, 40, 42].iter().map(|index| format!("{:02X}", hash[*index])).collect();
        assert_eq!(device_id("", "dahua1"), expected.join(":"));
    }
}
