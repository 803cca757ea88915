//! What a call is told before it starts.
use crate::auth::Credentials;
use media::Codec;
use std::time::Duration;

/// What to do about a call that the device says is open already.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Occupied {
    /// Leave it alone: whether the device takes a second call is for the device to say. It may be somebody at the
    /// indoor station, and a call that nobody speaks in ends by itself within seconds.
    #[default]
    Leave,
    /// Close it first, once, if the list of channels says `enabled`. For devices that keep a call open that nobody holds
    /// any more (go2rtc #962), and after a call of ours whose close was not answered.
    Close,
}

/// How the sound is framed in the HTTP request that carries it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Upload {
    /// `Content-Length: 0`, and the sound behind the reply to it: what cameras and intercoms take (go2rtc, Scrypted).
    #[default]
    BehindReply,
    /// A body that is longer than any call, and no reply before its end: what IP speakers take (DS-QAZ1325G1T).
    LongBody,
}

/// How long to wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeouts {
    /// For an answer, from dialling to its last byte: 5 s. Intercoms take up to 2 s to wake their loudspeaker.
    pub answer: Duration,
    /// For the answer to the close, from dialling on: 1 s. What was said is said.
    pub close: Duration,
    /// For the answer to an open that is under way when the call is to end: 300 ms. A close that overtakes its open
    /// leaves the call open.
    pub overtaking: Duration,
    /// Without sound, until the call is closed: 2.5 s. Devices close it after 3 to 5 s (go2rtc #1715), aloud.
    pub idle: Duration,
    /// Without a byte, until a reply of unknown length counts as complete: 300 ms.
    pub quiet: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(5),
            close: Duration::from_secs(1),
            overtaking: Duration::from_millis(300),
            idle: Duration::from_millis(2_500),
            quiet: Duration::from_millis(300),
        }
    }
}

/// Whom to call and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// `isapi://`, `isapis://` or `isapix://`, with or without user and password.
    pub url: String,
    /// Used instead of those in the URL.
    pub credentials: Option<Credentials>,
    /// The talk channel; the first one that takes a known codec if not given. On recorders, 1 is the recorder's own
    /// loudspeaker and camera N has N + 1.
    pub channel: Option<u32>,
    /// The codec to send, for devices that list another one than they take: that of the channel which lists it, or else
    /// of any. Not given: what the channel lists.
    pub codec: Option<Codec>,
    /// About a call that is open already.
    pub occupied: Occupied,
    /// How the sound is framed.
    pub upload: Upload,
    /// The `User-Agent` field.
    pub user_agent: String,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// Most sound that waits to be sent: 200 ms. More would be heard as delay; the oldest is dropped.
    pub backlog_max: Duration,
}

impl Config {
    /// The defaults for a URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            credentials: None,
            channel: None,
            codec: None,
            occupied: Occupied::default(),
            upload: Upload::default(),
            user_agent: "Aqueduct".to_owned(),
            timeouts: Timeouts::default(),
            backlog_max: Duration::from_millis(200),
        }
    }
}
