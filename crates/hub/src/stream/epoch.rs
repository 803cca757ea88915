//! Puts a publisher's time line on the stream's: readers see one line, however often publishers come and go.
use media::{Moment, Track, Unit, rescale};
use std::time::Duration;

/// The stream's line: zero is the stream's start; a publisher's first unit lies at its arrival.
pub(crate) struct Epoch {
    stream_start: Moment,
    /// Added to the publisher's times, in microseconds; known with its first unit.
    offset_micros: Option<i64>,
    fresh: Vec<bool>,
}

impl Epoch {
    pub(crate) fn new(stream_start: Moment) -> Self {
        Self { stream_start, offset_micros: None, fresh: Vec::new() }
    }

    /// Moves `unit`'s times to the stream's line. `last_dts` is the newest decoding time of its track in the stream;
    /// times rise above it. The first unit of each track is marked as a discontinuity.
    pub(crate) fn place(&mut self, unit: &mut Unit, track: &Track, last_dts: Option<i64>) {
        let rate = track.clock_rate;
        let arrived = Duration::as_micros(&unit.arrival.since(self.stream_start)) as i64;
        let offset = *self.offset_micros.get_or_insert_with(|| arrived - rescale(unit.dts, rate, 1_000_000));
        let offset = rescale(offset, 1_000_000, rate);
        unit.dts = unit.dts.saturating_add(offset);
        unit.pts = unit.pts.saturating_add(offset);
        if let Some(last) = last_dts
            && unit.dts <= last
        {
            unit.dts = last + 1;
            unit.pts = unit.pts.max(unit.dts);
        }
        let index = usize::from(unit.track);
        if self.fresh.len() <= index {
            self.fresh.resize(index + 1, true);
        }
        unit.discontinuity |= std::mem::replace(&mut self.fresh[index], false) && last_dts.is_some();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use media::{Codec, CodecParams, WallTime};

    fn unit(dts: i64, ms: u64) -> Unit {
        Unit {
            track: 0,
            pts: dts + 3600,
            dts,
            arrival: Moment::from_millis(ms),
            wall: WallTime::default(),
            keyframe: true,
            discontinuity: false,
            data: Bytes::new(),
        }
    }

    #[test]
    fn a_second_publisher_goes_on_where_the_clock_is_and_never_back() {
        let track = Track::video(0, Codec::H264, CodecParams::None);
        let mut first = Epoch::new(Moment::from_millis(1000));
        let mut a = unit(5_000_000, 1000);
        first.place(&mut a, &track, None);
        assert_eq!((a.dts, a.pts, a.discontinuity), (0, 3600, false));
        let mut b = unit(5_003_600, 1040);
        first.place(&mut b, &track, Some(a.dts));
        assert_eq!((b.dts, b.discontinuity), (3600, false));

        let mut second = Epoch::new(Moment::from_millis(1000));
        let mut c = unit(77, 3000);
        second.place(&mut c, &track, Some(b.dts));
        assert_eq!((c.dts, c.discontinuity), (180_000, true));
        let mut d = unit(70, 3001);
        second.place(&mut d, &track, Some(c.dts));
        assert_eq!(d.dts, 180_001);
    }
}
