//! Scores from 0 to 10 of RTP streams: 10 all well, 0 nothing comes.
//!
//! Of each report interval we take a quality from 0 to 1:
//!
//! `1 − (unrepaired + repaired / 4 + wasted / 8) / expected`
//!
//! where `wasted` are retransmissions that repaired nothing.
//!
//! A packet that stayed away is seen or heard; a repaired one costs a round trip of delay; a retransmission in vain
//! costs only bandwidth. The score is 10 times the fourth power of the mean quality of the last [`REPORTS`]
//! intervals, the newest counting most: 1 % of loss is 10, 5 % is 8, 10 % is 7 and 30 % is 2, about as
//! people judge video. A stream that comes at all has at least 1, so that 0 means exactly: nothing comes.
//! It is not mediasoup's formula, but has its meaning, range and times.
use media::Moment;
use std::collections::VecDeque;
use std::time::Duration;

/// Report intervals that count: 8, which with a report a second is how long a viewer remembers.
pub const REPORTS: usize = 8;
/// Without a packet for 1.5 s a stream is inactive. Source: mediasoup.
pub const INACTIVE_AFTER: Duration = Duration::from_millis(1500);
/// The same for a stream with DTX, which pauses in silence: 5 s. Source: mediasoup.
pub const INACTIVE_AFTER_DTX: Duration = Duration::from_secs(5);

/// What happened to a stream's packets between two reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ScoreInterval {
    /// Packets that should have come.
    pub expected: u64,
    /// Of these, those that did not come at first.
    pub lost: u64,
    /// Lost ones that a retransmission brought.
    pub repaired: u64,
    /// Retransmissions, also those in vain.
    pub retransmitted: u64,
}

impl ScoreInterval {
    fn quality(self) -> f64 {
        let lost = self.lost.min(self.expected);
        let repaired = self.repaired.min(lost);
        let wasted = self.retransmitted.saturating_sub(repaired);
        let harm = (lost - repaired) as f64 + repaired as f64 / 4.0 + wasted as f64 / 8.0;
        (1.0 - harm / self.expected as f64).clamp(0.0, 1.0)
    }
}

/// `Silent` → `Active` on a packet → `Silent` when none came for the time of inactivity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Silent,
    Active { packet_at: Moment },
}

/// The score of one stream. Methods return the score when it changed.
#[derive(Clone, Debug)]
pub struct Score {
    inactive_after: Duration,
    state: State,
    /// Quality of each interval, oldest first.
    qualities: VecDeque<f64>,
    told: u8,
}

impl Score {
    /// A stream of which nothing came yet: 0. `dtx` when it may pause in silence.
    pub const fn new(dtx: bool) -> Self {
        let inactive_after = if dtx { INACTIVE_AFTER_DTX } else { INACTIVE_AFTER };
        Self { inactive_after, state: State::Silent, qualities: VecDeque::new(), told: 0 }
    }

    /// A packet came. A stream that was silent begins anew, with 10.
    pub fn handle_packet(&mut self, now: Moment) -> Option<u8> {
        self.state = State::Active { packet_at: now };
        self.tell()
    }

    /// A report interval ended. One in which nothing was expected says nothing.
    pub fn handle_interval(&mut self, interval: ScoreInterval) -> Option<u8> {
        if interval.expected > 0 && matches!(self.state, State::Active { .. }) {
            if self.qualities.len() == REPORTS {
                self.qualities.pop_front();
            }
            self.qualities.push_back(interval.quality());
        }
        self.tell()
    }

    /// Notices silence; call at [`Score::wake_at`].
    pub fn poll(&mut self, now: Moment) -> Option<u8> {
        if self.wake_at() <= now {
            self.state = State::Silent;
            self.qualities.clear();
        }
        self.tell()
    }

    /// When the stream will be inactive unless a packet comes.
    pub fn wake_at(&self) -> Moment {
        match self.state {
            State::Silent => Moment::FAR_FUTURE,
            State::Active { packet_at } => packet_at + self.inactive_after,
        }
    }

    /// The score as of the last call.
    pub const fn value(&self) -> u8 {
        self.told
    }

    fn tell(&mut self) -> Option<u8> {
        let value = match self.state {
            State::Silent => 0,
            State::Active { .. } => self.graded(),
        };
        (std::mem::replace(&mut self.told, value) != value).then_some(value)
    }

    fn graded(&self) -> u8 {
        let weights = 1..=self.qualities.len();
        let weight: usize = weights.clone().sum();
        if weight == 0 {
            return 10;
        }
        let sum: f64 =
            self.qualities.iter().zip(weights).map(|(quality, weight)| quality * weight as f64).sum();
        let mean = sum / weight as f64;
        ((10.0 * mean.powi(4)).round() as u8).clamp(1, 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: u64) -> Moment {
        Moment::from_millis(ms)
    }

    fn after(lost: u64, repaired: u64, retransmitted: u64) -> u8 {
        let mut score = Score::new(false);
        score.handle_packet(at(0));
        for _ in 0..REPORTS {
            score.handle_interval(ScoreInterval { expected: 1000, lost, repaired, retransmitted });
        }
        score.value()
    }

    #[test]
    fn scores_are_those_of_the_table_in_the_documentation() {
        assert_eq!([0, 10, 50, 100, 300, 1000].map(|lost| after(lost, 0, 0)), [10, 10, 8, 7, 2, 1]);
    }

    #[test]
    fn repair_is_better_than_loss_and_worse_than_none_and_waste_costs_little() {
        assert!(after(200, 200, 200) > after(200, 0, 0));
        assert!(after(200, 200, 200) < after(0, 0, 0));
        assert!(after(200, 200, 400) <= after(200, 200, 200));
    }

    #[test]
    fn a_silent_stream_is_0_after_its_time_and_10_when_it_comes_back() {
        for (dtx, silence_ms) in [(false, 1500), (true, 5000)] {
            let mut score = Score::new(dtx);
            assert_eq!(score.value(), 0);
            assert_eq!(score.handle_packet(at(100)), Some(10));
            assert_eq!(score.handle_packet(at(200)), None);
            score.handle_interval(ScoreInterval { expected: 10, lost: 5, ..ScoreInterval::default() });
            assert_eq!(score.wake_at(), at(200 + silence_ms));
            assert_eq!(score.poll(at(199 + silence_ms)), None);
            assert_eq!(score.poll(at(200 + silence_ms)), Some(0));
            assert_eq!(score.handle_packet(at(20_000)), Some(10));
        }
    }

    proptest! {
        #[test]
        fn any_report_of_an_active_stream_gives_1_to_10(
            expected: u64, lost: u64, repaired: u64, retransmitted: u64,
        ) {
            let mut score = Score::new(false);
            score.handle_packet(at(0));
            score.handle_interval(ScoreInterval { expected, lost, repaired, retransmitted });
            prop_assert!((1..=10).contains(&score.value()));
        }
    }
}
