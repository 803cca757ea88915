//! PLAY, PAUSE, RECORD, TEARDOWN, and the watch over silent clients. Source: RFC 2326 §10.5 to §10.7, §10.11.
use super::{Error, Event, Played, Session, State, TrackStart, Waiting, WaitingFor};
use crate::rtsp::fields::{Range, RtpInfo, SessionField};
use crate::rtsp::message::{Request, Response};
use media::Moment;

impl Session {
    pub(super) fn handle_play(&mut self, request: Request) {
        let range = request.headers.get("Range").and_then(Range::parse);
        let scale = request.headers.get("Scale").and_then(|scale| scale.trim().parse().ok());
        // The past can be sought, and the present be returned to.
        let changes = scale.is_some()
            || matches!(range, Some(Range::Clock { .. } | Range::Npt { start: None, end: None }));
        match self.state {
            State::ReadyToPlay => {
                self.waiting = Some(Waiting { request, kind: WaitingFor::Play });
                self.event(Event::Play { range, scale });
            }
            State::Playing if changes => {
                self.waiting = Some(Waiting { request, kind: WaitingFor::Play });
                self.event(Event::Play { range, scale });
            }
            // Without that, a second PLAY changes nothing.
            State::Playing => {
                let response = self.in_session(&request);
                self.transmit(response);
            }
            State::Init
            | State::Described
            | State::Announced
            | State::ReadyToRecord
            | State::Recording
            | State::Closed
            | State::Failed(_) => self.refuse_in_this_state(&request),
        }
    }

    /// Answers PLAY of the present with where each track starts. Media may be written behind the reply. False when none
    /// waits.
    pub fn play_ok(&mut self, starts: &[TrackStart]) -> bool {
        self.played(starts, &Played::PRESENT)
    }

    /// Answers PLAY with what is played and where each track starts. Media may be written behind the reply. False when none
    /// waits.
    pub fn played(&mut self, starts: &[TrackStart], played: &Played) -> bool {
        let Some(waiting) = self.waiting.take_if(|waiting| matches!(waiting.kind, WaitingFor::Play)) else {
            return false;
        };
        self.state = State::Playing;
        let mut response = self.in_session(&waiting.request).with("Range", played.range.to_string());
        if let Some(scale) = played.scale {
            response.headers.push("Scale", format!("{scale:.3}"));
        }
        let infos: Vec<String> = starts.iter().map(|start| self.rtp_info(start).to_string()).collect();
        if !infos.is_empty() {
            response.headers.push("RTP-Info", infos.join(","));
        }
        self.transmit(response);
        true
    }

    fn rtp_info(&self, start: &TrackStart) -> RtpInfo {
        let slot = self.slots.iter().position(|slot| slot.track == Some(start.track));
        let control = slot.and_then(|slot| self.controls.get(slot)).map(str::to_owned);
        let control = control.unwrap_or_else(|| format!("trackID={}", start.track));
        let url = if control.contains("://") { control } else { format!("{}{control}", self.base) };
        RtpInfo { url, sequence: Some(start.sequence), rtptime: Some(start.rtptime) }
    }

    pub(super) fn handle_pause(&mut self, request: &Request) {
        self.state = match self.state {
            State::Playing => State::ReadyToPlay,
            State::Recording => State::ReadyToRecord,
            State::Init
            | State::Described
            | State::ReadyToPlay
            | State::Announced
            | State::ReadyToRecord
            | State::Closed
            | State::Failed(_) => return self.refuse_in_this_state(request),
        };
        let response = self.in_session(request);
        self.transmit(response);
        self.event(Event::Pause);
    }

    pub(super) fn handle_record(&mut self, request: &Request, now: Moment) {
        let first = match self.state {
            State::ReadyToRecord => true,
            State::Recording => false,
            State::Init
            | State::Described
            | State::ReadyToPlay
            | State::Playing
            | State::Announced
            | State::Closed
            | State::Failed(_) => return self.refuse_in_this_state(request),
        };
        let response = self.in_session(request);
        self.transmit(response);
        if first {
            self.state = State::Recording;
            self.media_at = now;
            self.event(Event::Record);
        }
    }

    pub(super) fn handle_teardown(&mut self, request: &Request) {
        let response = self.response(request, 200);
        self.transmit(response);
        self.event(Event::Teardown);
        self.finish();
    }

    /// 200 with the session's id, also for clients that leave it out.
    fn in_session(&self, request: &Request) -> Response {
        let mut response = self.response(request, 200);
        if request.headers.get("Session").is_none() {
            response.headers.push("Session", SessionField { id: self.id.clone(), timeout: None }.to_string());
        }
        response
    }

    /// When silence becomes an error, and which.
    pub(super) fn deadline(&self) -> (Moment, Error) {
        let silent = Error::ClientSilent { timeout: self.config.reader_timeout };
        let heard = (self.heard_at + self.config.reader_timeout, silent);
        match self.state {
            State::Recording => {
                let timeout = self.config.ingest_timeout;
                (self.media_at + timeout, Error::MediaSilent { timeout })
            }
            State::Init
            | State::Described
            | State::ReadyToPlay
            | State::Playing
            | State::Announced
            | State::ReadyToRecord => heard,
            State::Closed | State::Failed(_) => (Moment::FAR_FUTURE, heard.1),
        }
    }

    pub(super) fn end_of_input(&mut self) {
        self.fail(Error::Disconnected { during: self.state.name() });
    }
}
