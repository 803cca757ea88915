//! The ICE server of one transport: answers checks, and says which tuple to use.
//!
//! Sources: RFC 8445 §7.3, §8.1.1, §9; RFC 7675 §5.1; mediasoup's `IceServer`. As there, any accepted check renews the
//! consent for all tuples, and after a tuple's end the one that came last takes its place.
use super::credentials::{Credentials, IceParameters};
use super::stun::{Class, ErrorCode, Message};
use super::tuple::{Added, Tuple, Tuples};
use media::Moment;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::Duration;

#[cfg(test)]
mod tests;

/// Consent lasts 30 s. Sources: RFC 7675 §5.1, mediasoup.
pub const CONSENT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);
/// Bounds of a consent timeout that is on, as in mediasoup: browsers ask each 2.5 s to 5 s and lose some, and who was
/// silent for a minute is gone.
const CONSENT_TIMEOUT_MIN: Duration = Duration::from_secs(10);
const CONSENT_TIMEOUT_MAX: Duration = Duration::from_secs(60);
/// Answers that wait for a caller that does not drain: 32. One that drains after each datagram, as it must, never has
/// more than one.
const ANSWERS_MAX: usize = 32;

/// `New` → `Connected` by a check → `Completed` by a nomination. `Connected` and `Completed` → `Disconnected` when
/// consent ends or the last tuple closes, and from there as from `New`. `Closed` is final.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IceState {
    /// No check was accepted yet.
    New,
    /// There is a tuple, and the peer has not said yet that it stays.
    Connected,
    /// The peer nominated a tuple.
    Completed,
    /// There were tuples, and now there is none.
    Disconnected,
    /// The transport ended.
    Closed,
}

/// Settings of one transport.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IceOptions {
    /// After how long without a check the peer counts as gone: 30 s by default, 0 never, otherwise kept between 10 s
    /// and 60 s.
    pub consent_timeout: Duration,
}

impl Default for IceOptions {
    fn default() -> Self {
        Self { consent_timeout: CONSENT_TIMEOUT_DEFAULT }
    }
}

/// The next thing the caller does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IceOutput {
    /// Send this.
    Send {
        /// From where, and to where.
        tuple: Tuple,
        /// The STUN message.
        datagram: Vec<u8>,
    },
    /// From now on send media here.
    SelectedTuple(Tuple),
    /// What comes from here belongs to this transport.
    TupleAdded(Tuple),
    /// It no longer does; a TCP connection may be closed.
    TupleRemoved(Tuple),
    /// The name before a restart has no meaning any more.
    UfragRetired(String),
    /// Another state.
    State(IceState),
    /// Drained: poll again at this moment, or after any `handle_*`.
    WaitUntil(Moment),
}

/// How many datagrams ended how.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct IceStats {
    /// Checks that were accepted.
    pub checks: u64,
    /// Not STUN, or broken: dropped.
    pub malformed: u64,
    /// Requests without what each check has, or for another method: answered with 400.
    pub bad_requests: u64,
    /// Requests under another name or password: answered with 401.
    pub bad_credentials: u64,
    /// Requests with attributes that nobody here knows: answered with 420.
    pub unknown_attributes: u64,
    /// Requests of a peer that says it is controlled: answered with 487.
    pub role_conflicts: u64,
    /// Indications: they keep a way open and want nothing.
    pub indications: u64,
    /// Responses, though we ask nothing: dropped.
    pub responses: u64,
    /// Answers that were dropped because the caller did not drain.
    pub answers_dropped: u64,
}

/// ICE of one transport.
#[derive(Clone, Debug)]
pub struct IceServer {
    consent_timeout: Option<Duration>,
    current: Credentials,
    /// Those before a restart, until the first check with the new ones.
    old: Option<Credentials>,
    state: IceState,
    tuples: Tuples,
    /// Highest value of the peer's nominations since start, restart or disconnection.
    nomination: Option<u32>,
    /// Until when the peer's consent lasts; nothing while there is no tuple or no timeout.
    consent_until: Option<Moment>,
    outputs: VecDeque<IceOutput>,
    stats: IceStats,
}

impl IceServer {
    /// A server with new credentials; `random` fills a slice with bytes that nobody can guess.
    pub fn new(options: IceOptions, random: &mut dyn FnMut(&mut [u8])) -> Self {
        let timeout = options.consent_timeout;
        Self {
            consent_timeout: (!timeout.is_zero())
                .then(|| timeout.clamp(CONSENT_TIMEOUT_MIN, CONSENT_TIMEOUT_MAX)),
            current: Credentials::new(random),
            old: None,
            state: IceState::New,
            tuples: Tuples::default(),
            nomination: None,
            consent_until: None,
            outputs: VecDeque::new(),
            stats: IceStats::default(),
        }
    }

    /// What the peer is told.
    pub const fn parameters(&self) -> &IceParameters {
        &self.current.parameters
    }

    /// Names by which datagrams find this transport: the current one, and the old one while a restart is under way.
    pub fn ufrags(&self) -> impl Iterator<Item = &str> {
        let all = std::iter::once(&self.current).chain(&self.old);
        all.map(|credentials| credentials.parameters.username_fragment.as_str())
    }

    /// New credentials. Tuples stay, and the old credentials are good until a check with the new ones is accepted:
    /// media goes on meanwhile. The peer gets a whole timeout to come back. Source: RFC 8445 §9.
    pub fn restart(&mut self, random: &mut dyn FnMut(&mut [u8]), now: Moment) -> IceParameters {
        let old = std::mem::replace(&mut self.current, Credentials::new(random));
        if let Some(older) = self.old.replace(old) {
            self.outputs.push_back(IceOutput::UfragRetired(older.parameters.username_fragment));
        }
        self.nomination = None;
        if self.consent_until.is_some() {
            self.renew_consent(now);
        }
        self.current.parameters.clone()
    }

    /// State.
    pub const fn state(&self) -> IceState {
        self.state
    }

    /// Where media goes.
    pub const fn selected(&self) -> Option<Tuple> {
        self.tuples.selected()
    }

    /// Whether a check was accepted from there: only then media and DTLS are.
    pub fn knows(&self, tuple: &Tuple) -> bool {
        self.tuples.knows(tuple)
    }

    /// Counters.
    pub const fn stats(&self) -> &IceStats {
        &self.stats
    }

    /// Takes a datagram for which [`is_stun`](super::is_stun) is true. What is bad is counted and goes no further.
    pub fn handle_datagram(&mut self, datagram: &[u8], tuple: Tuple, now: Moment) {
        if self.state == IceState::Closed {
            return;
        }
        let Ok(message) = Message::read(datagram) else {
            self.stats.malformed += 1;
            return;
        };
        match message.class {
            Class::Request => self.handle_request(&message, tuple, now),
            Class::Indication => self.stats.indications += 1,
            Class::Response => self.stats.responses += 1,
        }
    }

    /// A TCP connection ended.
    pub fn handle_tuple_closed(&mut self, tuple: Tuple, now: Moment) {
        let was_selected = self.tuples.selected() == Some(tuple);
        if !self.tuples.remove(&tuple) {
            return;
        }
        self.outputs.push_back(IceOutput::TupleRemoved(tuple));
        match self.tuples.newest() {
            Some(newest) if was_selected => {
                self.select(newest);
                self.renew_consent(now);
            }
            Some(_) => {}
            None => self.disconnect(),
        }
    }

    /// The transport ends.
    pub fn close(&mut self) {
        if self.state != IceState::Closed {
            self.remove_tuples();
            self.enter(IceState::Closed);
        }
    }

    /// The next output.
    pub fn poll_output(&mut self, now: Moment) -> IceOutput {
        if self.consent_until.is_some_and(|until| until <= now) {
            self.disconnect();
        }
        self.outputs
            .pop_front()
            .unwrap_or_else(|| IceOutput::WaitUntil(self.consent_until.unwrap_or(Moment::FAR_FUTURE)))
    }

    /// Checks as mediasoup does, in its order: 400 before 401 before 487; 420 comes after who asks is known.
    fn handle_request(&mut self, message: &Message<'_>, tuple: Tuple, now: Moment) {
        let username = message.username.filter(|_| {
            message.is_binding() && message.has_fingerprint && message.has_priority && message.has_integrity()
        });
        let Some(username) = username else {
            self.stats.bad_requests += 1;
            return self.answer(tuple, message.error(ErrorCode::BadRequest, None));
        };
        let named = |credentials: &&Credentials| {
            credentials.are_named_in(username) && message.is_vouched_by(&credentials.key)
        };
        let is_current = named(&&self.current);
        let Some(credentials) = is_current.then_some(&self.current).or(self.old.as_ref().filter(named))
        else {
            self.stats.bad_credentials += 1;
            return self.answer(tuple, message.error(ErrorCode::Unauthenticated, None));
        };
        // The answer is vouched for by the password that was asked with. Source: RFC 8489 §9.1.4.
        let key = &credentials.key;
        if !message.unknown.is_empty() {
            let answer = message.error(ErrorCode::UnknownAttribute, Some(key));
            self.stats.unknown_attributes += 1;
            return self.answer(tuple, answer);
        }
        if message.ice_controlled {
            let answer = message.error(ErrorCode::RoleConflict, Some(key));
            self.stats.role_conflicts += 1;
            return self.answer(tuple, answer);
        }
        let answer = message.success(tuple.remote, key);
        self.stats.checks += 1;
        self.answer(tuple, answer);
        if is_current && let Some(old) = self.old.take() {
            self.outputs.push_back(IceOutput::UfragRetired(old.parameters.username_fragment));
        }
        self.handle_check(message, tuple, now);
    }

    fn handle_check(&mut self, message: &Message<'_>, tuple: Tuple, now: Moment) {
        match self.tuples.add(tuple) {
            Added::Known => {}
            Added::New { removed } => {
                self.outputs.push_back(IceOutput::TupleAdded(tuple));
                self.outputs.extend(removed.map(IceOutput::TupleRemoved));
            }
        }
        // A peer that renominates numbers its wishes, and an old one may come late; one that does not means its last.
        let nominates = match message.nomination {
            Some(value) if self.nomination.is_none_or(|highest| value > highest) => {
                self.nomination = Some(value);
                true
            }
            Some(_) => false,
            None => message.use_candidate,
        };
        match (self.state, nominates) {
            (IceState::New | IceState::Disconnected, false) => {
                self.select(tuple);
                self.enter(IceState::Connected);
            }
            (IceState::New | IceState::Disconnected | IceState::Connected | IceState::Completed, true) => {
                self.select(tuple);
                self.enter(IceState::Completed);
            }
            (IceState::Connected | IceState::Completed | IceState::Closed, false)
            | (IceState::Closed, true) => {}
        }
        self.renew_consent(now);
    }

    fn answer(&mut self, tuple: Tuple, datagram: Vec<u8>) {
        if self.outputs.len() < ANSWERS_MAX {
            self.outputs.push_back(IceOutput::Send { tuple, datagram });
        } else {
            self.stats.answers_dropped += 1;
        }
    }

    fn select(&mut self, tuple: Tuple) {
        if self.tuples.select(tuple) {
            self.outputs.push_back(IceOutput::SelectedTuple(tuple));
        }
    }

    fn enter(&mut self, state: IceState) {
        if self.state != state {
            self.state = state;
            self.outputs.push_back(IceOutput::State(state));
        }
    }

    fn renew_consent(&mut self, now: Moment) {
        self.consent_until = self.consent_timeout.map(|timeout| now + timeout);
    }

    fn disconnect(&mut self) {
        self.remove_tuples();
        self.enter(IceState::Disconnected);
    }

    fn remove_tuples(&mut self) {
        self.outputs.extend(self.tuples.clear().into_iter().map(IceOutput::TupleRemoved));
        self.nomination = None;
        self.consent_until = None;
    }
}
