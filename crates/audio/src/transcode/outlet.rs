//! The way out: sound to frames, measured, encoded, waiting to be drained.
use super::framer::Framer;
use crate::encode::Encoder;
use crate::level::Level;
use crate::mix::Chunk;
use media::Unit;
use std::collections::VecDeque;

/// Most frames that wait to be drained: 512, ten seconds of 20 ms. One push makes at most a second and a half.
pub(super) const READY_MAX: usize = 512;

/// Takes sound, keeps encoded frames.
#[derive(Debug)]
pub(super) struct Outlet {
    pub(super) framer: Framer,
    pub(super) level: Level,
    pub(super) encoder: Encoder,
    pub(super) ready: VecDeque<Unit>,
    pub(super) failed_frames: u64,
    pub(super) overflowed_frames: u64,
}

impl Outlet {
    pub(super) fn new(encoder: Encoder) -> Self {
        let target = *encoder.target();
        Self {
            framer: Framer::new(target),
            level: Level::new(target.rate, target.channels),
            encoder,
            ready: VecDeque::new(),
            failed_frames: 0,
            overflowed_frames: 0,
        }
    }

    pub(super) fn push(&mut self, chunk: Chunk<'_>) {
        self.with_framer(|framer, out| framer.push(chunk, out));
    }

    pub(super) fn finish(&mut self) {
        self.with_framer(|framer, out| framer.finish(out));
    }

    fn with_framer(&mut self, work: impl FnOnce(&mut Framer, &mut dyn FnMut(&[f32], Unit))) {
        let Self { framer, level, encoder, ready, failed_frames, overflowed_frames } = self;
        work(framer, &mut |frame, unit| {
            level.push(frame);
            match encoder.encode(frame) {
                Ok(data) => ready.push_back(Unit { data, ..unit }),
                Err(_) => *failed_frames += 1,
            }
            if ready.len() > READY_MAX {
                ready.pop_front();
                *overflowed_frames += 1;
            }
        });
    }
}
