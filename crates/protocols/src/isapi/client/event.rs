//! What a call tells its driver.
use super::super::http::ReplyError;
use super::super::url::UrlError;
use crate::auth::AuthError;
use bytes::Bytes;
use media::{Fault, Moment, Track};
use std::fmt;
use std::time::Duration;

/// A connection of a call. The driver's name for it too; never used again.
pub type ConnectionId = u32;

/// The next thing the driver does.
#[derive(Clone, PartialEq, Debug)]
pub enum Output {
    /// Dial the device; then `handle_connected` or `handle_lost`.
    Connect {
        /// The new connection.
        connection: ConnectionId,
    },
    /// Send these bytes on a connection.
    Send {
        /// The connection.
        connection: ConnectionId,
        /// The bytes.
        bytes: Bytes,
    },
    /// Let go of a connection, also one that is being dialled. Nothing of it matters any more.
    Close {
        /// The connection.
        connection: ConnectionId,
    },
    /// The device said what it takes. It is not called before there is sound.
    Offer(Box<Offer>),
    /// The call stands: sound is heard from now on.
    Opened,
    /// It is over; told once. Every connection was let go of before.
    Ended(Box<Report>),
    /// Drained: poll again at this moment, or after any `handle_*`.
    WaitUntil(Moment),
}

/// What the device takes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offer {
    /// The talk channel.
    pub channel: u32,
    /// What the sound must be: codec, sample rate as clock rate, channels. `handle_audio` takes it as units of such a
    /// track have it: G.711 and G.722 samples, one raw AAC frame, L16 with the high byte first.
    pub track: Track,
    /// What the list says of the channel: `true` during a call, by most devices.
    pub enabled: Option<bool>,
    /// Bit rate in kilobits a second, if the device names one.
    pub bitrate_kbps: Option<u32>,
    /// Whether the device reduces noise itself.
    pub noise_reduction: Option<bool>,
}

/// A request to the device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ask {
    /// Which channels there are.
    List,
    /// The close of a call that is not ours, by [`Occupied::Close`](super::Occupied::Close).
    Free,
    /// The open.
    Open,
    /// The request that carries the sound.
    Audio,
    /// The close.
    Close,
}

impl Ask {
    /// For people and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Ask::List => "list",
            Ask::Free => "free",
            Ask::Open => "open",
            Ask::Audio => "audioData",
            Ask::Close => "close",
        }
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What became of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The device answered with this status.
    Status(u16),
    /// It did not, in time.
    None,
    /// It hung up instead.
    HungUp,
    /// It could not be reached, or the connection broke.
    Lost(String),
    /// It answered nonsense.
    Garbage,
    /// The call ended before.
    Abandoned,
}

/// One request of a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// What was asked.
    pub ask: Ask,
    /// When.
    pub at: Moment,
    /// How long it took, dialling and authentication included.
    pub took: Duration,
    /// What came of it.
    pub answer: Answer,
}

/// How much sound there was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sound {
    /// Frames sent.
    pub frames: u64,
    /// Bytes sent.
    pub bytes: u64,
    /// How long they last.
    pub duration: Duration,
    /// Frames that waited too long or came when nobody listened.
    pub dropped: u64,
}

/// Why a call ended in good order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// It was told to.
    Stopped,
    /// There was no sound for [`Timeouts::idle`](super::Timeouts::idle).
    Idle,
    /// The device hung up.
    HungUp,
}

/// How a call went.
#[derive(Clone, PartialEq, Debug)]
pub struct Report {
    /// Why it ended.
    pub why: Result<End, Error>,
    /// Every request, in order. A call that was open ends with the close.
    pub steps: Vec<Step>,
    /// How much was said.
    pub sound: Sound,
}

impl Report {
    /// The close, if one was due.
    pub fn close(&self) -> Option<&Step> {
        self.steps.last().filter(|step| step.ask == Ask::Close)
    }
}

/// Why a call failed.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum Error {
    /// The URL is wrong.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The device lets us not in.
    #[error("{ask}: {error}")]
    Auth {
        /// The request.
        ask: Ask,
        /// Why.
        error: AuthError,
    },
    /// The device took the credentials before and does not for this.
    #[error(
        "{ask} is refused to the user who may list the channels ({words}): give the user the right to two-way audio, \
         or end the call that is open (go2rtc #967)"
    )]
    Forbidden {
        /// The request.
        ask: Ask,
        /// The device's words.
        words: String,
    },
    /// Somebody else talks.
    #[error("somebody else is talking to the device: {ask} is refused with {status} ({words})")]
    Busy {
        /// The request.
        ask: Ask,
        /// The status.
        status: u16,
        /// The device's words.
        words: String,
    },
    /// The device refuses.
    #[error("{ask} is refused: {status} ({words})")]
    Refused {
        /// The request.
        ask: Ask,
        /// The status.
        status: u16,
        /// The device's words.
        words: String,
    },
    /// The device wants to be asked elsewhere; most often over TLS.
    #[error("{ask} is redirected to \"{location}\": for HTTPS write isapis:// or isapix:// and its port")]
    Redirected {
        /// The request.
        ask: Ask,
        /// Where.
        location: String,
    },
    /// It has no talk channel.
    #[error("the device has no two-way audio over ISAPI: {words}")]
    NoChannel {
        /// How it said so.
        words: String,
    },
    /// It has other channels than the one asked for.
    #[error("the device has no talk channel {asked}, it has {has:?}")]
    UnknownChannel {
        /// The one in the configuration.
        asked: u32,
        /// Those that are there.
        has: Vec<u32>,
    },
    /// The channel takes a codec that nobody here makes.
    #[error(
        "talk channel {channel} of the device takes {codec}, which is not known here: choose G.711, AAC or G.722 on the \
         device's page for audio"
    )]
    Codec {
        /// The channel.
        channel: u32,
        /// What the device calls it.
        codec: String,
    },
    /// No connection, or one that broke.
    #[error("{ask}: {why}")]
    Lost {
        /// The request.
        ask: Ask,
        /// What the system says.
        why: String,
    },
    /// The device hung up instead of answering.
    #[error("the device closed the connection instead of answering {ask}")]
    HungUp {
        /// The request.
        ask: Ask,
    },
    /// The device did not answer.
    #[error("no answer to {ask} within {after:?}")]
    NoAnswer {
        /// The request.
        ask: Ask,
        /// How long it had.
        after: Duration,
    },
    /// The device answered nonsense.
    #[error("the answer to {ask} makes no sense: {error}")]
    Reply {
        /// The request.
        ask: Ask,
        /// What is wrong with it.
        error: ReplyError,
    },
}

impl Error {
    /// Whose fault it is. That somebody else talks is the peer's: later they will not.
    pub const fn fault(&self) -> Fault {
        match self {
            Error::Url(error) => error.fault(),
            Error::Auth { error, .. } => error.fault(),
            Error::Forbidden { .. }
            | Error::Redirected { .. }
            | Error::NoChannel { .. }
            | Error::UnknownChannel { .. }
            | Error::Codec { .. } => Fault::Config,
            Error::Busy { .. }
            | Error::Refused { .. }
            | Error::Lost { .. }
            | Error::HungUp { .. }
            | Error::NoAnswer { .. }
            | Error::Reply { .. } => Fault::Peer,
        }
    }
}
