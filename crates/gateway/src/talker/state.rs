//! When a talker publishes: from its first sound, until it falls silent or lets the button go.
//!
//! Owns nothing but the state; the task in [`talker`](super) does what it says.
use media::Moment;
use std::time::Duration;

/// So long without a packet, and the channel is free for the next: 2 s. Opus with DTX sends one every 400 ms in silence.
const SILENCE_MAX: Duration = Duration::from_secs(2);
/// Whoever was refused and speaks on is tried again once a second.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// `Silent` → `Asking` with the first sound → `Talking` when granted, or `Waiting` first behind others → `Silent` after
/// [`SILENCE_MAX`] without one. `Asking` → `Refused`, also from `Talking` and `Waiting` when the stream takes no more →
/// `Asking` with the first sound after [`AGAIN_AFTER`]. `Released` from everywhere when the button is let go → `Silent`
/// when it is pressed again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    Silent,
    Asking,
    Waiting { heard_at: Moment },
    Talking { heard_at: Moment },
    Refused { again_at: Moment },
    Released,
}

/// What the peer says of its talk button.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Button {
    /// It has none: its packets alone say when it talks.
    Absent,
    /// Pressed.
    Down,
    /// Let go: what still comes is not to be heard.
    Up,
}

impl Button {
    /// What it says once its signalling is gone. A page that was closed lets go of what it held down; its session may live
    /// on for seconds, and the device's call with it.
    pub(super) const fn abandoned(self) -> Self {
        match self {
            Button::Down | Button::Up => Button::Up,
            Button::Absent => Button::Absent,
        }
    }
}

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Event {
    /// A piece of sound came.
    Sound,
    Button(Button),
    /// The right to publish is ours.
    Granted,
    /// It will be, after others.
    Queued,
    /// It is not.
    Refused,
    /// The stream takes no more.
    Ended,
    /// Time passed.
    Time,
}

/// What is to be done about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Act {
    Nothing,
    /// Ask for the right to publish; keep the sound until then.
    Ask,
    /// Keep the sound until the answer comes.
    Keep,
    /// Publish the sound.
    Push,
    /// Publish what was kept.
    PushKept,
    /// Stop publishing or asking; what was kept is gone.
    Leave,
}

impl State {
    /// Takes what happened; says what to do.
    pub(super) fn handle(&mut self, event: Event, now: Moment) -> Act {
        let (state, act) = match (*self, event) {
            (State::Silent, Event::Sound) => (State::Asking, Act::Ask),
            (State::Refused { again_at }, Event::Sound) if now >= again_at => (State::Asking, Act::Ask),
            (State::Asking, Event::Sound) => (State::Asking, Act::Keep),
            // Who waits is heard by nobody, but shows so that it goes on wanting to.
            (State::Waiting { .. }, Event::Sound) => (State::Waiting { heard_at: now }, Act::Push),
            (State::Talking { .. }, Event::Sound) => (State::Talking { heard_at: now }, Act::Push),
            (State::Asking, Event::Granted) => (State::Talking { heard_at: now }, Act::PushKept),
            (State::Asking, Event::Queued) => (State::Waiting { heard_at: now }, Act::PushKept),
            (State::Waiting { heard_at }, Event::Granted) => (State::Talking { heard_at }, Act::Nothing),
            (State::Talking { heard_at }, Event::Queued) => (State::Waiting { heard_at }, Act::Nothing),
            (State::Asking, Event::Refused)
            | (State::Waiting { .. } | State::Talking { .. }, Event::Ended) => {
                (State::Refused { again_at: now + AGAIN_AFTER }, Act::Leave)
            }
            (State::Waiting { heard_at } | State::Talking { heard_at }, Event::Time)
                if now >= heard_at + SILENCE_MAX =>
            {
                (State::Silent, Act::Leave)
            }
            (State::Asking | State::Waiting { .. } | State::Talking { .. }, Event::Button(Button::Up)) => {
                (State::Released, Act::Leave)
            }
            (State::Silent | State::Refused { .. }, Event::Button(Button::Up)) => {
                (State::Released, Act::Nothing)
            }
            (State::Refused { .. } | State::Released, Event::Button(Button::Down))
            | (State::Released, Event::Button(Button::Absent)) => (State::Silent, Act::Nothing),
            (
                state @ (State::Silent
                | State::Asking
                | State::Waiting { .. }
                | State::Talking { .. }
                | State::Refused { .. }
                | State::Released),
                Event::Sound
                | Event::Button(_)
                | Event::Granted
                | Event::Queued
                | Event::Refused
                | Event::Ended
                | Event::Time,
            ) => (state, Act::Nothing),
        };
        *self = state;
        act
    }

    /// When time alone changes something.
    pub(super) fn deadline(&self) -> Moment {
        match self {
            State::Waiting { heard_at } | State::Talking { heard_at } => *heard_at + SILENCE_MAX,
            State::Silent | State::Asking | State::Refused { .. } | State::Released => Moment::FAR_FUTURE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    const START: Moment = Moment::from_millis(10_000);

    #[test]
    fn every_event_in_every_state() {
        let states = [
            State::Silent,
            State::Asking,
            State::Waiting { heard_at: START },
            State::Talking { heard_at: START },
            State::Refused { again_at: START + AGAIN_AFTER },
            State::Released,
        ];
        let events = [
            Event::Sound,
            Event::Button(Button::Down),
            Event::Button(Button::Up),
            Event::Button(Button::Absent),
            Event::Granted,
            Event::Queued,
            Event::Refused,
            Event::Ended,
            Event::Time,
        ];
        let name = |state: State| match state {
            State::Silent => "Silent",
            State::Asking => "Asking",
            State::Waiting { .. } => "Waiting",
            State::Talking { .. } => "Talking",
            State::Refused { .. } => "Refused",
            State::Released => "Released",
        };
        let mut table = String::new();
        for state in states {
            // Before and after the times that count: a second after a refusal, two of silence.
            for after_ms in [500, 2_500] {
                writeln!(table, "{}, {after_ms} ms later", name(state)).unwrap();
                for event in events {
                    let mut next = state;
                    let act = next.handle(event, START + Duration::from_millis(after_ms));
                    let event = format!("{event:?}");
                    writeln!(table, "  {event:<14} -> {:<8} {act:?}", name(next)).unwrap();
                }
            }
        }
        insta::assert_snapshot!(table);
    }
}
