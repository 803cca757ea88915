//! Jitter of arrival. Source: RFC 3550 §6.4.1, appendix A.8.
use media::{MediaTime, Moment};

/// A step of more than 10 s between two packets' transit times is a new clock, not jitter.
const CLOCK_JUMP_SECONDS: u64 = 10;

/// Jitter of one stream, in ticks of its RTP clock.
#[derive(Clone, Debug)]
pub(super) struct Jitter {
    clock_rate: u32,
    previous: Option<(Moment, u32)>,
    /// Times 16, as the estimator keeps it.
    jitter_16: u64,
}

impl Jitter {
    pub(super) const fn new(clock_rate: u32) -> Self {
        Self { clock_rate, previous: None, jitter_16: 0 }
    }

    /// Counts a packet. Those of one frame have one timestamp and are sent one after the other: the first counts.
    pub(super) fn handle_packet(&mut self, timestamp: u32, now: Moment) {
        if let Some((before, before_rtp)) = self.previous {
            if before_rtp == timestamp {
                return;
            }
            let arrived = MediaTime::ticks_of(now.since(before), self.clock_rate);
            let sent = i64::from(timestamp.wrapping_sub(before_rtp) as i32);
            let off = (arrived - sent).unsigned_abs();
            if off < CLOCK_JUMP_SECONDS * u64::from(self.clock_rate) {
                self.jitter_16 = self.jitter_16 + off - ((self.jitter_16 + 8) >> 4);
            }
        }
        self.previous = Some((now, timestamp));
    }

    pub(super) const fn ticks(&self) -> u32 {
        (self.jitter_16 >> 4) as u32
    }
}
