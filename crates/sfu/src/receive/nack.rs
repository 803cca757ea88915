//! NACK generator: says which packets to ask for again, and when.
//!
//! Source: RFC 4585 §6.2.1 for the request; numbers are mediasoup's. Owns the missing packets of one stream.
use media::Moment;
use std::collections::BTreeMap;
use std::time::Duration;

/// A packet is asked for when it is missing for 10 ms: most that are merely out of order come before.
/// Source: mediasoup.
pub const ASK_AFTER: Duration = Duration::from_millis(10);
/// Asked for again after a round trip, but not before 40 ms. Source: mediasoup's timer.
pub const ASK_AGAIN_AFTER_MIN: Duration = Duration::from_millis(40);
/// A round trip above 1 s counts as 1 s: what a peer makes us measure must not keep us from asking.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(1);
/// Each packet is asked for at most 10 times. Source: mediasoup.
pub const ASKED_MAX: u8 = 10;
/// Most packets missing at once: 1,000; beyond it a key frame repairs more than packets would. Source: mediasoup.
pub const MISSING_MAX: usize = 1000;
/// Given up after 3 s: no player still waits.
pub const GIVEN_UP_AFTER: Duration = Duration::from_secs(3);

/// The next thing the caller does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NackOutput {
    /// Ask the sender for these, in rising order of their extended numbers.
    Ask(Vec<u16>),
    /// Too much is missing and was given up: ask for a key frame.
    AskForKeyFrame,
    /// Drained: poll again at this moment, or after any `handle_*`.
    WaitUntil(Moment),
}

/// A packet that was asked for `asked` times, and is to be asked for, or given up, at `next_at`.
#[derive(Clone, Copy, Debug)]
struct Missing {
    noticed_at: Moment,
    next_at: Moment,
    asked: u8,
}

/// The missing packets of one stream, by extended number.
#[derive(Clone, Debug)]
pub struct NackGenerator {
    missing: BTreeMap<u64, Missing>,
    round_trip: Duration,
    overflowed: bool,
}

impl Default for NackGenerator {
    fn default() -> Self {
        Self { missing: BTreeMap::new(), round_trip: Duration::ZERO, overflowed: false }
    }
}

impl NackGenerator {
    /// Sets the round trip to the sender, as it is known.
    pub fn set_round_trip(&mut self, round_trip: Duration) {
        self.round_trip = round_trip.min(ROUND_TRIP_MAX);
    }

    /// `gap` packets just before `extended` are missing. If that is too much, all are given up.
    pub fn handle_gap(&mut self, extended: u64, gap: u64, now: Moment) {
        let noticed = Missing { noticed_at: now, next_at: now + ASK_AFTER, asked: 0 };
        let gap = gap.min(extended);
        if self.missing.len() as u64 + gap > MISSING_MAX as u64 {
            self.missing.clear();
            self.overflowed = true;
            return;
        }
        self.missing.extend((extended - gap..extended).map(|number| (number, noticed)));
    }

    /// A packet came. Returns how often it was asked for, if it was missing.
    pub fn handle_arrival(&mut self, extended: u64) -> Option<u8> {
        self.missing.remove(&extended).map(|missing| missing.asked)
    }

    /// A key frame begins at `extended`: what was before it is not worth asking for.
    pub fn handle_key_frame(&mut self, extended: u64) {
        self.missing = self.missing.split_off(&extended);
        self.overflowed = false;
    }

    /// Forgets everything: the stream begins anew.
    pub fn reset(&mut self) {
        self.missing.clear();
        self.overflowed = false;
    }

    /// How many are missing and not given up.
    pub fn missing(&self) -> usize {
        self.missing.len()
    }

    /// The next output.
    pub fn poll_output(&mut self, now: Moment) -> NackOutput {
        if std::mem::take(&mut self.overflowed) {
            return NackOutput::AskForKeyFrame;
        }
        let wait = self.round_trip.max(ASK_AGAIN_AFTER_MIN);
        self.missing.retain(|_, missing| {
            let waited_in_vain = missing.asked == ASKED_MAX && missing.next_at <= now;
            !waited_in_vain && now < missing.noticed_at + GIVEN_UP_AFTER
        });
        let mut lost = Vec::new();
        for (number, missing) in &mut self.missing {
            if missing.next_at <= now {
                lost.push(*number as u16);
                missing.asked += 1;
                missing.next_at = now + wait;
            }
        }
        if lost.is_empty() {
            let next = self.missing.values().map(|missing| missing.next_at).min();
            return NackOutput::WaitUntil(next.unwrap_or(Moment::FAR_FUTURE));
        }
        NackOutput::Ask(lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment::from_millis(ms)
    }

    fn asked_until(nack: &mut NackGenerator, end_ms: u64) -> Vec<u64> {
        (0..end_ms).filter(|ms| matches!(nack.poll_output(at(*ms)), NackOutput::Ask(_))).collect()
    }

    #[test]
    fn a_missing_packet_is_asked_for_after_10_ms_and_again_each_round_trip_ten_times_in_all() {
        let mut nack = NackGenerator::default();
        nack.set_round_trip(Duration::from_millis(100));
        nack.handle_gap(101, 1, at(0));
        let expected: Vec<u64> = (0..10).map(|time| 10 + 100 * time).collect();
        assert_eq!(asked_until(&mut nack, 5000), expected);
        assert_eq!(nack.missing(), 0);
    }

    #[test]
    fn on_a_slow_path_it_is_given_up_by_age() {
        let mut nack = NackGenerator::default();
        nack.set_round_trip(Duration::from_secs(60));
        nack.handle_gap(101, 1, at(0));
        assert_eq!(asked_until(&mut nack, 5000), [10, 1010, 2010]);
        assert_eq!(nack.missing(), 0);
    }

    #[test]
    fn what_comes_within_10_ms_is_never_asked_for() {
        let mut nack = NackGenerator::default();
        nack.handle_gap(101, 2, at(0));
        assert_eq!(nack.poll_output(at(9)), NackOutput::WaitUntil(at(10)));
        assert_eq!(nack.handle_arrival(99), Some(0));
        assert_eq!(nack.handle_arrival(99), None);
        assert_eq!(nack.poll_output(at(10)), NackOutput::Ask(vec![100]));
    }

    #[test]
    fn a_key_frame_ends_the_wait_for_what_was_before_it() {
        let mut nack = NackGenerator::default();
        nack.handle_gap(200, 10, at(0));
        nack.handle_key_frame(195);
        assert_eq!(nack.poll_output(at(10)), NackOutput::Ask((195..200).collect()));
    }

    #[test]
    fn more_than_a_thousand_missing_are_a_key_frame_request() {
        let mut nack = NackGenerator::default();
        nack.handle_gap(5000, 1000, at(0));
        assert_eq!(nack.missing(), MISSING_MAX);
        nack.handle_gap(5002, 1, at(0));
        assert_eq!(nack.poll_output(at(0)), NackOutput::AskForKeyFrame);
        assert_eq!(nack.poll_output(at(0)), NackOutput::WaitUntil(Moment::FAR_FUTURE));
    }
}
