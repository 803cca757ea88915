//! [`Probing`]: when to send more than the estimate for a moment, and what that has shown.
//!
//! An SFU cannot send a little more to see whether it fits: layers come in steps of a factor of three. So it sends a
//! short burst of packets at a higher rate and measures the rate at which they come. Source: libwebrtc's probe
//! controller and its probe bitrate estimator.
use media::Moment;
use std::time::Duration;

/// A probe has at least five packets; of fewer the rate cannot be measured.
pub const PROBE_PACKETS_MIN: usize = 5;
/// A probe lasts 20 ms: long enough to be measured, and if it does not fit, a queue of 20 ms.
const DURATION: Duration = Duration::from_millis(20);
/// But it has 2500 bytes at least, which is five packets of half the usual size.
const BYTES_MIN: u32 = 2500;
/// The first probe asks for three times the estimate, later ones for twice.
const FIRST_PERCENT: u32 = 300;
const PERCENT: u32 = 200;
/// A probe of which 70 % came through is followed by the next at once.
const FURTHER_PERCENT: u32 = 70;
/// Probing rests for 5 s, and for 10 s when the last one has shown nothing new.
const REST: Duration = Duration::from_secs(5);
const REST_MAX: Duration = Duration::from_secs(10);
/// After 1 s without result a probe has failed.
const RESULT_MAX: Duration = Duration::from_secs(1);
/// It is evaluated when 80 % of its bytes came.
const CAME_PERCENT: u32 = 80;
/// Who receives more than twice as fast as was sent measured a burst out of some buffer.
const FASTER_MAX: f64 = 2.0;
/// A way that delivers less than 90 % of the rate is full, and then 95 % of what it delivers is used.
const FULL: f64 = 0.9;
const FULL_USED: f64 = 0.95;
/// An estimate within 5 % of what could be used needs no probe.
const ENOUGH_PERCENT: u64 = 105;

/// Names a probe; each packet of it is told to [`SendEstimator::handle_sent`](super::SendEstimator::handle_sent)
/// with it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ProbeId(u8);

impl ProbeId {
    /// Above zero.
    pub(super) const fn number(self) -> u8 {
        self.0
    }
}

/// Send this many bytes at this rate, whatever the estimate is: what is queued, then retransmissions of what was sent
/// before, then padding; in at least [`PROBE_PACKETS_MIN`] packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Probe {
    /// Its name.
    pub id: ProbeId,
    /// Bits a second.
    pub bps: u32,
    /// Bytes in all.
    pub bytes: u32,
}

/// Packets of a probe at one end of the way.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    packets: u32,
    bytes: u32,
    first_us: i64,
    last_us: i64,
    first_bytes: u32,
    last_bytes: u32,
}

impl Span {
    fn push(&mut self, at_us: i64, bytes: u32) {
        if self.packets == 0 || at_us < self.first_us {
            (self.first_us, self.first_bytes) = (at_us, bytes);
        }
        if self.packets == 0 || at_us >= self.last_us {
            (self.last_us, self.last_bytes) = (at_us, bytes);
        }
        self.packets += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Bits a second of all but one packet, which lies outside of the time between the first and the last.
    fn bps_without(&self, bytes: u32) -> Option<f64> {
        let passed_us = self.last_us - self.first_us;
        let counted = self.bytes.saturating_sub(bytes);
        (passed_us > 0).then(|| f64::from(counted) * 8e6 / passed_us as f64)
    }
}

#[derive(Clone, Copy, Debug)]
struct Active {
    probe: Probe,
    began_at: Moment,
    sent: Span,
    came: Span,
}

#[derive(Clone, Debug)]
pub(super) struct Probing {
    active: Option<Active>,
    last: ProbeId,
    /// `None` until something is sent: before that there is nobody to receive.
    next_at: Option<Moment>,
    rest: Duration,
    began_at: Option<Moment>,
}

impl Probing {
    pub(super) const fn new() -> Self {
        Self { active: None, last: ProbeId(0), next_at: None, rest: REST, began_at: None }
    }

    /// Something was sent: there is somebody to probe the way to.
    #[inline]
    pub(super) const fn begin(&mut self, now: Moment) {
        if self.next_at.is_none() {
            self.next_at = Some(now);
        }
    }

    /// More could be used than before, or the way may be another one: probes as soon as one second after the last.
    pub(super) fn hasten(&mut self, now: Moment) {
        let soonest = self.began_at.map_or(now, |began_at| (began_at + RESULT_MAX).max(now));
        self.next_at = self.next_at.map(|next_at| next_at.min(soonest));
    }

    /// Queues fill or much is lost: not now.
    pub(super) fn postpone(&mut self, now: Moment) {
        self.next_at = self.next_at.map(|next_at| next_at.max(now + REST));
    }

    /// The probe to send now. `usable_bps` is how much could be used.
    pub(super) fn poll(&mut self, estimate_bps: u32, usable_bps: u32, now: Moment) -> Option<Probe> {
        if self.active.is_some_and(|active| now.since(active.began_at) >= RESULT_MAX) {
            self.end(false, now);
        }
        let is_enough = u64::from(usable_bps) * 100 <= u64::from(estimate_bps) * ENOUGH_PERCENT;
        if self.active.is_some() || is_enough || self.next_at.is_none_or(|next_at| now < next_at) {
            return None;
        }
        let percent = if self.began_at.is_none() { FIRST_PERCENT } else { PERCENT };
        let wanted = u64::from(estimate_bps) * u64::from(percent) / 100;
        let bps = u32::try_from(wanted).unwrap_or(u32::MAX).min(usable_bps);
        let bytes = (u64::from(bps) * DURATION.as_millis() as u64 / 8000) as u32;
        self.last = ProbeId(self.last.0 % u8::MAX + 1);
        let probe = Probe { id: self.last, bps, bytes: bytes.max(BYTES_MIN) };
        self.active = Some(Active { probe, began_at: now, sent: Span::default(), came: Span::default() });
        self.began_at = Some(now);
        Some(probe)
    }

    pub(super) fn wake_at(&self) -> Moment {
        match self.active {
            Some(active) => active.began_at + RESULT_MAX,
            None => self.next_at.unwrap_or(Moment::FAR_FUTURE),
        }
    }

    /// A packet of a probe came.
    pub(super) fn handle_arrival(&mut self, number: u8, sent_us: i64, arrived_us: i64, bytes: u32) {
        if let Some(active) = self.active.as_mut().filter(|active| active.probe.id.0 == number) {
            active.sent.push(sent_us, bytes);
            active.came.push(arrived_us, bytes);
        }
    }

    /// What the active probe has shown, once enough of it came.
    pub(super) fn result(&mut self, estimate_bps: u32, now: Moment) -> Option<u32> {
        let active = self.active?;
        let needed = u64::from(active.probe.bytes) * u64::from(CAME_PERCENT) / 100;
        if u64::from(active.came.bytes) < needed || active.came.packets + 1 < PROBE_PACKETS_MIN as u32 {
            return None;
        }
        let shown = active.shown();
        let has_raised =
            shown.is_some_and(|shown| u64::from(shown) * 100 > u64::from(estimate_bps) * ENOUGH_PERCENT);
        self.end(has_raised, now);
        let further = u64::from(active.probe.bps) * u64::from(FURTHER_PERCENT) / 100;
        if has_raised && shown.is_some_and(|shown| u64::from(shown) >= further) {
            self.next_at = Some(now);
        }
        shown
    }

    fn end(&mut self, has_raised: bool, now: Moment) {
        self.active = None;
        self.next_at = Some(now + self.rest);
        self.rest = if has_raised { REST } else { REST_MAX };
    }
}

impl Active {
    fn shown(&self) -> Option<u32> {
        let sent = self.sent.bps_without(self.sent.last_bytes)?;
        let came = self.came.bps_without(self.came.first_bytes)?;
        if came > FASTER_MAX * sent {
            return None;
        }
        // a burst that was sent faster than asked for shows no more than what was asked for, and a bit
        let shown = if came < FULL * sent { FULL_USED * came } else { came.min(sent) };
        Some(shown as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment::from_millis(ms)
    }

    /// Sends all of a probe in packets of 500 bytes over a way of so many bits a second.
    fn run(probing: &mut Probing, probe: Probe, way_bps: u64, ms: u64) -> Option<u32> {
        let (mut sent_us, mut arrived_us) = (1000 * ms as i64, 0);
        for _ in 0..probe.bytes.div_ceil(500) {
            arrived_us = arrived_us.max(sent_us) + 500 * 8_000_000 / way_bps as i64;
            probing.handle_arrival(probe.id.number(), sent_us, arrived_us, 500);
            sent_us += 500 * 8_000_000 / i64::from(probe.bps);
        }
        probing.result(600_000, at(ms + 50))
    }

    #[test]
    fn probes_go_on_while_they_come_through_and_then_rest() {
        let mut probing = Probing::new();
        assert_eq!(probing.poll(600_000, 3_000_000, at(0)), None);
        probing.begin(at(0));
        let probe = probing.poll(600_000, 3_000_000, at(0)).unwrap();
        assert_eq!((probe.bps, probe.bytes), (1_800_000, 4500));
        let shown = run(&mut probing, probe, 5_000_000, 0).unwrap();
        assert!((1_700_000..=1_801_000).contains(&shown), "{shown}");
        let probe = probing.poll(shown, 3_000_000, at(50)).unwrap();
        assert_eq!(probe.bps, 3_000_000);
        let shown = run(&mut probing, probe, 2_000_000, 50).unwrap();
        assert!((1_880_000..=1_920_000).contains(&shown), "{shown}");
        assert_eq!(probing.poll(shown, 3_000_000, at(100)), None);
        assert_eq!(probing.wake_at(), at(100) + REST);
    }

    #[test]
    fn a_probe_without_result_ends_and_enough_is_not_probed_for() {
        let mut probing = Probing::new();
        probing.begin(at(0));
        assert_eq!(probing.poll(600_000, 620_000, at(0)), None);
        assert!(probing.poll(600_000, 700_000, at(0)).is_some());
        assert_eq!(probing.poll(600_000, 700_000, at(1000)), None);
        assert!(probing.poll(600_000, 700_000, at(5999)).is_none());
        assert!(probing.poll(600_000, 700_000, at(6000)).is_some());
    }
}
