//! [`SendEstimator`]: how many bits a second the way to one peer bears.
use super::BPS_MIN;
use super::delay::{DelayEstimator, micros};
use super::history::{Fate, History};
use super::loss::LossBound;
use super::probe::{Probe, ProbeId, Probing};
use super::rate_control::RateControl;
use super::throughput::Throughput;
use super::trend::Usage;
use formats::rtp::rtcp::{ARRIVAL_TICK, REFERENCE_TICKS, TransportFeedback};
use media::Moment;
use std::time::Duration;

/// Round trip before one is known: 100 ms.
const ROUND_TRIP_INITIAL: Duration = Duration::from_millis(100);
/// Longest round trip that is believed: 10 s.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(10);
/// Feedback comes each 100 ms; when packets went and none came for 1 s, something is wrong.
const SILENCE: Duration = Duration::from_secs(1);
/// Then the estimate is lowered to 80 %, and again each 500 ms.
const SILENCE_FACTOR: f64 = 0.8;
const SILENCE_AGAIN: Duration = Duration::from_millis(500);
/// A receiver's clock that differs from ours by 10 s more than at the last feedback is not believed, nor is an
/// arrival that far from its reference: no queue is that long.
const CLOCK_STEP_MAX_US: i64 = 10_000_000;
/// The fourth feedback in a row of which the clock is strange is a receiver whose clock was set.
const STRANGE_MAX: u8 = 4;
/// Probes go up to 1.5 times what could be used: to give it out, [`crate::allocation`] wants to see up to 1.4 times.
const PROBED_PERCENT: u64 = 150;
/// An estimate is told when it differs by 2 % from the last one.
const TOLD_PERCENT: u32 = 2;
/// REMB raises the estimate by a quarter of the distance each time; it lowers it at once.
const REMB_SMOOTHING: u32 = 4;
/// A REMB holds for 10 s; receivers repeat it each second at least.
const REMB_HOLDS: Duration = Duration::from_secs(10);
/// Who sends less than 65 % of the estimate does not use it.
const LIMITED_PERCENT: u64 = 65;

/// Settings of one transport, in bits a second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SendEstimatorOptions {
    /// The estimate before anything is known. 600 000, as in mediasoup.
    pub initial: u32,
    /// The estimate never falls below.
    pub min: Option<u32>,
    /// The estimate never rises above.
    pub max: Option<u32>,
}

impl Default for SendEstimatorOptions {
    fn default() -> Self {
        Self { initial: 600_000, min: None, max: None }
    }
}

/// The next thing the caller does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EstimateOutput {
    /// The estimate has changed to this many bits a second: allocate and pace anew.
    Estimate(u32),
    /// Send this; [`Pacer::start_probe`](super::Pacer::start_probe) says how.
    Probe(Probe),
    /// Drained: poll again at this moment, or after any `handle_*` and `set_*` but `handle_sent`.
    WaitUntil(Moment),
}

/// Counters of one transport.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SendEstimatorStats {
    /// Feedbacks that were of use.
    pub feedbacks: u64,
    /// Feedbacks whose clock was not believed, or that told of nothing we know as on its way.
    pub feedbacks_discarded: u64,
    /// Probes that were asked for.
    pub probes: u64,
    /// Times that the estimate was lowered because nothing was heard.
    pub silences: u64,
}

/// Estimates for one transport.
#[derive(Clone, Debug)]
pub struct SendEstimator {
    min: u32,
    max: u32,
    desired: u32,
    history: History,
    delay: DelayEstimator,
    rate: RateControl,
    loss: LossBound,
    probing: Probing,
    /// What came, by the receiver's clock, and what went, by ours.
    came: Throughput,
    went: Throughput,
    clock: Clock,
    round_trip: Duration,
    queues: Queues,
    has_feedback: bool,
    /// Since when packets go without any feedback, and when the last one went.
    unheard_since: Option<Moment>,
    sent_at: Moment,
    /// When silence lowers the estimate next.
    lowers_at: Option<Moment>,
    remb: Option<(u32, Moment)>,
    told: Option<u32>,
    stats: SendEstimatorStats,
}

impl SendEstimator {
    /// Nothing sent yet.
    pub fn new(options: SendEstimatorOptions) -> Self {
        let mut estimator = Self {
            min: BPS_MIN,
            max: u32::MAX,
            desired: 0,
            history: History::default(),
            delay: DelayEstimator::default(),
            rate: RateControl::new(options.initial),
            loss: LossBound::default(),
            probing: Probing::new(),
            came: Throughput::default(),
            went: Throughput::default(),
            clock: Clock::default(),
            round_trip: ROUND_TRIP_INITIAL,
            queues: Queues::default(),
            has_feedback: false,
            unheard_since: None,
            sent_at: Moment::ZERO,
            lowers_at: None,
            remb: None,
            told: None,
            stats: SendEstimatorStats::default(),
        };
        estimator.set_limits(options.min, options.max);
        estimator
    }

    /// Notes a packet that goes now: its transport-wide number with cycles, its length on the wire, and the probe that
    /// it belongs to. Numbers rise by one.
    #[inline]
    pub fn handle_sent(&mut self, sequence: u64, bytes: usize, now: Moment, probe: Option<ProbeId>) {
        let now_us = micros(now);
        self.history.push(sequence, bytes, now_us, probe.map_or(0, ProbeId::number));
        self.went.add(now_us, bytes);
        self.probing.begin(now);
        self.sent_at = now;
        if self.unheard_since.is_none() {
            self.unheard_since = Some(now);
            self.lowers_at = self.has_feedback.then(|| now + SILENCE);
        }
    }

    /// What the receiver says of packets. What was not sent, or was told before, is passed over.
    pub fn handle_feedback(&mut self, feedback: &TransportFeedback, now: Moment) {
        let now_us = micros(now);
        let Some(reference_us) = self.clock.place(feedback.reference_time, now_us) else {
            self.stats.feedbacks_discarded += 1;
            return;
        };
        let reference_ticks = i64::from(feedback.reference_time) * REFERENCE_TICKS;
        let (mut came, mut late, mut lost) = (0, 0, 0);
        let mut last_sent_us = None;
        for (sequence, ticks) in feedback.arrivals() {
            let Some(sent) = self.history.get_mut(sequence) else { continue };
            let Some(ticks) = ticks else {
                if sent.fate == Fate::Flying {
                    sent.fate = Fate::Lost;
                    lost += 1;
                }
                continue;
            };
            let after_us = (ticks - reference_ticks) * ARRIVAL_TICK.as_micros() as i64;
            if after_us.abs() > CLOCK_STEP_MAX_US {
                break;
            }
            match sent.fate {
                Fate::Flying => came += 1,
                Fate::Lost => late += 1,
                Fate::Came | Fate::None => continue,
            }
            sent.fate = Fate::Came;
            let sent_us = now_us - i64::from((now_us as u32).wrapping_sub(sent.at_us));
            let (bytes, probe) = (sent.bytes, sent.probe);
            let arrived_us = reference_us + after_us;
            self.delay.push(sent_us, arrived_us);
            self.came.add(arrived_us, usize::from(bytes));
            if probe != 0 {
                self.probing.handle_arrival(probe, sent_us, arrived_us, u32::from(bytes));
            }
            last_sent_us = Some(sent_us);
        }
        self.loss.count(came, late, lost);
        let Some(last_sent_us) = last_sent_us else {
            self.stats.feedbacks_discarded += u64::from(lost == 0);
            self.bound_by_loss(now);
            return;
        };
        self.stats.feedbacks += 1;
        let round_trip = Duration::from_micros((now_us - last_sent_us).max(0) as u64);
        self.round_trip = (self.round_trip * 7 + round_trip.min(ROUND_TRIP_MAX)) / 8;
        self.hear(now);
        let queued = self.queues.push(round_trip);
        self.follow(queued, now);
    }

    /// What the receiver believes its way bears. Without transport-wide feedback it is the estimate, smoothed; with
    /// it, a limit, which 0 lifts, as in libwebrtc.
    pub fn handle_remb(&mut self, bps: u64, now: Moment) {
        if bps == 0 && self.has_feedback {
            self.remb = None;
            return;
        }
        let bps = u32::try_from(bps).unwrap_or(u32::MAX);
        self.remb = Some((bps, now));
        if self.has_feedback {
            return;
        }
        let before = self.rate.bps();
        let distance = bps.saturating_sub(before);
        let followed = if bps < before { bps } else { before + distance.div_ceil(REMB_SMOOTHING) };
        self.rate = RateControl::new(followed);
        self.rate.clamp(self.min, self.max);
    }

    /// What a receiver report says: lost since the last one, in 1/256, and the round trip if it is known. With
    /// transport-wide feedback only the round trip counts.
    pub fn handle_report(&mut self, fraction_lost: u8, round_trip: Option<Duration>, now: Moment) {
        if let Some(round_trip) = round_trip {
            self.round_trip = round_trip.min(ROUND_TRIP_MAX);
        }
        if !self.has_feedback {
            self.loss.report(f64::from(fraction_lost) / 256.0, self.rate.bps(), now);
        }
    }

    /// Sets limits; `None` is no limit. A minimum above the maximum is the maximum.
    pub fn set_limits(&mut self, min: Option<u32>, max: Option<u32>) {
        self.max = max.unwrap_or(u32::MAX).max(1);
        self.min = min.unwrap_or(BPS_MIN).min(self.max);
        self.rate.clamp(self.min, self.max);
    }

    /// Sets what could be used, as [`crate::allocation::Allocations::desired_bps`] says: nothing is probed for that
    /// nobody wants.
    pub fn set_desired(&mut self, bps: u64, now: Moment) {
        let before = std::mem::replace(&mut self.desired, u32::try_from(bps).unwrap_or(u32::MAX));
        if self.desired > before {
            self.probing.hasten(now);
        }
    }

    /// What the estimate is kept between.
    pub const fn limits(&self) -> (u32, u32) {
        (self.min, self.max)
    }

    /// What could be used.
    pub const fn desired(&self) -> u32 {
        self.desired
    }

    /// Bits a second that may be sent.
    pub fn available(&self) -> u32 {
        let remb = self.remb.filter(|_| self.has_feedback).map_or(u32::MAX, |(bps, _)| bps);
        let lowest = self.rate.bps().min(self.loss.bps().unwrap_or(u32::MAX)).min(remb);
        lowest.clamp(self.min, self.max)
    }

    /// Whether less is sent than may be: then the estimate does not grow by itself, but by probes.
    pub fn is_application_limited(&mut self, now: Moment) -> bool {
        let went = self.went.bps_at(micros(now)).unwrap_or(0);
        u64::from(went) * 100 < u64::from(self.available()) * LIMITED_PERCENT
    }

    /// The round trip, with the time that feedback waits.
    pub const fn round_trip(&self) -> Duration {
        self.round_trip
    }

    /// Lost of the last packets, from 0 to 1.
    pub const fn fraction_lost(&self) -> f64 {
        self.loss.fraction()
    }

    /// Counters.
    pub const fn stats(&self) -> SendEstimatorStats {
        self.stats
    }

    /// Bytes of memory in use.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.history.bytes()
    }

    /// The next output.
    pub fn poll_output(&mut self, now: Moment) -> EstimateOutput {
        if self.remb.is_some_and(|(_, at)| self.has_feedback && now.since(at) >= REMB_HOLDS) {
            self.remb = None;
        }
        self.lower_in_silence(now);
        let available = self.available();
        let told = self.told.unwrap_or(0);
        if available.abs_diff(told) > told / 100 * TOLD_PERCENT {
            self.told = Some(available);
            return EstimateOutput::Estimate(available);
        }
        let usable = self.usable();
        if let Some(probe) = self.probing.poll(available, usable, now) {
            self.stats.probes += 1;
            return EstimateOutput::Probe(probe);
        }
        let probes_at = if usable > available { self.probing.wake_at() } else { Moment::FAR_FUTURE };
        let wake_at = self.lowers_at.map_or(probes_at, |lowers_at| lowers_at.min(probes_at));
        EstimateOutput::WaitUntil(wake_at.max(now))
    }

    /// Packets go, and nothing is heard of them.
    fn lower_in_silence(&mut self, now: Moment) {
        while let Some(lowers_at) = self.lowers_at.filter(|lowers_at| *lowers_at <= now) {
            if now.since(self.sent_at) >= SILENCE_AGAIN {
                // nothing goes: the last packet may have been lost, which says nothing
                (self.unheard_since, self.lowers_at) = (None, None);
                return;
            }
            self.stats.silences += 1;
            self.rate.lower(SILENCE_FACTOR, now);
            self.rate.clamp(self.min, self.max);
            self.probing.postpone(now);
            self.lowers_at = (self.rate.bps() > self.min).then(|| lowers_at + SILENCE_AGAIN);
        }
    }

    /// Up to where probes make sense.
    fn usable(&self) -> u32 {
        let usable = u64::from(self.desired) * PROBED_PERCENT / 100;
        u32::try_from(usable).unwrap_or(u32::MAX).min(self.max)
    }

    /// Feedback came.
    fn hear(&mut self, now: Moment) {
        if !self.has_feedback {
            self.has_feedback = true;
            self.remb = None;
        } else if self.unheard_since.is_some_and(|since| now.since(since) >= SILENCE) {
            // the way is there again: whether it bears as much as before is soon known
            self.probing.hasten(now);
        }
        self.unheard_since = None;
        self.lowers_at = None;
    }

    /// Follows what the feedback has told.
    fn follow(&mut self, queued: Duration, now: Moment) {
        let usage = self.delay.usage();
        let before = self.available();
        match self.probing.result(before, now) {
            Some(shown) if usage != Usage::Over && !self.loss.is_losing() => {
                self.rate.raise(shown);
                self.loss.raise(shown);
            }
            Some(_) | None => {}
        }
        let decreased_at = self.rate.decreased_at();
        self.rate.update(usage, self.came.bps(), self.round_trip, queued, now);
        self.rate.clamp(self.min, self.max);
        if self.rate.decreased_at() != decreased_at {
            self.probing.postpone(now);
        }
        self.bound_by_loss(now);
    }

    fn bound_by_loss(&mut self, now: Moment) {
        self.loss.update(self.rate.bps(), self.round_trip, now);
        if self.loss.is_losing() {
            self.probing.postpone(now);
        }
    }
}

/// How much of the round trip is queues: what exceeds the shortest one, which is slowly forgotten.
#[derive(Clone, Copy, Debug, Default)]
struct Queues {
    shortest: Option<Duration>,
}

impl Queues {
    /// Of ten feedbacks a second, each brings the shortest round trip this part nearer: in 100 s by two thirds.
    const FORGOTTEN: u32 = 1024;

    fn push(&mut self, round_trip: Duration) -> Duration {
        let shortest = self.shortest.map_or(round_trip, |shortest| {
            round_trip.min(shortest + round_trip.saturating_sub(shortest) / Self::FORGOTTEN)
        });
        self.shortest = Some(shortest);
        round_trip.saturating_sub(shortest)
    }
}

/// The receiver's clock, which wraps every 12 days.
#[derive(Clone, Copy, Debug, Default)]
struct Clock {
    last: Option<Placed>,
    strange: u8,
}

/// A reference time that was believed, and when it came by our clock.
#[derive(Clone, Copy, Debug)]
struct Placed {
    reference: i32,
    reference_us: i64,
    now_us: i64,
}

impl Clock {
    /// The reference time in microseconds, without wraps; `None` if it is not believed.
    fn place(&mut self, reference: i32, now_us: i64) -> Option<i64> {
        let tick_us = REFERENCE_TICKS * ARRIVAL_TICK.as_micros() as i64;
        let reference_us = match self.last {
            None => i64::from(reference) * tick_us,
            Some(last) => {
                // 24 bits, signed
                let step = (reference.wrapping_sub(last.reference) << 8) >> 8;
                let step_us = i64::from(step) * tick_us;
                if (step_us - (now_us - last.now_us)).abs() > CLOCK_STEP_MAX_US {
                    self.strange += 1;
                    if self.strange < STRANGE_MAX {
                        return None;
                    }
                }
                last.reference_us + step_us
            }
        };
        self.strange = 0;
        self.last = Some(Placed { reference, reference_us, now_us });
        Some(reference_us)
    }
}
