//! A message of a data channel: text or bytes, and the number that says which.
//!
//! Source: RFC 8831 §6.6 and §8. SCTP cannot carry an empty message, so that one travels as a single byte under a
//! number of its own.
use bytes::Bytes;

/// Payload protocol identifiers of WebRTC (RFC 8831 §8). 52 and 54 (parts of messages) are deprecated, and not taken.
pub(super) mod ppid {
    /// Messages about channels (RFC 8832).
    pub(in super::super) const DCEP: u32 = 50;
    /// Text.
    pub(in super::super) const STRING: u32 = 51;
    /// Bytes.
    pub(in super::super) const BINARY: u32 = 53;
    /// Empty text.
    pub(in super::super) const STRING_EMPTY: u32 = 56;
    /// No bytes.
    pub(in super::super) const BINARY_EMPTY: u32 = 57;
}

/// The one byte that an empty message travels as.
const EMPTY: Bytes = Bytes::from_static(&[0]);

/// One message. It may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// Text. UTF-8 by the standard, passed on as it came.
    String(Bytes),
    /// Bytes.
    Binary(Bytes),
}

impl Payload {
    /// The message's bytes; none for an empty one.
    pub fn bytes(&self) -> &Bytes {
        match self {
            Payload::String(bytes) | Payload::Binary(bytes) => bytes,
        }
    }

    /// Length in bytes, as the application counts.
    pub fn len(&self) -> usize {
        self.bytes().len()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.bytes().is_empty()
    }

    /// Identifier and bytes as they travel.
    pub(super) fn to_wire(&self) -> (u32, Bytes) {
        match self {
            Payload::String(bytes) if bytes.is_empty() => (ppid::STRING_EMPTY, EMPTY),
            Payload::Binary(bytes) if bytes.is_empty() => (ppid::BINARY_EMPTY, EMPTY),
            Payload::String(bytes) => (ppid::STRING, bytes.clone()),
            Payload::Binary(bytes) => (ppid::BINARY, bytes.clone()),
        }
    }

    /// What came under `identifier`; `None` when that is no message of a data channel.
    pub(super) fn from_wire(identifier: u32, bytes: Bytes) -> Option<Self> {
        match identifier {
            ppid::STRING => Some(Payload::String(bytes)),
            ppid::BINARY => Some(Payload::Binary(bytes)),
            ppid::STRING_EMPTY => Some(Payload::String(Bytes::new())),
            ppid::BINARY_EMPTY => Some(Payload::Binary(Bytes::new())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_payload_comes_back_and_an_empty_one_travels_as_one_byte() {
        for payload in [
            Payload::String(Bytes::new()),
            Payload::Binary(Bytes::new()),
            Payload::String(Bytes::from_static(b"a")),
            Payload::Binary(Bytes::from_static(&[0])),
        ] {
            let (identifier, bytes) = payload.to_wire();
            assert!(!bytes.is_empty());
            assert_eq!(Payload::from_wire(identifier, bytes), Some(payload));
        }
        assert_eq!(Payload::from_wire(52, Bytes::new()), None);
    }
}
