//! [`ArrivalLog`]: what came with transport-wide numbers, and the feedback about it.
//!
//! Source: draft-holmer-rmcat-transport-wide-cc-extensions-01; intervals and the way back as libwebrtc's senders
//! expect them. Each feedback begins where the last one ended; a packet that comes late takes it back to its own
//! number, and what lies between is told once more, which senders ignore.
use formats::rtp::rtcp::{ARRIVAL_TICK, REFERENCE_TICKS, TransportFeedback};
use media::Moment;
use std::collections::VecDeque;
use std::time::Duration;

/// Time between feedbacks: 100 ms. Shorter ones cost more of the way back than they improve the estimate.
const INTERVAL: Duration = Duration::from_millis(100);
/// Most packets of one feedback: 400. Even with two bytes and two bits for each that is less than a datagram.
const PACKETS_MAX: u64 = 400;
/// Arrivals are remembered for 500 ms after they were told: who comes later than that is not told about.
const LATE_MAX: Duration = Duration::from_millis(500);
/// Longest step of the numbers that is a gap: 4096 packets. A longer one is a sender that began anew.
const GAP_MAX: u64 = 4096;
/// Longest log: 8192 packets, with those that did not come. Of what is older nobody is told.
const LOG_MAX: usize = 8192;
/// Arrival of a packet that did not come.
const MISSING: u64 = u64::MAX;

/// The next thing the caller does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ArrivalOutput {
    /// Send this, then poll again.
    Send(TransportFeedback),
    /// Drained: poll again at this moment, or after any `handle_*`.
    WaitUntil(Moment),
}

/// Arrivals of one transport.
#[derive(Clone, Debug)]
pub struct ArrivalLog {
    sender: u32,
    /// A source of which something came last. Chromium drops feedback about sources that it does not send.
    media: u32,
    /// Ticks of 250 µs of each packet from number `first`; the last one came.
    ticks: VecDeque<u64>,
    /// Unwrapped number of the first of `ticks`.
    first: u64,
    /// First number that was not told yet, or came since.
    untold: u64,
    feedback_count: u8,
    told_at: Option<Moment>,
    /// Something came since the last feedback.
    is_due: bool,
}

impl ArrivalLog {
    /// Nothing came yet. `sender` is the SSRC that feedback is sent with.
    pub const fn new(sender: u32) -> Self {
        Self {
            sender,
            media: 0,
            ticks: VecDeque::new(),
            first: 0,
            untold: 0,
            feedback_count: 0,
            told_at: None,
            is_due: false,
        }
    }

    /// Takes the transport-wide number of a packet of the source `media` that came now.
    pub fn handle_packet(&mut self, sequence: u16, media: u32, now: Moment) {
        self.media = media;
        let ticks = ticks_of(now);
        let end = self.first + self.ticks.len() as u64;
        // numbers start two cycles up, so that late ones stay above zero
        let last = if self.ticks.is_empty() { 0x2_0000 + u64::from(sequence) } else { end - 1 };
        let step = i64::from(sequence.wrapping_sub(last as u16) as i16);
        let number = last.saturating_add_signed(step);
        if self.ticks.is_empty() || step.unsigned_abs() > GAP_MAX {
            self.ticks.clear();
            self.ticks.push_back(ticks);
            (self.first, self.untold) = (number, number);
        } else if number >= end {
            self.ticks.resize((number - self.first) as usize, MISSING);
            self.ticks.push_back(ticks);
        } else {
            let Some(at) = number.checked_sub(self.first) else { return };
            let Some(slot) = self.ticks.get_mut(at as usize).filter(|slot| **slot == MISSING) else { return };
            *slot = ticks;
            self.untold = self.untold.min(number);
        }
        if !self.is_due {
            self.is_due = true;
            self.told_at.get_or_insert(now);
        }
        self.forget(now);
    }

    /// The next output.
    pub fn poll_output(&mut self, now: Moment) -> ArrivalOutput {
        if !self.is_due {
            return ArrivalOutput::WaitUntil(Moment::FAR_FUTURE);
        }
        let end = self.first + self.ticks.len() as u64;
        let due_at = self.told_at.map_or(now, |told_at| told_at + INTERVAL);
        if now < due_at && end - self.untold < PACKETS_MAX {
            return ArrivalOutput::WaitUntil(due_at);
        }
        let feedback = self.feedback();
        self.is_due = self.untold < end;
        if !self.is_due {
            self.told_at = Some(now);
        }
        ArrivalOutput::Send(feedback)
    }

    /// The feedback from the first untold packet, as far as one message goes.
    fn feedback(&mut self) -> TransportFeedback {
        let from = (self.untold - self.first) as usize;
        let untold = || self.ticks.iter().skip(from).take(PACKETS_MAX as usize);
        let start = untold().find(|ticks| **ticks != MISSING).copied().unwrap_or(0);
        let reference = start / REFERENCE_TICKS as u64;
        let mut before = reference * REFERENCE_TICKS as u64;
        let mut arrivals = Vec::with_capacity(untold().len());
        for ticks in untold() {
            if *ticks == MISSING {
                arrivals.push(None);
                continue;
            }
            // 8 s between two packets need a new reference
            let Ok(delta) = i16::try_from(ticks.wrapping_sub(before) as i64) else { break };
            arrivals.push(Some(delta));
            before = *ticks;
        }
        // what is missing at the end of a full message is told before what comes after it
        let told = arrivals.iter().rposition(Option::is_some).map_or(arrivals.len(), |last| last + 1);
        arrivals.truncate(told);
        let feedback = TransportFeedback {
            sender: self.sender,
            media: self.media,
            base_sequence: self.untold as u16,
            reference_time: ((reference as i32) << 8) >> 8,
            feedback_count: self.feedback_count,
            arrivals,
        };
        self.feedback_count = self.feedback_count.wrapping_add(1);
        self.untold += told as u64;
        feedback
    }

    /// Drops what was told long ago, and what is too much.
    fn forget(&mut self, now: Moment) {
        let oldest =
            ticks_of(now).saturating_sub(LATE_MAX.as_micros() as u64 / ARRIVAL_TICK.as_micros() as u64);
        while self.first < self.untold && self.ticks.len() > 1 {
            match self.ticks.front() {
                Some(&ticks) if ticks == MISSING || ticks < oldest => {}
                Some(_) | None => break,
            }
            self.ticks.pop_front();
            self.first += 1;
        }
        let excess = self.ticks.len().saturating_sub(LOG_MAX);
        self.ticks.drain(..excess);
        self.first += excess as u64;
        self.untold = self.untold.max(self.first);
    }
}

fn ticks_of(now: Moment) -> u64 {
    now.as_nanos() / ARRIVAL_TICK.as_nanos() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: u64) -> Moment {
        Moment::from_millis(ms)
    }

    fn poll(log: &mut ArrivalLog, ms: u64) -> Option<TransportFeedback> {
        match log.poll_output(at(ms)) {
            ArrivalOutput::Send(feedback) => Some(feedback),
            ArrivalOutput::WaitUntil(_) => None,
        }
    }

    #[test]
    fn each_100_ms_all_that_came_is_told_with_its_gaps() {
        let mut log = ArrivalLog::new(7);
        assert_eq!(log.poll_output(at(0)), ArrivalOutput::WaitUntil(Moment::FAR_FUTURE));
        for (sequence, ms) in [(65_534, 1000), (65_535, 1001), (2, 1010)] {
            log.handle_packet(sequence, 9, at(ms));
        }
        assert_eq!(log.poll_output(at(1050)), ArrivalOutput::WaitUntil(at(1100)));
        let feedback = poll(&mut log, 1100).unwrap();
        assert_eq!((feedback.sender, feedback.media, feedback.base_sequence), (7, 9, 65_534));
        let arrivals: Vec<_> = feedback.arrivals().map(|(_, ticks)| ticks.map(|ticks| ticks / 4)).collect();
        assert_eq!(arrivals, [Some(1000), Some(1001), None, None, Some(1010)]);
        assert_eq!(poll(&mut log, 1300), None);
        log.handle_packet(3, 9, at(1400));
        let feedback = poll(&mut log, 1400).unwrap();
        assert_eq!((feedback.base_sequence, feedback.feedback_count, feedback.arrivals.len()), (3, 1, 1));
    }

    #[test]
    fn a_late_packet_is_told_of_in_the_next_feedback() {
        let mut log = ArrivalLog::new(7);
        for sequence in [10, 12, 13] {
            log.handle_packet(sequence, 9, at(0));
        }
        assert_eq!(poll(&mut log, 100).unwrap().arrivals.len(), 4);
        log.handle_packet(11, 9, at(150));
        let feedback = poll(&mut log, 200).unwrap();
        assert_eq!((feedback.base_sequence, feedback.arrivals.len()), (11, 3));
        assert!(feedback.arrivals.iter().all(Option::is_some));
        log.handle_packet(11, 9, at(220));
        assert_eq!(poll(&mut log, 400), None);
    }

    #[test]
    fn a_great_range_is_told_of_at_once_in_pieces_and_long_pauses_get_a_new_reference() {
        let mut log = ArrivalLog::new(7);
        for sequence in 0..400 {
            log.handle_packet(sequence, 9, at(0));
        }
        assert_eq!(poll(&mut log, 0).unwrap().arrivals.len(), 400);
        log.handle_packet(400, 9, at(10));
        log.handle_packet(401, 9, at(20_000));
        assert_eq!(poll(&mut log, 20_000).unwrap().arrivals.len(), 1);
        let feedback = poll(&mut log, 20_000).unwrap();
        assert_eq!(feedback.arrivals().next(), Some((401, Some(80_000))));
        assert_eq!(poll(&mut log, 20_000), None);
    }

    proptest! {
        #[test]
        fn no_numbers_panic_and_memory_stays_bounded(
            packets in prop::collection::vec((any::<u16>(), 0u64..300), 0..300),
        ) {
            let mut log = ArrivalLog::new(7);
            let mut ms = 0;
            for (sequence, pause) in packets {
                ms += pause;
                log.handle_packet(sequence, 9, at(ms));
                for _ in 0..30 {
                    let Some(feedback) = poll(&mut log, ms) else { break };
                    prop_assert!(!feedback.arrivals.is_empty() && feedback.arrivals.len() <= 400);
                }
                prop_assert!(log.ticks.len() <= LOG_MAX);
            }
        }

        #[test]
        fn every_packet_is_told_of_at_its_time(
            packets in prop::collection::vec((0usize..4, 0u64..40), 1..200), start: u16,
        ) {
            let mut log = ArrivalLog::new(7);
            let (mut ms, mut number) = (1000, start);
            let mut came = Vec::new();
            let mut told = Vec::new();
            for (gap, pause) in packets {
                ms += pause;
                number = number.wrapping_add(1 + gap as u16);
                log.handle_packet(number, 9, at(ms));
                came.push((number, Some(4 * ms as i64)));
                told.extend(poll(&mut log, ms).iter().flat_map(TransportFeedback::arrivals).collect::<Vec<_>>());
            }
            told.extend(poll(&mut log, ms + 100).iter().flat_map(TransportFeedback::arrivals).collect::<Vec<_>>());
            told.retain(|(_, ticks)| ticks.is_some());
            prop_assert_eq!(told, came);
        }
    }
}
