//! Times for streams that carry none: arrival, smoothed by how long frames last.
//!
//! Owns one track's line. Zero is the arrival of its first frame.
use media::{MediaTime, Moment, rescale};
use std::time::Duration;

/// Sound that comes later than its samples say by more than this has a hole: 500 ms. Less is the buffer of a pipe or
/// of a network.
const SOUND_LATE_MAX: Duration = Duration::from_millis(500);

/// Gives frames of one track their times.
#[derive(Debug)]
pub(crate) struct ArrivalClock {
    rate: u32,
    start: Option<Moment>,
    last: Option<Last>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    dts: i64,
    ticks: i64,
    arrival: Moment,
}

impl ArrivalClock {
    /// For a track of `rate` ticks a second.
    pub(crate) fn new(rate: u32) -> Self {
        Self { rate, start: None, last: None }
    }

    /// Places sound that lasts `ticks`: counted, since samples are the truest clock there is, unless it comes much too
    /// late. What comes faster than it plays, a file or the buffer of a pipe, keeps its distances.
    pub(crate) fn sound(&mut self, ticks: i64, now: Moment) -> i64 {
        let line = self.line(now);
        let dts = match self.last {
            None => line,
            Some(last) => {
                let counted = last.dts + last.ticks;
                let late_max = MediaTime::ticks_of(SOUND_LATE_MAX, self.rate);
                if line - counted > late_max { line } else { counted }
            }
        };
        self.keep(dts, ticks, now)
    }

    /// Places a picture, which lasts about `ticks`. Those that come at once, as the cache of a server or a file does, are
    /// so far apart; others lie where they arrive, with the jitter of half a picture taken out. What follows media that
    /// came ahead stays ahead as much, at the pace of arrival.
    pub(crate) fn picture(&mut self, ticks: i64, now: Moment) -> i64 {
        let ticks = ticks.max(2);
        let line = self.line(now);
        let dts = match self.last {
            None => line,
            Some(last) => {
                let gap = MediaTime::ticks_of(now.since(last.arrival), self.rate);
                let expected = last.dts + ticks;
                let late = line - expected;
                if gap < ticks / 4 || late.abs() <= ticks / 2 {
                    expected
                } else if late > 0 {
                    line
                } else {
                    last.dts + gap.clamp(ticks / 2, ticks)
                }
            }
        };
        self.keep(dts, ticks, now)
    }

    /// The same line in ticks of another rate.
    pub(crate) fn at_rate(&self, rate: u32) -> Self {
        let scale = |ticks| rescale(ticks, self.rate, rate);
        let last = self.last.map(|last| Last { dts: scale(last.dts), ticks: scale(last.ticks), ..last });
        Self { rate, start: self.start, last }
    }

    fn line(&mut self, now: Moment) -> i64 {
        let start = *self.start.get_or_insert(now);
        MediaTime::ticks_of(now.since(start), self.rate)
    }

    fn keep(&mut self, dts: i64, ticks: i64, now: Moment) -> i64 {
        let dts = self.last.map_or(dts, |last| dts.max(last.dts + 1));
        self.last = Some(Last { dts, ticks, arrival: now });
        dts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pictures(arrivals_ms: impl Iterator<Item = u64>) -> Vec<i64> {
        let mut clock = ArrivalClock::new(90_000);
        arrivals_ms.map(|ms| clock.picture(3600, Moment::from_millis(ms)) / 90).collect()
    }

    #[test]
    fn pictures_that_come_at_once_are_as_far_apart_as_they_last() {
        let times = pictures((0..50).map(|_| 7));
        assert_eq!(times, (0..50).map(|n| n * 40).collect::<Vec<i64>>());
    }

    #[test]
    fn jitter_is_taken_out_and_a_pause_is_a_gap() {
        let times = pictures([0, 47, 75, 130, 155, 1000, 1040].into_iter());
        assert_eq!(times, [0, 40, 80, 120, 160, 1000, 1040]);
    }

    #[test]
    fn where_fewer_or_more_come_than_the_stream_says_arrival_is_right() {
        for (step, tolerance) in [(100, 20), (50, 21), (33, 41), (25, 41)] {
            let times = pictures((0..500).map(|n| n * step));
            for (n, time) in times.iter().enumerate() {
                let off = time - n as i64 * step as i64;
                assert!(off.abs() <= tolerance, "every {step} ms: picture {n} is {off} ms off");
            }
            assert!(times.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }

    #[test]
    fn what_follows_a_burst_goes_on_at_the_pace_of_arrival() {
        // Two seconds at once, then 2 ms faster than they say.
        let times = pictures((0..50).map(|_| 0).chain((1..1000).map(|n| n * 38)));
        assert!(times.windows(2).all(|pair| (19..=60).contains(&(pair[1] - pair[0]))), "{times:?}");
        let ahead = times[1048] - 999 * 38;
        assert!((ahead - 49 * 40).abs() <= 40, "{ahead}");
    }

    #[test]
    fn sound_in_large_pieces_is_counted_and_a_pause_is_a_hole() {
        let mut clock = ArrivalClock::new(8000);
        // Four seconds in one piece, every four seconds.
        let piece = |clock: &mut ArrivalClock, ms| -> Vec<i64> {
            (0..200).map(|_| clock.sound(160, Moment::from_millis(ms))).collect()
        };
        let (first, second) = (piece(&mut clock, 0), piece(&mut clock, 4_400));
        assert_eq!(first, (0..200).map(|n| n * 160).collect::<Vec<i64>>());
        assert_eq!(second[0], 32_000, "400 ms late is no hole");
        let third = piece(&mut clock, 9_000);
        assert_eq!((third[0], third[1]), (72_000, 72_160));
    }
}
