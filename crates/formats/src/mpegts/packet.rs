//! One transport packet of 188 bytes.
//!
//! Source: ISO/IEC 13818-1 §2.4.3.2 to §2.4.3.5.

/// Bytes of a packet.
pub(super) const PACKET_BYTES: usize = 188;
/// What every packet begins with.
pub(super) const SYNC: u8 = 0x47;
/// The packet identifier of filling.
pub(super) const PID_NULL: u16 = 0x1fff;

/// What the head of a packet says. The programme clock is not read: arrival is our clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Packet<'a> {
    pub(super) pid: u16,
    /// A PES packet or a section begins in the payload.
    pub(super) starts: bool,
    /// A receiver found it damaged beyond repair.
    pub(super) damaged: bool,
    pub(super) scrambled: bool,
    /// Counts packets with payload, modulo 16.
    pub(super) continuity: u8,
    /// The counter or the clock does not continue, and the sender says so.
    pub(super) discontinuity: bool,
    pub(super) payload: Option<&'a [u8]>,
}

impl<'a> Packet<'a> {
    /// Reads a packet; `None` when it contradicts itself.
    pub(super) fn parse(data: &'a [u8]) -> Option<Self> {
        let &[sync, b1, b2, b3] = data.first_chunk()?;
        if sync != SYNC || data.len() != PACKET_BYTES {
            return None;
        }
        let mut body = &data[4..];
        let mut discontinuity = false;
        if b3 & 0x20 != 0 {
            let (&length, rest) = body.split_first()?;
            let adaptation = rest.get(..usize::from(length))?;
            discontinuity = adaptation.first().is_some_and(|flags| flags & 0x80 != 0);
            body = &rest[usize::from(length)..];
        }
        Some(Self {
            pid: u16::from_be_bytes([b1 & 0x1f, b2]),
            starts: b1 & 0x40 != 0,
            damaged: b1 & 0x80 != 0,
            scrambled: b3 & 0xc0 != 0,
            continuity: b3 & 0x0f,
            discontinuity,
            payload: (b3 & 0x10 != 0).then_some(body),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_and_flags_are_read_and_an_overlong_adaptation_field_is_refused() {
        let mut data = [0xff; PACKET_BYTES];
        data[..6].copy_from_slice(&[SYNC, 0x41, 0x02, 0x3a, 181, 0x80]);
        let packet = Packet::parse(&data).unwrap();
        assert_eq!((packet.pid, packet.starts, packet.continuity), (0x102, true, 10));
        assert_eq!((packet.discontinuity, packet.payload.map(<[u8]>::len)), (true, Some(2)));
        data[4] = 184;
        assert_eq!(Packet::parse(&data), None);
        data[3] = 0x1a;
        assert_eq!(Packet::parse(&data).unwrap().payload.map(<[u8]>::len), Some(184));
        assert_eq!(Packet::parse(&data[1..]), None);
    }
}
