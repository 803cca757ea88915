//! What a transport's packets travel in.
use super::batch::Route;
use super::direct::Direct;
use super::keys::ServerKey;
use super::plain::Plain;
use super::webrtc::WebRtc;
use crate::transport::TransportStats;

/// The kinds of transports, as far as they differ.
#[derive(Debug)]
pub(crate) enum Carrier {
    /// A browser or the like.
    WebRtc(Box<WebRtc>),
    /// An address.
    Plain(Box<Plain>),
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
            Self::WebRtc(webrtc) => webrtc.route(),
            Self::Plain(plain) => plain.route(),
            Self::Direct(_) => None,
        }
    }

    /// The same for RTCP.
    pub(crate) fn rtcp_route(&self) -> Option<Route> {
        match self {
            Self::WebRtc(webrtc) => webrtc.route(),
            Self::Plain(plain) => plain.rtcp_route(),
            Self::Direct(_) => None,
        }
    }

    /// Whether media can go out.
    pub(crate) fn is_ready(&self) -> bool {
        match self {
            Self::WebRtc(webrtc) => webrtc.is_ready(),
            Self::Plain(plain) => plain.is_ready(),
            Self::Direct(_) => true,
        }
    }

    /// The server on whose port it is.
    pub(crate) fn server(&self) -> Option<ServerKey> {
        match self {
            Self::WebRtc(webrtc) => webrtc.server,
            Self::Plain(_) | Self::Direct(_) => None,
        }
    }

    /// Enciphers the RTP packet from `start` on, where this way does that.
    pub(crate) fn protect_rtp(&mut self, bytes: &mut Vec<u8>, start: usize) -> Result<(), NotSent> {
        match self {
            Self::WebRtc(webrtc) => webrtc.protect_rtp(bytes, start).then_some(()).ok_or(NotSent),
            Self::Plain(plain) => plain.protect_rtp(bytes, start).then_some(()).ok_or(NotSent),
            Self::Direct(_) => Err(NotSent),
        }
    }

    /// The same for RTCP.
    pub(crate) fn protect_rtcp(&mut self, bytes: &mut Vec<u8>, start: usize) -> Result<(), NotSent> {
        match self {
            Self::WebRtc(webrtc) => webrtc.protect_rtcp(bytes, start).then_some(()).ok_or(NotSent),
            Self::Plain(plain) => plain.protect_rtcp(bytes, start).then_some(()).ok_or(NotSent),
            Self::Direct(_) => Err(NotSent),
        }
    }

    /// RTCP for the application.
    pub(crate) fn deliver_rtcp(&mut self, compound: &[u8]) {
        match self {
            // it has no way yet: nobody could read it
            Self::WebRtc(_) | Self::Plain(_) => {}
            Self::Direct(direct) => direct.deliver_rtcp(compound),
        }
    }

    /// A consumer ended: its streams are not sent any more.
    pub(crate) fn forget(&mut self, ssrc: u32, rtx: Option<u32>) {
        match self {
            Self::WebRtc(webrtc) => {
                webrtc.forget(ssrc);
                rtx.into_iter().for_each(|rtx| webrtc.forget(rtx));
            }
            Self::Plain(plain) => {
                plain.forget(ssrc);
                rtx.into_iter().for_each(|rtx| plain.forget(rtx));
            }
            Self::Direct(_) => {}
        }
    }

    /// What only this kind has to say.
    pub(crate) fn fill(&self, stats: &mut TransportStats) {
        match self {
            Self::WebRtc(webrtc) => webrtc.fill(stats),
            Self::Plain(plain) => plain.fill(stats),
            Self::Direct(_) => {}
        }
    }
}
