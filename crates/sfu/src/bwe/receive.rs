//! [`ReceiveEstimator`]: REMB for senders that only stamp their packets with the time of sending.
//!
//! The same delay-based estimate as for what we send, made at this end. Source: draft-alvestrand-rmcat-remb-03; the
//! stamp from the `abs-send-time` header extension of libwebrtc.
use super::delay::{DelayEstimator, micros};
use super::rate_control::RateControl;
use super::throughput::Throughput;
use super::trend::Usage;
use super::{BPS_MIN, SendEstimatorOptions};
use formats::rtp::rtcp::MaximumBitrate;
use media::Moment;
use std::time::Duration;

/// Time between messages: 200 ms, as in mediasoup.
const INTERVAL: Duration = Duration::from_millis(200);
/// An estimate that fell by 3 % is told at once.
const FALLEN_PERCENT: u64 = 97;
/// Time between steps of the estimate when queues stay as they are: 100 ms.
const STEP: Duration = Duration::from_millis(100);
/// Round trip until it is known: 200 ms.
const ROUND_TRIP_INITIAL: Duration = Duration::from_millis(200);
/// After 2 s without packets there is nothing to tell.
const SILENCE: Duration = Duration::from_secs(2);
/// Sources of one message: 64. More are left out; the estimate is about all.
const SSRCS_MAX: usize = 64;
/// Bits of the stamp, of which 18 are a fraction of a second.
const STAMP_BITS: u32 = 24;
const FRACTION_BITS: u32 = 18;

/// The next thing the caller does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReceiveOutput {
    /// Send this, then poll again.
    Send(MaximumBitrate),
    /// Drained: poll again at this moment, or after any `handle_*`.
    WaitUntil(Moment),
}

/// Estimates what the way from one sender bears.
#[derive(Clone, Debug)]
pub struct ReceiveEstimator {
    sender: u32,
    ssrcs: Vec<u32>,
    min: u32,
    max: u32,
    delay: DelayEstimator,
    rate: RateControl,
    came: Throughput,
    round_trip: Duration,
    /// Last stamp, and its time without wraps in units of the stamp.
    stamp: Option<(u32, i64)>,
    came_at: Option<Moment>,
    stepped_at: Option<Moment>,
    told: Option<(u32, Moment)>,
}

impl ReceiveEstimator {
    /// Nothing came yet. `sender` is the SSRC that messages are sent with.
    pub fn new(sender: u32, options: SendEstimatorOptions) -> Self {
        let max = options.max.unwrap_or(u32::MAX).max(1);
        let min = options.min.unwrap_or(BPS_MIN).min(max);
        let mut rate = RateControl::new(options.initial);
        rate.clamp(min, max);
        Self {
            sender,
            ssrcs: Vec::new(),
            min,
            max,
            delay: DelayEstimator::default(),
            rate,
            came: Throughput::default(),
            round_trip: ROUND_TRIP_INITIAL,
            stamp: None,
            came_at: None,
            stepped_at: None,
            told: None,
        }
    }

    /// Takes a packet of the source `ssrc`: the 24 bits of its `abs-send-time`, and its length on the wire.
    pub fn handle_packet(&mut self, ssrc: u32, abs_send_time: u32, bytes: usize, now: Moment) {
        if self.ssrcs.last() != Some(&ssrc) && !self.ssrcs.contains(&ssrc) && self.ssrcs.len() < SSRCS_MAX {
            self.ssrcs.push(ssrc);
        }
        let now_us = micros(now);
        let sent = self.unwrap(abs_send_time);
        self.delay.push((sent * 1_000_000) >> FRACTION_BITS, now_us);
        self.came.add(now_us, bytes);
        self.came_at = Some(now);
        let is_due = self.stepped_at.is_none_or(|at| now.since(at) >= STEP);
        if is_due || self.delay.usage() == Usage::Over {
            self.stepped_at = Some(now);
            self.rate.update(self.delay.usage(), self.came.bps(), self.round_trip, Duration::ZERO, now);
            self.rate.clamp(self.min, self.max);
        }
    }

    /// A source has ended.
    pub fn forget(&mut self, ssrc: u32) {
        self.ssrcs.retain(|known| *known != ssrc);
    }

    /// Sets the round trip to the sender.
    pub const fn set_round_trip(&mut self, round_trip: Duration) {
        self.round_trip = round_trip;
    }

    /// Sets the most that is ever told.
    pub fn set_max(&mut self, max: Option<u32>) {
        self.max = max.unwrap_or(u32::MAX).max(1);
        self.min = self.min.min(self.max);
        self.rate.clamp(self.min, self.max);
    }

    /// Bits a second.
    pub const fn available(&self) -> u32 {
        self.rate.bps()
    }

    /// The next output.
    pub fn poll_output(&mut self, now: Moment) -> ReceiveOutput {
        let Some(came_at) = self.came_at.filter(|came_at| now.since(*came_at) < SILENCE) else {
            return ReceiveOutput::WaitUntil(Moment::FAR_FUTURE);
        };
        let bps = self.rate.bps();
        let due_at = self.told.map_or(now, |(_, at)| at + INTERVAL);
        let has_fallen =
            self.told.is_some_and(|(told, _)| u64::from(bps) * 100 <= u64::from(told) * FALLEN_PERCENT);
        if now < due_at && !has_fallen {
            return ReceiveOutput::WaitUntil(due_at.min(came_at + SILENCE));
        }
        self.told = Some((bps, now));
        ReceiveOutput::Send(MaximumBitrate {
            sender: self.sender,
            bps: u64::from(bps),
            ssrcs: self.ssrcs.clone(),
        })
    }

    /// The stamp without wraps, each of which is 64 s.
    fn unwrap(&mut self, stamp: u32) -> i64 {
        let shift = u32::BITS - STAMP_BITS;
        let sent = match self.stamp {
            None => i64::from(stamp),
            Some((last, sent)) => sent + i64::from((stamp.wrapping_sub(last) << shift) as i32 >> shift),
        };
        self.stamp = Some((stamp, sent));
        sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Packets of 1200 bytes each 8 ms over a way of so many bits a second; what was told, and when.
    fn run(estimator: &mut ReceiveEstimator, way_bps: u64, from_ms: u64, to_ms: u64) -> Vec<(u64, u64)> {
        let mut told = Vec::new();
        let mut free_us = 0;
        for sent_ms in (from_ms..to_ms).step_by(8) {
            free_us = (1000 * sent_ms).max(free_us) + 1200 * 8_000_000 / way_bps;
            let stamp = ((sent_ms << FRACTION_BITS) / 1000) as u32 & 0xff_ffff;
            let now = Moment::from_nanos(1000 * free_us);
            estimator.handle_packet(9, stamp, 1200, now);
            if let ReceiveOutput::Send(message) = estimator.poll_output(now) {
                assert_eq!(message.ssrcs, [9]);
                told.push((free_us / 1000, message.bps));
            }
        }
        told
    }

    /// A minute, so that stamps wrap.
    #[test]
    fn each_200_ms_it_tells_what_comes_and_at_once_when_that_falls() {
        let mut estimator = ReceiveEstimator::new(7, SendEstimatorOptions::default());
        let told = run(&mut estimator, 5_000_000, 0, 66_000);
        assert!((300..=335).contains(&told.len()), "{}", told.len());
        let (_, bps) = told.last().unwrap();
        assert!((1_700_000..=1_900_000).contains(bps), "1.5 times 1.2 Mbit/s: {bps}");
        let told = run(&mut estimator, 800_000, 66_000, 70_000);
        let (fallen_ms, bps) = told.iter().find(|(_, bps)| *bps < 1_100_000).unwrap();
        assert!(*fallen_ms < 68_000 && *bps > 500_000, "{told:?}");
        assert!(told.windows(2).any(|pair| pair[1].0 - pair[0].0 < 100), "{told:?}");
    }

    proptest! {
        #[test]
        fn no_stamps_panic(packets in prop::collection::vec((any::<u32>(), any::<u16>(), 0u64..5000), 0..200)) {
            let mut estimator = ReceiveEstimator::new(7, SendEstimatorOptions::default());
            let mut ms = 0;
            for (stamp, bytes, pause) in packets {
                ms += pause;
                let now = Moment::from_millis(ms);
                estimator.handle_packet(stamp, stamp, usize::from(bytes), now);
                estimator.poll_output(now);
                prop_assert!(estimator.available() >= BPS_MIN && estimator.ssrcs.len() <= SSRCS_MAX);
            }
        }
    }
}
