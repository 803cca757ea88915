//! What goes wrong in pairing: the codes that accessories answer with, and why a controller gives up.
use crate::hap::random::KeyError;
use crate::hap::srp::SrpError;
use crate::hap::tlv8::Tlv8Error;
use media::Fault;

/// An error as an accessory answers it. Source: HAP specification (R2) table 5-5.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorCode {
    /// Whatever has no code of its own; messages out of order.
    Unknown = 1,
    /// The setup code, a key or a signature is not the right one, or the controller is no administrator.
    Authentication = 2,
    /// Wait, and try again.
    Backoff = 3,
    /// No room for another pairing.
    MaxPeers = 4,
    /// Too many wrong codes; the accessory must be reset or started again.
    MaxTries = 5,
    /// The accessory is paired already.
    Unavailable = 6,
    /// Another controller is pairing.
    Busy = 7,
}

impl ErrorCode {
    /// The code of a number; numbers without one are [`ErrorCode::Unknown`].
    pub(super) fn from_number(number: u64) -> Self {
        match number {
            2 => Self::Authentication,
            3 => Self::Backoff,
            4 => Self::MaxPeers,
            5 => Self::MaxTries,
            6 => Self::Unavailable,
            7 => Self::Busy,
            _ => Self::Unknown,
        }
    }
}

/// Why a controller's pairing ends.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PairingError {
    /// The accessory says no.
    #[error("the accessory refuses M{step}: {code:?}")]
    Refused {
        /// The message it refuses.
        step: u8,
        /// Why.
        code: ErrorCode,
        /// After how many seconds it wants another try.
        retry_after: Option<u64>,
    },
    /// A reply out of order.
    #[error("M{got} came where M{expected} was due")]
    OutOfOrder {
        /// What was due.
        expected: u8,
        /// What came.
        got: u64,
    },
    /// A reply that is none, or lacks something.
    #[error("reply M{step}: {source}")]
    Reply {
        /// Which one.
        step: u8,
        /// What is wrong.
        source: Tlv8Error,
    },
    /// A reply longer than any.
    #[error("a reply of {length} bytes")]
    TooLong {
        /// Its length.
        length: usize,
    },
    /// The setup code is another one, or the accessory does not know it.
    #[error(transparent)]
    Srp(#[from] SrpError),
    /// What the accessory sealed or signed was not sealed or signed by who it says it is.
    #[error("reply M{step} is not authentic")]
    NotAuthentic {
        /// Which one.
        step: u8,
    },
    /// Another accessory answers.
    #[error("accessory {got} answers instead of {expected}")]
    OtherAccessory {
        /// Who was called.
        expected: String,
        /// Who says it is.
        got: String,
    },
    /// An identifier that is too long or no text.
    #[error("the accessory's identifier is no text of at most {} bytes", super::ID_BYTES_MAX)]
    Identifier,
    /// It ended before, or has not begun.
    #[error("no reply is due")]
    NotDue,
    /// No random numbers, or a key of ours that is none.
    #[error(transparent)]
    Keys(#[from] KeyError),
}

impl PairingError {
    /// Whose fault it is: a wrong setup code or pairing is the configuration's.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Refused { code: ErrorCode::Authentication | ErrorCode::Unavailable, .. }
            | Self::Srp(SrpError::Proof)
            | Self::OtherAccessory { .. } => Fault::Config,
            Self::NotDue | Self::Keys(_) | Self::Srp(SrpError::Random(_)) => Fault::Us,
            Self::Refused { .. }
            | Self::OutOfOrder { .. }
            | Self::Reply { .. }
            | Self::TooLong { .. }
            | Self::Srp(SrpError::PublicKey { .. })
            | Self::NotAuthentic { .. }
            | Self::Identifier => Fault::Peer,
        }
    }
}
