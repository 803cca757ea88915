//! A simulated Hikvision intercom on 127.0.0.1: two-way audio over ISAPI, with the faults that real ones have.
//!
//! One call at a time. A call without sound ends by itself after a few seconds, with an announcement at the door; what
//! the loudspeaker would play is kept as it came, with its times. `docs/devices.md` says which devices do what. Runs on
//! a thread of its own; the fault can be changed at any time. Dropping it ends everything.
mod answer;
mod call;
mod connection;
mod request;

use crate::runner::Runner;
use protocols::auth::{Credentials, Offers, Verifier};
pub use protocols::isapi::client::Ask;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What is wrong with the intercom.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Connections are accepted and closed at once.
    HangUp,
    /// A request gets this status; of an open and a close that is all that comes of them.
    Status(Ask, u16),
    /// A request is done, and the connection closed instead of an answer.
    NoAnswer(Ask),
    /// A request is read, and nothing ever comes of it.
    Stall(Ask),
    /// The answers come byte by byte, this far apart.
    Drip(Duration),
    /// It ends each call so long after its open, whatever is said.
    EndsCalls(Duration),
    /// After the answer that lets the sound in, it closes its half of that connection, and listens on.
    HalfClose,
    /// It cuts the connection that carries the sound, so long after it began.
    Reset(Duration),
    /// Somebody at the indoor station is in a call.
    Busy,
    /// Each nonce is good for one request. `true`: it says so.
    OldNonce(bool),
    /// Every request gets a 401 with a fresh challenge, whatever the credentials.
    UnauthorizedForEver,
    /// It answers what is none of HTTP.
    Garbage,
}

/// How the intercom asks who it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Auth {
    /// Digest with MD5, as nearly all have it.
    #[default]
    Digest,
    /// Basic.
    Basic,
}

/// How the intercom ends its answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Length {
    /// `Content-Length`, and the connection stays.
    #[default]
    Told,
    /// `Content-Length` and `Connection: close`.
    Close,
    /// Chunks.
    Chunked,
    /// Not at all: the connection stays open and falls silent.
    Silence,
}

/// How the sound comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SoundIn {
    /// Behind the answer, as cameras and intercoms take it.
    #[default]
    BehindReply,
    /// In the body; the answer comes when the call is over, as IP speakers have it.
    Body,
}

/// What an intercom is like.
#[derive(Clone, Debug)]
pub struct Config {
    /// Anybody, or whoever has these.
    pub credentials: Option<(String, String)>,
    /// How it asks for them.
    pub auth: Auth,
    /// `audioCompressionType` of each talk channel, numbered from 1.
    pub codecs: Vec<String>,
    /// `audioSamplingRate` of all, if it says one.
    pub rate: Option<String>,
    /// The open is answered with the number of the call, not only with OK.
    pub numbers_calls: bool,
    /// How it ends its answers.
    pub length: Length,
    /// How the sound comes.
    pub sound_in: SoundIn,
    /// Ends a call that has been silent for so long.
    pub silence_max: Duration,
}

impl Default for Config {
    /// One channel of µ-law, open to anybody; 4 s of silence end a call.
    fn default() -> Self {
        Self {
            credentials: None,
            auth: Auth::default(),
            codecs: vec!["G.711ulaw".to_owned()],
            rate: None,
            numbers_calls: true,
            length: Length::default(),
            sound_in: SoundIn::default(),
            silence_max: Duration::from_secs(4),
        }
    }
}

/// A request that came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Logged {
    /// When its head was complete.
    pub at: Instant,
    /// Method and path with query.
    pub line: String,
    /// What it was about.
    pub ask: Option<Ask>,
    /// The status of the answer; 0 if there was none.
    pub status: u16,
}

/// Sound that came, as the connection gave it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sound {
    /// When.
    pub at: Instant,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// What the device remembers.
#[derive(Debug, Default)]
struct Records {
    log: Vec<Logged>,
    sound: Vec<Sound>,
    opens: usize,
    closes: usize,
    /// Closes while there was no call.
    idle_closes: usize,
    announcements: usize,
    accepted: usize,
    connections: usize,
    call: Option<call::Call>,
}

/// What the connections share.
struct Shared {
    config: Config,
    verifier: Option<Verifier>,
    records: Arc<Mutex<Records>>,
    start: Instant,
}

impl Shared {
    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An intercom that runs.
#[derive(Debug)]
pub struct IsapiIntercom {
    runner: Runner<Fault>,
    address: SocketAddr,
    credentials: Option<(String, String)>,
    records: Arc<Mutex<Records>>,
}

impl IsapiIntercom {
    /// Listens on a free port.
    ///
    /// # Errors
    /// When there is no port or no thread.
    pub fn start(config: Config, fault: Fault) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, crate::process::free_port()))?;
        let address = listener.local_addr()?;
        let records = Arc::new(Mutex::new(Records::default()));
        let credentials = config.credentials.clone();
        let verifier = credentials.as_ref().map(|(user, password)| {
            let basic = config.auth == Auth::Basic;
            let offers = Offers { sha256: false, md5: !basic, basic };
            Verifier::new("DS-KV6113", vec![Credentials::new(user, password)], offers)
        });
        let shared = Shared { config, verifier, records: records.clone(), start: Instant::now() };
        let runner =
            Runner::start("intercom", fault, move |fault| connection::serve(listener, shared, fault))?;
        Ok(Self { runner, address, credentials, records })
    }

    /// Where it is, with its credentials.
    pub fn url(&self) -> String {
        match &self.credentials {
            Some((user, password)) => self.url_as(user, password),
            None => format!("isapi://{}/", self.address),
        }
    }

    /// Where it is, with these credentials.
    pub fn url_as(&self, user: &str, password: &str) -> String {
        format!("isapi://{user}:{password}@{}/", self.address)
    }

    /// Host and port.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what is wrong.
    pub fn set_fault(&self, fault: Fault) {
        self.runner.set_fault(fault);
    }

    /// Every request so far.
    pub fn log(&self) -> Vec<Logged> {
        self.records().log.clone()
    }

    /// The sound of all calls.
    pub fn sound(&self) -> Vec<Sound> {
        self.records().sound.clone()
    }

    /// The bytes of it.
    pub fn sound_bytes(&self) -> Vec<u8> {
        self.records().sound.iter().flat_map(|piece| piece.bytes.iter().copied()).collect()
    }

    /// Calls opened.
    pub fn opens(&self) -> usize {
        self.records().opens
    }

    /// Closes that were let in, also those of calls that had ended.
    pub fn closes(&self) -> usize {
        self.records().closes
    }

    /// Closes while there was no call.
    pub fn idle_closes(&self) -> usize {
        self.records().idle_closes
    }

    /// How often "call ended" was heard at the door: calls that it ended itself.
    pub fn announcements(&self) -> usize {
        self.records().announcements
    }

    /// There is a call.
    pub fn in_call(&self) -> bool {
        self.records().call.is_some()
    }

    /// Connections that were accepted, ever.
    pub fn accepted(&self) -> usize {
        self.records().accepted
    }

    /// Connections that are open.
    pub fn connections(&self) -> usize {
        self.records().connections
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
