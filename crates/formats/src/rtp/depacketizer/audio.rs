//! Audio whose packet is the frame: Opus, G.711, G.722, L16.
//!
//! Sources: RFC 7587 (Opus), RFC 3551 §4.5 (the others).
use super::{AudioPayload, Frame, audio_frame};
use crate::rtp::{Packet, PayloadError};
use std::collections::VecDeque;

/// One packet, one frame.
pub(super) struct Whole;

impl AudioPayload for Whole {
    fn push(&mut self, packet: &Packet, out: &mut VecDeque<Frame>) -> Result<bool, PayloadError> {
        out.push_back(audio_frame(&packet.payload, packet.header.timestamp));
        Ok(false)
    }

    fn clear(&mut self) -> bool {
        false
    }
}

/// Samples of a fixed size; an incomplete one at the end is cut off.
pub(super) struct Samples {
    sample_bytes: usize,
}

impl Samples {
    pub(super) fn new(sample_bytes: usize) -> Self {
        Self { sample_bytes }
    }
}

impl AudioPayload for Samples {
    fn push(&mut self, packet: &Packet, out: &mut VecDeque<Frame>) -> Result<bool, PayloadError> {
        let whole = packet.payload.len() / self.sample_bytes * self.sample_bytes;
        if whole == 0 {
            let sequence = packet.header.sequence;
            return Err(PayloadError::Truncated { sequence, part: "first sample", at: 0 });
        }
        out.push_back(audio_frame(&packet.payload[..whole], packet.header.timestamp));
        Ok(false)
    }

    fn clear(&mut self) -> bool {
        false
    }
}
