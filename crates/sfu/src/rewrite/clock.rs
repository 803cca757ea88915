//! Timestamps that go on over a switch: by the sender reports of both streams, else by arrival.
//!
//! Source: RFC 3550 §6.4.1 for sender reports.
use media::{MediaTime, Moment};
use std::time::Duration;

/// A switch moves time on by a millisecond at least, so that no two frames share a timestamp.
pub const TIMESTAMP_STEP_MIN: Duration = Duration::from_millis(1);

/// Sender reports that put a switch this far from its arrival are not believed: 3 s, more than any network holds
/// packets back.
const REPORT_ERROR_MAX: Duration = Duration::from_secs(3);

/// What a sender said of its clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SenderReport {
    /// Its wall clock: NTP time, seconds in the upper 32 bits.
    pub ntp: u64,
    /// Its timestamp at that time.
    pub timestamp: u32,
}

/// The source that goes on.
#[derive(Clone, Copy, Debug)]
struct Line {
    stream: u8,
    /// What is added to its timestamps.
    offset: u64,
    highest_in: u64,
    highest_out: u64,
    arrival: Moment,
}

/// The consumer's clock.
#[derive(Debug)]
pub(super) struct Clock {
    rate: u32,
    reports: Vec<Option<SenderReport>>,
    line: Option<Line>,
}

impl Clock {
    pub(super) fn new(rate: u32) -> Self {
        Self { rate: rate.max(1), reports: Vec::new(), line: None }
    }

    pub(super) fn handle_sender_report(&mut self, stream: u8, report: SenderReport) {
        let at = usize::from(stream);
        if self.reports.len() <= at {
            self.reports.resize(at + 1, None);
        }
        self.reports[at] = Some(report);
    }

    /// Goes on with another source, or with the same (`same`) after a rest.
    pub(super) fn begin(&mut self, stream: u8, same: bool, timestamp: u64, now: Moment) {
        let Some(line) = self.line else {
            self.line =
                Some(Line { stream, offset: 0, highest_in: timestamp, highest_out: timestamp, arrival: now });
            return;
        };
        let ticks = |duration| MediaTime::ticks_of(duration, self.rate).unsigned_abs();
        let by_arrival = line.highest_out.wrapping_add(ticks(now.since(line.arrival)));
        let by_sender = if same {
            Some(timestamp.wrapping_add(line.offset))
        } else {
            self.by_reports(&line, stream, timestamp)
        };
        let error = |out: &u64| (out.wrapping_sub(by_arrival) as i64).unsigned_abs();
        let out = by_sender.filter(|out| error(out) <= ticks(REPORT_ERROR_MAX)).unwrap_or(by_arrival);
        let earliest = line.highest_out.wrapping_add(ticks(TIMESTAMP_STEP_MIN).max(1));
        let out = if (out.wrapping_sub(earliest) as i64) < 0 { earliest } else { out };
        self.line = Some(Line {
            stream,
            offset: out.wrapping_sub(timestamp),
            highest_in: timestamp,
            highest_out: out,
            arrival: now,
        });
    }

    /// The consumer's timestamp of the same instant, when both streams' senders told their wall clock.
    fn by_reports(&self, line: &Line, stream: u8, timestamp: u64) -> Option<u64> {
        if line.stream == stream {
            return None; // it began anew, and its report may be older than that
        }
        let report = |stream: u8| self.reports.get(usize::from(stream)).copied().flatten();
        let (old, new) = (report(line.stream)?, report(stream)?);
        let since_report = (timestamp as u32).wrapping_sub(new.timestamp) as i32;
        let between = (i128::from(new.ntp.wrapping_sub(old.ntp) as i64) * i128::from(self.rate)) >> 32;
        let on_old = old.timestamp.wrapping_add(since_report as u32).wrapping_add(between as u32);
        let since_last = on_old.wrapping_sub(line.highest_in as u32) as i32;
        let on_old = line.highest_in.wrapping_add_signed(since_last.into());
        Some(on_old.wrapping_add(line.offset))
    }

    /// The consumer's timestamp of a packet of the source that goes on.
    pub(super) fn map(&mut self, timestamp: u64, now: Moment) -> u32 {
        let Some(line) = &mut self.line else { return timestamp as u32 };
        let out = timestamp.wrapping_add(line.offset);
        if (out.wrapping_sub(line.highest_out) as i64) > 0 {
            (line.highest_in, line.highest_out, line.arrival) = (timestamp, out, now);
        }
        out as u32
    }

    /// The same for a timestamp that is none of a packet's.
    pub(super) fn map_raw(&self, stream: u8, timestamp: u32) -> Option<u32> {
        let line = self.line.filter(|line| line.stream == stream)?;
        Some(timestamp.wrapping_add(line.offset as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 90_000;

    fn ms(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    fn ntp_ms(millis: u64) -> u64 {
        (millis << 32) / 1000 + (3_900_000_000 << 32)
    }

    fn started() -> Clock {
        let mut clock = Clock::new(RATE);
        clock.begin(0, false, 1_000, ms(0));
        clock.map(1_000 + 9_000, ms(100));
        clock
    }

    #[test]
    fn without_reports_a_switch_takes_the_time_between_arrivals() {
        let mut clock = started();
        clock.begin(1, false, 777, ms(140));
        assert_eq!(clock.map(777, ms(140)), 10_000 + 3_600);
    }

    #[test]
    fn with_reports_of_both_streams_a_switch_is_exact_whatever_the_arrival() {
        let mut clock = started();
        clock.handle_sender_report(0, SenderReport { ntp: ntp_ms(50), timestamp: 1_000 + 4_500 });
        clock.handle_sender_report(1, SenderReport { ntp: ntp_ms(1_080), timestamp: 5_000_000 + 90_000 });
        // captured at 133 ms on the common clock, arrived 60 ms late
        let timestamp = 5_000_000 + 53 * 90;
        clock.begin(1, false, timestamp, ms(193));
        let out = clock.map(timestamp, ms(193));
        assert!(out.abs_diff(1_000 + 133 * 90) <= 2, "{out}");
    }

    #[test]
    fn absurd_reports_are_not_believed() {
        let mut clock = started();
        clock.handle_sender_report(0, SenderReport { ntp: ntp_ms(50), timestamp: 5_500 });
        clock.handle_sender_report(1, SenderReport { ntp: ntp_ms(50_000), timestamp: 777 });
        clock.begin(1, false, 777, ms(140));
        assert_eq!(clock.map(777, ms(140)), 13_600);
    }

    #[test]
    fn a_switch_never_goes_back() {
        let mut clock = started();
        clock.begin(1, false, 0, ms(100));
        assert_eq!(clock.map(0, ms(100)), 10_000 + 90);
    }

    #[test]
    fn a_rest_of_the_same_source_changes_nothing() {
        let mut clock = started();
        clock.begin(0, true, 1_000 + 18_000, ms(230));
        assert_eq!(clock.map(19_000, ms(230)), 19_000);
        assert_eq!(clock.map_raw(0, 19_000), Some(19_000));
        assert_eq!(clock.map_raw(1, 19_000), None);
    }
}
