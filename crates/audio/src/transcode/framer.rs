//! Cuts sound into frames of exactly the target's length and gives each its times.
use crate::mix::Chunk;
use crate::target::Target;
use bytes::Bytes;
use media::{Moment, Unit, WallTime, rescale};

/// Collects samples until a frame is whole.
#[derive(Debug)]
pub(super) struct Framer {
    target: Target,
    length: usize,
    frame: Vec<f32>,
    /// Sample at which the frame begins.
    start: i64,
    discontinuity: bool,
    arrival: Moment,
    /// A sample and when it was captured.
    captured: Option<(i64, WallTime)>,
}

impl Framer {
    pub(super) fn new(target: Target) -> Self {
        Self {
            target,
            length: target.frame_samples() * usize::from(target.channels),
            frame: Vec::new(),
            start: 0,
            discontinuity: false,
            arrival: Moment::ZERO,
            captured: None,
        }
    }

    /// What comes next was made from `unit` or later ones.
    pub(super) fn arrived(&mut self, unit: &Unit, at: i64) {
        self.arrival = self.arrival.max(unit.arrival);
        self.captured.get_or_insert((at, unit.wall));
    }

    /// The sound of `unit` came to lie at sample `at`.
    pub(super) const fn placed(&mut self, unit: &Unit, at: i64) {
        self.captured = Some((at, unit.wall));
    }

    /// Takes sound; gives `out` each frame that is whole, with a unit that lacks only its data.
    pub(super) fn push(&mut self, chunk: Chunk<'_>, mut out: impl FnMut(&[f32], Unit)) {
        if chunk.discontinuity {
            self.finish(&mut out);
            self.discontinuity = true;
        }
        if self.frame.is_empty() {
            self.start = chunk.at;
        }
        let mut rest = chunk.samples;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(self.length - self.frame.len()));
            self.frame.extend_from_slice(now);
            rest = later;
            if self.frame.len() == self.length {
                self.emit(&mut out);
            }
        }
    }

    /// Fills an open frame with silence.
    pub(super) fn finish(&mut self, mut out: impl FnMut(&[f32], Unit)) {
        if !self.frame.is_empty() {
            self.frame.resize(self.length, 0.0);
            self.emit(&mut out);
        }
    }

    fn emit(&mut self, out: &mut impl FnMut(&[f32], Unit)) {
        let pts = self.start.div_euclid(self.target.samples_per_tick() as i64);
        let (captured_at, wall) = self.captured.unwrap_or_default();
        let micros = rescale(self.start - captured_at, self.target.rate, 1_000_000);
        out(
            &self.frame,
            Unit {
                track: 0,
                pts,
                dts: pts,
                arrival: self.arrival,
                wall: WallTime::from_micros(wall.as_micros().saturating_add(micros)),
                keyframe: true,
                discontinuity: std::mem::take(&mut self.discontinuity),
                data: Bytes::new(),
            },
        );
        self.start += self.target.frame_samples() as i64;
        self.frame.clear();
    }
}
