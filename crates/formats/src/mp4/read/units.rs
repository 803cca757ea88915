//! Samples of all tracks, merged by time, as units.
use super::sample::Sample;
use super::track::{Cut, Lane};
use crate::bitstream::NalAssembler;
use bytes::Bytes;
use media::{Moment, Unit, WallTime, rescale};

/// The units of a [`File`](super::File), in decoding order.
pub struct Units<'a> {
    data: &'a Bytes,
    lanes: Vec<LaneCursor<'a>>,
}

struct LaneCursor<'a> {
    lane: &'a Lane,
    left: std::slice::Iter<'a, Sample>,
    assembler: NalAssembler,
    last_dts: i64,
}

impl std::fmt::Debug for Units<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let left: Vec<usize> = self.lanes.iter().map(|lane| lane.left.len()).collect();
        f.debug_struct("Units").field("left", &left).finish_non_exhaustive()
    }
}

impl<'a> Units<'a> {
    pub(super) fn new(data: &'a Bytes, lanes: &'a [Lane]) -> Self {
        let cursor = |lane: &'a Lane| LaneCursor {
            lane,
            left: lane.samples.iter(),
            assembler: NalAssembler::new(lane.track.codec).with_params(lane.track.params.clone()),
            last_dts: i64::MIN,
        };
        Self { data, lanes: lanes.iter().map(cursor).collect() }
    }
}

impl Iterator for Units<'_> {
    type Item = Unit;

    fn next(&mut self) -> Option<Unit> {
        loop {
            let next =
                self.lanes.iter_mut().filter_map(|lane| lane.next_micros().map(|micros| (micros, lane)));
            let (_, lane) = next.min_by_key(|(micros, _)| *micros)?;
            if let Some(unit) = lane.next_unit(self.data) {
                return Some(unit);
            }
        }
    }
}

impl LaneCursor<'_> {
    fn next_micros(&self) -> Option<i64> {
        let sample = self.left.as_slice().first()?;
        Some(rescale(self.lane.dts_of(sample), self.lane.timescale, 1_000_000))
    }

    /// The unit of the next sample; `None` when nothing of it is left (only parameter sets, say).
    fn next_unit(&mut self, data: &Bytes) -> Option<Unit> {
        let lane = self.lane;
        let sample = self.left.next()?;
        let bytes = data.slice_ref(sample.slice_of(data));
        let Cut { data, keyframe, .. } = lane.cut(sample, bytes, &mut self.assembler)?;
        let ticks = |time| rescale(time, lane.timescale, lane.track.clock_rate);
        let dts = ticks(lane.dts_of(sample)).max(self.last_dts.saturating_add(1));
        self.last_dts = dts;
        Some(Unit {
            track: lane.track.id,
            pts: ticks(lane.pts_of(sample)).max(dts),
            dts,
            arrival: Moment::ZERO,
            wall: WallTime::default(),
            keyframe,
            discontinuity: false,
            data,
        })
    }
}
