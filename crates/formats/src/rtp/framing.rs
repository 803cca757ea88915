//! Datagrams over a connection: each behind its length, two bytes.
//!
//! Source: RFC 4571 §2; ICE over TCP sends all its datagrams so (RFC 6544 §10.1).
use bytes::{Buf, BytesMut};

/// Puts a datagram into a frame at the end of `out`. Longer than 65,535 bytes it is left out.
pub fn push_frame(out: &mut Vec<u8>, datagram: &[u8]) {
    let Ok(length) = u16::try_from(datagram.len()) else { return };
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(datagram);
}

/// Takes the next datagram off the front, if it is there whole.
pub fn take_frame(buffer: &mut BytesMut) -> Option<BytesMut> {
    let length = usize::from(u16::from_be_bytes([*buffer.first()?, *buffer.get(1)?]));
    if buffer.len() < 2 + length {
        return None;
    }
    buffer.advance(2);
    Some(buffer.split_to(length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn frames_survive_any_cutting() {
        let mut wire = Vec::new();
        for datagram in [&b"abc"[..], b"", &[7; 1200]] {
            push_frame(&mut wire, datagram);
        }
        let (mut buffer, mut frames) = (BytesMut::new(), Vec::new());
        for byte in wire {
            buffer.extend_from_slice(&[byte]);
            frames.extend(take_frame(&mut buffer).map(BytesMut::freeze));
        }
        assert_eq!(frames, [Bytes::from_static(b"abc"), Bytes::new(), Bytes::from(vec![7; 1200])]);
    }

    #[test]
    fn a_datagram_too_long_for_its_length_is_left_out() {
        let mut wire = Vec::new();
        push_frame(&mut wire, &[0; 65_536]);
        assert!(wire.is_empty());
    }
}
