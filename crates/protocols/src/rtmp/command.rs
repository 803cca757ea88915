//! Commands: a name, a transaction number and AMF0 values.
//!
//! Source: RTMP 1.0 §7.2.
use super::RtmpError;
use super::message::{Message, kind};
use bytes::Bytes;
use formats::amf0::{Reader, Value, encode};

/// One command, or the answer to one.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Command {
    pub(super) name: String,
    pub(super) transaction: f64,
    /// The command object first, then the arguments.
    pub(super) values: Vec<Value>,
}

impl Command {
    /// Reads a command message; those of AMF3 have a byte before, and AMF0 behind it. `at`: where it ends.
    pub(super) fn parse(message: &Message, at: u64) -> Result<Self, RtmpError> {
        let data = match (message.kind, &message.data[..]) {
            (kind::COMMAND_AMF3, [0, rest @ ..]) => rest,
            (_, data) => data,
        };
        let mut reader = Reader::new(data);
        let mut next = || reader.next_value().map_err(|error| RtmpError::Command { error, at });
        let name = next()?.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
        let transaction = next()?.as_ref().and_then(Value::as_number).unwrap_or_default();
        Ok(Self { name, transaction, values: reader.rest() })
    }

    /// The n-th value as text; 0 is the command object.
    pub(super) fn text(&self, index: usize) -> Option<&str> {
        self.values.get(index).and_then(Value::as_str)
    }

    /// A text property of the info object of an answer: `code`, `level`, `description`.
    pub(super) fn info(&self, key: &str) -> Option<&str> {
        self.values.get(1).and_then(|info| info.get(key)).and_then(Value::as_str)
    }
}

/// The body of a command.
pub(super) fn command<const N: usize>(name: &str, transaction: f64, values: [Value; N]) -> Bytes {
    let mut all = vec![Value::from(name), Value::Number(transaction)];
    all.extend(values);
    encode(&all)
}

/// The info object of an answer.
pub(super) fn info(level: &str, code: &str, description: &str) -> Value {
    Value::object([("level", level.into()), ("code", code.into()), ("description", description.into())])
}

/// The body of an `onStatus`.
pub(super) fn on_status(level: &str, code: &str, description: &str) -> Bytes {
    command("onStatus", 0.0, [Value::Null, info(level, code, description)])
}
