//! The body of an FLV tag, which is that of an RTMP message: a frame, or something around frames.
//!
//! Source: FLV 10.1 §E.4.2, §E.4.3; Enhanced RTMP v2.
use super::content::Checksum;
use super::watch::{Order, Watch};

/// Tag and message type of sound.
pub(super) const AUDIO: u8 = 8;
/// Tag and message type of pictures.
pub(super) const VIDEO: u8 = 9;
/// Bytes that tell a frame from a header.
const OPENING: usize = 2;

/// A body under way.
#[derive(Debug, Default)]
pub(super) struct Body {
    kind: u8,
    timestamp: i64,
    opening: [u8; OPENING],
    opened: usize,
    sum: Option<Checksum>,
}

impl Body {
    pub(super) fn new(kind: u8, timestamp: u32) -> Self {
        Self { kind, timestamp: timestamp.into(), ..Self::default() }
    }

    pub(super) fn push(&mut self, mut bytes: &[u8], watch: &mut Watch) {
        while self.opened < OPENING {
            let Some((first, rest)) = bytes.split_first() else { return };
            self.opening[self.opened] = *first;
            self.opened += 1;
            bytes = rest;
            if self.opened == OPENING && is_frame(self.kind, self.opening) {
                self.sum = watch.frame(self.kind - AUDIO, self.timestamp, Order::NotFalling);
                if let Some(sum) = &mut self.sum {
                    sum.push(&self.opening);
                }
            }
        }
        if let Some(sum) = &mut self.sum {
            sum.push(bytes);
        }
    }

    pub(super) fn end(&mut self, watch: &mut Watch) {
        if let Some(sum) = self.sum.take() {
            watch.frame_ended(self.kind - AUDIO, self.timestamp, sum);
        }
    }
}

/// Sequence headers and metadata are no frames: they may repeat, and their times mean little.
const fn is_frame(kind: u8, [first, second]: [u8; OPENING]) -> bool {
    match (kind, first >> 4, first & 0x0f) {
        // Enhanced: coded frames with and without composition time, and several tracks in one.
        (VIDEO, 8.., packet_type) => matches!(packet_type, 1 | 3 | 6),
        (VIDEO, _, 7 | 12) => second == 1,
        (AUDIO, 10, _) => second == 1,
        (AUDIO, 9, packet_type) => matches!(packet_type, 1 | 5),
        (AUDIO | VIDEO, _, _) => true,
        (_, _, _) => false,
    }
}
