//! Events that one connection is due, held up so that they come together.
//!
//! Source: HAP specification (R2) §6.8: at most one event message a second, except for what only happens, as a button's press. The
//! first after a quiet second goes at once: who waits at a door should not wait longer. A value that comes and goes within the
//! second is not told: sensors must hold theirs longer.
use super::CharacteristicId;
use media::Moment;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// The least time between two event messages to one connection, as the specification says.
pub const COALESCE: Duration = Duration::from_secs(1);

/// What is due; at most one value a characteristic, the newest.
#[derive(Default)]
pub(super) struct Events {
    values: BTreeMap<CharacteristicId, Value>,
    due: Option<Moment>,
    quiet_until: Moment,
}

impl Events {
    pub(super) fn push(&mut self, id: CharacteristicId, value: Value, at_once: bool, now: Moment) {
        self.values.insert(id, value);
        let due = if at_once { now } else { self.quiet_until.max(now) };
        self.due = Some(self.due.map_or(due, |other| other.min(due)));
    }

    /// When the next message is due.
    pub(super) fn due(&self) -> Moment {
        self.due.unwrap_or(Moment::FAR_FUTURE)
    }

    /// A subscription ended: what was due of it is not.
    pub(super) fn forget(&mut self, id: CharacteristicId) {
        self.values.remove(&id);
        if self.values.is_empty() {
            self.due = None;
        }
    }

    /// The message.
    pub(super) fn take(&mut self, now: Moment) -> Value {
        self.due = None;
        self.quiet_until = now + COALESCE;
        let all = std::mem::take(&mut self.values).into_iter();
        let all = all.map(|(id, value)| json!({ "aid": id.aid, "iid": id.iid, "value": value }));
        json!({ "characteristics": all.collect::<Vec<_>>() })
    }
}
