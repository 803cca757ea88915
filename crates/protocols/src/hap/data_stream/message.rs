//! One message: a header, which says whose and what it is, and a body.
//!
//! Source: hap-nodejs 1.2.0. A payload is one byte of length, the header's dictionary, and the body's.
use super::value::{Dictionary, ValueError};
use bytes::Bytes;
use media::Fault;

/// What came of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// It is done.
    Success,
    /// There is no memory for it.
    OutOfMemory,
    /// It came too late.
    Timeout,
    /// Its header is none.
    Header,
    /// Its body is none.
    Payload,
    /// There is no such protocol.
    MissingProtocol,
    /// The body says why; see [`super::data_send::Reason`].
    ProtocolSpecific,
    /// A number that is none of these.
    Other(i64),
}

const STATUSES: [Status; 7] = [
    Status::Success,
    Status::OutOfMemory,
    Status::Timeout,
    Status::Header,
    Status::Payload,
    Status::MissingProtocol,
    Status::ProtocolSpecific,
];

impl Status {
    /// As a number.
    pub fn number(self) -> i64 {
        if let Self::Other(number) = self {
            return number;
        }
        STATUSES.iter().position(|status| *status == self).map_or(0, |index| index as i64)
    }

    /// Of a number.
    pub fn from_number(number: i64) -> Self {
        let index = usize::try_from(number).ok();
        index.and_then(|index| STATUSES.get(index)).copied().unwrap_or(Self::Other(number))
    }
}

/// What a message is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// It says something.
    Event,
    /// It asks something, under this number.
    Request(i64),
    /// It answers the request of this number.
    Response(i64, Status),
}

/// A message.
#[derive(Clone, PartialEq, Debug)]
pub struct Message {
    /// Whose it is, such as `control`.
    pub protocol: String,
    /// What it is about, such as `hello`.
    pub topic: String,
    /// What it is.
    pub kind: Kind,
    /// What it says.
    pub body: Dictionary,
}

/// Why a payload is no message.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MessageError {
    /// It is shorter than it says.
    #[error("the payload has {left} bytes of a header of {length}")]
    Truncated {
        /// What it says.
        length: usize,
        /// What there is.
        left: usize,
    },
    /// Its header or its body is none.
    #[error("its {part} is none: {source}")]
    Value {
        /// Which of them.
        part: &'static str,
        /// Why.
        source: ValueError,
    },
    /// Its header says too little.
    #[error("its header has no {0}")]
    Missing(&'static str),
    /// A header of ours that is too long.
    #[error("its header has {0} bytes")]
    HeadTooLong(usize),
}

impl MessageError {
    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Truncated { .. } | Self::Value { .. } | Self::Missing(_) => Fault::Peer,
            Self::HeadTooLong(_) => Fault::Us,
        }
    }
}

impl Message {
    /// Reads a frame's payload.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(payload: &Bytes) -> Result<Self, MessageError> {
        let length = usize::from(payload.first().copied().unwrap_or_default());
        let left = payload.len().saturating_sub(1);
        if payload.is_empty() || left < length {
            return Err(MessageError::Truncated { length, left });
        }
        let read =
            |part, bytes| Dictionary::parse(bytes).map_err(|source| MessageError::Value { part, source });
        let head = read("header", payload.slice(1..1 + length))?;
        let body = read("body", payload.slice(1 + length..))?;
        let text = |name| head.text(name).map(str::to_owned);
        let id = || head.int("id").ok_or(MessageError::Missing("id"));
        let (topic, kind) = match (text("event"), text("request"), text("response")) {
            (Some(topic), ..) => (topic, Kind::Event),
            (None, Some(topic), _) => (topic, Kind::Request(id()?)),
            (None, None, Some(topic)) => {
                let status = head.int("status").ok_or(MessageError::Missing("status"))?;
                (topic, Kind::Response(id()?, Status::from_number(status)))
            }
            (None, None, None) => return Err(MessageError::Missing("topic")),
        };
        Ok(Self { protocol: text("protocol").ok_or(MessageError::Missing("protocol"))?, topic, kind, body })
    }

    /// As a frame's payload.
    ///
    /// # Errors
    /// Protocol and topic are too long.
    pub fn to_payload(&self) -> Result<Vec<u8>, MessageError> {
        let head = Dictionary::new().with("protocol", self.protocol.as_str());
        let topic = self.topic.as_str();
        let head = match self.kind {
            Kind::Event => head.with("event", topic),
            Kind::Request(id) => head.with("request", topic).with("id", id),
            Kind::Response(id, status) => {
                head.with("response", topic).with("id", id).with("status", status.number())
            }
        };
        let mut payload = vec![0];
        head.write(&mut payload);
        let length = payload.len() - 1;
        payload[0] = u8::try_from(length).map_err(|_| MessageError::HeadTooLong(length))?;
        self.body.write(&mut payload);
        Ok(payload)
    }
}
