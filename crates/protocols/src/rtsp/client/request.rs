//! Sending requests and sorting the replies: authentication, redirects, hang-ups.
use super::{Client, Error, Event, Goodbye, Output, REDIRECTS_MAX, Reconnect, State, TransportPreference};
use crate::auth::without_userinfo;
use crate::rtsp::fields::SessionField;
use crate::rtsp::framer::Incoming;
use crate::rtsp::message::{Method, Request, Response};
use crate::rtsp::url::RtspUrl;
use media::Moment;

/// The one request that waits for its reply.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) request: Request,
    pub(super) method: Method,
    pub(super) cseq: u32,
    pub(super) sent_at: Moment,
    /// It carried `Authorization`.
    pub(super) answered: bool,
    /// How often it was refused with 401.
    pub(super) refusals: u8,
}

/// Most answers to 401 for one request: 3. One for the challenge, one for a stale nonce, one for a stronger scheme.
const REFUSALS_MAX: u8 = 3;

impl Client {
    pub(super) fn send(&mut self, request: Request, now: Moment) {
        self.send_again(request, 0, now);
    }

    fn send_again(&mut self, request: Request, refusals: u8, now: Moment) {
        self.cseq += 1;
        let cseq = self.cseq;
        let mut full = Request::new(request.method.clone(), request.uri.clone());
        full.headers.push("CSeq", cseq.to_string());
        full.headers.push("User-Agent", self.config.user_agent.clone());
        if let Some(id) = &self.session_id {
            full.headers.push("Session", id.clone());
        }
        let authorization = self.auth.authorization(request.method.as_str(), &request.uri);
        let answered = authorization.is_some();
        if let Some(value) = authorization {
            full.headers.push("Authorization", value);
        }
        for (name, value) in request.headers.iter() {
            full.headers.push(name, value);
        }
        full.body = request.body.clone();
        self.outputs.push_back(Output::Transmit(full.encode()));
        if let Some(old) = self.pending.take() {
            self.abandoned = Some(old.cseq);
        }
        let method = request.method.clone();
        self.pending = Some(Pending { request, method, cseq, sent_at: now, answered, refusals });
    }

    pub(super) fn send_options(&mut self, now: Moment) {
        self.state = State::Options;
        self.send(Request::new(Method::Options, self.url.request_uri()), now);
    }

    pub(super) fn handle_response(&mut self, response: Response, now: Moment) {
        // Without a number, or with one that was never sent, it can only be the reply to the open request.
        let cseq = response.cseq();
        let Some(pending) = self.pending.take_if(|_| cseq.is_none() || cseq != self.abandoned) else {
            return;
        };
        if let Some(session) = response.headers.get("Session").and_then(SessionField::parse) {
            self.session_id = Some(session.id);
            self.session_timeout = session.timeout.unwrap_or(self.session_timeout);
        }
        match response.status {
            100..=199 => self.pending = Some(pending),
            401 => self.handle_unauthorized(pending, &response, now),
            300..=399 if response.headers.get("Location").is_some() => {
                if matches!(self.state, State::Teardown { .. }) {
                    // Whoever closes wants no other session.
                    return self.part(Goodbye::Answered(response.status));
                }
                let location = response.headers.get("Location").unwrap_or_default().to_owned();
                self.redirect(&location);
            }
            _ => {
                if pending.answered {
                    self.auth.handle_accepted();
                }
                self.dispatch(pending, response, now);
            }
        }
    }

    fn dispatch(&mut self, pending: Pending, response: Response, now: Moment) {
        match &self.state {
            State::Options => self.handle_options(&response, now),
            State::Describe => self.handle_describe(&pending, &response, now),
            State::Setup(track) => self.handle_setup(*track, &pending, &response, now),
            State::Play => self.handle_play(&pending, &response, now),
            State::Playing => self.handle_ping(&pending, &response, now),
            State::Teardown { .. } if pending.method == Method::Teardown => {
                self.part(Goodbye::Answered(response.status))
            }
            State::Teardown { .. }
            | State::Idle
            | State::Ports(_)
            | State::Moved
            | State::Closed
            | State::Failed(_) => {}
        }
    }

    fn handle_options(&mut self, response: &Response, now: Moment) {
        // Whatever the answer: some servers refuse OPTIONS and play.
        for value in response.headers.all("Public").chain(response.headers.all("Allow")) {
            self.public.extend(crate::rtsp::fields::methods(value));
        }
        self.send_describe(now);
    }

    fn handle_unauthorized(&mut self, pending: Pending, response: &Response, now: Moment) {
        if matches!(self.state, State::Teardown { .. }) && pending.refusals > 0 {
            return self.part(Goodbye::Answered(401));
        }
        let taken = match pending.refusals < REFUSALS_MAX {
            true => self.auth.handle_challenges(response.headers.all("WWW-Authenticate"), pending.answered),
            false => return self.refused(&pending, response),
        };
        match taken {
            Ok(()) => self.send_again(pending.request, pending.refusals + 1, now),
            Err(_) if matches!(self.state, State::Teardown { .. }) => self.part(Goodbye::Answered(401)),
            Err(error) => self.fail(error.into()),
        }
    }

    pub(super) fn refused(&mut self, pending: &Pending, response: &Response) {
        let (method, status, reason) = (pending.method.to_string(), response.status, response.reason.clone());
        if self.is_talk_refusal(pending, status) {
            return self.fail(Error::BackChannelBusy { method, status, reason });
        }
        self.fail(Error::Refused { method, cseq: pending.cseq, status, reason });
    }

    pub(super) fn redirect(&mut self, location: &str) {
        if matches!(self.state, State::Teardown { .. }) {
            // Whoever closes wants no other session.
            return self.finish();
        }
        let count = self.redirects + 1;
        let shown = without_userinfo(location);
        let error = |why| Error::Redirect { count, location: shown.clone(), why };
        if count > REDIRECTS_MAX {
            return self.fail(error("too many"));
        }
        let Ok(url) = RtspUrl::parse(location) else {
            return self.fail(error("no RTSP URL"));
        };
        let mut config = self.config.clone();
        // Credentials are for the host they were given for.
        let own = config.credentials.take().or_else(|| self.url.credentials.clone());
        config.credentials = url.credentials.clone().or(own.filter(|_| url.host == self.url.host));
        config.url = location.to_owned();
        let Ok(mut next) = Client::new(config) else {
            return self.fail(error("no RTSP URL"));
        };
        next.redirects = count;
        self.move_to(next, Reconnect::Redirected { url: shown });
    }

    /// Hands over to a successor; the driver reconnects.
    pub(super) fn move_to(&mut self, next: Client, why: Reconnect) {
        self.successor = Some(Box::new(next));
        self.state = State::Moved;
        self.pending = None;
        self.event(Event::Reconnect(why));
    }

    /// The same again on a new connection, with what was learnt about credentials.
    pub(super) fn again(&self) -> Result<Client, Error> {
        let mut next = Client::new(self.config.clone())?;
        next.auth = self.auth.clone();
        next.redirects = self.redirects;
        next.hung_up_before = self.hung_up_before;
        next.plain_talk = self.plain_talk;
        Ok(next)
    }

    pub(super) fn handle_end_of_input(&mut self, now: Moment) {
        if let Some(Incoming::Response(response)) = self.framer.take_incomplete() {
            return self.handle_response(response, now);
        }
        match self.state {
            State::Teardown { .. } => self.part(Goodbye::HungUp),
            State::Options | State::Describe if !self.hung_up_before => match self.again() {
                Ok(mut next) => {
                    next.hung_up_before = true;
                    // Who was let in is not sent away for want of credentials.
                    next.plain_talk |= self.state == State::Describe && self.auth.is_answering();
                    if !next.auth.is_answering() {
                        next.auth.assume_basic();
                    }
                    self.move_to(next, Reconnect::ClosedInsteadOfAnswer);
                }
                Err(error) => self.fail(error),
            },
            State::Idle
            | State::Options
            | State::Describe
            | State::Ports(_)
            | State::Setup(_)
            | State::Play
            | State::Playing
            | State::Moved
            | State::Closed
            | State::Failed(_) => self.fail(Error::Disconnected { during: self.state.name() }),
        }
    }

    /// The successor of a session whose datagrams never came.
    pub(super) fn over_tcp(&mut self) {
        self.config.transport = TransportPreference::Tcp;
        match self.again() {
            Ok(next) => self.move_to(next, Reconnect::UdpSilent),
            Err(error) => self.fail(error),
        }
    }
}
