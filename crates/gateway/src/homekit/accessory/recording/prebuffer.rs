//! The newest seconds of a stream, from a key frame on. Sans-IO; owns the units.
use media::{Track, TrackId, Unit};
use std::collections::VecDeque;
use std::time::Duration;

/// Most bytes that are kept: 32 MiB, 8 s at 32 Mbit/s; beyond that the prebuffer is as long as that makes it.
const BYTES_MAX: usize = 32 << 20;

pub(super) struct Prebuffer {
    video: TrackId,
    /// How long it is, in ticks of the video's clock.
    ticks: i64,
    units: VecDeque<Unit>,
    bytes: usize,
}

impl Prebuffer {
    pub(super) fn new(video: &Track, length: Duration) -> Self {
        let ticks = length.as_millis() as i64 * i64::from(video.clock_rate) / 1_000;
        Self { video: video.id, ticks, units: VecDeque::new(), bytes: 0 }
    }

    /// Keeps a unit, and lets those go that are not needed any more. What comes before the first key frame is not kept.
    pub(super) fn push(&mut self, unit: &Unit) {
        let is_start = unit.track == self.video && unit.keyframe;
        // what was before a gap is no beginning of what comes after it
        if unit.track == self.video && unit.discontinuity {
            self.clear();
        }
        if self.units.is_empty() && !is_start {
            return;
        }
        self.bytes += unit.data.len();
        self.units.push_back(unit.clone());
        if unit.track != self.video {
            return;
        }
        while let Some((start, dts)) = self.second_start() {
            if unit.dts.saturating_sub(dts) < self.ticks && self.bytes <= BYTES_MAX {
                break;
            }
            for unit in self.units.drain(..start) {
                self.bytes -= unit.data.len();
            }
        }
        if self.bytes > BYTES_MAX {
            // a single group is that large
            self.clear();
        }
    }

    /// From a key frame on.
    pub(super) fn units(&self) -> impl Iterator<Item = &Unit> {
        self.units.iter()
    }

    fn clear(&mut self) {
        self.units.clear();
        self.bytes = 0;
    }

    /// Where the second key frame is, and when.
    fn second_start(&self) -> Option<(usize, i64)> {
        let starts =
            self.units.iter().enumerate().filter(|(_, unit)| unit.track == self.video && unit.keyframe);
        starts.map(|(index, unit)| (index, unit.dts)).nth(1)
    }
}
