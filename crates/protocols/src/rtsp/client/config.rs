//! What a client session is told before it starts.
use crate::auth::Credentials;
use media::Kind;
use std::time::Duration;

/// How the media is to be carried.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TransportPreference {
    /// TCP; UDP where the server refuses TCP.
    #[default]
    Auto,
    /// TCP only.
    Tcp,
    /// UDP; TCP where the server refuses UDP or no datagram gets through.
    Udp,
}

/// Which kinds of tracks to set up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MediaFilter {
    /// Video tracks.
    pub video: bool,
    /// Audio tracks.
    pub audio: bool,
}

impl Default for MediaFilter {
    fn default() -> Self {
        Self { video: true, audio: true }
    }
}

impl MediaFilter {
    pub(super) const fn takes(self, kind: Kind) -> bool {
        match kind {
            Kind::Video => self.video,
            Kind::Audio => self.audio,
        }
    }
}

/// Whether to ask for the back channel: the way to the camera's loudspeaker. Source: ONVIF Streaming Specification §5.3.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum BackChannel {
    /// Never: who only watches must not, since there are cameras that then change their sound, or send nothing.
    #[default]
    No,
    /// Set up the back channel and nothing else.
    Alone,
    /// Set up the tracks of [`Config::media`] before it: some cameras take sound only in a session that they play in.
    WithMedia,
}

/// How long to wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeouts {
    /// For a reply: 10 s. Battery cameras need 5 s to wake up.
    pub reply: Duration,
    /// For media, from PLAY on and between packets: 10 s.
    pub media: Duration,
    /// For the reply to TEARDOWN: 1 s.
    pub teardown: Duration,
    /// For the rest of a body whose length is wrong: 2 s.
    pub body: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            reply: Duration::from_secs(10),
            media: Duration::from_secs(10),
            teardown: Duration::from_secs(1),
            body: Duration::from_secs(2),
        }
    }
}

/// What to pull and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// `rtsp://`, `rtsps://` or `rtspx://`, with or without user and password.
    pub url: String,
    /// Used instead of those in the URL.
    pub credentials: Option<Credentials>,
    /// TCP or UDP.
    pub transport: TransportPreference,
    /// Video, audio or both.
    pub media: MediaFilter,
    /// Whether it is to talk.
    pub back_channel: BackChannel,
    /// The `User-Agent` field.
    pub user_agent: String,
    /// How long to wait.
    pub timeouts: Timeouts,
}

impl Config {
    /// The defaults for a URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            credentials: None,
            transport: TransportPreference::default(),
            media: MediaFilter::default(),
            back_channel: BackChannel::default(),
            user_agent: "Aqueduct".to_owned(),
            timeouts: Timeouts::default(),
        }
    }
}
