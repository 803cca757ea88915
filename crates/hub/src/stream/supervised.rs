//! One supervised task of a stream: a source or an output, attempt after attempt, each ended by its owner.
//!
//! It says when to start (the ladder is [`Supervisor`]'s), takes the attempt that was started, notices its end, and ends
//! it in order when nobody needs it any more: the word to stop, its answer or a deadline, then the next attempt.
use crate::report::EndReport;
use crate::source::{SourceError, Step};
use crate::supervise::{Output, Policy, SourceState, Supervisor};
use crate::worker::Worker;
use crate::{clock, wall_now};
use media::{Moment, StreamName, WallTime};
use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

type Attempt = JoinHandle<Option<Result<(), SourceError>>>;

/// An attempt that runs.
pub(crate) struct Running {
    pub(crate) task: Attempt,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) steps: Rc<RefCell<Vec<Step>>>,
}

/// Who it is, for reports and logs.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) stream: StreamName,
    pub(crate) what: &'static str,
    pub(crate) index: usize,
    pub(crate) url: String,
}

/// One source or output.
pub(crate) struct Supervised {
    pub(crate) identity: Identity,
    pub(crate) supervisor: Supervisor,
    running: Option<Running>,
    ending: Option<JoinHandle<Option<EndReport>>>,
    since: WallTime,
    told: &'static str,
    /// The last attempt ended because a signal killed its child.
    pub(crate) child_killed: bool,
    /// When it stops, since nobody needs it.
    idle_at: Moment,
}

/// What became of a [`Supervised`].
pub(crate) enum Turned {
    /// The attempt ended by itself.
    Ended,
    /// The attempt that was told to stop has.
    Stopped,
}

impl Supervised {
    pub(crate) fn new(identity: Identity, policy: Policy) -> Self {
        Self {
            identity,
            supervisor: Supervisor::new(policy),
            running: None,
            ending: None,
            since: wall_now(),
            told: "idle",
            child_killed: false,
            idle_at: Moment::FAR_FUTURE,
        }
    }

    pub(crate) fn state(&self) -> &SourceState {
        self.supervisor.state()
    }

    pub(crate) fn since(&self) -> WallTime {
        self.since
    }

    pub(crate) fn runs(&self) -> bool {
        self.running.is_some()
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.ending.is_some()
    }

    /// It is needed, or not: then it outlasts the need by `linger`. True when it must be stopped now.
    pub(crate) fn handle_need(&mut self, needed: bool, linger: Duration, now: Moment) -> bool {
        if needed {
            self.idle_at = Moment::FAR_FUTURE;
            self.supervisor.handle_demand(true, now);
            return false;
        }
        if self.idle_at == Moment::FAR_FUTURE && self.supervisor.is_wanted() {
            self.idle_at = now + linger;
        }
        if now < self.idle_at {
            return false;
        }
        self.idle_at = Moment::FAR_FUTURE;
        self.supervisor.handle_demand(false, now);
        self.running.is_some()
    }

    /// `true`: start an attempt now. Else the moment to ask again.
    pub(crate) fn poll_start(&mut self, now: Moment) -> (bool, Moment) {
        if self.running.is_some() || self.ending.is_some() {
            return (false, self.idle_at);
        }
        match self.supervisor.poll_output(now) {
            Output::Start => (true, self.idle_at),
            Output::WaitUntil(at) => (false, at.min(self.idle_at)),
        }
    }

    pub(crate) fn started(&mut self, running: Running) {
        self.child_killed = false;
        self.running = Some(running);
    }

    /// The attempt could not even start.
    pub(crate) fn not_started(&mut self, error: SourceError, now: Moment) {
        self.supervisor.handle_end(Err(error), 0.0, now);
    }

    /// Notices what ended.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, now: Moment) -> Poll<Turned> {
        if let Some(ending) = &mut self.ending
            && std::pin::Pin::new(ending).poll(cx).is_ready()
        {
            self.ending = None;
            return Poll::Ready(Turned::Stopped);
        }
        let Some(running) = &mut self.running else { return Poll::Pending };
        let Poll::Ready(result) = std::pin::Pin::new(&mut running.task).poll(cx) else {
            return Poll::Pending;
        };
        self.running = None;
        let result = outcome(result);
        self.child_killed = result.as_ref().is_err_and(|error| error.child_killed);
        self.supervisor.handle_end(result, rand::random_range(-1.0..=1.0), now);
        Poll::Ready(Turned::Ended)
    }

    /// Ends an attempt that is no good, for the supervisor to try again.
    pub(crate) fn fail(&mut self, error: SourceError, worker: &Worker, within: Duration, now: Moment) {
        if self.running.is_some() {
            self.stop(worker, within);
            self.supervisor.handle_end(Err(error), rand::random_range(-1.0..=1.0), now);
        }
    }

    /// Begins to end the attempt in order, or by force at the deadline. No other starts until nothing is left of it.
    pub(crate) fn stop(&mut self, worker: &Worker, within: Duration) {
        let Some(running) = self.running.take() else { return };
        // Now, and not when that task comes to run: the attempt is to hear it before it sees what ends around it.
        running.stop.send_replace(true);
        let identity = self.identity.clone();
        let owner = format!("end of {} {} of {}", identity.what, identity.index, identity.stream);
        let earlier = self.ending.take();
        self.ending = Some(worker.spawn(owner, async move {
            if let Some(earlier) = earlier {
                let _ = earlier.await;
            }
            end(running, identity, within).await
        }));
    }

    /// Waits until nothing is left of the attempt that was told to stop, and says how that went.
    pub(crate) async fn stopped(&mut self) -> Option<EndReport> {
        let ending = self.ending.take()?;
        ending.await.ok().flatten()
    }

    /// The state, if it changed since the last call.
    pub(crate) fn take_change(&mut self) -> Option<&'static str> {
        let state = self.supervisor.state().as_str();
        if state == self.told {
            return None;
        }
        self.told = state;
        self.since = wall_now();
        Some(state)
    }

    /// When the next try is due, as the clock on the wall says.
    pub(crate) fn next_try(&self, now: Moment) -> Option<WallTime> {
        match self.supervisor.state() {
            SourceState::Backoff { until } => {
                let wait = i64::try_from(until.since(now).as_micros()).unwrap_or(i64::MAX);
                Some(WallTime::from_micros(wall_now().as_micros().saturating_add(wait)))
            }
            SourceState::Idle
            | SourceState::Connecting
            | SourceState::Live(_)
            | SourceState::GaveUp
            | SourceState::Removed => None,
        }
    }
}

/// Ends an attempt: the word to stop, its answer or the deadline.
pub(crate) async fn end(mut running: Running, identity: Identity, within: Duration) -> EndReport {
    let began = clock::now();
    running.stop.send_replace(true);
    let (in_time, error) = tokio::select! {
        result = &mut running.task => (true, outcome(result).err().map(|error| error.message)),
        () = clock::sleep_until(began + within) => {
            running.task.abort();
            // Cancelled tasks end at once: this waits for their destructors.
            let _ = (&mut running.task).await;
            (false, None)
        }
    };
    let steps = running.steps.take();
    let Identity { stream, what, index, url } = identity;
    EndReport { stream, what, index, url, steps, in_time, error, took: clock::now().since(began) }
}

/// What an attempt came to.
pub(crate) fn outcome(
    result: Result<Option<Result<(), SourceError>>, tokio::task::JoinError>,
) -> Result<(), SourceError> {
    match result {
        Ok(Some(result)) => result,
        Ok(None) => Err(SourceError::ours("it failed inside (see the event owner.panicked)")),
        Err(_) => Err(SourceError::ours("it was dropped at its deadline")),
    }
}
