//! Key frame requests: those of many consumers become few for one producer.
//!
//! Sources: RFC 4585 §6.3.1 (PLI), RFC 5104 §4.3.1 (FIR and its number); mediasoup's `keyFrameRequestDelay`.
//! Owns when the last request went, whether one is unanswered, and the number of the last FIR.
use media::Moment;
use std::time::Duration;

/// A request is repeated when no key frame came for 1 s: longer than a round trip and an encoder's frame together.
pub const REPEAT_AFTER: Duration = Duration::from_secs(1);
/// Most repetitions of one request: 10. Who did not answer for ten seconds does not listen; the next consumer that
/// asks starts anew.
pub const REPEATS_MAX: u8 = 10;

/// How a producer is asked, as its negotiated feedback allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyFrameMethod {
    /// `nack pli`.
    Pli,
    /// `ccm fir`.
    Fir,
}

/// A request on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyFrameRequest {
    /// Picture loss indication.
    Pli,
    /// Full intra request with its number: another one for each new request, the same for a repetition.
    Fir {
        /// The number.
        sequence: u8,
    },
}

/// The next thing the caller does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyFrameOutput {
    /// Send this to the producer, then poll again.
    Request(KeyFrameRequest),
    /// Drained: poll again at this moment, or after any `handle_*`.
    WaitUntil(Moment),
}

/// `Idle` → `Wanted` when a consumer asks → `Asked` when the request may go → `Idle` on a key frame, or after
/// [`REPEATS_MAX`]. A consumer that asks in `Asked` changes nothing: the frame it wants is on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Idle,
    Wanted,
    Asked { at: Moment, repeats: u8 },
}

/// The requests for one stream of a producer.
#[derive(Clone, Debug)]
pub struct KeyFrameRequests {
    method: KeyFrameMethod,
    delay: Duration,
    state: State,
    asked_at: Option<Moment>,
    fir_sequence: u8,
}

impl KeyFrameRequests {
    /// At most one request each `key_frame_request_delay`; 0 sets no distance.
    pub const fn new(method: KeyFrameMethod, key_frame_request_delay: Duration) -> Self {
        Self {
            method,
            delay: key_frame_request_delay,
            state: State::Idle,
            asked_at: None,
            fir_sequence: u8::MAX,
        }
    }

    /// A consumer wants a key frame.
    pub const fn handle_request(&mut self) {
        match self.state {
            State::Idle => self.state = State::Wanted,
            State::Wanted | State::Asked { .. } => {}
        }
    }

    /// A key frame came: whoever waits has it.
    pub const fn handle_key_frame(&mut self) {
        self.state = State::Idle;
    }

    /// The next output.
    pub fn poll_output(&mut self, now: Moment) -> KeyFrameOutput {
        match self.state {
            State::Idle => KeyFrameOutput::WaitUntil(Moment::FAR_FUTURE),
            State::Wanted => match self.asked_at.map(|at| at + self.delay) {
                Some(free_at) if now < free_at => KeyFrameOutput::WaitUntil(free_at),
                Some(_) | None => {
                    self.fir_sequence = self.fir_sequence.wrapping_add(1);
                    self.ask(0, now)
                }
            },
            State::Asked { at, repeats } => {
                let again_at = at + REPEAT_AFTER.max(self.delay);
                if now < again_at {
                    KeyFrameOutput::WaitUntil(again_at)
                } else if repeats == REPEATS_MAX {
                    self.state = State::Idle;
                    KeyFrameOutput::WaitUntil(Moment::FAR_FUTURE)
                } else {
                    self.ask(repeats + 1, now)
                }
            }
        }
    }

    fn ask(&mut self, repeats: u8, now: Moment) -> KeyFrameOutput {
        self.asked_at = Some(now);
        self.state = State::Asked { at: now, repeats };
        KeyFrameOutput::Request(match self.method {
            KeyFrameMethod::Pli => KeyFrameRequest::Pli,
            KeyFrameMethod::Fir => KeyFrameRequest::Fir { sequence: self.fir_sequence },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: u64) -> Moment {
        Moment::from_millis(ms)
    }

    fn fir(sequence: u8) -> KeyFrameOutput {
        KeyFrameOutput::Request(KeyFrameRequest::Fir { sequence })
    }

    #[test]
    fn a_hundred_consumers_that_ask_are_one_request() {
        let mut requests = KeyFrameRequests::new(KeyFrameMethod::Pli, Duration::ZERO);
        (0..100).for_each(|_| requests.handle_request());
        assert_eq!(requests.poll_output(at(5)), KeyFrameOutput::Request(KeyFrameRequest::Pli));
        (0..100).for_each(|_| requests.handle_request());
        assert_eq!(requests.poll_output(at(6)), KeyFrameOutput::WaitUntil(at(1005)));
    }

    #[test]
    fn a_repetition_keeps_its_number_and_a_new_request_has_the_next() {
        let mut requests = KeyFrameRequests::new(KeyFrameMethod::Fir, Duration::ZERO);
        requests.handle_request();
        assert_eq!(requests.poll_output(at(0)), fir(0));
        assert_eq!(requests.poll_output(at(1000)), fir(0));
        requests.handle_key_frame();
        assert_eq!(requests.poll_output(at(1100)), KeyFrameOutput::WaitUntil(Moment::FAR_FUTURE));
        requests.handle_request();
        assert_eq!(requests.poll_output(at(1200)), fir(1));
    }

    #[test]
    fn a_producer_that_never_answers_is_left_alone_until_somebody_asks_again() {
        let mut requests = KeyFrameRequests::new(KeyFrameMethod::Pli, Duration::ZERO);
        requests.handle_request();
        let asked =
            (0..60_000u64).filter(|ms| matches!(requests.poll_output(at(*ms)), KeyFrameOutput::Request(_)));
        assert_eq!(asked.count(), 1 + usize::from(REPEATS_MAX));
        requests.handle_request();
        assert!(matches!(requests.poll_output(at(60_000)), KeyFrameOutput::Request(_)));
    }

    proptest! {
        #[test]
        fn requests_are_never_nearer_than_the_delay(
            delay in 0u64..3000, steps in prop::collection::vec((0u64..400, 0u8..3), 1..200),
        ) {
            let mut requests = KeyFrameRequests::new(KeyFrameMethod::Pli, Duration::from_millis(delay));
            let (mut now, mut last) = (0, None);
            for (pause, what) in steps {
                now += pause;
                match what {
                    0 => requests.handle_request(),
                    1 => requests.handle_key_frame(),
                    _ => {}
                }
                while let KeyFrameOutput::Request(_) = requests.poll_output(at(now)) {
                    prop_assert!(last.is_none_or(|last| now - last >= delay));
                    last = Some(now);
                }
            }
        }
    }
}
