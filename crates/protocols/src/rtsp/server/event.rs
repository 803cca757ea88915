//! What a server session tells its driver.
use super::path::Target;
use crate::rtsp::fields::Range;
use crate::rtsp::framer::FrameError;
use bytes::Bytes;
use formats::sdp;
use media::{Fault, Moment, TrackId};
use std::time::Duration;

/// The next thing the driver does.
#[derive(Clone, PartialEq, Debug)]
pub enum Output {
    /// Send these bytes on the connection, between two interleaved frames.
    Transmit(Bytes),
    /// Something happened.
    Event(Event),
    /// Drained: poll again at this moment, or after any `handle_*` or answer.
    WaitUntil(Moment),
}

/// What happened.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// A reader asks what a stream has. Answer with `describe_ok` or `reject`.
    Describe {
        /// The stream and the query.
        target: Target,
        /// Who asks, where a verifier is set.
        user: Option<String>,
        /// It would talk too, and says so with `Require`: a section of sound with `a=sendonly` in the description is
        /// where. Source: ONVIF Streaming Specification §5.3.
        back_channel: bool,
    },
    /// A publisher says what it will send. Answer with `announce_ok` or `reject`.
    Announce {
        /// The stream and the query.
        target: Target,
        /// Who asks, where a verifier is set.
        user: Option<String>,
        /// What it will send. Track numbers are indices into its sections.
        description: Box<sdp::Session>,
        /// The description as it came.
        sdp: Bytes,
    },
    /// The client sets up a track. Answer with `setup_ok` or `reject`.
    Setup {
        /// The stream; a client may come here without DESCRIBE, so this too is to be allowed or not.
        target: Target,
        /// Who asks, where a verifier is set.
        user: Option<String>,
        /// The track.
        track: TrackId,
        /// What it wants; of UDP, the client's ports.
        carrier: Carrier,
        /// It will send, not receive: a publisher, or a reader on a back channel.
        publishes: bool,
    },
    /// The reader wants media. Answer with `play_ok` or `reject`; media follows behind the reply.
    Play {
        /// From where to where, if it says.
        range: Option<Range>,
        /// How fast, if it says. Source: RFC 2326 §12.34.
        scale: Option<f64>,
    },
    /// The reader wants no media for now, or the publisher sends none. Already answered.
    Pause,
    /// The publisher sends from now on. Already answered.
    Record,
    /// The client ends the session. Already answered; [`Event::Closed`] follows.
    Teardown,
    /// One RTP packet of a publisher, or of a reader on a back channel.
    Rtp {
        /// The track.
        track: TrackId,
        /// The packet.
        data: Bytes,
    },
    /// One compound RTCP packet.
    Rtcp {
        /// The track.
        track: TrackId,
        /// The packet.
        data: Bytes,
    },
    /// It is over in good order: close the connection when everything is written.
    Closed,
}

/// What carries a track.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Carrier {
    /// The connection.
    Tcp {
        /// Channel of RTP.
        rtp: u8,
        /// Channel of RTCP.
        rtcp: u8,
    },
    /// Datagrams.
    Udp {
        /// The client's port of RTP.
        rtp: u16,
        /// The client's port of RTCP.
        rtcp: u16,
    },
}

/// Where a track's media starts, for `RTP-Info`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TrackStart {
    /// The track.
    pub track: TrackId,
    /// The first packet's sequence number.
    pub sequence: u16,
    /// The first packet's RTP time.
    pub rtptime: u32,
}

/// What is played, for the answer to PLAY.
#[derive(Clone, PartialEq, Debug)]
pub struct Played {
    /// From where to where.
    pub range: Range,
    /// How fast, where that can be chosen.
    pub scale: Option<f64>,
}

impl Played {
    /// The present, as it comes.
    pub const PRESENT: Played =
        Played { range: Range::Npt { start: Some(Duration::ZERO), end: None }, scale: None };
}

/// Why the session failed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// The client speaks something else.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The client hung up without TEARDOWN.
    #[error("the client closed the connection {during}")]
    Disconnected {
        /// The phase.
        during: &'static str,
    },
    /// The client kept silent.
    #[error("the client sent neither request nor RTCP for {timeout:?}")]
    ClientSilent {
        /// The limit.
        timeout: Duration,
    },
    /// The publisher's media stopped.
    #[error("the publisher sent no media for {timeout:?}")]
    MediaSilent {
        /// The limit.
        timeout: Duration,
    },
    /// Too many wrong passwords.
    #[error("{refusals} wrong answers to 401")]
    Unauthorized {
        /// How many.
        refusals: u8,
    },
}

impl Error {
    /// The peer's, always.
    pub const fn fault(&self) -> Fault {
        Fault::Peer
    }
}
