//! What an application allows a transport: names, checks and errors are mediasoup's.
use crate::bwe::{BPS_MIN, SendEstimatorOptions};
use crate::ids::TransportId;
use crate::mailbox::WorkerGone;

/// A limit of a transport is wrong. Nothing has changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BitrateError {
    /// Not even sound would flow.
    #[error("bitrate is {0}, and must be at least 30000, or 0 for no limit")]
    TooLow(u32),
    /// The maximum would be below the minimum.
    #[error("maximum bitrate is {max}, and the minimum {min}")]
    BelowMinimum {
        /// The maximum that was to be set.
        max: u32,
        /// The minimum as it is.
        min: u32,
    },
    /// The minimum would be above the maximum.
    #[error("minimum bitrate is {min}, and the maximum {max}")]
    AboveMaximum {
        /// The minimum that was to be set.
        min: u32,
        /// The maximum as it is.
        max: u32,
    },
}

/// Why a limit was not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetBitrateError {
    /// It is wrong.
    #[error(transparent)]
    Bitrate(#[from] BitrateError),
    /// The transport was closed.
    #[error("the transport {0} is closed")]
    TransportClosed(TransportId),
    /// The worker has ended.
    #[error(transparent)]
    WorkerGone(#[from] WorkerGone),
}

/// Which limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BitrateLimit {
    MaxIncoming,
    MaxOutgoing,
    MinOutgoing,
}

/// Bits a second that the application allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BitrateLimits {
    pub(crate) initial_outgoing: u32,
    pub(crate) max_incoming: Option<u32>,
    pub(crate) max_outgoing: Option<u32>,
    pub(crate) min_outgoing: Option<u32>,
}

impl Default for BitrateLimits {
    /// As in mediasoup.
    fn default() -> Self {
        let initial_outgoing = SendEstimatorOptions::default().initial;
        Self { initial_outgoing, max_incoming: None, max_outgoing: None, min_outgoing: None }
    }
}

impl BitrateLimits {
    /// Sets one; 0 lifts it.
    pub(crate) fn set(&mut self, limit: BitrateLimit, bps: u32) -> Result<(), BitrateError> {
        let new = (bps > 0).then_some(bps);
        let is_outgoing = limit != BitrateLimit::MaxIncoming;
        if is_outgoing && new.is_some_and(|bps| bps < BPS_MIN) {
            return Err(BitrateError::TooLow(bps));
        }
        match limit {
            BitrateLimit::MaxIncoming => self.max_incoming = new,
            BitrateLimit::MaxOutgoing => match (new, self.min_outgoing) {
                (Some(max), Some(min)) if max < min => return Err(BitrateError::BelowMinimum { max, min }),
                _ => self.max_outgoing = new,
            },
            BitrateLimit::MinOutgoing => match (new, self.max_outgoing) {
                (Some(min), Some(max)) if min > max => return Err(BitrateError::AboveMaximum { min, max }),
                _ => self.min_outgoing = new,
            },
        }
        Ok(())
    }

    /// What the estimate of the way to the peer heeds.
    pub(crate) fn outgoing(&self) -> SendEstimatorOptions {
        SendEstimatorOptions {
            initial: self.initial_outgoing,
            min: self.min_outgoing,
            max: self.max_outgoing,
        }
    }
}
