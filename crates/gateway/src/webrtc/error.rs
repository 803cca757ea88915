//! What can go wrong with a WebRTC session before it runs. Afterwards it ends with an
//! [`EndReason`](super::EndReason).
use media::Fault;

/// Why there is no session.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WebRtcError {
    /// The offer cannot be read.
    #[error("bad SDP offer: {0}")]
    BadOffer(String),
    /// The peer can receive nothing of what the stream has.
    #[error("nothing in common: the stream has {stream}, the peer offered to receive {offered}")]
    NothingToSend {
        /// The stream's tracks.
        stream: String,
        /// The codecs of the offer.
        offered: String,
    },
    /// The stream's frames are shown in another order than they are sent in, which no browser plays over WebRTC.
    #[error(
        "the stream has B frames, which WebRTC cannot carry: switch them off at the encoder (x264: -bf 0; cameras: baseline profile), or play it by MSE, RTSP or RTMP"
    )]
    BFrames,
    /// The peer sends nothing that is known here.
    #[error("nothing to receive: the peer offered {offered}")]
    NothingToReceive {
        /// The codecs of the offer.
        offered: String,
    },
    /// There is no address to be reached at.
    #[error("no local address for WebRTC: none configured, and no interface has one")]
    NoCandidate,
    /// A candidate of the peer cannot be read.
    #[error("bad ICE candidate: {0}")]
    BadCandidate(String),
    /// The engine refused.
    #[error("webrtc engine: {0}")]
    Engine(String),
}

impl WebRtcError {
    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        match self {
            WebRtcError::BadOffer(_)
            | WebRtcError::NothingToSend { .. }
            | WebRtcError::BFrames
            | WebRtcError::NothingToReceive { .. }
            | WebRtcError::BadCandidate(_) => Fault::Peer,
            WebRtcError::NoCandidate => Fault::Config,
            WebRtcError::Engine(_) => Fault::Us,
        }
    }
}
