//! VP8 and VP9, with 15-bit picture ids. Sources: RFC 7741 §4.2; RFC 9628 §4.2 (non-flexible, without layers).
use super::Writer;
use crate::rtp::PacketizeError;
use media::Unit;

/// One stream of either codec.
pub(super) struct Vpx {
    vp9: bool,
    picture_id: u16,
}

impl Vpx {
    pub(super) fn vp8() -> Self {
        Self { vp9: false, picture_id: 0 }
    }

    pub(super) fn vp9() -> Self {
        Self { vp9: true, picture_id: 0 }
    }

    pub(super) fn write(&mut self, unit: &Unit, writer: &mut Writer<'_>) -> Result<(), PacketizeError> {
        let [high, low] = (self.picture_id | 0x8000).to_be_bytes();
        self.picture_id = (self.picture_id + 1) & 0x7fff;
        let predicted = if unit.keyframe { 0 } else { 0x40 };
        let mut rest: &[u8] = &unit.data;
        let mut first = true;
        while !rest.is_empty() {
            let bytes = if self.vp9 { 3 } else { 4 };
            let (piece, after) = rest.split_at(rest.len().min(writer.room - bytes));
            let last = after.is_empty();
            if self.vp9 {
                // I, P, B, E.
                let flags = 0x80 | predicted | u8::from(first) << 3 | u8::from(last) << 2;
                writer.packet(last, &[&[flags, high, low], piece]);
            } else {
                // X and S; then I.
                writer.packet(last, &[&[0x80 | u8::from(first) << 4, 0x80, high, low], piece]);
            }
            rest = after;
            first = false;
        }
        Ok(())
    }
}
