//! VP8. Source: RFC 7741 §4.2 (payload descriptor), §4.3 (payload header).
use super::{Finished, VideoPayload};
use crate::bitstream::vp8;
use crate::rtp::cursor::Cursor;
use crate::rtp::{Packet, PayloadError};
use bytes::Bytes;

#[derive(Default)]
pub(super) struct Vp8 {
    frame: Vec<u8>,
}

impl VideoPayload for Vp8 {
    fn starts_frame(&self, payload: &[u8]) -> bool {
        // S, and partition 0.
        matches!(payload, [first, ..] if first & 0x17 == 0x10)
    }

    fn push(&mut self, packet: &Packet) -> Result<(), PayloadError> {
        let starts = self.starts_frame(&packet.payload);
        let mut payload = Cursor::new(&packet.payload, packet.header.sequence);
        skip_descriptor(&mut payload)?;
        if self.frame.is_empty() && !starts {
            return Err(payload.invalid("continuation without a start", 0));
        }
        self.frame.extend_from_slice(payload.rest());
        Ok(())
    }

    fn finish(&mut self) -> Finished {
        if self.frame.is_empty() {
            return Finished::Incomplete;
        }
        let keyframe = vp8::is_keyframe(&self.frame);
        let data = Bytes::copy_from_slice(&self.frame);
        self.frame.clear();
        Finished::Frame { data, keyframe, params: None }
    }

    fn clear(&mut self) {
        self.frame.clear();
    }
}

fn skip_descriptor(payload: &mut Cursor<'_>) -> Result<(), PayloadError> {
    if payload.u8("VP8 descriptor")? & 0x80 == 0 {
        return Ok(());
    }
    let extended = payload.u8("VP8 descriptor")?;
    if extended & 0x80 != 0 && payload.u8("VP8 picture id")? & 0x80 != 0 {
        payload.u8("VP8 picture id")?;
    }
    if extended & 0x40 != 0 {
        payload.u8("VP8 TL0PICIDX")?;
    }
    if extended & 0x30 != 0 {
        payload.u8("VP8 TID")?;
    }
    Ok(())
}
