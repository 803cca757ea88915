//! Lays the tracks of one source on one time line: by the sender's wall clock where it says it, else by arrival.
//!
//! Source: RFC 3550 §6.4.1 (sender reports), RFC 2326 §12.33 (RTP-Info).
use crate::{MediaTime, Moment, TrackId, rescale};

/// A correction below this is noise of the sender's clock and is not applied: 5 ms.
const TOLERANCE_MICROS: i64 = 5_000;

/// Offsets of each track of one source on the source's common line. Zero is the arrival of its first unit.
#[derive(Debug, Default)]
pub struct Sync {
    start: Option<Moment>,
    /// Sender's clock in microseconds at the common zero, once a track has reported it.
    zero_micros: Option<i64>,
    tracks: Vec<TrackSync>,
}

#[derive(Clone, Copy, Debug, Default)]
struct TrackSync {
    /// Added to a track's own ticks to get ticks on the common line.
    offset: i64,
}

impl Sync {
    /// For a source of `tracks` tracks.
    pub fn new(tracks: usize) -> Self {
        Self { start: None, zero_micros: None, tracks: vec![TrackSync::default(); tracks] }
    }

    /// The first ticks for a track whose first unit arrived at `arrival`: how long after the source's start that is.
    pub fn first_ticks(&mut self, arrival: Moment, rate: u32) -> i64 {
        let start = *self.start.get_or_insert(arrival);
        MediaTime::ticks_of(arrival.since(start), rate)
    }

    /// Takes a report: the track's own line is at `ticks` when the sender's clock says `sender_micros` (any epoch,
    /// the same for all tracks). Returns by how many ticks the track moved on the common line; 0 mostly.
    pub fn report(&mut self, track: TrackId, ticks: i64, rate: u32, sender_micros: i64) -> i64 {
        let Some(entry) = self.tracks.get_mut(usize::from(track)) else { return 0 };
        let on_line_micros = rescale(ticks + entry.offset, rate, 1_000_000);
        let Some(zero) = self.zero_micros else {
            self.zero_micros = Some(sender_micros - on_line_micros);
            return 0;
        };
        let error = (sender_micros - zero) - on_line_micros;
        if error.abs() <= TOLERANCE_MICROS {
            return 0;
        }
        if error.abs() > 10_000_000 {
            // Another epoch: the sender's clock was set. What lay right stays right.
            self.zero_micros = Some(sender_micros - on_line_micros);
            return 0;
        }
        let step = rescale(error, 1_000_000, rate);
        entry.offset += step;
        step
    }

    /// A track's ticks on the common line.
    pub fn place(&self, track: TrackId, ticks: i64) -> i64 {
        ticks + self.tracks.get(usize::from(track)).map_or(0, |entry| entry.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_move_the_second_track_to_where_the_sender_says() {
        let mut sync = Sync::new(2);
        assert_eq!(sync.first_ticks(Moment::from_millis(1000), 90_000), 0);
        assert_eq!(sync.first_ticks(Moment::from_millis(1500), 48_000), 24_000);
        assert_eq!(sync.report(0, 0, 90_000, 7_000_000), 0);
        // The sender says that the audio track is only 200 ms behind, not 500.
        assert_eq!(sync.report(1, 24_000, 48_000, 7_200_000), -14_400);
        assert_eq!(sync.place(1, 24_000), 9_600);
        assert_eq!(sync.report(1, 24_000 + 48_000, 48_000, 8_201_000), 0);
    }

    #[test]
    fn a_sender_that_sets_its_clock_moves_nothing() {
        let mut sync = Sync::new(2);
        sync.report(0, 0, 90_000, 0);
        assert_eq!(sync.report(0, 90_000, 90_000, 3_600_000_000), 0);
        assert_eq!(sync.place(0, 90_000), 90_000);
    }
}
