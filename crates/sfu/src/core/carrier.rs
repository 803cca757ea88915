//! What a transport's packets travel in.
use super::batch::Route;
use super::direct::Direct;
use crate::transport::TransportStats;

/// The kinds of transports, as far as they differ.
#[derive(Debug)]
pub(crate) enum Carrier {
    /// No network: the application is the peer.
    Direct(Direct),
}

/// A packet cannot be sent: there are no keys yet, or they are used up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NotSent;

impl Carrier {
    /// Where datagrams go; `None` while there is no way, and for the application itself.
    pub(crate) fn route(&self) -> Option<Route> {
        match self {
            Self::Direct(_) => None,
        }
    }

    /// Whether media can go out.
    pub(crate) fn is_ready(&self) -> bool {
        match self {
            Self::Direct(_) => true,
        }
    }

    /// Enciphers the RTP packet from `start` on, where this way does that.
    pub(crate) fn protect_rtp(&mut self, _bytes: &mut Vec<u8>, _start: usize) -> Result<(), NotSent> {
        match self {
            Self::Direct(_) => Err(NotSent),
        }
    }

    /// The same for RTCP.
    pub(crate) fn protect_rtcp(&mut self, _bytes: &mut Vec<u8>, _start: usize) -> Result<(), NotSent> {
        match self {
            Self::Direct(_) => Err(NotSent),
        }
    }

    /// RTCP for the application.
    pub(crate) fn deliver_rtcp(&mut self, compound: &[u8]) {
        match self {
            Self::Direct(direct) => direct.deliver_rtcp(compound),
        }
    }

    /// A consumer ended: its streams are not sent any more.
    pub(crate) fn forget(&mut self, _ssrc: u32, _rtx: Option<u32>) {
        match self {
            Self::Direct(_) => {}
        }
    }

    /// What only this kind has to say.
    pub(crate) fn fill(&self, _stats: &mut TransportStats) {
        match self {
            Self::Direct(_) => {}
        }
    }
}
