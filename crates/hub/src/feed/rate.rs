//! How many bits a second come in: over the last three seconds.
use media::Moment;
use std::collections::VecDeque;

/// How many bytes came in lately: a sliding second or so.
#[derive(Default)]
pub(super) struct Rate {
    samples: VecDeque<(Moment, u64)>,
    bytes: u64,
}

impl Rate {
    const WINDOW_MS: u64 = 3000;

    pub(super) fn add(&mut self, now: Moment, bytes: u64) {
        self.bytes += bytes;
        self.samples.push_back((now, bytes));
        self.expire(now);
    }

    fn expire(&mut self, now: Moment) {
        while let Some((at, bytes)) = self.samples.front().copied() {
            if now.since(at).as_millis() as u64 <= Self::WINDOW_MS {
                break;
            }
            self.bytes -= bytes;
            self.samples.pop_front();
        }
    }

    pub(super) fn bits_per_second(&mut self, now: Moment) -> u64 {
        self.expire(now);
        self.bytes * 8 * 1000 / Self::WINDOW_MS
    }
}
