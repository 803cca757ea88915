//! DESCRIBE and ANNOUNCE: what a stream has. Source: RFC 2326 §10.2, §10.3.
use super::path::{Controls, Target, back_channels, base_of};
use super::{Event, Session, Slot, State, Waiting, WaitingFor};
use crate::rtsp::message::Request;
use bytes::Bytes;
use formats::sdp;
use media::TrackId;

impl Session {
    pub(super) fn handle_describe(&mut self, request: Request) {
        match self.state {
            State::Init | State::Described => {}
            // Some players ask again while they play; the answer changes nothing.
            State::ReadyToPlay | State::Playing => {}
            State::Announced | State::ReadyToRecord | State::Recording | State::Closed | State::Failed(_) => {
                return self.refuse_in_this_state(&request);
            }
        }
        let target = Target::of(&request.uri);
        let user = self.user.clone();
        let back_channel = Self::requires_back_channel(&request);
        self.waiting = Some(Waiting { request, kind: WaitingFor::Describe });
        self.event(Event::Describe { target, user, back_channel });
    }

    /// Answers DESCRIBE with a description whose sections are the tracks 0, 1, …; what the reader sends on those with
    /// `a=sendonly` becomes [`Event::Rtp`]. False when none waits.
    pub fn describe_ok(&mut self, sdp: impl Into<Bytes>) -> bool {
        let Some(waiting) = self.waiting.take_if(|waiting| matches!(waiting.kind, WaitingFor::Describe))
        else {
            return false;
        };
        let request = waiting.request;
        let base = base_of(&request.uri);
        let mut response = self.response(&request, 200).with("Content-Type", "application/sdp");
        if !base.is_empty() {
            response.headers.push("Content-Base", base.clone());
        }
        response.body = sdp.into();
        if matches!(self.state, State::Init | State::Described) {
            self.state = State::Described;
            self.target = Target::of(&request.uri);
            self.base = base;
            self.controls = Controls::of_sdp(&response.body);
            let backs = back_channels(&response.body).into_iter();
            self.slots = (0..self.controls.len())
                .zip(backs.chain(std::iter::repeat(false)))
                .map(|(track, back)| Slot { track: Some(track as TrackId), carrier: None, back })
                .collect();
        }
        self.transmit(response);
        true
    }

    pub(super) fn handle_announce(&mut self, request: Request) {
        match self.state {
            State::Init | State::Announced => {}
            State::Described
            | State::ReadyToPlay
            | State::Playing
            | State::ReadyToRecord
            | State::Recording
            | State::Closed
            | State::Failed(_) => return self.refuse_in_this_state(&request),
        }
        let description = match sdp::parse(&request.body) {
            Ok(description) => description,
            Err(error) => return self.refuse(&request, 400, &error.to_string()),
        };
        if description.sections.is_empty() {
            let skipped = description.skipped.join("; ");
            let text = format!("Unsupported Media Type: nothing to take ({skipped})");
            return self.refuse(&request, 415, &text);
        }
        let controls = Controls::of_sdp(&request.body);
        let target = Target::of(&request.uri);
        let (user, sdp) = (self.user.clone(), request.body.clone());
        // Sections that are not understood are accepted and their media dropped: an encoder whose data track is
        // refused would give up the whole stream.
        let mut slots = vec![Slot::default(); controls.len()];
        let mut without_control = 0;
        for (track, section) in description.sections.iter().enumerate() {
            let at = controls.section_of(section.control.as_deref(), without_control);
            without_control += usize::from(section.control.is_none());
            if let Some(slot) = at.and_then(|at| slots.get_mut(at)) {
                slot.track = Some(track as TrackId);
            }
        }
        self.slots = slots;
        self.waiting = Some(Waiting { request, kind: WaitingFor::Announce(controls) });
        self.event(Event::Announce { target, user, description: Box::new(description), sdp });
    }

    /// Answers ANNOUNCE. False when none waits.
    pub fn announce_ok(&mut self) -> bool {
        let Some(Waiting { request, kind: WaitingFor::Announce(controls) }) =
            self.waiting.take_if(|waiting| matches!(waiting.kind, WaitingFor::Announce(_)))
        else {
            return false;
        };
        self.state = State::Announced;
        self.target = Target::of(&request.uri);
        self.base = base_of(&request.uri);
        self.controls = controls;
        let response = self.response(&request, 200);
        self.transmit(response);
        true
    }
}
