//! The accessories behind one address, and what each connection watches and has prepared.
//!
//! Which connections are verified is the caller's business: nothing here may be reached before pair verify.
use super::events::Events;
use super::json::write_accessories;
use super::{Accessory, Characteristic, Status};
use crate::hap::http::{JSON, Response};
use crate::hap::pairing::ConnectionId;
use media::Moment;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Most characteristics that one request reads or writes: 256. Apple's controllers take 40 at once.
pub const IDS_MAX: usize = 256;

/// A characteristic: the accessory's number and its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CharacteristicId {
    /// The accessory.
    pub aid: u64,
    /// The characteristic.
    pub iid: u64,
}

impl CharacteristicId {
    /// Reads `aid` and `iid` of an object.
    pub(super) fn from_json(value: &Value) -> Option<Self> {
        let number = |name| value.get(name).and_then(Value::as_u64);
        Some(Self { aid: number("aid")?, iid: number("iid")? })
    }
}

/// The next thing the caller does.
#[derive(Clone, PartialEq, Debug)]
pub enum Output {
    /// Send this as an event ([`Response::to_event_bytes`]), after a response that is under way.
    Event {
        /// To whom.
        connection: ConnectionId,
        /// What.
        event: Response,
    },
    /// Drained: poll again at this moment, or after anything else.
    WaitUntil(Moment),
}

/// What one connection has asked for.
#[derive(Default)]
pub(super) struct Connection {
    pub(super) subscriptions: BTreeSet<CharacteristicId>,
    /// The number of a timed write, and until when it is good.
    pub(super) prepared: Option<(u64, Moment)>,
    pub(super) events: Events,
}

/// The accessories behind one address.
pub struct Server {
    pub(super) accessories: Vec<Accessory>,
    pub(super) connections: BTreeMap<ConnectionId, Connection>,
}

impl Server {
    /// Serves these; the first has `aid` 1.
    pub const fn new(accessories: Vec<Accessory>) -> Self {
        Self { accessories, connections: BTreeMap::new() }
    }

    /// What it serves.
    pub fn accessories(&self) -> &[Accessory] {
        &self.accessories
    }

    /// A characteristic.
    pub fn find(&self, id: CharacteristicId) -> Option<&Characteristic> {
        self.accessories.iter().find(|accessory| accessory.aid == id.aid)?.characteristic(id.iid)
    }

    /// The answer to `GET /accessories`.
    pub fn handle_accessories(&self) -> Response {
        json_response(200, &write_accessories(&self.accessories))
    }

    /// A value is another one now, or a button was pressed: whoever watches it is told.
    ///
    /// # Errors
    /// There is no such characteristic, or it cannot have this value.
    pub fn set_value(&mut self, id: CharacteristicId, value: &Value, now: Moment) -> Result<(), Status> {
        self.change(id, value, None, now)
    }

    /// A connection is gone.
    pub fn handle_disconnected(&mut self, connection: ConnectionId) {
        self.connections.remove(&connection);
    }

    /// The next event that is due.
    pub fn poll_output(&mut self, now: Moment) -> Output {
        let mut next = Moment::FAR_FUTURE;
        for (connection, state) in &mut self.connections {
            let due = state.events.due();
            if due <= now {
                let event = json_response(200, &state.events.take(now));
                return Output::Event { connection: *connection, event };
            }
            next = next.min(due);
        }
        Output::WaitUntil(next)
    }

    /// Stores a value and tells those who watch it, but not `writer`.
    pub(super) fn change(
        &mut self,
        id: CharacteristicId,
        value: &Value,
        writer: Option<ConnectionId>,
        now: Moment,
    ) -> Result<(), Status> {
        let accessory = self.accessories.iter_mut().find(|accessory| accessory.aid == id.aid);
        let characteristic = accessory.and_then(|accessory| accessory.characteristic_mut(id.iid));
        let characteristic = characteristic.ok_or(Status::NotFound)?;
        let value = characteristic.format.check(value, &characteristic.limits)?;
        let happens = characteristic.is_event_only();
        if !happens && characteristic.value.as_ref() == Some(&value) {
            return Ok(());
        }
        if !happens {
            characteristic.value = Some(value.clone());
        }
        for (connection, state) in &mut self.connections {
            if Some(*connection) != writer && state.subscriptions.contains(&id) {
                state.events.push(id, value.clone(), happens, now);
            }
        }
        Ok(())
    }
}

/// A response with JSON.
pub(super) fn json_response(status: u16, value: &Value) -> Response {
    Response::with_body(status, JSON, value.to_string().into_bytes())
}

/// A refusal of a whole request.
pub(super) fn refusal(http: u16, status: Status) -> Response {
    json_response(http, &json!({ "status": status.number() }))
}
