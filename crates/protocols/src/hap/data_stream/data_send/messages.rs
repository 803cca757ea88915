//! The bodies of its messages.
use crate::hap::data_stream::Status;
use crate::hap::data_stream::value::{Dictionary, Value};
use bytes::Bytes;

/// The type of a transfer that is a recording of a camera.
pub const RECORDING: &str = "ipcamera.recording";
/// To whom recordings go.
const CONTROLLER: &str = "controller";

/// Why a transfer ends or does not begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// It is at its end.
    Normal,
    /// The camera, or its recording, is switched off.
    NotAllowed,
    /// There is one already.
    Busy,
    /// It is not wanted any more.
    Cancelled,
    /// There is no such thing.
    Unsupported,
    /// Something is broken.
    UnexpectedFailure,
    /// It takes too long.
    Timeout,
    /// The data is none.
    BadData,
    /// The messages are none.
    ProtocolError,
    /// Nobody has said how to record.
    InvalidConfiguration,
    /// A number that is none of these.
    Other(i64),
}

const REASONS: [Reason; 10] = [
    Reason::Normal,
    Reason::NotAllowed,
    Reason::Busy,
    Reason::Cancelled,
    Reason::Unsupported,
    Reason::UnexpectedFailure,
    Reason::Timeout,
    Reason::BadData,
    Reason::ProtocolError,
    Reason::InvalidConfiguration,
];

impl Reason {
    /// As a number.
    pub fn number(self) -> i64 {
        if let Self::Other(number) = self {
            return number;
        }
        REASONS.iter().position(|reason| *reason == self).map_or(0, |index| index as i64)
    }

    /// Of a number.
    pub fn from_number(number: i64) -> Self {
        let index = usize::try_from(number).ok();
        index.and_then(|index| REASONS.get(index)).copied().unwrap_or(Self::Other(number))
    }
}

/// The request that opens a transfer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Open {
    /// The transfer's number, which the controller chooses.
    pub stream: i64,
    /// What is wanted, such as [`RECORDING`].
    pub kind: String,
    /// To whom it goes.
    pub target: String,
    /// Why, in words.
    pub reason: Option<String>,
}

impl Open {
    /// Of a recording.
    pub fn recording(stream: i64) -> Self {
        let (kind, target) = (RECORDING.to_owned(), CONTROLLER.to_owned());
        Self { stream, kind, target, reason: Some("recordingNow".to_owned()) }
    }

    /// Whether it is a recording that is wanted.
    pub fn is_recording(&self) -> bool {
        self.kind == RECORDING && self.target == CONTROLLER
    }

    /// As a body.
    pub fn to_body(&self) -> Dictionary {
        let body = Dictionary::new().with("target", self.target.as_str()).with("type", self.kind.as_str());
        let body = body.with("streamId", self.stream);
        match &self.reason {
            Some(reason) => body.with("reason", reason.as_str()),
            None => body,
        }
    }

    /// Reads a body; none when it is none.
    pub fn from_body(body: &Dictionary) -> Option<Self> {
        let text = |name| body.text(name).map(str::to_owned);
        Some(Self {
            stream: body.int("streamId")?,
            kind: text("type")?,
            target: text("target")?,
            reason: text("reason"),
        })
    }
}

/// The answer to it: status and body.
pub fn open_answer(result: Result<(), Reason>) -> (Status, Dictionary) {
    match result {
        Ok(()) => (Status::Success, Dictionary::new().with("status", Status::Success.number())),
        Err(reason) => (Status::ProtocolSpecific, Dictionary::new().with("status", reason.number())),
    }
}

/// What a piece of a recording is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DataType {
    /// The head of the file.
    Initialization,
    /// A fragment of it.
    Fragment,
}

impl DataType {
    const NAMES: [(Self, &str); 2] =
        [(Self::Initialization, "mediaInitialization"), (Self::Fragment, "mediaFragment")];

    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }
}

/// A chunk of a piece.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packet {
    /// Its bytes.
    pub data: Bytes,
    /// What the piece is.
    pub kind: DataType,
    /// The piece's number, from 1.
    pub piece: i64,
    /// The chunk's number in it, from 1.
    pub chunk: i64,
    /// It is the piece's last one.
    pub is_last: bool,
    /// The length of the whole piece; the first chunk says it.
    pub total: Option<i64>,
}

impl Packet {
    fn to_value(&self) -> Value {
        let metadata = Dictionary::new()
            .with("dataType", self.kind.name())
            .with("dataSequenceNumber", self.piece)
            .with("dataChunkSequenceNumber", self.chunk)
            .with("isLastDataChunk", self.is_last);
        let metadata = match self.total {
            Some(total) => metadata.with("dataTotalSize", total),
            None => metadata,
        };
        Dictionary::new().with("data", self.data.clone()).with("metadata", metadata).into()
    }

    fn from_value(value: &Value) -> Option<Self> {
        let Value::Dictionary(packet) = value else { return None };
        let metadata = packet.dictionary("metadata")?;
        Some(Self {
            data: packet.data("data")?.clone(),
            kind: DataType::parse(metadata.text("dataType")?)?,
            piece: metadata.int("dataSequenceNumber")?,
            chunk: metadata.int("dataChunkSequenceNumber")?,
            is_last: metadata.bool("isLastDataChunk")?,
            total: metadata.int("dataTotalSize"),
        })
    }
}

/// The event with data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Data {
    /// The transfer.
    pub stream: i64,
    /// What there is of it; one as a rule.
    pub packets: Vec<Packet>,
    /// Nothing comes after it. The last chunk of a piece says it, yes or no.
    pub end_of_stream: Option<bool>,
}

impl Data {
    /// As a body.
    pub fn to_body(&self) -> Dictionary {
        let packets = Value::Array(self.packets.iter().map(Packet::to_value).collect());
        let body = Dictionary::new().with("streamId", self.stream).with("packets", packets);
        match self.end_of_stream {
            Some(end) => body.with("endOfStream", end),
            None => body,
        }
    }

    /// Reads a body; none when it is none.
    pub fn from_body(body: &Dictionary) -> Option<Self> {
        let packets = body.array("packets")?.iter().map(Packet::from_value).collect::<Option<_>>()?;
        Some(Self { stream: body.int("streamId")?, packets, end_of_stream: body.bool("endOfStream") })
    }
}

/// The event that closes a transfer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Close {
    /// The transfer.
    pub stream: i64,
    /// Why.
    pub reason: Reason,
}

impl Close {
    /// As a body.
    pub fn to_body(self) -> Dictionary {
        Dictionary::new().with("streamId", self.stream).with("reason", self.reason.number())
    }

    /// Reads a body; none when it is none.
    pub fn from_body(body: &Dictionary) -> Option<Self> {
        Some(Self { stream: body.int("streamId")?, reason: Reason::from_number(body.int("reason")?) })
    }
}
