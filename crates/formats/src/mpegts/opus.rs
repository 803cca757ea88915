//! Opus in PES packets: a control header before each Opus packet.
//!
//! Source: "Encapsulation of Opus in MPEG-2 TS" 0.1.4, `opus_control_header`.
use bytes::Bytes;

/// Parts the payload of a PES packet into Opus packets. One without any control header is taken for a bare Opus packet,
/// as servers of the stream type 0x9C send it. False as well when the end is damaged; what was whole stays.
pub(super) fn packets(payload: &[u8], mut out: impl FnMut(Bytes)) -> bool {
    if !starts(payload) {
        if !payload.is_empty() {
            out(Bytes::copy_from_slice(payload));
        }
        return !payload.is_empty();
    }
    let mut rest = payload;
    while !rest.is_empty() {
        let Some((packet, after)) = packet(rest) else { return false };
        if !packet.is_empty() {
            out(Bytes::copy_from_slice(packet));
        }
        rest = after;
    }
    true
}

/// The prefix of eleven bits.
fn starts(data: &[u8]) -> bool {
    matches!(data, [0x7f, flags, ..] if flags & 0xe0 == 0xe0)
}

fn packet(data: &[u8]) -> Option<(&[u8], &[u8])> {
    if !starts(data) {
        return None;
    }
    let flags = data[1];
    let (mut at, mut size) = (2, 0);
    loop {
        let &part = data.get(at)?;
        at += 1;
        size += usize::from(part);
        if part != 255 {
            break;
        }
    }
    // Samples to cut off at the start and at the end: players do that with what the container says, streams do not.
    at += 2 * usize::from(flags & 0x10 != 0) + 2 * usize::from(flags & 0x08 != 0);
    if flags & 0x04 != 0 {
        at += 1 + usize::from(*data.get(at)?);
    }
    data.get(at..)?.split_at_checked(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(payload: &[u8]) -> (Vec<Vec<u8>>, bool) {
        let mut found = Vec::new();
        let whole = packets(payload, |packet| found.push(packet.to_vec()));
        (found, whole)
    }

    #[test]
    fn packets_with_every_option_are_parted() {
        let long = vec![9; 300];
        let payload = [
            b"\x7f\xe0\x02ab".as_slice(),
            // start trim, end trim, an extension of one byte
            b"\x7f\xfc\x03\0\x10\0\x20\x01!cde",
            b"\x7f\xe0\xff\x2d",
            &long,
        ]
        .concat();
        assert_eq!(read(&payload), (vec![b"ab".to_vec(), b"cde".to_vec(), long], true));
        assert_eq!(read(&payload[..payload.len() - 1]).0.len(), 2);
        assert_eq!(read(b"\xfc\x01\x02"), (vec![b"\xfc\x01\x02".to_vec()], true));
        assert_eq!(read(b"").0.len(), 0);
        assert!(!read(b"\x7f\xe0").1);
    }
}
