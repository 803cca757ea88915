//! Supervision of one source: when to start an attempt, when to try again, when to give up. Sans-IO.
//!
//! Source: DESIGN §5; docs/defects 5 (the call that would not end).
use crate::source::SourceError;
use media::{Fault, Moment};
use std::time::Duration;

/// How a source is tried again. Shown in the API with its values.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Policy {
    /// Wait after the first failure.
    pub start: Duration,
    /// Each further wait is this many times the one before.
    pub factor: f64,
    /// Longest wait.
    pub ceiling: Duration,
    /// Each wait is shortened or lengthened by up to this share, so that a hundred cameras do not dial at once.
    pub jitter: f64,
    /// Failing for this long in all, it gives up. `None`: never; a camera may be unplugged for a week.
    pub budget: Option<Duration>,
    /// Media must have flowed for this long before a failure counts as the first again.
    pub steady: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            start: Duration::from_secs(1),
            factor: 2.0,
            ceiling: Duration::from_secs(30),
            jitter: 0.2,
            budget: None,
            steady: Duration::from_secs(10),
        }
    }
}

impl Policy {
    /// For calls to a device's loudspeaker: nobody waits a minute to be heard, so after 30 s of failing it gives up
    /// until the talker tries anew, and says so.
    pub fn talk() -> Self {
        Self { ceiling: Duration::from_secs(8), budget: Some(Duration::from_secs(30)), ..Self::default() }
    }
}

/// `Idle` → `Connecting` on demand → `Live` with the first unit → `Backoff` on an end → `Connecting` …;
/// `GaveUp` after a hopeless failure or the budget. `Removed` is final; `GaveUp` is until somebody retries.
#[derive(Clone, PartialEq, Debug)]
pub enum SourceState {
    /// Nobody wants it. What it failed with last is not forgotten at once: whoever comes next does not restart the
    /// ladder.
    Idle,
    /// An attempt runs, without media yet.
    Connecting,
    /// Media flows since this moment.
    Live(Moment),
    /// Waits for the next attempt.
    Backoff {
        /// When that is.
        until: Moment,
    },
    /// No further attempt.
    GaveUp,
    /// The source was removed.
    Removed,
}

impl SourceState {
    /// The word for logs and the API.
    pub const fn as_str(&self) -> &'static str {
        match self {
            SourceState::Idle => "idle",
            SourceState::Connecting => "connecting",
            SourceState::Live(_) => "live",
            SourceState::Backoff { .. } => "backoff",
            SourceState::GaveUp => "gave_up",
            SourceState::Removed => "removed",
        }
    }
}

/// What the owner does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Output {
    /// Start an attempt.
    Start,
    /// Drained: poll again at this moment or after any `handle_*`.
    WaitUntil(Moment),
}

/// Supervises one source.
#[derive(Debug)]
pub struct Supervisor {
    policy: Policy,
    state: SourceState,
    wanted: bool,
    /// Attempts since media last flowed steadily.
    attempt: u32,
    failing_since: Option<Moment>,
    /// While idle: since when, and when the next attempt would have been due.
    rests: Option<(Moment, Moment)>,
    last_error: Option<(String, Option<Fault>)>,
}

impl Supervisor {
    /// An idle source.
    pub fn new(policy: Policy) -> Self {
        let state = SourceState::Idle;
        Self { policy, state, wanted: false, attempt: 0, failing_since: None, rests: None, last_error: None }
    }

    /// The state now.
    pub fn state(&self) -> &SourceState {
        &self.state
    }

    /// Which attempt this is or was; 0 before the first.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The policy in force.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Another policy from now on. What runs or waits does so to its end; the next failure is under the new one.
    pub fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
    }

    /// True while somebody wants it.
    pub fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Why the last attempt ended, and whose fault it was; nobody's if the peer ended it in order.
    pub fn last_error(&self) -> Option<&(String, Option<Fault>)> {
        self.last_error.as_ref()
    }

    /// True when the last attempt ended without having brought media for long, and none since has.
    pub fn is_failing(&self) -> bool {
        match self.state {
            SourceState::Idle | SourceState::Connecting => self.failing_since.is_some(),
            SourceState::Backoff { .. } | SourceState::GaveUp | SourceState::Removed => true,
            SourceState::Live(_) => false,
        }
    }

    /// Somebody wants the source, or nobody any more. Running attempts are the owner's to stop.
    pub fn handle_demand(&mut self, wanted: bool, now: Moment) {
        if self.wanted == wanted {
            return;
        }
        self.wanted = wanted;
        if wanted {
            self.wake_up(now);
        } else {
            self.rest(now);
        }
    }

    fn rest(&mut self, now: Moment) {
        let due = match self.state {
            SourceState::Idle | SourceState::Removed | SourceState::GaveUp => return,
            SourceState::Backoff { until } => until,
            SourceState::Connecting => now,
            SourceState::Live(since) => {
                if now.since(since) >= self.policy.steady {
                    self.attempt = 0;
                    self.failing_since = None;
                }
                now
            }
        };
        if self.failing_since.is_none() {
            self.attempt = 0;
        }
        self.state = SourceState::Idle;
        self.rests = Some((now, due));
    }

    /// Goes on where the ladder was left, unless that is long ago. Whoever comes waits no longer than after a first
    /// failure, and rest does not count as failing.
    fn wake_up(&mut self, now: Moment) {
        let Some((since, due)) = self.rests.take() else { return };
        if !matches!(self.state, SourceState::Idle) {
            return;
        }
        let rested = now.since(since);
        if self.attempt > 0 && rested >= self.policy.ceiling {
            self.attempt = 0;
            self.failing_since = None;
        }
        self.failing_since = self.failing_since.map(|at| at + rested);
        if self.failing_since.is_some() && due > now {
            self.state = SourceState::Backoff { until: due.min(now + self.policy.start) };
        }
    }

    /// The first unit of an attempt arrived.
    pub fn handle_media(&mut self, now: Moment) {
        if matches!(self.state, SourceState::Connecting) {
            self.state = SourceState::Live(now);
            self.last_error = None;
        }
    }

    /// The attempt ended. `jitter` is a random number in -1..=1.
    pub fn handle_end(&mut self, result: Result<(), SourceError>, jitter: f64, now: Moment) {
        let steady = match self.state {
            SourceState::Live(since) => now.since(since) >= self.policy.steady,
            SourceState::Connecting => false,
            SourceState::Idle | SourceState::Backoff { .. } | SourceState::GaveUp | SourceState::Removed => {
                return;
            }
        };
        if steady {
            self.attempt = 1;
            self.failing_since = None;
        }
        let since = *self.failing_since.get_or_insert(now);
        let hopeless = match result {
            // An orderly end is nobody's fault; the ladder holds all the same.
            Ok(()) => {
                self.last_error = Some(("the peer ended it in order".into(), None));
                false
            }
            Err(error) => {
                self.last_error = Some((error.message, Some(error.fault)));
                !error.retry
            }
        };
        let spent = self.policy.budget.is_some_and(|budget| now.since(since) >= budget);
        self.state = if hopeless || spent {
            SourceState::GaveUp
        } else {
            SourceState::Backoff { until: now + self.wait(jitter) }
        };
    }

    fn wait(&self, jitter: f64) -> Duration {
        let exponent = i32::try_from(self.attempt.saturating_sub(1)).unwrap_or(i32::MAX).min(64);
        let wait = self.policy.start.as_secs_f64() * self.policy.factor.powi(exponent);
        let wait = wait.min(self.policy.ceiling.as_secs_f64());
        Duration::from_secs_f64(wait * (1.0 + self.policy.jitter * jitter.clamp(-1.0, 1.0)))
    }

    /// Somebody asks for another try now, also after giving up.
    pub fn handle_retry(&mut self, now: Moment) {
        match self.state {
            SourceState::GaveUp | SourceState::Backoff { .. } => {
                self.attempt = 0;
                self.failing_since = None;
                self.state = SourceState::Backoff { until: now };
            }
            SourceState::Idle | SourceState::Connecting | SourceState::Live(_) | SourceState::Removed => {}
        }
    }

    /// The source is gone for good.
    pub fn handle_remove(&mut self) {
        self.state = SourceState::Removed;
        self.wanted = false;
        self.rests = None;
    }

    /// What to do next.
    pub fn poll_output(&mut self, now: Moment) -> Output {
        let due = match self.state {
            SourceState::Idle => self.wanted,
            SourceState::Backoff { until } if now < until => return Output::WaitUntil(until),
            SourceState::Backoff { .. } => self.wanted,
            SourceState::Connecting | SourceState::Live(_) | SourceState::GaveUp | SourceState::Removed => {
                false
            }
        };
        if !due {
            return Output::WaitUntil(Moment::FAR_FUTURE);
        }
        self.attempt += 1;
        self.state = SourceState::Connecting;
        Output::Start
    }
}

#[cfg(test)]
mod tests;
