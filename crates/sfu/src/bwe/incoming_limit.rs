//! [`IncomingLimit`]: the most that a sender may send, for one that estimates by itself and so is told no estimate.
//!
//! REMB says it: browsers take one as a limit also beside transport-wide feedback, and one of 0 as none. Source:
//! mediasoup's intervals and counts.
use media::Moment;
use std::time::Duration;

/// A limit is told each 1.5 s: a message may be lost.
const REPEAT: Duration = Duration::from_millis(1500);
/// That there is none any more is told four times: who missed it would be limited for ever.
const LIFTED_TIMES: u8 = 4;

/// The next thing the caller does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LimitOutput {
    /// Tell the sender this many bits a second, 0 for no limit; then poll again.
    Send(u64),
    /// Drained: poll again at this moment, or after [`IncomingLimit::set_max`].
    WaitUntil(Moment),
}

/// The limit for one transport's sender.
#[derive(Clone, Copy, Debug, Default)]
pub struct IncomingLimit {
    max: Option<u32>,
    /// How often it is still to be told that there is no limit.
    lifted: u8,
    told_at: Option<Moment>,
}

impl IncomingLimit {
    /// Sets the most that may be sent; it is told at once.
    pub fn set_max(&mut self, max: Option<u32>) {
        let before = std::mem::replace(&mut self.max, max);
        if before == max {
            return;
        }
        self.lifted = if max.is_none() { LIFTED_TIMES } else { 0 };
        self.told_at = None;
    }

    /// The next output.
    pub fn poll_output(&mut self, now: Moment) -> LimitOutput {
        if self.max.is_none() && self.lifted == 0 {
            return LimitOutput::WaitUntil(Moment::FAR_FUTURE);
        }
        let due_at = self.told_at.map_or(now, |at| at + REPEAT);
        if now < due_at {
            return LimitOutput::WaitUntil(due_at);
        }
        self.told_at = Some(now);
        self.lifted = self.lifted.saturating_sub(1);
        LimitOutput::Send(self.max.map_or(0, u64::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told in six seconds, and when.
    fn told(limit: &mut IncomingLimit, from_ms: u64) -> Vec<(u64, u64)> {
        let mut told = Vec::new();
        for ms in (from_ms..from_ms + 6000).step_by(100) {
            if let LimitOutput::Send(bps) = limit.poll_output(Moment::from_millis(ms)) {
                told.push((ms, bps));
            }
        }
        told
    }

    #[test]
    fn a_limit_is_repeated_until_it_is_lifted_which_is_told_four_times() {
        let mut limit = IncomingLimit::default();
        assert_eq!(told(&mut limit, 0), []);
        limit.set_max(Some(500_000));
        assert_eq!(told(&mut limit, 0), [0, 1500, 3000, 4500].map(|ms| (ms, 500_000)));
        limit.set_max(Some(400_000));
        limit.set_max(Some(400_000));
        assert_eq!(told(&mut limit, 6000)[0], (6000, 400_000));
        limit.set_max(None);
        assert_eq!(told(&mut limit, 12_000), [12_000, 13_500, 15_000, 16_500].map(|ms| (ms, 0)));
        assert_eq!(told(&mut limit, 18_000), []);
    }
}
