//! [`Pacer`]: how many bytes of a transport may go now.
//!
//! It holds no packets and has no timer per packet: its user has the queues and asks how many bytes may go, then
//! says how many went. What goes first: sound, which never waits; then retransmissions, which somebody waits for;
//! then video; then what a probe lacks.
use super::probe::{Probe, ProbeId};
use media::Moment;
use std::time::Duration;

/// Pace: 2.5 times the estimate. What waits are key frames, which are several times as large as their layer's share;
/// at the estimate itself each would be late by its own excess. What flows in the mean is [`crate::allocation`]'s work.
pub const PACING_PERCENT: u64 = 250;
/// A burst is 5 ms at the pace,
const BURST: Duration = Duration::from_millis(5);
/// or 3000 bytes: a small frame goes at once.
const BURST_BYTES_MIN: i64 = 3000;
/// Nothing is held longer than 200 ms: after that a frame is too late, and a queue here is no better than one on the way.
pub const HELD_MAX: Duration = Duration::from_millis(200);
/// Shortest sleep: 1 ms. Timers are no finer.
const SLEEP_MIN: Duration = Duration::from_millis(1);
/// A probe ends after 200 ms, whether its bytes went or not.
const PROBE_MAX: Duration = Duration::from_millis(200);
/// Largest packet of padding: 1200 bytes, which fits every way.
const PADDING_BYTES_MAX: u32 = 1200;

#[derive(Clone, Copy, Debug)]
struct Running {
    probe: Probe,
    began_at: Moment,
    sent: u32,
}

/// Paces one transport.
#[derive(Clone, Debug)]
pub struct Pacer {
    /// Bytes a second by the estimate, and for what is queued to be gone in time.
    pace: u64,
    drain: u64,
    /// What went beyond the pace, in bytes, as of `at`. It shrinks with time.
    debt: i64,
    at: Moment,
    queued: u64,
    running: Option<Running>,
}

impl Pacer {
    /// Paces by an estimate in bits a second.
    pub const fn new(available_bps: u32, now: Moment) -> Self {
        let mut pacer = Self { pace: 0, drain: 0, debt: 0, at: now, queued: 0, running: None };
        pacer.set_available(available_bps);
        pacer
    }

    /// The estimate has changed.
    pub const fn set_available(&mut self, available_bps: u32) {
        self.pace = available_bps as u64 * PACING_PERCENT / 100 / 8;
    }

    /// Video or retransmissions of so many bytes wait since now.
    pub fn handle_queued(&mut self, bytes: usize, now: Moment) {
        self.pass(now);
        self.queued += bytes as u64;
        // fast enough that the last byte is gone within the bound
        self.drain = self.drain.max(self.queued * 1000 / HELD_MAX.as_millis() as u64);
    }

    /// What waited was dropped.
    pub const fn handle_dropped(&mut self, bytes: usize) {
        self.forget(bytes);
    }

    /// What waited went now.
    pub fn handle_sent(&mut self, bytes: usize, now: Moment) {
        self.forget(bytes);
        self.handle_sent_at_once(bytes, now);
    }

    /// What never waited went now: sound, and padding of a probe. It takes its share of the pace.
    pub fn handle_sent_at_once(&mut self, bytes: usize, now: Moment) {
        self.pass(now);
        // no more debt than is paid within the bound
        let most = (self.speed() * HELD_MAX.as_millis() as u64 / 1000) as i64;
        self.debt = (self.debt + bytes as i64).min(most.max(BURST_BYTES_MIN));
        if let Some(running) = &mut self.running {
            running.sent = running.sent.saturating_add(bytes as u32);
        }
    }

    /// Bytes of what waits that may go now: whole packets while this is above zero.
    pub fn budget(&mut self, now: Moment) -> usize {
        self.pass(now);
        let burst = (self.speed() * BURST.as_micros() as u64 / 1_000_000) as i64;
        let free = burst.max(BURST_BYTES_MIN) - self.debt;
        let probe = self.probe_due(now).map_or(0, |(_, bytes)| bytes as i64);
        usize::try_from(free.max(probe)).unwrap_or(0)
    }

    /// Begins a probe.
    pub const fn start_probe(&mut self, probe: Probe, now: Moment) {
        self.running = Some(Running { probe, began_at: now, sent: 0 });
    }

    /// The probe that packets sent now belong to, whatever they are.
    pub fn probe(&mut self, now: Moment) -> Option<ProbeId> {
        let is_over = |running: &Running| running.left() == 0 || now.since(running.began_at) >= PROBE_MAX;
        self.running = self.running.filter(|running| !is_over(running));
        self.running.map(|running| running.probe.id)
    }

    /// Bytes of padding for the probe, as one packet: when nothing waits, send them and ask again. `None` without a
    /// probe, or when none are due yet.
    pub fn probe_due(&mut self, now: Moment) -> Option<(ProbeId, usize)> {
        let id = self.probe(now)?;
        let running = self.running?;
        (running.due(now) >= running.packet()).then_some((id, running.packet() as usize))
    }

    /// When more may go than now.
    pub fn wake_at(&self, now: Moment) -> Moment {
        let probes_at = self.running.map_or(Moment::FAR_FUTURE, |running| {
            let lacking = running.packet().saturating_sub(running.due(now));
            now + Duration::from_micros(u64::from(lacking) * 8_000_000 / u64::from(running.probe.bps.max(1)))
        });
        let goes_at = if self.queued == 0 {
            Moment::FAR_FUTURE
        } else {
            let speed = self.speed().max(1);
            let burst = (speed * BURST.as_micros() as u64 / 1_000_000) as i64;
            let over = (self.debt + 1 - burst.max(BURST_BYTES_MIN)).max(0) as u64;
            self.at + Duration::from_micros(over * 1_000_000 / speed)
        };
        goes_at.min(probes_at).max(now + SLEEP_MIN)
    }

    /// Bytes that wait, as far as it was told.
    pub const fn queued(&self) -> u64 {
        self.queued
    }

    fn speed(&self) -> u64 {
        self.pace.max(self.drain)
    }

    const fn forget(&mut self, bytes: usize) {
        self.queued = self.queued.saturating_sub(bytes as u64);
        if self.queued == 0 {
            self.drain = 0;
        }
    }

    fn pass(&mut self, now: Moment) {
        let passed_us = now.since(self.at).min(Duration::from_secs(1)).as_micros() as u64;
        let paid = (self.speed().saturating_mul(passed_us) / 1_000_000) as i64;
        // a fraction of a byte is not paid yet; time that did not pay does not pass
        if paid > 0 || self.debt == 0 {
            self.debt = (self.debt - paid).max(0);
            self.at = self.at.max(now);
        }
    }
}

impl Running {
    const fn left(&self) -> u32 {
        self.probe.bytes.saturating_sub(self.sent)
    }

    /// The next packet: one of five, but no larger than fits.
    fn packet(&self) -> u32 {
        let share = self.probe.bytes / super::PROBE_PACKETS_MIN as u32;
        share.min(PADDING_BYTES_MAX).min(self.left())
    }

    /// Bytes by its rate until now, with one packet ahead, less what went.
    fn due(&self, now: Moment) -> u32 {
        let passed_us = now.since(self.began_at).as_micros() as u64;
        let ahead = self.probe.bytes / super::PROBE_PACKETS_MIN as u32;
        let by_now = u64::from(ahead) + u64::from(self.probe.bps) * passed_us / 8_000_000;
        by_now.min(u64::from(self.probe.bytes)).saturating_sub(u64::from(self.sent)) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment::from_millis(ms)
    }

    /// Sends what waits in packets of 1200 bytes; returns when the last went, and the most in one millisecond.
    fn drain(pacer: &mut Pacer, bytes: usize) -> (u64, usize) {
        pacer.handle_queued(bytes, at(0));
        let (mut left, mut most, mut ms) = (bytes, 0, 0);
        loop {
            let mut burst = 0;
            while left > 0 && pacer.budget(at(ms)) > 0 {
                let packet = left.min(1200);
                pacer.handle_sent(packet, at(ms));
                left -= packet;
                burst += packet;
            }
            most = most.max(burst);
            if left == 0 {
                return (ms, most);
            }
            let wake_at = pacer.wake_at(at(ms)).as_nanos().div_ceil(1_000_000);
            assert!(wake_at > ms);
            ms = wake_at;
        }
    }

    #[test]
    fn a_small_frame_goes_at_once_a_large_one_at_the_pace_and_none_is_held_longer_than_the_bound() {
        assert_eq!(drain(&mut Pacer::new(600_000, at(0)), 3000).0, 0);
        let (ms, most) = drain(&mut Pacer::new(1_000_000, at(0)), 50_000);
        // 2.5 Mbit/s are 312 bytes a millisecond
        assert!((140..=160).contains(&ms), "{ms}");
        assert!(most <= 4200, "{most}");
        let (ms, _) = drain(&mut Pacer::new(100_000, at(0)), 200_000);
        assert!((180..=200).contains(&ms), "{ms}");
    }

    #[test]
    fn a_probe_pads_what_is_missing_at_its_rate() {
        let mut probing = super::super::probe::Probing::new();
        probing.begin(at(0));
        let probe = probing.poll(600_000, 2_000_000, at(0)).unwrap();
        let mut pacer = Pacer::new(600_000, at(0));
        pacer.start_probe(probe, at(0));
        let (mut sent, mut ms) = (0, 0);
        while let Some((id, bytes)) = pacer.probe_due(at(ms)) {
            assert_eq!(id, probe.id);
            assert!(bytes <= 1200);
            pacer.handle_sent_at_once(bytes, at(ms));
            sent += bytes;
            ms = pacer.wake_at(at(ms)).as_nanos().div_ceil(1_000_000);
        }
        assert_eq!((sent as u32, pacer.probe(at(ms))), (probe.bytes, None));
        assert!((12..=20).contains(&ms), "{ms}");
    }
}
