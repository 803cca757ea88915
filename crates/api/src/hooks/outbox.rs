//! What waits for one receiver: in order, each tried until it is taken, hopeless or too old. Sans-IO.
//!
//! Source: Standard Webhooks 1.0.0, "Deliverability and reliability". Its schedule spans days; an alert that is an hour
//! old is history, so here it is an hour.
use bytes::Bytes;
use media::Moment;
use std::collections::VecDeque;
use std::time::Duration;

/// Letters that wait for one receiver: 1,000, about 400 KiB. A hundred cameras that go down and come back, five times.
pub(super) const QUEUE_MAX: usize = 1000;
/// Most tries of one letter: 10, which with the waits below is 9 min of a receiver that answers at once.
const TRIES_MAX: u32 = 10;
/// A letter older than this is not tried any more: 1 h.
const AGE_MAX: Duration = Duration::from_secs(3600);
/// The wait after the first failure, doubled by each further one.
const WAIT_FIRST: Duration = Duration::from_secs(1);
/// Longest wait: 5 min. A receiver that is back hears of it soon enough.
const WAIT_MAX: Duration = Duration::from_secs(300);
/// Each wait is shortened or lengthened by up to this share, so that many senders do not come at once.
const JITTER: f64 = 0.2;

/// One event on its way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Letter {
    /// The same for every try.
    pub(super) id: String,
    pub(super) body: Bytes,
    queued_at: Moment,
    /// Tries so far.
    pub(super) tries: u32,
}

impl Letter {
    pub(super) fn new(id: String, body: Bytes, now: Moment) -> Self {
        Self { id, body, queued_at: now, tries: 0 }
    }
}

/// Whether another try can help.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Again {
    /// After a wait; not before this time, if the receiver gave one.
    Later(Option<Duration>),
    /// Not with this letter.
    No,
    /// The receiver wants no more letters (410).
    Never,
}

/// Why a try failed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Failure {
    /// One lower-case sentence, without the URL's path and without secrets.
    pub(super) message: String,
    pub(super) again: Again,
}

/// The next thing the courier does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Output {
    /// Send it, and say what came of it.
    Send(Letter),
    /// It is not tried any more.
    Dead { letter: Letter, why: String, overflow: bool },
    /// Drained: poll again at this moment, or after any `handle_*`.
    WaitUntil(Moment),
}

/// `Idle` → `Sending` while there are letters → `Idle`, or `Waiting` after a failure that may pass → `Sending`.
/// `Gone` is final: the receiver answered 410.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    Idle,
    Sending,
    Waiting { until: Moment },
    Gone,
}

/// The letters of one hook.
#[derive(Debug)]
pub(super) struct Outbox {
    state: State,
    queue: VecDeque<Letter>,
    dead: VecDeque<Output>,
    /// Failures in a row, of any letters: they are the receiver's.
    failures: u32,
    /// The server ends: no more waiting.
    ending: bool,
}

impl Outbox {
    pub(super) fn new() -> Self {
        let (queue, dead) = (VecDeque::new(), VecDeque::new());
        Self { state: State::Idle, queue, dead, failures: 0, ending: false }
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    /// Letters that wait or are being sent.
    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Nothing is left to do.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.dead.is_empty()
    }

    pub(super) fn handle_letter(&mut self, letter: Letter) {
        let (why, overflow) = match self.state {
            State::Gone => ("the receiver wants no more (410)".to_owned(), false),
            State::Idle | State::Sending | State::Waiting { .. } if self.queue.len() >= QUEUE_MAX => {
                (format!("{QUEUE_MAX} letters wait for the receiver already"), true)
            }
            State::Idle | State::Sending | State::Waiting { .. } => {
                self.queue.push_back(letter);
                return;
            }
        };
        self.dead.push_back(Output::Dead { letter, why, overflow });
    }

    /// What came of the letter that was to be sent. `jitter` is a random number in -1..=1.
    pub(super) fn handle_result(&mut self, result: Result<(), Failure>, jitter: f64, now: Moment) {
        match self.state {
            State::Sending => {}
            State::Idle | State::Waiting { .. } | State::Gone => return,
        }
        self.state = State::Idle;
        let Err(failure) = result else {
            self.failures = 0;
            self.queue.pop_front();
            return;
        };
        match failure.again {
            Again::Later(_) if self.ending => {
                // The receiver is down: the rest would fare no better.
                self.bury_all(&format!("the server ended; {}", failure.message));
            }
            Again::Later(not_before) => {
                self.failures += 1;
                let wait = self.wait(jitter).max(not_before.unwrap_or_default().min(AGE_MAX));
                self.state = State::Waiting { until: now + wait };
                if self.queue.front().is_some_and(|letter| letter.tries >= TRIES_MAX) {
                    self.bury(&format!("{TRIES_MAX} tries failed, the last one because {}", failure.message));
                }
            }
            Again::No => {
                self.failures = 0;
                self.bury(&failure.message);
            }
            Again::Never => {
                self.state = State::Gone;
                self.bury_all(&failure.message);
            }
        }
    }

    fn wait(&self, jitter: f64) -> Duration {
        let doubled = WAIT_FIRST * 2u32.saturating_pow(self.failures.saturating_sub(1).min(16));
        doubled.min(WAIT_MAX).mul_f64(1.0 + JITTER * jitter.clamp(-1.0, 1.0))
    }

    fn bury(&mut self, why: &str) {
        if let Some(letter) = self.queue.pop_front() {
            self.dead.push_back(Output::Dead { letter, why: why.to_owned(), overflow: false });
        }
    }

    fn bury_all(&mut self, why: &str) {
        while !self.queue.is_empty() {
            self.bury(why);
        }
    }

    /// The server ends: what waits is tried once more, now.
    pub(super) fn handle_ending(&mut self) {
        self.ending = true;
        match self.state {
            State::Waiting { .. } => self.state = State::Idle,
            State::Idle | State::Sending | State::Gone => {}
        }
    }

    /// The time is up: nothing is tried any more.
    pub(super) fn handle_end(&mut self) {
        self.bury_all("the server ended before it was delivered");
    }

    pub(super) fn poll_output(&mut self, now: Moment) -> Output {
        if let Some(dead) = self.dead.pop_front() {
            return dead;
        }
        match self.state {
            State::Sending | State::Gone => return Output::WaitUntil(Moment::FAR_FUTURE),
            State::Waiting { until } if now < until => return Output::WaitUntil(until),
            State::Waiting { .. } | State::Idle => {}
        }
        while self.queue.front().is_some_and(|letter| now.since(letter.queued_at) >= AGE_MAX) {
            self.bury("the receiver could not be reached for an hour");
        }
        if let Some(dead) = self.dead.pop_front() {
            return dead;
        }
        let Some(letter) = self.queue.front_mut() else {
            self.state = State::Idle;
            return Output::WaitUntil(Moment::FAR_FUTURE);
        };
        letter.tries += 1;
        self.state = State::Sending;
        Output::Send(letter.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(number: usize, now: Moment) -> Letter {
        Letter::new(format!("evt_{number}"), Bytes::from_static(b"{}"), now)
    }

    fn refused() -> Result<(), Failure> {
        Err(Failure { message: "it refuses connections".into(), again: Again::Later(None) })
    }

    fn answers(again: Again) -> Result<(), Failure> {
        Err(Failure { message: "it says no".into(), again })
    }

    fn with(letters: usize, now: Moment) -> Outbox {
        let mut outbox = Outbox::new();
        (0..letters).for_each(|number| outbox.handle_letter(letter(number, now)));
        outbox
    }

    #[track_caller]
    fn sends(outbox: &mut Outbox, number: usize, now: Moment) {
        let Output::Send(letter) = outbox.poll_output(now) else { panic!("it does not send: {outbox:?}") };
        assert_eq!(letter.id, format!("evt_{number}"));
    }

    #[track_caller]
    fn buries(outbox: &mut Outbox, number: usize, now: Moment) -> String {
        let Output::Dead { letter, why, .. } = outbox.poll_output(now) else {
            panic!("it buries nothing: {outbox:?}")
        };
        assert_eq!(letter.id, format!("evt_{number}"));
        why
    }

    #[test]
    fn letters_go_out_one_by_one_in_order_and_stay_in_order_after_a_failure() {
        let mut now = Moment::ZERO;
        let mut outbox = with(2, now);
        sends(&mut outbox, 0, now);
        assert_eq!(outbox.poll_output(now), Output::WaitUntil(Moment::FAR_FUTURE));
        outbox.handle_result(refused(), 0.0, now);
        let Output::WaitUntil(until) = outbox.poll_output(now) else { panic!() };
        assert_eq!(until, now + Duration::from_secs(1));
        now = until;
        sends(&mut outbox, 0, now);
        outbox.handle_result(Ok(()), 0.0, now);
        sends(&mut outbox, 1, now);
        outbox.handle_result(Ok(()), 0.0, now);
        assert!(outbox.is_empty());
    }

    #[test]
    fn waits_double_to_five_minutes_and_the_tenth_failure_is_the_last() {
        let mut now = Moment::ZERO;
        let mut outbox = with(2, now);
        let mut waits = Vec::new();
        for _ in 0..10 {
            sends(&mut outbox, 0, now);
            outbox.handle_result(refused(), 0.0, now);
            if waits.len() == 9 {
                let why = buries(&mut outbox, 0, now);
                assert_eq!(why, "10 tries failed, the last one because it refuses connections");
            }
            let Output::WaitUntil(until) = outbox.poll_output(now) else { panic!("{outbox:?}") };
            waits.push(until.since(now).as_secs());
            now = until;
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
        sends(&mut outbox, 1, now);
    }

    #[test]
    fn after_an_hour_everything_that_waited_so_long_is_dead() {
        let mut outbox = with(3, Moment::ZERO);
        sends(&mut outbox, 0, Moment::ZERO);
        outbox.handle_result(answers(Again::Later(Some(Duration::from_secs(86_400)))), 0.0, Moment::ZERO);
        let hour = Moment::ZERO + Duration::from_secs(3600);
        assert_eq!(outbox.poll_output(Moment::from_millis(1)), Output::WaitUntil(hour));
        outbox.handle_letter(letter(3, hour));
        for number in 0..3 {
            buries(&mut outbox, number, hour);
        }
        sends(&mut outbox, 3, hour);
    }

    #[test]
    fn a_receiver_that_says_when_is_not_asked_before() {
        let mut outbox = with(1, Moment::ZERO);
        sends(&mut outbox, 0, Moment::ZERO);
        outbox.handle_result(answers(Again::Later(Some(Duration::from_secs(90)))), -1.0, Moment::ZERO);
        assert_eq!(outbox.state(), State::Waiting { until: Moment::from_millis(90_000) });
    }

    #[test]
    fn a_letter_that_is_refused_is_not_tried_again_and_the_next_goes_at_once() {
        let mut outbox = with(2, Moment::ZERO);
        sends(&mut outbox, 0, Moment::ZERO);
        outbox.handle_result(answers(Again::No), 0.0, Moment::ZERO);
        assert_eq!(buries(&mut outbox, 0, Moment::ZERO), "it says no");
        sends(&mut outbox, 1, Moment::ZERO);
    }

    #[test]
    fn a_receiver_that_is_gone_gets_nothing_any_more() {
        let mut outbox = with(2, Moment::ZERO);
        sends(&mut outbox, 0, Moment::ZERO);
        outbox.handle_result(answers(Again::Never), 0.0, Moment::ZERO);
        buries(&mut outbox, 0, Moment::ZERO);
        buries(&mut outbox, 1, Moment::ZERO);
        outbox.handle_letter(letter(2, Moment::ZERO));
        buries(&mut outbox, 2, Moment::ZERO);
        assert_eq!(outbox.state(), State::Gone);
    }

    #[test]
    fn the_newest_is_dropped_when_a_thousand_wait() {
        let mut outbox = with(QUEUE_MAX, Moment::ZERO);
        outbox.handle_letter(letter(QUEUE_MAX, Moment::ZERO));
        let Output::Dead { letter, overflow: true, .. } = outbox.poll_output(Moment::ZERO) else { panic!() };
        assert_eq!((letter.id, outbox.queued()), (format!("evt_{QUEUE_MAX}"), QUEUE_MAX));
    }

    #[test]
    fn at_the_end_what_waits_is_tried_once_and_a_receiver_that_is_down_is_given_up() {
        let mut outbox = with(3, Moment::ZERO);
        sends(&mut outbox, 0, Moment::ZERO);
        outbox.handle_result(refused(), 0.0, Moment::ZERO);
        outbox.handle_ending();
        sends(&mut outbox, 0, Moment::ZERO);
        outbox.handle_result(Ok(()), 0.0, Moment::ZERO);
        sends(&mut outbox, 1, Moment::ZERO);
        outbox.handle_result(refused(), 0.0, Moment::ZERO);
        assert_eq!(buries(&mut outbox, 1, Moment::ZERO), "the server ended; it refuses connections");
        buries(&mut outbox, 2, Moment::ZERO);
        assert!(outbox.is_empty());
    }

    #[test]
    fn every_result_in_every_state_other_than_sending_is_nobodys() {
        for state in [State::Idle, State::Waiting { until: Moment::from_millis(5) }, State::Gone] {
            for result in [Ok(()), refused(), answers(Again::No), answers(Again::Never)] {
                let mut outbox = Outbox { state, ..with(1, Moment::ZERO) };
                outbox.handle_result(result, 0.0, Moment::ZERO);
                assert_eq!((outbox.state(), outbox.queued()), (state, 1));
            }
        }
    }
}
