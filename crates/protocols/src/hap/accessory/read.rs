//! `GET /characteristics`. Source: HAP specification (R2) §6.7.4.
use super::json::Details;
use super::server::{Connection, json_response, refusal};
use super::{CharacteristicId, IDS_MAX, Server, Status};
use crate::hap::http::{Request, Response};
use crate::hap::pairing::ConnectionId;
use serde_json::{Map, Value, json};

impl Server {
    /// Answers `GET /characteristics?id=1.9,1.10&meta=1&perms=1&type=1&ev=1`.
    pub fn handle_read(&self, connection: ConnectionId, request: &Request) -> Response {
        let ids: Option<Vec<CharacteristicId>> =
            request.parameter("id").and_then(|list| list.split(',').map(read_id).collect());
        let Some(ids) = ids.filter(|ids| ids.len() <= IDS_MAX) else {
            return refusal(400, Status::InvalidValue);
        };
        let is = |name| matches!(request.parameter(name), Some("1" | "true"));
        let details = Details { kind: is("type"), perms: is("perms"), meta: is("meta") };
        let watched = is("ev").then(|| self.connections.get(&connection));
        let all: Vec<_> = ids.into_iter().map(|id| self.read(id, &details, watched)).collect();
        let failed = all.iter().any(|(_, status)| *status != Status::Success);
        let all = all.into_iter().map(|(mut object, status)| {
            if failed {
                object.insert("status".to_owned(), json!(status.number()));
            }
            Value::Object(object)
        });
        let body = json!({ "characteristics": all.collect::<Vec<_>>() });
        json_response(if failed { 207 } else { 200 }, &body)
    }

    fn read(
        &self,
        id: CharacteristicId,
        details: &Details,
        watched: Option<Option<&Connection>>,
    ) -> (Map<String, Value>, Status) {
        let mut object = Map::new();
        object.insert("aid".to_owned(), json!(id.aid));
        object.insert("iid".to_owned(), json!(id.iid));
        let Some(characteristic) = self.find(id) else { return (object, Status::NotFound) };
        if !characteristic.perms.read {
            return (object, Status::WriteOnly);
        }
        object.insert("value".to_owned(), characteristic.readable());
        characteristic.describe(details, &mut object);
        if let Some(connection) = watched {
            let is_watched = connection.is_some_and(|connection| connection.subscriptions.contains(&id));
            object.insert("ev".to_owned(), json!(is_watched));
        }
        (object, Status::Success)
    }
}

fn read_id(text: &str) -> Option<CharacteristicId> {
    let (aid, iid) = text.split_once('.')?;
    Some(CharacteristicId { aid: aid.parse().ok()?, iid: iid.parse().ok()? })
}
