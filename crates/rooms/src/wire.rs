//! protoo's framing: requests, responses and notifications as JSON objects, one in each text message. docs/rooms.md, "Messages".
use crate::refusal::Refusal;
use serde_json::{Map, Value, json};

/// A message of the peer.
#[derive(Clone, PartialEq, Debug)]
pub enum Incoming {
    /// It wants something, and an answer.
    Request {
        /// Names the request in the answer.
        id: u32,
        /// What it wants.
        method: String,
        /// With what.
        data: Value,
    },
    /// It answers one of our requests.
    Response {
        /// Which.
        id: u32,
        /// What it says; or why not.
        answer: Result<Value, String>,
    },
    /// It tells something; there is nothing that clients could tell.
    Notification,
}

/// A text that is none of the three. Says what, and does not quote it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotAMessage(String);

impl Incoming {
    /// Reads a text.
    ///
    /// # Errors
    /// It is no message, and why.
    pub fn parse(text: &str) -> Result<Self, NotAMessage> {
        let value: Value = serde_json::from_str(text).map_err(|error| {
            NotAMessage(format!("no JSON, line {}, column {}", error.line(), error.column()))
        })?;
        let Value::Object(mut message) = value else { return Err(NotAMessage("no JSON object".into())) };
        let is = |message: &Map<String, Value>, kind: &str| message.get(kind) == Some(&Value::Bool(true));
        let data = message.remove("data").filter(|data| !data.is_null());
        let data = data.unwrap_or_else(|| Value::Object(Map::new()));
        if is(&message, "request") {
            let Some(Value::String(method)) = message.remove("method") else {
                return Err(NotAMessage("a request without method".into()));
            };
            return Ok(Self::Request { id: id(&message)?, method, data });
        }
        if is(&message, "response") {
            let reason = message.get("errorReason").and_then(Value::as_str).unwrap_or("without a reason");
            let answer = if is(&message, "ok") { Ok(data) } else { Err(reason.to_owned()) };
            return Ok(Self::Response { id: id(&message)?, answer });
        }
        if is(&message, "notification") {
            return Ok(Self::Notification);
        }
        Err(NotAMessage("neither request nor response nor notification is true".into()))
    }
}

fn id(message: &Map<String, Value>) -> Result<u32, NotAMessage> {
    let id = message.get("id").and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok());
    id.ok_or_else(|| NotAMessage("id is not a number from 0 to 4294967295".into()))
}

/// Our answer to a request.
pub fn response(id: u32, answer: Result<Value, Refusal>) -> Value {
    match answer {
        Ok(data) => json!({ "response": true, "id": id, "ok": true, "data": data }),
        Err(refusal) => json!({
            "response": true, "id": id, "ok": false, "errorCode": refusal.code, "errorReason": refusal.reason,
        }),
    }
}

/// Our request.
pub fn request(id: u32, method: &str, data: Value) -> Value {
    json!({ "request": true, "id": id, "method": method, "data": data })
}

/// What we tell.
pub fn notification(method: &str, data: Value) -> Value {
    json!({ "notification": true, "method": method, "data": data })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_are_read() {
        let parse = |text: &str| Incoming::parse(text).unwrap();
        assert_eq!(
            parse(r#"{"request":true,"id":4294967295,"method":"join"}"#),
            Incoming::Request { id: u32::MAX, method: "join".into(), data: json!({}) }
        );
        assert_eq!(
            parse(r#"{"response":true,"id":1,"ok":true,"data":null}"#),
            Incoming::Response { id: 1, answer: Ok(json!({})) }
        );
        assert_eq!(
            parse(r#"{"response":true,"id":1,"ok":false,"errorCode":4,"errorReason":"no codec"}"#),
            Incoming::Response { id: 1, answer: Err("no codec".into()) }
        );
        assert_eq!(parse(r#"{"notification":true,"method":"x"}"#), Incoming::Notification);
    }

    #[test]
    fn what_is_none_of_them_says_why_and_is_not_quoted() {
        for (text, why) in [
            ("secret", "no JSON, line 1, column 1"),
            ("[]", "no JSON object"),
            ("{}", "neither request"),
            (r#"{"request":true,"id":1}"#, "without method"),
            (r#"{"request":true,"method":"join"}"#, "id is not a number"),
            (r#"{"request":true,"method":"join","id":-1}"#, "id is not a number"),
            (r#"{"request":1,"method":"join","id":1}"#, "neither request"),
            (r#"{"response":true,"ok":true,"id":"1"}"#, "id is not a number"),
        ] {
            let told = Incoming::parse(text).unwrap_err().to_string();
            assert!(told.contains(why) && !told.contains("secret"), "{text}: {told}");
        }
    }
}
