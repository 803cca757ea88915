//! The items of pairing messages, and replies.
//!
//! Source: HAP specification (R2) tables 5-3 to 5-7.
use super::{ErrorCode, PairingError};
use crate::hap::tlv8::{Tlv8, Tlv8Error};

/// The content type of all pairing messages.
pub const CONTENT_TYPE: &str = "application/pairing+tlv8";

/// Longest pairing message: 16 KiB. M3 of a setup has 460 bytes; a list of 64 pairings 5 KiB; certificates of accessories 2.
pub const MESSAGE_BYTES_MAX: usize = 16 << 10;

/// A connection, as its owner numbers it.
pub type ConnectionId = u64;

pub(super) const METHOD: u8 = 0;
pub(super) const IDENTIFIER: u8 = 1;
pub(super) const SALT: u8 = 2;
pub(super) const PUBLIC_KEY: u8 = 3;
pub(super) const PROOF: u8 = 4;
pub(super) const ENCRYPTED: u8 = 5;
pub(super) const STATE: u8 = 6;
pub(super) const ERROR: u8 = 7;
pub(super) const RETRY_DELAY: u8 = 8;
pub(super) const SIGNATURE: u8 = 10;
pub(super) const PERMISSIONS: u8 = 11;
pub(super) const SEPARATOR: u8 = 255;

pub(super) const METHOD_SETUP: u8 = 0;
pub(super) const METHOD_ADD: u8 = 3;
pub(super) const METHOD_REMOVE: u8 = 4;
pub(super) const METHOD_LIST: u8 = 5;

/// What an accessory answers over HTTP, with [`CONTENT_TYPE`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// The status: 200 also for refusals that have a code, 400 for messages that are none or come out of order, 500 for our faults.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    pub(super) fn ok(message: &Tlv8) -> Self {
        Self { status: 200, body: message.to_bytes() }
    }

    /// A refusal as message `step`.
    pub(super) fn refused(step: u8, code: ErrorCode) -> Self {
        Self::ok(&start(step).with(ERROR, [code as u8]))
    }

    /// A message that is none, or out of order.
    pub(super) fn bad(step: u8) -> Self {
        Self { status: 400, ..Self::refused(step, ErrorCode::Unknown) }
    }

    /// Our fault.
    pub(super) fn broken(step: u8) -> Self {
        Self { status: 500, ..Self::refused(step, ErrorCode::Unknown) }
    }
}

/// The start of message `step`.
pub(super) fn start(step: u8) -> Tlv8 {
    Tlv8::new().with(STATE, [step])
}

/// A request's items and step; the step that answers it, when it is none.
pub(super) fn request(body: &[u8]) -> Result<(Tlv8, u8), u8> {
    /// What answers a message that does not say which it is.
    const FIRST_ANSWER: u8 = 2;
    if body.len() > MESSAGE_BYTES_MAX {
        return Err(FIRST_ANSWER);
    }
    let items = Tlv8::parse(body).map_err(|_| FIRST_ANSWER)?;
    let step = items.array::<1>(STATE).map_err(|_| FIRST_ANSWER)?[0];
    Ok((items, step))
}

/// A controller reads reply `step`. Some accessories leave the state out, and so do refusals of many.
pub(super) fn reply(body: &[u8], step: u8) -> Result<Tlv8, PairingError> {
    let wrong = |source: Tlv8Error| PairingError::Reply { step, source };
    if body.len() > MESSAGE_BYTES_MAX {
        return Err(PairingError::TooLong { length: body.len() });
    }
    let items = Tlv8::parse(body).map_err(wrong)?;
    if let Some(code) = items.uint(ERROR).map_err(wrong)? {
        return Err(PairingError::Refused {
            step: step.saturating_sub(1),
            code: ErrorCode::from_number(code),
            retry_after: items.uint(RETRY_DELAY).map_err(wrong)?,
        });
    }
    match items.uint(STATE).map_err(wrong)? {
        Some(got) if got != u64::from(step) => Err(PairingError::OutOfOrder { expected: step, got }),
        Some(_) | None => Ok(items),
    }
}
