//! What a server session is told before it starts.
use std::time::Duration;

/// How long a reader may send neither request nor RTCP: 60 s, the default of RFC 2326 §12.37.
pub const READER_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a publisher may send no media: 15 s.
pub const INGEST_TIMEOUT: Duration = Duration::from_secs(15);

/// Limits and names of a server session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// The `Server` field.
    pub server_name: String,
    /// How long a client may be silent; named to it in `Session`.
    pub reader_timeout: Duration,
    /// How long a publisher may send no media.
    pub ingest_timeout: Duration,
    /// Whether UDP is offered; without, SETUP for it gets 461.
    pub udp: bool,
    /// Whether a reader may ask for a back channel; without, its `Require` gets 551.
    pub back_channel: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server_name: "Aqueduct".to_owned(),
            reader_timeout: READER_TIMEOUT,
            ingest_timeout: INGEST_TIMEOUT,
            udp: true,
            back_channel: false,
        }
    }
}
