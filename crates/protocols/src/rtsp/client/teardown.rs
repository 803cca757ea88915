//! The orderly end. Source: RFC 2326 §10.7.
use super::{Client, Event, State};
use crate::rtsp::message::{Method, Request};
use media::Moment;

impl Client {
    /// Ends the session: TEARDOWN if there is one, with a deadline; then [`Event::Closed`].
    pub fn close(&mut self, now: Moment) {
        match self.state {
            State::Setup(_) | State::Ports(_) | State::Play | State::Playing
                if self.tracks.iter().any(|track| track.ready) && !self.disconnected =>
            {
                self.say_goodbye();
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

    pub(super) fn finish(&mut self) {
        self.state = State::Closed;
        self.pending = None;
        self.event(Event::Closed);
    }
}
