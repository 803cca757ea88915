//! A sender and its receiver at the two ends of a way.
use super::Way;
use crate::bwe::{
    ArrivalLog, ArrivalOutput, EstimateOutput, Pacer, ProbeId, SendEstimator, SendEstimatorOptions,
};
use formats::rtp::rtcp::TransportFeedback;
use media::Moment;
use std::collections::VecDeque;

/// 30 frames a second.
const FRAME_MS: u64 = 33;

pub(super) enum Source {
    /// As much as may be sent, up to what is desired.
    Greedy,
    /// So many bits a second, whatever the estimate.
    Fixed(u64),
}

/// What was seen at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) ms: u64,
    pub(super) available: u64,
    /// How long the way's queue was.
    pub(super) queue_ms: u64,
}

pub(super) struct Flow {
    pub(super) estimator: SendEstimator,
    pub(super) source: Source,
    /// Feedback is lost on its way back, or comes this much later.
    pub(super) loses_feedback: bool,
    pub(super) feedback_late_us: u64,
    /// Ten a second.
    pub(super) samples: Vec<Sample>,
    pub(super) sent_bytes: u64,
    /// Longest that a packet was held by the pacer.
    pub(super) held_ms_max: u64,
    desired: u64,
    pacer: Pacer,
    log: ArrivalLog,
    sequence: u64,
    waiting: VecDeque<(u64, usize)>,
    flying: VecDeque<(u64, u64)>,
    back: VecDeque<(u64, TransportFeedback)>,
}

impl Flow {
    pub(super) fn new(source: Source, desired: u64) -> Self {
        let mut estimator = SendEstimator::new(SendEstimatorOptions::default());
        estimator.set_desired(desired, Moment::ZERO);
        Self {
            pacer: Pacer::new(estimator.available(), Moment::ZERO),
            estimator,
            source,
            loses_feedback: false,
            feedback_late_us: 0,
            samples: Vec::new(),
            sent_bytes: 0,
            held_ms_max: 0,
            desired,
            log: ArrivalLog::new(1),
            sequence: 0,
            waiting: VecDeque::new(),
            flying: VecDeque::new(),
            back: VecDeque::new(),
        }
    }

    pub(super) fn tick(&mut self, way: &mut Way, ms: u64) {
        let now = Moment::from_millis(ms);
        self.receive(way, ms);
        while let Some((_, feedback)) = self.back.pop_front_if(|(at_us, _)| *at_us <= 1000 * ms) {
            self.estimator.handle_feedback(&feedback, now);
        }
        loop {
            match self.estimator.poll_output(now) {
                EstimateOutput::Estimate(bps) => self.pacer.set_available(bps),
                EstimateOutput::Probe(probe) => self.pacer.start_probe(probe, now),
                EstimateOutput::WaitUntil(_) => break,
            }
        }
        if ms.is_multiple_of(FRAME_MS) {
            self.queue_frame(ms);
        }
        while !self.waiting.is_empty() && self.pacer.budget(now) > 0 {
            let probe = self.pacer.probe(now);
            let Some((since_ms, bytes)) = self.waiting.pop_front() else { break };
            self.held_ms_max = self.held_ms_max.max(ms - since_ms);
            self.pacer.handle_sent(bytes, now);
            self.send(way, ms, bytes, probe);
        }
        while let Some((id, bytes)) = self.pacer.probe_due(now) {
            self.pacer.handle_sent_at_once(bytes, now);
            self.send(way, ms, bytes, Some(id));
        }
        if ms.is_multiple_of(100) {
            let available = u64::from(self.estimator.available());
            self.samples.push(Sample { ms, available, queue_ms: way.queue_us(1000 * ms) / 1000 });
        }
    }

    /// Samples of these milliseconds.
    pub(super) fn during(&self, ms: std::ops::Range<u64>) -> impl Iterator<Item = Sample> + Clone + '_ {
        self.samples.iter().filter(move |sample| ms.contains(&sample.ms)).copied()
    }

    pub(super) fn mean(&self, ms: std::ops::Range<u64>) -> u64 {
        let samples = self.during(ms);
        samples.clone().map(|sample| sample.available).sum::<u64>() / samples.count() as u64
    }

    pub(super) fn lowest(&self, ms: std::ops::Range<u64>) -> u64 {
        self.during(ms).map(|sample| sample.available).min().unwrap()
    }

    pub(super) fn highest(&self, ms: std::ops::Range<u64>) -> u64 {
        self.during(ms).map(|sample| sample.available).max().unwrap()
    }

    /// The first moment at which the estimate is so.
    pub(super) fn first(&self, ms: std::ops::Range<u64>, is: impl Fn(u64) -> bool) -> Option<u64> {
        self.during(ms).find(|sample| is(sample.available)).map(|sample| sample.ms)
    }

    /// One line a second, for the eye.
    pub(super) fn print(&self, what: &str) {
        println!("{what}: {:?}", self.estimator.stats());
        for sample in self.samples.iter().step_by(10) {
            println!("  {:>6} ms {:>8} bit/s, queue {} ms", sample.ms, sample.available, sample.queue_ms);
        }
    }

    fn receive(&mut self, way: &Way, ms: u64) {
        while let Some((at_us, sequence)) = self.flying.pop_front_if(|(at_us, _)| *at_us <= 1000 * ms) {
            self.log.handle_packet(sequence as u16, 1, Moment::from_nanos(1000 * at_us));
        }
        while let ArrivalOutput::Send(feedback) = self.log.poll_output(Moment::from_millis(ms)) {
            if !self.loses_feedback {
                self.back.push_back((1000 * ms + way.delay_us + self.feedback_late_us, feedback));
            }
        }
    }

    fn queue_frame(&mut self, ms: u64) {
        let bps = match self.source {
            Source::Greedy => u64::from(self.estimator.available()).min(self.desired),
            Source::Fixed(bps) => bps,
        };
        let mut left = (bps * FRAME_MS / 8000) as usize;
        self.pacer.handle_queued(left, Moment::from_millis(ms));
        while left > 0 {
            let bytes = left.min(1200);
            self.waiting.push_back((ms, bytes));
            left -= bytes;
        }
    }

    fn send(&mut self, way: &mut Way, ms: u64, bytes: usize, probe: Option<ProbeId>) {
        self.estimator.handle_sent(self.sequence, bytes, Moment::from_millis(ms), probe);
        if let Some(arrives_us) = way.send(1000 * ms, bytes) {
            self.flying.push_back((arrives_us, self.sequence));
        }
        self.sequence += 1;
        self.sent_bytes += bytes as u64;
    }
}
