//! What a client session tells its driver.
use crate::auth::AuthError;
use crate::rtsp::framer::FrameError;
use crate::rtsp::url::UrlError;
use bytes::Bytes;
use formats::sdp::{MediaSection, Payload, SdpError};
use media::{Fault, Moment, TrackId};
use std::time::Duration;

/// The next thing the driver does.
#[derive(Clone, PartialEq, Debug)]
pub enum Output {
    /// Send these bytes on the connection.
    Transmit(Bytes),
    /// Something happened.
    Event(Event),
    /// Send this from the ports of a track to the server's: sound of ours, over UDP.
    Datagram {
        /// The back channel.
        track: TrackId,
        /// From the port of RTCP to that of RTCP.
        is_rtcp: bool,
        /// One packet.
        data: Bytes,
    },
    /// Drained: poll again at this moment, or after any `handle_*`.
    WaitUntil(Moment),
}

/// What happened.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// The server said what it has. Track numbers are indices into `sections` from here on.
    Described {
        /// What will be set up.
        sections: Vec<MediaSection>,
        /// What was left out, and why: one sentence each.
        skipped: Vec<String>,
        /// The description as it came.
        sdp: Bytes,
    },
    /// The camera takes sound. Told behind [`Event::Described`], where it was asked for.
    BackChannel {
        /// Its track; `sections` of [`Event::Described`] has it too.
        track: TrackId,
        /// What it takes, in the camera's order, at least one: see `Client::choose`.
        offers: Vec<Payload>,
    },
    /// Bind a pair of ports for this track and call `udp_ports`.
    SetupUdp {
        /// The track.
        track: TrackId,
    },
    /// The server accepted a track.
    TrackReady {
        /// The track.
        track: TrackId,
        /// What carries it.
        carrier: Carrier,
        /// The sender's SSRC, if named.
        ssrc: Option<u32>,
    },
    /// The server refused a track; the others go on.
    TrackRefused {
        /// The track.
        track: TrackId,
        /// The status.
        status: u16,
        /// The server's words.
        reason: String,
    },
    /// The server plays. Packets may have come before.
    Playing {
        /// Where each track starts, as far as the server says.
        starts: Vec<TrackStart>,
    },
    /// One RTP packet from the connection.
    Rtp {
        /// The track.
        track: TrackId,
        /// The packet.
        data: Bytes,
    },
    /// One compound RTCP packet from the connection.
    Rtcp {
        /// The track.
        track: TrackId,
        /// The packet.
        data: Bytes,
    },
    /// Close the connection, dial `successor()` and go on with that. This client is done.
    Reconnect(Reconnect),
    /// It is over in good order: close the connection.
    Closed,
}

/// Why another connection is needed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reconnect {
    /// The server is elsewhere. The URL carries no credentials.
    Redirected {
        /// Where.
        url: String,
    },
    /// The server hung up where it should have asked for credentials, or after asking.
    ClosedInsteadOfAnswer,
    /// No datagram came through; the successor uses TCP.
    UdpSilent,
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
        /// The server's ports, if named: datagrams sent there open the way through a NAT.
        server_port: Option<(u16, u16)>,
        /// The address the media comes from, if not the host of the connection.
        source: Option<String>,
    },
}

/// Where a track's media starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TrackStart {
    /// The track.
    pub track: TrackId,
    /// The first packet's sequence number.
    pub sequence: Option<u16>,
    /// The RTP time that belongs to the start of the range.
    pub rtptime: Option<u32>,
}

/// Why the session failed.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum Error {
    /// The URL is wrong.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The server speaks something else.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The server lets us not in.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The description cannot be used.
    #[error(transparent)]
    Sdp(#[from] SdpError),
    /// The server refused a request.
    #[error("{method} (CSeq {cseq}) is refused: {status} {reason}")]
    Refused {
        /// The request.
        method: String,
        /// Its sequence number.
        cseq: u32,
        /// The status.
        status: u16,
        /// The server's words.
        reason: String,
    },
    /// The server did not reply.
    #[error("no reply to {method} (CSeq {cseq}) within {after:?}")]
    NoReply {
        /// The request.
        method: String,
        /// Its sequence number.
        cseq: u32,
        /// How long it had.
        after: Duration,
    },
    /// There is nothing to set up.
    #[error("no track to set up: {described}")]
    NoTracks {
        /// What there is.
        described: String,
    },
    /// The camera takes no sound, or does not say so.
    #[error(
        "the camera offers no back channel{}: it has {described}; switch two-way audio on in it, or take the URL of its \
         ONVIF profile",
        if *.asked { "" } else { ", and does not know what to be asked for" }
    )]
    NoBackChannel {
        /// What there is.
        described: String,
        /// The camera understood the question.
        asked: bool,
    },
    /// Somebody else talks.
    #[error("somebody else is talking to the camera: {method} is refused: {status} {reason}")]
    BackChannelBusy {
        /// The request.
        method: String,
        /// The status.
        status: u16,
        /// The server's words.
        reason: String,
    },
    /// The server hung up.
    #[error("the server closed the connection during {during}")]
    Disconnected {
        /// The phase.
        during: &'static str,
    },
    /// The server said that it is over.
    #[error("the server ended the session")]
    Ended,
    /// One redirect too many, or one to nowhere.
    #[error("redirect {count} leads to \"{location}\": {why}")]
    Redirect {
        /// How many there were.
        count: u8,
        /// Where it leads, without userinfo.
        location: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Nothing came at all where no media was to come.
    #[error("not a word from the server for {silent:?}, not even a reply to a keep-alive")]
    ServerSilent {
        /// How long.
        silent: Duration,
    },
    /// The media stopped.
    #[error("no media for {silent:?}")]
    MediaSilent {
        /// How long.
        silent: Duration,
    },
}

impl Error {
    /// Whose fault it is. A refusal is the server's, since what is not there now may be later.
    pub const fn fault(&self) -> Fault {
        match self {
            Error::Url(error) => error.fault(),
            Error::Frame(error) => error.fault(),
            Error::Auth(error) => error.fault(),
            Error::NoTracks { .. } | Error::NoBackChannel { .. } => Fault::Config,
            Error::Sdp(_)
            | Error::Refused { .. }
            | Error::BackChannelBusy { .. }
            | Error::NoReply { .. }
            | Error::Disconnected { .. }
            | Error::Ended
            | Error::Redirect { .. }
            | Error::ServerSilent { .. }
            | Error::MediaSilent { .. } => Fault::Peer,
        }
    }
}
