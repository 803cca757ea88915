//! [`Session`]: one connection's side of the protocol, without a transport: texts in, texts and an end out.
//!
//! `Waiting` for a token → `Inside` a room → `Ended`; `Waiting` → `Ended`. `Ended` is final. Dropping a session is how a
//! connection that broke is told.
use crate::ending::Ending;
use crate::name::RoomName;
use crate::outbox::{Outbox, Outlet, outbox};
use crate::refusal::Refusal;
use crate::request::Request;
use crate::room::{Entrant, PeerKey, RoomHandle, Said};
use crate::service::Rooms;
use crate::token::{Claims, Secret, TokenError};
use crate::wire::{self, Incoming};
use serde_json::{Value, json};
use std::collections::VecDeque;
use tokio::time::Instant;

/// How somebody shows who they are.
#[derive(Debug, Clone)]
pub enum Shown {
    /// By a token, with the connection.
    Token(Secret),
    /// By a token in the first message.
    Later,
    /// Not at all: this machine, where the configuration has no keys.
    Local,
}

/// What a transport does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Sends this text.
    Text(String),
    /// Closes the connection, with this code and reason. Final.
    Close(Ending),
}

enum State {
    /// Nobody knows yet who this is.
    Waiting {
        /// Then it is too late.
        until: Instant,
        /// Holds the outlet open.
        _outbox: Outbox,
    },
    /// In a room.
    Inside { room: RoomHandle, peer: PeerKey },
    /// Over.
    Ended(Ending),
}

/// One connection.
pub struct Session {
    rooms: Rooms,
    name: RoomName,
    remote: String,
    state: State,
    /// What this side says by itself; it goes before what the room says.
    own: VecDeque<String>,
    outlet: Outlet,
}

impl Session {
    pub(crate) async fn new(
        rooms: Rooms,
        name: RoomName,
        shown: Shown,
        remote: String,
    ) -> Result<Self, Refusal> {
        let limits = &rooms.config().limits;
        let (outbox, outlet) = outbox(limits.queue_max);
        let until = Instant::now() + limits.authenticate_max;
        let claims = match shown {
            Shown::Later => None,
            Shown::Local if rooms.config().keys.is_empty() => Some(None),
            Shown::Local => return Err(Refusal::unauthorized("a token is wanted")),
            Shown::Token(token) => Some(Some(admit(&rooms, &name, &token)?)),
        };
        let state = State::Waiting { until, _outbox: outbox };
        let mut session = Self { rooms, name, remote, state, own: VecDeque::new(), outlet };
        if let Some(claims) = claims {
            session.enter(claims).await?;
        }
        Ok(session)
    }

    /// Takes a text of the peer. Waits while the room has much to do: then the connection is not to be read.
    pub async fn handle_text(&mut self, text: &str) {
        let max = self.rooms.config().limits.message_bytes_max;
        if text.len() > max {
            return self.end(Ending::TooLong { bytes: text.len(), max });
        }
        match Incoming::parse(text) {
            Err(error) => self.end(Ending::NotAMessage(error.to_string())),
            Ok(Incoming::Notification) => {}
            Ok(Incoming::Response { id, answer }) => self.forward(Said::Answer { id, answer }).await,
            Ok(Incoming::Request { id, method, data }) => match Request::parse(&method, data) {
                Err(refusal) => self.answer(id, Err(refusal)),
                Ok(request) => self.handle_request(id, request).await,
            },
        }
    }

    /// Takes a message that is not text.
    pub fn handle_binary(&mut self) {
        self.end(Ending::Binary);
    }

    /// What is to be done next, when there is something. After [`Output::Close`] always the same.
    pub async fn next(&mut self) -> Output {
        loop {
            if let Some(text) = self.own.pop_front() {
                return Output::Text(text);
            }
            let until = match &self.state {
                State::Ended(ending) if ending.at_once() => return Output::Close(ending.clone()),
                State::Ended(ending) => {
                    return match self.outlet.queue.try_recv() {
                        Ok(text) => Output::Text(text),
                        Err(_) => Output::Close(ending.clone()),
                    };
                }
                State::Waiting { until, .. } => Some(*until),
                State::Inside { .. } => None,
            };
            let expired = async {
                match until {
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                ending = &mut self.outlet.ending => self.state = State::Ended(ending.unwrap_or(Ending::RoomFailed)),
                text = self.outlet.queue.recv() => if let Some(text) = text { return Output::Text(text) },
                () = expired => self.end(Ending::NotJoined),
            }
        }
    }

    /// Returns when the room ends this connection and what waits is of no use any more, since the peer does not take it: for
    /// transports that wait for a peer.
    pub async fn cut(&mut self) -> Ending {
        loop {
            match &self.state {
                State::Ended(ending) if ending.at_once() => return ending.clone(),
                State::Ended(_) => return std::future::pending().await,
                State::Waiting { .. } | State::Inside { .. } => {}
            }
            let ending = (&mut self.outlet.ending).await;
            self.state = State::Ended(ending.unwrap_or(Ending::RoomFailed));
        }
    }

    async fn handle_request(&mut self, id: u32, request: Request) {
        match (&self.state, request) {
            (State::Ended(_), _) => {}
            (State::Inside { .. }, Request::Authenticate(_)) => {
                self.answer(id, Err(Refusal::conflict("the connection has authenticated already")));
            }
            (State::Inside { .. }, request) => self.forward(Said::Request { id, request }).await,
            (State::Waiting { .. }, Request::Authenticate(shown)) => {
                let entered = match admit(&self.rooms, &self.name, &shown.token) {
                    Ok(claims) => {
                        let identity = claims.identity.clone();
                        self.enter(Some(claims)).await.map(|()| identity)
                    }
                    Err(refusal) => Err(refusal),
                };
                match entered {
                    Ok(identity) => {
                        self.answer(id, Ok(json!({ "identity": identity, "room": self.name.as_str() })));
                    }
                    Err(refusal) => {
                        let ending = match refusal.code {
                            429 => Ending::Full(refusal.reason.clone()),
                            _ => Ending::Refused(refusal.reason.clone()),
                        };
                        self.answer(id, Err(refusal));
                        self.end(ending);
                    }
                }
            }
            (State::Waiting { .. }, _) => {
                let why = "nobody knows who this is: authenticate first, with a token";
                self.answer(id, Err(Refusal::unauthorized(why)));
            }
        }
    }

    /// Comes into the room, which is made if it is not there.
    async fn enter(&mut self, claims: Option<Claims>) -> Result<(), Refusal> {
        // a room may end just when somebody comes; then there is a new one
        for _ in 0..3 {
            let room = self.rooms.room(&self.name).await?;
            let (outbox, outlet) = outbox(self.rooms.config().limits.queue_max);
            let entrant = Entrant { claims: claims.clone(), remote: self.remote.clone(), outbox };
            if let Some(entered) = room.enter(entrant).await {
                let peer = entered?;
                self.outlet = outlet;
                self.state = State::Inside { room, peer };
                return Ok(());
            }
        }
        Err(Refusal::gone("the room ends whenever somebody comes"))
    }

    async fn forward(&mut self, said: Said) {
        // a room that has ended has said why
        if let State::Inside { room, peer } = &self.state {
            room.said(*peer, said).await;
        }
    }

    fn answer(&mut self, id: u32, answer: Result<Value, Refusal>) {
        self.own.push_back(wire::response(id, answer).to_string());
    }

    /// Ends from this side: the room hears of it when the queue is gone.
    fn end(&mut self, ending: Ending) {
        if let State::Inside { room, peer } = &self.state {
            room.leaves(*peer, ending.word());
        }
        if !matches!(self.state, State::Ended(_)) {
            self.state = State::Ended(ending);
        }
    }
}

fn admit(rooms: &Rooms, name: &RoomName, token: &Secret) -> Result<Claims, Refusal> {
    let config = rooms.config();
    let admitted = config.keys.admit(token.expose(), name, (config.wall_now)());
    admitted.map_err(|error: TokenError| match error.code() {
        403 => Refusal::forbidden(error.to_string()),
        _ => Refusal::unauthorized(error.to_string()),
    })
}
