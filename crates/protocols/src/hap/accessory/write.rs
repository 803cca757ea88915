//! `PUT /characteristics` and `PUT /prepare`: values, subscriptions and timed writes.
//!
//! Source: HAP specification (R2) §6.7.1 to §6.7.3. A write is checked here and done by the owner: it goes over the items of a
//! [`PendingWrite`], says what came of each, and hands it back for the answer, at once or later.
use super::json::parse;
use super::server::{json_response, refusal};
use super::{CharacteristicId, IDS_MAX, Server, Status};
use crate::hap::http::Response;
use crate::hap::pairing::ConnectionId;
use media::Moment;
use serde_json::{Value, json};
use std::time::Duration;

/// The longest life of a timed write: a minute. Controllers ask for some seconds.
const TIME_TO_LIVE_MAX: Duration = Duration::from_secs(60);

/// A value that a controller writes, checked.
#[derive(Clone, PartialEq, Debug)]
pub struct WriteItem {
    /// Where.
    pub id: CharacteristicId,
    /// What.
    pub value: Value,
    /// The answer has the value that comes of it.
    pub wants_response: bool,
    /// What came of it. `Some` value is what is read from now on and answered, `None` is what was written. It stands at success.
    pub result: Result<Option<Value>, Status>,
}

/// One thing of a request, in its order.
enum Entry {
    Write(WriteItem),
    Done(CharacteristicId, Status),
}

/// A request whose writes are the owner's to do.
pub struct PendingWrite {
    connection: ConnectionId,
    entries: Vec<Entry>,
}

impl PendingWrite {
    /// Whose it is.
    pub const fn connection(&self) -> ConnectionId {
        self.connection
    }

    /// No values: the answer can be made at once.
    pub fn is_empty(&self) -> bool {
        !self.entries.iter().any(|entry| matches!(entry, Entry::Write(_)))
    }

    /// What is to be written; set [`WriteItem::result`] where it is not plain success.
    pub fn items_mut(&mut self) -> impl Iterator<Item = &mut WriteItem> {
        self.entries.iter_mut().filter_map(|entry| match entry {
            Entry::Write(item) => Some(item),
            Entry::Done(..) => None,
        })
    }
}

impl Server {
    /// Answers `PUT /prepare`: the next write with this number is good for so long.
    pub fn handle_prepare(&mut self, connection: ConnectionId, body: &[u8], now: Moment) -> Response {
        let request = parse(body).unwrap_or(Value::Null);
        let number = |name| request.get(name).and_then(Value::as_u64);
        let (Some(ttl), Some(pid)) = (number("ttl"), number("pid")) else {
            return refusal(400, Status::InvalidValue);
        };
        let life = Duration::from_millis(ttl).min(TIME_TO_LIVE_MAX);
        self.connections.entry(connection).or_default().prepared = Some((pid, now + life));
        json_response(200, &json!({ "status": 0 }))
    }

    /// Takes the body of `PUT /characteristics`. Subscriptions are done; values are the owner's: see [`Server::finish_write`].
    ///
    /// # Errors
    /// The answer, when the request is none.
    pub fn handle_write(
        &mut self,
        connection: ConnectionId,
        body: &[u8],
        now: Moment,
    ) -> Result<PendingWrite, Response> {
        let request = parse(body).map_err(|_| refusal(400, Status::InvalidValue))?;
        let items =
            request.get("characteristics").and_then(Value::as_array).filter(|items| items.len() <= IDS_MAX);
        let items = items.ok_or_else(|| refusal(400, Status::InvalidValue))?;
        let ids: Option<Vec<_>> = items.iter().map(CharacteristicId::from_json).collect();
        let ids = ids.ok_or_else(|| refusal(400, Status::InvalidValue))?;

        // A prepared write is good once, whatever comes of it.
        let prepared = self.connections.get_mut(&connection).and_then(|state| state.prepared.take());
        let is_timed = match request.get("pid") {
            None => false,
            Some(pid) => {
                let good = prepared.is_some_and(|(known, until)| pid.as_u64() == Some(known) && now < until);
                if !good {
                    let entries = ids.into_iter().map(|id| Entry::Done(id, Status::InvalidValue)).collect();
                    return Ok(PendingWrite { connection, entries });
                }
                true
            }
        };
        let entries =
            ids.into_iter().zip(items).map(|(id, item)| self.check(connection, id, item, is_timed)).collect();
        Ok(PendingWrite { connection, entries })
    }

    fn check(
        &mut self,
        connection: ConnectionId,
        id: CharacteristicId,
        item: &Value,
        is_timed: bool,
    ) -> Entry {
        let Some(characteristic) = self.find(id) else { return Entry::Done(id, Status::NotFound) };
        let perms = characteristic.perms;
        let watch = item.get("ev").filter(|watch| !watch.is_null());
        let watch = watch.map(|watch| watch.as_bool().or_else(|| watch.as_u64().map(|number| number != 0)));
        let value = item.get("value").filter(|value| !value.is_null());
        if watch.is_some() && !perms.notify {
            return Entry::Done(id, Status::NoEvents);
        }
        let checked = match value {
            None if watch.is_none() => return Entry::Done(id, Status::InvalidValue),
            None => None,
            Some(_) if !perms.write => return Entry::Done(id, Status::ReadOnly),
            Some(_) if perms.timed_write && !is_timed => return Entry::Done(id, Status::InvalidValue),
            Some(value) => match characteristic.format.check(value, &characteristic.limits) {
                Ok(value) => Some(value),
                Err(status) => return Entry::Done(id, status),
            },
        };
        match watch {
            None => {}
            Some(None) => return Entry::Done(id, Status::InvalidValue),
            Some(Some(true)) => {
                self.connections.entry(connection).or_default().subscriptions.insert(id);
            }
            Some(Some(false)) => {
                if let Some(state) = self.connections.get_mut(&connection) {
                    state.subscriptions.remove(&id);
                    state.events.forget(id);
                }
            }
        }
        let wants_response = item.get("r").and_then(Value::as_bool).unwrap_or(false);
        match checked {
            None => Entry::Done(id, Status::Success),
            Some(value) => Entry::Write(WriteItem { id, value, wants_response, result: Ok(None) }),
        }
    }

    /// Stores what was written, tells the others who watch it, and makes the answer.
    pub fn finish_write(&mut self, write: PendingWrite, now: Moment) -> Response {
        let mut all = Vec::new();
        let mut is_plain = true;
        for entry in write.entries {
            let (id, status, value) = match entry {
                Entry::Done(id, status) => (id, status, None),
                Entry::Write(WriteItem { id, result: Err(status), .. }) => (id, status, None),
                Entry::Write(WriteItem { id, value, wants_response, result: Ok(changed) }) => {
                    let value = changed.unwrap_or(value);
                    let stored = self.change(id, &value, Some(write.connection), now);
                    (id, stored.err().unwrap_or(Status::Success), wants_response.then_some(value))
                }
            };
            is_plain &= status == Status::Success && value.is_none();
            let mut object = json!({ "aid": id.aid, "iid": id.iid, "status": status.number() });
            if let (Status::Success, Some(value)) = (status, value) {
                object["value"] = value;
            }
            all.push(object);
        }
        if is_plain { Response::empty(204) } else { json_response(207, &json!({ "characteristics": all })) }
    }
}
