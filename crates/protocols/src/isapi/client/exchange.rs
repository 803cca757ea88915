//! One request and its answer: dialling, authentication, deadlines. Source: RFC 9112, RFC 7616.
use super::super::http::{ReplyError, ReplyReader};
use super::{Answer, Ask, Client, ConnectionId, Error, Output, Reply, State, Step, Upload};
use bytes::Bytes;
use media::Moment;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::time::Duration;

/// Most answers to 401 for one request: 3. One for the challenge, one for a stale nonce, one for a stronger scheme.
const REFUSALS_MAX: u8 = 3;

/// What a long body claims to hold: 2 GB, three days of G.711. Source: DS-QAZ1325G1T, as `docs/devices.md` says.
const LONG_BODY_BYTES: u64 = 2_000_000_000;

/// The request that waits for its answer. `Dialling` → `Sent` → gone; a 401 begins anew.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) ask: Ask,
    pub(super) connection: ConnectionId,
    pub(super) deadline: Moment,
    reader: ReplyReader,
    began: Moment,
    input_at: Moment,
    sent: bool,
    /// It carried `Authorization`.
    answered: bool,
    refusals: u8,
}

impl Client {
    pub(super) fn is_asking_on(&self, connection: ConnectionId) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| exchange.connection == connection)
    }

    /// Begins a request on a connection of its own.
    pub(super) fn ask(&mut self, ask: Ask, now: Moment) {
        let limit = self.limit(ask);
        let connection = self.connect();
        self.exchange = Some(Exchange {
            ask,
            connection,
            deadline: now + limit,
            reader: ReplyReader::new(ask == Ask::Audio),
            began: now,
            input_at: now,
            sent: false,
            answered: false,
            refusals: 0,
        });
    }

    const fn limit(&self, ask: Ask) -> Duration {
        match ask {
            Ask::List | Ask::Open | Ask::Audio => self.config.timeouts.answer,
            Ask::Free | Ask::Close => self.config.timeouts.close,
        }
    }

    fn connect(&mut self) -> ConnectionId {
        self.connections += 1;
        self.outputs.push_back(Output::Connect { connection: self.connections });
        self.connections
    }

    /// Sends the request; its connection stands.
    pub(super) fn transmit(&mut self, now: Moment) {
        let Some(mut exchange) = self.exchange.take() else { return };
        if exchange.sent {
            self.exchange = Some(exchange);
            return;
        }
        let (ask, connection) = (exchange.ask, exchange.connection);
        let (bytes, answered) = self.request(ask);
        (exchange.sent, exchange.answered) = (true, answered);
        self.exchange = Some(exchange);
        self.outputs.push_back(Output::Send { connection, bytes });
        match ask {
            Ask::Open => self.owes_close = true,
            Ask::Audio if self.config.upload == Upload::LongBody => self.begin_talking(connection, now),
            Ask::List | Ask::Free | Ask::Audio | Ask::Close => {}
        }
    }

    /// The bytes of a request, and whether they carry an answer to a challenge.
    fn request(&mut self, ask: Ask) -> (Bytes, bool) {
        let (method, uri) = self.target(ask);
        let mut head = format!("{method} {uri} HTTP/1.1\r\nHost: {}\r\n", self.url.authority());
        let agent: String = self.config.user_agent.chars().filter(|c| !c.is_control()).collect();
        head.push_str(&format!("User-Agent: {agent}\r\nAccept: */*\r\n"));
        let authorization = self.auth.authorization(method, &uri);
        if let Some(value) = &authorization {
            head.push_str(&format!("Authorization: {value}\r\n"));
        }
        if ask == Ask::Audio {
            head.push_str("Content-Type: application/octet-stream\r\nConnection: keep-alive\r\n");
        }
        match (ask, self.config.upload) {
            (Ask::List, _) => {}
            (Ask::Audio, Upload::LongBody) => {
                head.push_str(&format!("Content-Length: {LONG_BODY_BYTES}\r\n"))
            }
            (Ask::Audio | Ask::Free | Ask::Open | Ask::Close, _) => head.push_str("Content-Length: 0\r\n"),
        }
        head.push_str("\r\n");
        (Bytes::from(head), authorization.is_some())
    }

    fn target(&self, ask: Ask) -> (&'static str, String) {
        let of = |last| format!("/ISAPI/System/TwoWayAudio/channels/{}/{last}", self.channel.id);
        match ask {
            Ask::List => ("GET", "/ISAPI/System/TwoWayAudio/channels".to_owned()),
            Ask::Open => ("PUT", of("open")),
            Ask::Free | Ask::Close => ("PUT", of("close")),
            Ask::Audio => match &self.call_number {
                Some(number) if self.several_channels => (
                    "PUT",
                    of(&format!("audioData?sessionId={}", utf8_percent_encode(number, NON_ALPHANUMERIC))),
                ),
                Some(_) | None => ("PUT", of("audioData")),
            },
        }
    }

    pub(super) fn handle_reply_bytes(&mut self, data: &[u8], now: Moment) {
        let Some(exchange) = &mut self.exchange else { return };
        if !exchange.sent {
            return;
        }
        exchange.input_at = now;
        match exchange.reader.handle_input(data) {
            Ok(None) => {}
            Ok(Some(reply)) => self.handle_reply(reply, now),
            Err(error) => self.handle_nonsense(error, now),
        }
    }

    fn handle_nonsense(&mut self, error: ReplyError, now: Moment) {
        if let Some(ask) = self.settle(Answer::Garbage, now) {
            self.failed(ask, Error::Reply { ask, error }, now);
        }
    }

    fn handle_reply(&mut self, reply: Reply, now: Moment) {
        let Some(exchange) = &self.exchange else { return };
        let ask = exchange.ask;
        if reply.status == 401 {
            return self.handle_unauthorized(&reply, now);
        }
        if exchange.answered {
            self.auth.handle_accepted();
        }
        let carries_sound = ask == Ask::Audio && (200..300).contains(&reply.status);
        let connection = exchange.connection;
        self.record(Answer::Status(reply.status), now);
        self.exchange = None;
        if carries_sound {
            self.audio = Some(connection);
        } else {
            self.audio = self.audio.filter(|audio| *audio != connection);
            self.let_go(connection);
        }
        self.answered(ask, &reply, now);
    }

    fn handle_unauthorized(&mut self, reply: &Reply, now: Moment) {
        let Some(exchange) = &mut self.exchange else { return };
        let (ask, connection) = (exchange.ask, exchange.connection);
        if ask == Ask::Open {
            self.owes_close = false;
        }
        exchange.refusals += 1;
        let challenges = reply.headers.all("WWW-Authenticate");
        let may_try = exchange.refusals < REFUSALS_MAX;
        let taken = self.auth.handle_challenges(challenges, exchange.answered);
        if taken.is_ok() && may_try && !(ask == Ask::Open && self.why.is_some()) {
            exchange.reader = ReplyReader::new(ask == Ask::Audio);
            exchange.sent = false;
            if self.audio == Some(connection) {
                // The challenge came into the sound: the sound is to begin anew.
                self.audio = None;
                self.state = State::Starting;
            }
            if reply.persists && self.config.upload == Upload::BehindReply {
                return self.transmit(now);
            }
            self.let_go(connection);
            let connection = self.connect();
            if let Some(exchange) = &mut self.exchange {
                exchange.connection = connection;
            }
            return;
        }
        let listed = self.steps.iter().any(|step| step.ask == Ask::List);
        let Some(ask) = self.settle(Answer::Status(401), now) else { return };
        let error = match taken {
            Err(error) if !listed => Error::Auth { ask, error },
            Ok(()) | Err(_) => Error::Forbidden { ask, words: "401 Unauthorized".to_owned() },
        };
        self.failed(ask, error, now);
    }

    /// A connection ended or broke.
    pub(super) fn handle_gone(&mut self, connection: ConnectionId, why: Option<&str>, now: Moment) {
        let carried_sound = self.audio == Some(connection);
        if carried_sound {
            self.audio = None;
            self.outputs.push_back(Output::Close { connection });
        }
        if carried_sound && self.state == State::Talking {
            return self.hang_up(Ok(super::End::HungUp), now);
        }
        if !self.is_asking_on(connection) {
            return;
        }
        if why.is_none()
            && let Some(exchange) = &mut self.exchange
            && let Ok(reply) = exchange.reader.finish()
        {
            return self.handle_reply(reply, now);
        }
        let answer = why.map_or(Answer::HungUp, |why| Answer::Lost(why.to_owned()));
        let Some(ask) = self.settle(answer, now) else { return };
        let error = match why {
            Some(why) => Error::Lost { ask, why: why.to_owned() },
            None => Error::HungUp { ask },
        };
        self.failed(ask, error, now);
    }

    /// When the request under way has waited long enough.
    pub(super) fn exchange_due_at(&self) -> Option<Moment> {
        let exchange = self.exchange.as_ref()?;
        let quiet_at = exchange.input_at + self.config.timeouts.quiet;
        Some(if exchange.reader.is_open_ended() {
            quiet_at.min(exchange.deadline)
        } else {
            exchange.deadline
        })
    }

    pub(super) fn handle_overdue(&mut self, now: Moment) {
        let Some(exchange) = &mut self.exchange else { return };
        if let Ok(reply) = exchange.reader.finish() {
            return self.handle_reply(reply, now);
        }
        let after = now.since(exchange.began);
        if let Some(ask) = self.settle(Answer::None, now) {
            self.failed(ask, Error::NoAnswer { ask, after }, now);
        }
    }

    /// Ends the request under way without a reply.
    pub(super) fn settle(&mut self, answer: Answer, now: Moment) -> Option<Ask> {
        self.record(answer, now);
        let exchange = self.exchange.take()?;
        if self.audio != Some(exchange.connection) {
            self.let_go(exchange.connection);
        }
        Some(exchange.ask)
    }

    fn record(&mut self, answer: Answer, now: Moment) {
        if let Some(exchange) = &self.exchange {
            let took = now.since(exchange.began);
            self.steps.push(Step { ask: exchange.ask, at: exchange.began, took, answer });
        }
    }

    pub(super) fn let_go(&mut self, connection: ConnectionId) {
        self.outputs.push_back(Output::Close { connection });
    }

    /// The sound may flow; a reply comes at the end, if ever.
    fn begin_talking(&mut self, connection: ConnectionId, now: Moment) {
        if let Some(exchange) = &mut self.exchange {
            exchange.deadline = Moment::FAR_FUTURE;
        }
        self.audio = Some(connection);
        self.opened(now);
    }
}
