//! The task of one hook: hears events, sends letters one at a time, and says how it goes.
use super::dead::DeadLetters;
use super::outbox::{Again, Failure, Letter, Outbox, Output, State};
use super::{HookReport, HookState, Ready, event_id, time};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hub::{Event, now, sleep_until, wall_now};
use media::{Moment, WallTime};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

/// Letters dropped for want of room are said in the log this often, with their number.
const SAY_DROPPED_EVERY: Duration = Duration::from_secs(10);

/// What came of a try.
type Tried = BoxFuture<'static, Result<(), Failure>>;

struct Courier {
    hook: Arc<Ready>,
    run: u64,
    outbox: Outbox,
    dead: DeadLetters,
    tell: watch::Sender<HookReport>,
    trying: Option<Tried>,
    dropped_unsaid: u64,
    said_dropped_at: Option<Moment>,
}

/// Runs until it is told to end, or the hub does.
pub(super) async fn run(
    hook: Ready,
    run: u64,
    mut events: Receiver<Arc<Event>>,
    dead: DeadLetters,
    tell: watch::Sender<HookReport>,
    mut ending: watch::Receiver<Option<Duration>>,
) {
    let (outbox, hook) = (Outbox::new(), Arc::new(hook));
    let mut courier =
        Courier { hook, run, outbox, dead, tell, trying: None, dropped_unsaid: 0, said_dropped_at: None };
    let within = loop {
        let wake_at = courier.turn();
        tokio::select! {
            event = events.recv() => match event {
                Ok(event) => courier.hear(&event),
                Err(RecvError::Lagged(lost)) => courier.tell.send_modify(|report| report.unheard += lost),
                Err(RecvError::Closed) => break Duration::ZERO,
            },
            result = tried(&mut courier.trying) => courier.take(result),
            () = sleep_until(wake_at) => {}
            within = told(&mut ending) => break within,
        }
    };
    // What was said before the word to end is still to be sent.
    while let Ok(event) = events.try_recv() {
        courier.hear(&event);
    }
    courier.end(now() + within).await;
}

/// Waits for the try, for ever without one.
async fn tried(trying: &mut Option<Tried>) -> Result<(), Failure> {
    let Some(running) = trying else { return std::future::pending().await };
    let result = running.await;
    *trying = None;
    result
}

/// Waits for the word to end.
async fn told(ending: &mut watch::Receiver<Option<Duration>>) -> Duration {
    // An error means that nobody can give it any more, which is the same word.
    ending.wait_for(Option::is_some).await.ok().and_then(|within| *within).unwrap_or_default()
}

impl Courier {
    fn hear(&mut self, event: &Event) {
        if !self.hook.patterns.matches(event.what.kind()) {
            return;
        }
        let id = event_id(self.run, event.number);
        let Some(body) = self.hook.body.of(event, &id) else { return };
        self.outbox.handle_letter(Letter::new(id, body, now()));
    }

    /// Does what is due. Returns when to come again.
    fn turn(&mut self) -> Moment {
        loop {
            match self.outbox.poll_output(now()) {
                Output::Send(letter) => {
                    self.tell.send_modify(|report| report.tries += 1);
                    self.trying = Some(attempt(self.hook.clone(), letter).boxed());
                }
                Output::Dead { letter, why, overflow } => self.bury(&letter, &why, overflow),
                Output::WaitUntil(at) => {
                    self.say(at);
                    return at;
                }
            }
        }
    }

    fn say(&self, next: Moment) {
        let queued = self.outbox.queued();
        let (state, next_try) = match self.outbox.state() {
            State::Idle => (HookState::Idle, None),
            State::Sending => (HookState::Sending, None),
            State::Waiting { .. } => {
                let wait = i64::try_from(next.since(now()).as_micros()).unwrap_or(i64::MAX);
                (HookState::Waiting, Some(WallTime::from_micros(wall_now().as_micros().saturating_add(wait))))
            }
            State::Gone => (HookState::Gone, None),
        };
        self.tell.send_modify(|report| {
            report.state = state;
            report.queued = queued;
            report.next_try = next_try;
        });
    }

    fn take(&mut self, result: Result<(), Failure>) {
        self.tell.send_modify(|report| match &result {
            Ok(()) => {
                report.delivered += 1;
                report.last_delivered = Some(wall_now());
            }
            Err(failure) => report.last_error = Some((failure.message.clone(), wall_now())),
        });
        if let Err(failure) = &result {
            tracing::debug!(target: "api", hook = self.hook.target.origin(), %failure, "a hook's receiver took nothing");
            if failure.again == Again::Never {
                let hook = self.hook.target.origin();
                tracing::warn!(target: "api", hook, "a hook's receiver answers 410: it gets nothing until the next start");
            }
        }
        self.outbox.handle_result(result, rand::random_range(-1.0..=1.0), now());
    }

    fn bury(&mut self, letter: &Letter, why: &str, overflow: bool) {
        self.tell.send_modify(|report| {
            if overflow {
                report.dropped += 1;
            } else {
                report.failed += 1;
            }
        });
        let hook = self.hook.target.origin();
        if overflow {
            self.dropped_unsaid += 1;
            if self.said_dropped_at.is_none_or(|at| now().since(at) >= SAY_DROPPED_EVERY) {
                let number = std::mem::take(&mut self.dropped_unsaid);
                self.said_dropped_at = Some(now());
                tracing::warn!(target: "api", hook, number, "events for a hook were dropped: {why}");
            }
            if self.dead.to_log() {
                return;
            }
        } else if !self.dead.to_log() {
            tracing::warn!(target: "api", hook, id = letter.id, "an event could not be delivered to its hook: {why}");
        }
        // A body of ours is JSON.
        let event = serde_json::from_slice(&letter.body).unwrap_or(serde_json::Value::Null);
        let time = time::rfc3339(wall_now());
        let line = json!({ "time": time, "hook": hook, "tries": letter.tries, "why": why, "event": event });
        self.dead.push(line.to_string());
    }

    /// The last chance, until the deadline.
    async fn end(mut self, deadline: Moment) {
        self.outbox.handle_ending();
        loop {
            self.turn();
            if self.outbox.is_empty() || now() >= deadline {
                break;
            }
            tokio::select! {
                result = tried(&mut self.trying) => self.take(result),
                () = sleep_until(deadline) => break,
            }
        }
        self.trying = None;
        self.outbox.handle_end();
        self.turn();
    }
}

async fn attempt(hook: Arc<Ready>, letter: Letter) -> Result<(), Failure> {
    let timestamp = wall_now().as_micros().div_euclid(1_000_000);
    let mut headers = vec![("webhook-id", letter.id.clone()), ("webhook-timestamp", timestamp.to_string())];
    if !hook.signers.is_empty() {
        let sign = |signer: &super::Signer| signer.sign(&letter.id, timestamp, &letter.body);
        let signatures: Vec<String> = hook.signers.iter().map(sign).collect();
        headers.push(("webhook-signature", signatures.join(" ")));
    }
    let posted = tokio::time::timeout(hook.timeout, hook.target.post(&headers, letter.body.clone())).await;
    posted.unwrap_or_else(|_| {
        let message = format!("no answer of {} within {} ms", hook.target.origin(), hook.timeout.as_millis());
        Err(Failure { message, again: Again::Later(None) })
    })
}
