//! Marks: what tells the picture of one simulated camera from that of another, wherever it comes out. Each frame carries its
//! camera's number in an SEI message, which players pass over and everybody between hands on.
//!
//! Source: ITU-T H.264 §7.3.2.3, §D.1.7 (user data, unregistered).

/// The identifier of the message. Not one byte of it is zero, so that nothing must be escaped.
const IDENTIFIER: [u8; 16] = *b"aqueduct-camera!";
/// Digits of a number.
const DIGITS: usize = 3;

/// Puts the mark before an access unit of NAL units with lengths. Numbers are below 1,000.
pub fn marked(number: u16, unit: &[u8]) -> Vec<u8> {
    let message = [&IDENTIFIER[..], format!("{number:03}").as_bytes()].concat();
    let nal = [&[6, 5, message.len() as u8][..], &message, &[0x80]].concat();
    [&(nal.len() as u32).to_be_bytes()[..], &nal, unit].concat()
}

/// The numbers of all marks in these bytes, whatever is around them.
pub fn marks(bytes: &[u8]) -> impl Iterator<Item = u16> {
    let starts = (0..bytes.len()).filter(move |at| bytes[*at] == IDENTIFIER[0]);
    starts.filter_map(move |at| {
        let number = bytes[at..].strip_prefix(&IDENTIFIER)?.get(..DIGITS)?;
        std::str::from_utf8(number).ok()?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_among_other_bytes_and_are_whole_nal_units() {
        let unit = marked(7, &[0, 0, 0, 2, 0x65, 0x88]);
        let length = u32::from_be_bytes([unit[0], unit[1], unit[2], unit[3]]) as usize;
        assert_eq!((unit[4], &unit[4 + length..]), (6, &[0, 0, 0, 2, 0x65, 0x88][..]));
        let other = marked(42, b"aqueduct-camera");
        assert_eq!(marks(&[&unit[..], b"aqueduct-camera!", &other].concat()).collect::<Vec<_>>(), [7, 42]);
    }
}
