//! The way down for one child: stdin closed, TERM to its group, KILL to its group, cleared away; each with a deadline.
//!
//! Owns where the child stands on that way and since when. Signals, pipes, processes and clocks are the owner's work.
use media::Moment;
use std::time::Duration;

/// How long each rung may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Times {
    /// The first bytes come so soon after the start; `None`: nobody waits for any.
    pub(super) start: Option<Duration>,
    /// From its stdin's end to its own; `None`: it has no stdin.
    pub(super) stdin: Option<Duration>,
    /// From TERM to KILL; `None`: KILL at once.
    pub(super) term: Option<Duration>,
    /// From KILL until nothing of it is left. Only the kernel can hold it up.
    pub(super) kill: Duration,
}

/// What was done to make it end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Rung {
    /// Its stdin was closed.
    Stdin,
    /// Its group got TERM, or what is configured in its place.
    Term,
    /// Its group got KILL.
    Kill,
}

/// Why it was made to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// Whoever had it started wants no more.
    Stopped,
    /// Nothing came of it in time.
    NoStart,
    /// The server shuts down.
    Shutdown,
}

/// How the process itself ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// With this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Somebody else took the answer away.
    Unknown,
}

/// The whole story, once it is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ending {
    /// How the process ended; `None`: it has not, KILL did not take.
    pub(super) exit: Option<Exit>,
    /// The last thing that was done about it before it ended; `None`: it ended by itself.
    pub(super) rung: Option<Rung>,
    /// Why it was made to end; `None`: it was not.
    pub(super) why: Option<Why>,
}

/// The next thing the owner does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Output {
    /// Send TERM, or what is configured in its place, to the group.
    Terminate,
    /// Send KILL to the group.
    Kill,
    /// Its own process has ended: KILL to the group while it still holds the group's number, then reap it, then see
    /// until nobody of the group is left.
    Clear,
    /// KILL did not take in time: say so, and let nobody wait any longer.
    Stuck(Ending),
    /// Nothing is left. Final: it is all there is from now on.
    Ended(Ending),
    /// Drained: poll again at this moment or after any `handle_*`.
    WaitUntil(Moment),
}

/// `Starting` → `Running` at the first bytes. From both, when it is to end: → `ClosingStdin` → `Terminating` →
/// `Killing` → `Stuck`, each at the deadline of the one before and those it has no time for left out. From each of
/// these, when its process has ended: → `Clearing` → `Late` at the deadline. From both, when nobody of its group is left:
/// → `Ended`, which is final.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Starting { until: Moment },
    Running,
    ClosingStdin { until: Moment },
    Terminating { until: Moment },
    Killing { until: Moment },
    Stuck,
    Clearing { until: Moment },
    Late,
    Ended,
}

/// The way down of one child.
#[derive(Debug)]
pub(super) struct Ladder {
    times: Times,
    state: State,
    ending: Ending,
    /// What the last step asks the owner to do.
    due: Option<Output>,
}

impl Ladder {
    /// The child was started at `now`.
    pub(super) fn new(times: Times, now: Moment) -> Self {
        let state = match times.start {
            Some(within) => State::Starting { until: now + within },
            None => State::Running,
        };
        Self { times, state, ending: Ending { exit: None, rung: None, why: None }, due: None }
    }

    /// The state's name, for reports.
    pub(super) fn state(&self) -> &'static str {
        match self.state {
            State::Starting { .. } => "starting",
            State::Running => "running",
            State::ClosingStdin { .. } => "closing_stdin",
            State::Terminating { .. } => "terminating",
            State::Killing { .. } => "killing",
            State::Stuck => "stuck",
            State::Clearing { .. } | State::Late => "clearing",
            State::Ended => "ended",
        }
    }

    /// Something came of it.
    pub(super) fn handle_first_bytes(&mut self) {
        match self.state {
            State::Starting { .. } => self.state = State::Running,
            State::Running
            | State::ClosingStdin { .. }
            | State::Terminating { .. }
            | State::Killing { .. }
            | State::Stuck
            | State::Clearing { .. }
            | State::Late
            | State::Ended => {}
        }
    }

    /// It is to end.
    pub(super) fn handle_stop(&mut self, why: Why, now: Moment) {
        match self.state {
            State::Starting { .. } | State::Running => {
                self.ending.why = Some(why);
                self.begin(now);
            }
            // It is on its way.
            State::ClosingStdin { .. }
            | State::Terminating { .. }
            | State::Killing { .. }
            | State::Stuck
            | State::Clearing { .. }
            | State::Late
            | State::Ended => {}
        }
    }

    /// Nobody waits for it any more: it is to end, and if it was told so already, at once.
    pub(super) fn handle_abandoned(&mut self, now: Moment) {
        match self.state {
            State::Starting { .. } | State::Running => self.handle_stop(Why::Stopped, now),
            State::ClosingStdin { .. } | State::Terminating { .. } => self.kill(now),
            State::Killing { .. } | State::Stuck | State::Clearing { .. } | State::Late | State::Ended => {}
        }
    }

    /// Its own process has ended.
    pub(super) fn handle_exit(&mut self, exit: Exit, now: Moment) {
        match self.state {
            State::Starting { .. }
            | State::Running
            | State::ClosingStdin { .. }
            | State::Terminating { .. }
            | State::Killing { .. }
            | State::Stuck => {
                self.ending.exit = Some(exit);
                self.state = State::Clearing { until: now + self.times.kill };
                self.due = Some(Output::Clear);
            }
            State::Clearing { .. } | State::Late | State::Ended => {}
        }
    }

    /// Nobody of its group is left.
    pub(super) fn handle_cleared(&mut self) {
        match self.state {
            State::Clearing { .. } | State::Late => self.state = State::Ended,
            // The group's first process is its own, so its end comes first.
            State::Starting { .. }
            | State::Running
            | State::ClosingStdin { .. }
            | State::Terminating { .. }
            | State::Killing { .. }
            | State::Stuck
            | State::Ended => {}
        }
    }

    /// What to do next.
    pub(super) fn poll_output(&mut self, now: Moment) -> Output {
        if self.due.is_none() {
            self.pass_deadlines(now);
        }
        if let Some(due) = self.due.take() {
            return due;
        }
        match self.state {
            State::Starting { until }
            | State::ClosingStdin { until }
            | State::Terminating { until }
            | State::Killing { until }
            | State::Clearing { until } => Output::WaitUntil(until),
            State::Running | State::Stuck | State::Late => Output::WaitUntil(Moment::FAR_FUTURE),
            State::Ended => Output::Ended(self.ending),
        }
    }

    fn pass_deadlines(&mut self, now: Moment) {
        match self.state {
            State::Starting { until } if now >= until => self.handle_stop(Why::NoStart, now),
            State::ClosingStdin { until } if now >= until => self.terminate(now),
            State::Terminating { until } if now >= until => self.kill(now),
            State::Killing { until } if now >= until => {
                self.state = State::Stuck;
                self.due = Some(Output::Stuck(self.ending));
            }
            State::Clearing { until } if now >= until => {
                self.state = State::Late;
                self.due = Some(Output::Stuck(self.ending));
            }
            State::Starting { .. }
            | State::Running
            | State::ClosingStdin { .. }
            | State::Terminating { .. }
            | State::Killing { .. }
            | State::Stuck
            | State::Clearing { .. }
            | State::Late
            | State::Ended => {}
        }
    }

    fn begin(&mut self, now: Moment) {
        match self.times.stdin {
            // Closing it is done by whoever holds it, before they say stop.
            Some(within) => {
                self.ending.rung = Some(Rung::Stdin);
                self.state = State::ClosingStdin { until: now + within };
            }
            None => self.terminate(now),
        }
    }

    fn terminate(&mut self, now: Moment) {
        match self.times.term {
            Some(within) => {
                self.ending.rung = Some(Rung::Term);
                self.state = State::Terminating { until: now + within };
                self.due = Some(Output::Terminate);
            }
            None => self.kill(now),
        }
    }

    fn kill(&mut self, now: Moment) {
        self.ending.rung = Some(Rung::Kill);
        self.state = State::Killing { until: now + self.times.kill };
        self.due = Some(Output::Kill);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    const TIMES: Times = Times {
        start: Some(Duration::from_secs(30)),
        stdin: Some(Duration::from_secs(1)),
        term: Some(Duration::from_secs(2)),
        kill: Duration::from_secs(4),
    };

    fn drain(ladder: &mut Ladder, now: Moment) -> (Vec<Output>, Moment) {
        let mut outputs = Vec::new();
        loop {
            match ladder.poll_output(now) {
                Output::WaitUntil(until) => return (outputs, until),
                output @ Output::Ended(_) => {
                    outputs.push(output);
                    return (outputs, Moment::FAR_FUTURE);
                }
                output @ (Output::Terminate | Output::Kill | Output::Clear | Output::Stuck(_)) => {
                    outputs.push(output)
                }
            }
        }
    }

    /// A ladder in the state that so many passed deadlines and events lead to.
    fn in_state(state: &str) -> (Ladder, Moment) {
        let mut now = Moment::from_millis(1_000);
        let mut ladder = Ladder::new(TIMES, now);
        drain(&mut ladder, now);
        let down = ["closing_stdin", "terminating", "killing", "stuck"];
        if let Some(steps) = down.iter().position(|known| *known == state) {
            ladder.handle_stop(Why::Stopped, now);
            for _ in 0..steps {
                now = drain(&mut ladder, now).1;
            }
        } else if state != "starting" {
            ladder.handle_first_bytes();
            if state != "running" {
                ladder.handle_exit(Exit::Code(0), now);
            }
            if state == "late" {
                now = drain(&mut ladder, now).1;
            }
            if state == "ended" {
                drain(&mut ladder, now);
                ladder.handle_cleared();
            }
        }
        drain(&mut ladder, now);
        (ladder, now)
    }

    #[test]
    fn every_event_in_every_state() {
        type Event = (&'static str, fn(&mut Ladder, &mut Moment));
        let events: [Event; 7] = [
            ("first bytes", |ladder, _| ladder.handle_first_bytes()),
            ("stop", |ladder, now| ladder.handle_stop(Why::Stopped, *now)),
            ("shutdown", |ladder, now| ladder.handle_stop(Why::Shutdown, *now)),
            ("abandoned", |ladder, now| ladder.handle_abandoned(*now)),
            ("exit", |ladder, now| ladder.handle_exit(Exit::Signal(15), *now)),
            ("cleared", |ladder, _| ladder.handle_cleared()),
            ("deadline", |ladder, now| *now = drain(ladder, *now).1.min(*now + Duration::from_secs(99))),
        ];
        let states = [
            "starting",
            "running",
            "closing_stdin",
            "terminating",
            "killing",
            "stuck",
            "clearing",
            "late",
            "ended",
        ];
        let mut table = String::new();
        for state in states {
            writeln!(table, "{state}").unwrap();
            for (name, event) in &events {
                let (mut ladder, mut now) = in_state(state);
                event(&mut ladder, &mut now);
                let (outputs, until) = drain(&mut ladder, now);
                let until = if until == Moment::FAR_FUTURE {
                    "-".to_owned()
                } else {
                    format!("{:?}", until.since(now))
                };
                writeln!(table, "  {name:<11} -> {:?} {until} {outputs:?}", ladder.state).unwrap();
            }
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn rungs_without_a_time_are_left_out() {
        let now = Moment::from_millis(1_000);
        let mut ladder = Ladder::new(Times { stdin: None, ..TIMES }, now);
        ladder.handle_stop(Why::Stopped, now);
        assert_eq!(drain(&mut ladder, now).0, [Output::Terminate]);
        let mut ladder = Ladder::new(Times { stdin: None, term: None, start: None, ..TIMES }, now);
        assert_eq!(ladder.state(), "running");
        ladder.handle_stop(Why::Stopped, now);
        assert_eq!(drain(&mut ladder, now).0, [Output::Kill]);
    }

    #[test]
    fn one_that_never_starts_says_so_however_it_ends() {
        let now = Moment::from_millis(1_000);
        let mut ladder = Ladder::new(Times { stdin: None, ..TIMES }, now);
        let (outputs, until) = drain(&mut ladder, now);
        assert_eq!((outputs.len(), until), (0, now + Duration::from_secs(30)));
        assert_eq!(drain(&mut ladder, until).0, [Output::Terminate]);
        ladder.handle_exit(Exit::Signal(15), until);
        assert_eq!(drain(&mut ladder, until).0, [Output::Clear]);
        ladder.handle_cleared();
        let ending = Ending { exit: Some(Exit::Signal(15)), rung: Some(Rung::Term), why: Some(Why::NoStart) };
        assert_eq!(drain(&mut ladder, until).0, [Output::Ended(ending)]);
    }
}
