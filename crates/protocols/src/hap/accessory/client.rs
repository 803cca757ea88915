//! A controller's requests for accessories and characteristics, and what answers them.
//!
//! Source: HAP specification (R2) §6.6 and §6.7.
use super::json::{JsonError, array, parse, read_accessories, shape};
use super::{Accessory, CharacteristicId, Status};
use crate::hap::http::{JSON, Method, Request, Response};
use media::Fault;
use serde_json::{Value, json};

/// Why an answer is none.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AnswerError {
    /// The accessory refuses the whole request; 470 is that of a connection that is not verified.
    #[error("the accessory answers {http} with status {status:?}")]
    Refused {
        /// The status of HTTP.
        http: u16,
        /// That of HomeKit, where there is one.
        status: Option<Status>,
    },
    /// The body is none.
    #[error(transparent)]
    Json(#[from] JsonError),
}

impl AnswerError {
    /// The peer's, always.
    pub const fn fault(&self) -> Fault {
        Fault::Peer
    }
}

/// What an answer or an event says of one characteristic.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer {
    /// Which.
    pub id: CharacteristicId,
    /// What came of it.
    pub status: Status,
    /// Its value, where there is one.
    pub value: Option<Value>,
}

/// One thing to write.
#[derive(Clone, PartialEq, Debug)]
pub struct Change {
    /// Where.
    pub id: CharacteristicId,
    /// A value, if any.
    pub value: Option<Value>,
    /// Whether to be told of changes from now on; unchanged when none.
    pub watch: Option<bool>,
    /// The answer shall have the value that comes of it.
    pub wants_response: bool,
}

/// Asks for all accessories.
pub fn accessories_request() -> Request {
    Request::get("/accessories")
}

/// Reads what answers it.
///
/// # Errors
/// The accessory refuses, or the body is none.
pub fn read_accessories_response(response: &Response) -> Result<Vec<Accessory>, AnswerError> {
    accepted(response)?;
    Ok(read_accessories(&response.body)?)
}

/// Asks for values.
pub fn values_request(ids: &[CharacteristicId]) -> Request {
    let ids: Vec<String> = ids.iter().map(|id| format!("{}.{}", id.aid, id.iid)).collect();
    Request::get(format!("/characteristics?id={}", ids.join(",")))
}

/// Writes values and subscriptions; `pid` is that of a [`prepare_request`] before it.
pub fn write_request(changes: &[Change], pid: Option<u64>) -> Request {
    let all = changes.iter().map(|change| {
        let mut object = json!({ "aid": change.id.aid, "iid": change.id.iid });
        if let Some(value) = &change.value {
            object["value"] = value.clone();
        }
        if let Some(watch) = change.watch {
            object["ev"] = json!(watch);
        }
        if change.wants_response {
            object["r"] = json!(true);
        }
        object
    });
    let mut body = json!({ "characteristics": all.collect::<Vec<_>>() });
    if let Some(pid) = pid {
        body["pid"] = json!(pid);
    }
    Request::with_body(Method::Put, "/characteristics", JSON, body.to_string().into_bytes())
}

/// Prepares a timed write: the one with this number is good for so many milliseconds.
pub fn prepare_request(pid: u64, ttl_ms: u64) -> Request {
    let body = json!({ "ttl": ttl_ms, "pid": pid });
    Request::with_body(Method::Put, "/prepare", JSON, body.to_string().into_bytes())
}

/// Reads what answers [`values_request`] and [`write_request`], and events. A write that all went well of has nothing to say.
///
/// # Errors
/// The accessory refuses, or the body is none.
pub fn read_answers(response: &Response) -> Result<Vec<Answer>, AnswerError> {
    accepted(response)?;
    if response.body.is_empty() {
        return Ok(Vec::new());
    }
    let answer = |value: &Value| {
        let id = shape(CharacteristicId::from_json(value), "aid or iid")?;
        let status = value.get("status").and_then(Value::as_i64).map_or(Status::Success, Status::from_number);
        Ok(Answer { id, status, value: value.get("value").cloned() })
    };
    array(&parse(&response.body)?, "characteristics")?.iter().map(answer).collect()
}

/// Anything but 2xx refuses the whole request; so does a status alone.
fn accepted(response: &Response) -> Result<(), AnswerError> {
    let status = || parse(&response.body).ok()?.get("status")?.as_i64().map(Status::from_number);
    match response.status {
        200..=299 => Ok(()),
        http => Err(AnswerError::Refused { http, status: status() }),
    }
}
