//! [`Ending`]: how a connection is ended, with its close code. Source: RFC 6455 §7.4; 4000 is protoo's "do not come back".
use std::borrow::Cow;

/// A close frame's reason is at most 123 bytes. Source: RFC 6455 §5.5.
const REASON_BYTES_MAX: usize = 123;

/// Why a connection is ended by this side.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Ending {
    /// Somebody who may threw the participant out.
    Kicked(String),
    /// The same identity came again.
    Replaced,
    /// The room was closed.
    RoomClosed(String),
    /// The peer may not come in.
    Refused(String),
    /// The server is shutting down.
    ServerEnds,
    /// A message that is not text.
    Binary,
    /// A message that is none.
    NotAMessage(String),
    /// A message that is too long.
    TooLong {
        /// Its bytes.
        bytes: usize,
        /// The most.
        max: usize,
    },
    /// The peer does not take what it is sent.
    TooSlow {
        /// Messages that waited.
        waiting: usize,
    },
    /// The peer did not authenticate or join in time.
    NotJoined,
    /// There is no place.
    Full(String),
    /// The room's task died.
    RoomFailed,
}

impl Ending {
    /// The close code.
    pub const fn code(&self) -> u16 {
        match self {
            Self::Kicked(_) | Self::Replaced | Self::RoomClosed(_) | Self::Refused(_) => 4000,
            Self::ServerEnds => 1001,
            Self::Binary => 1003,
            Self::NotAMessage(_) => 1007,
            Self::TooLong { .. } => 1009,
            Self::TooSlow { .. } | Self::NotJoined | Self::Full(_) | Self::RoomFailed => 1013,
        }
    }

    /// What stands in the close frame.
    pub fn reason(&self) -> String {
        let text: Cow<'_, str> = match self {
            Self::Kicked(why) => format!("kicked: {why}").into(),
            Self::Replaced => "replaced: the same identity came again".into(),
            Self::RoomClosed(why) => format!("room closed: {why}").into(),
            Self::Refused(why) => format!("refused: {why}").into(),
            Self::ServerEnds => "the server is shutting down".into(),
            Self::Binary => "binary: messages are text".into(),
            Self::NotAMessage(why) => format!("not a message: {why}").into(),
            Self::TooLong { bytes, max } => {
                format!("too long: {bytes} bytes, at most {max} are taken").into()
            }
            Self::TooSlow { waiting } => format!("too slow: {waiting} messages were waiting").into(),
            Self::NotJoined => "not joined: for too long".into(),
            Self::Full(why) => format!("room full: {why}").into(),
            Self::RoomFailed => "the room failed; it may be made again".into(),
        };
        let end = (0..=REASON_BYTES_MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
        text[..end.unwrap_or(0)].to_owned()
    }

    /// What others are told as the reason of leaving: one word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Kicked(_) => "kicked",
            Self::Replaced => "replaced",
            Self::RoomClosed(_) => "room_closed",
            Self::Refused(_) => "refused",
            Self::ServerEnds => "server_ends",
            Self::Binary | Self::NotAMessage(_) | Self::TooLong { .. } => "protocol_error",
            Self::TooSlow { .. } => "too_slow",
            Self::NotJoined => "not_joined",
            Self::Full(_) => "full",
            Self::RoomFailed => "failed",
        }
    }

    /// Whether what waits is thrown away: the peer does not take it anyway.
    pub(crate) const fn at_once(&self) -> bool {
        matches!(self, Self::TooSlow { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let reason = Ending::Kicked("ä".repeat(100)).reason();
        assert!(reason.len() <= REASON_BYTES_MAX && reason.ends_with('ä'), "{}", reason.len());
        assert_eq!(Ending::ServerEnds.reason(), "the server is shutting down");
    }
}
