//! The orderly end. Source: RFC 2326 §10.7.
use super::{Client, Event, State};
use crate::rtsp::message::{Method, Request};
use media::Moment;

/// What became of the TEARDOWN of a session that was closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Goodbye {
    /// None was sent: there was no session to end.
    #[default]
    NotSaid,
    /// No answer came; none yet, or none in time.
    Unanswered,
    /// The server answered with this status.
    Answered(u16),
    /// The server ended the connection or the session by itself.
    HungUp,
}

impl Client {
    /// What became of TEARDOWN.
    pub fn goodbye(&self) -> Goodbye {
        self.goodbye
    }

    /// Ends the session: TEARDOWN if there is one, with a deadline; then [`Event::Closed`].
    pub fn close(&mut self, now: Moment) {
        match self.state {
            State::Setup(_) | State::Ports(_) | State::Play | State::Playing
                if self.tracks.iter().any(|track| track.ready) && !self.disconnected =>
            {
                self.say_goodbye();
                self.goodbye = Goodbye::Unanswered;
                self.state = State::Teardown { deadline: now + self.config.timeouts.teardown };
                let request = Request::new(Method::Teardown, self.aggregate.clone());
                self.send(self.for_talk(request), now);
            }
            State::Idle
            | State::Options
            | State::Describe
            | State::Setup(_)
            | State::Ports(_)
            | State::Play
            | State::Playing => self.finish(),
            State::Teardown { .. } | State::Moved | State::Closed | State::Failed(_) => {}
        }
    }

    /// Ends, and keeps what became of TEARDOWN.
    pub(super) fn part(&mut self, goodbye: Goodbye) {
        self.goodbye = goodbye;
        self.finish();
    }

    pub(super) fn finish(&mut self) {
        self.state = State::Closed;
        self.pending = None;
        self.event(Event::Closed);
    }
}
