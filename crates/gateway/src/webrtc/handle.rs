//! What signalling (HTTP, WebSocket) has in hand: [`listen`] opens the sockets, [`Handle`] makes sessions.
use super::mux::{Command, INBOX, Input};
use super::session::{Bandwidth, LocalCandidate, Transport};
use super::table::{Sockets, Table};
use super::{Context, WebRtcError, interfaces, player, publisher};
use crate::net::udp::UdpShared;
use crate::talker::TalkLine;
use hub::{Hub, PeerInfo, Worker};
use media::{Fault, StreamName};
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// How many sessions there may be by default: 4,096. Each costs some 200 KiB and a share of one socket.
pub const SESSIONS_MAX_DEFAULT: usize = 4096;

/// Where and how to be reached.
#[derive(Clone, Debug)]
pub struct Config {
    /// UDP address, and TCP too with [`tcp`](Self::tcp). On `0.0.0.0` or `[::]` every interface is a candidate.
    pub listen: SocketAddr,
    /// Offer UDP to peers.
    pub udp: bool,
    /// Accept ICE over TCP on the same port.
    pub tcp: bool,
    /// Addresses to tell peers besides our own: those that a router maps to us.
    pub candidates: Vec<SocketAddr>,
    /// Answer connectivity checks only; right for servers with public addresses of their own. Without effect when
    /// there are mapped `candidates`.
    pub ice_lite: bool,
    /// How the bandwidth towards players is judged.
    pub bandwidth: Bandwidth,
    /// Most sessions at once.
    pub sessions_max: usize,
}

impl Config {
    /// UDP and TCP on `listen`, the players' own estimates, full ICE.
    pub const fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            udp: true,
            tcp: true,
            candidates: Vec::new(),
            ice_lite: false,
            bandwidth: Bandwidth::Receiver,
            sessions_max: SESSIONS_MAX_DEFAULT,
        }
    }

    /// Adds a candidate as configurations write it: `ip:port`, `ip` (with the port we listen on), `[v6]:port`.
    /// `stun:…`, by which go2rtc means "ask a STUN server for my address", is accepted and adds nothing. False when the
    /// text is no address; host names are not resolved.
    pub fn add_candidate(&mut self, text: &str) -> bool {
        if text.starts_with("stun:") {
            return true;
        }
        let bare = text.trim_start_matches('[').trim_end_matches(']').parse();
        let address = text.parse().or_else(|_| bare.map(|ip| SocketAddr::new(ip, self.listen.port())));
        match address {
            Ok(address) => self.candidates.push(address),
            Err(_) => return false,
        }
        true
    }
}

/// Names a session in URLs. Cannot be guessed: who knows it may end the session.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId(u128);

impl SessionId {
    fn random() -> Self {
        Self(rand::random())
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Logs get enough to tell sessions apart, and not enough to end one.
        write!(f, "SessionId({:08x}…)", self.0 >> 96)
    }
}

/// The text is no session id.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a session id")]
pub struct NotASessionId;

impl FromStr for SessionId {
    type Err = NotASessionId;

    fn from_str(text: &str) -> Result<Self, NotASessionId> {
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NotASessionId);
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| NotASessionId)
    }
}

/// Why there is no session.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum Error {
    /// The offer does not lead to one.
    #[error(transparent)]
    Session(#[from] WebRtcError),
    /// There is no such stream to play.
    #[error(transparent)]
    Open(#[from] hub::OpenError),
    /// The stream has nothing to play (yet).
    #[error("{0}")]
    NotReady(String),
    /// Nobody may publish under this name now.
    #[error(transparent)]
    Publish(#[from] hub::PublishError),
    /// There are too many sessions.
    #[error("there are {0} WebRTC sessions already, the most allowed")]
    TooMany(usize),
    /// There is no session of this id, or not any more.
    #[error("there is no such session")]
    NoSession,
    /// The server is shutting down.
    #[error("the server is shutting down")]
    Shutdown,
}

impl Error {
    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        match self {
            Error::Session(error) => error.fault(),
            Error::Open(_) | Error::NoSession | Error::Publish(_) => Fault::Peer,
            Error::NotReady(_) | Error::TooMany(_) | Error::Shutdown => Fault::Us,
        }
    }
}

impl From<hub::WorkerGone> for Error {
    fn from(_: hub::WorkerGone) -> Self {
        Error::Shutdown
    }
}

/// Makes and ends WebRTC sessions, from any thread. Cheap to clone; the sockets close when the last one is gone.
#[derive(Clone)]
pub struct Handle {
    hub: Hub,
    shared: Arc<Shared>,
    table: Table,
}

/// What every session needs.
pub(super) struct Shared {
    pub(super) context: Context,
    pub(super) udp: Arc<UdpShared>,
    pub(super) candidates: Vec<LocalCandidate>,
    pub(super) ice_lite: bool,
    pub(super) bandwidth: Bandwidth,
    sessions_max: usize,
}

/// What the table of sessions knows of one.
#[derive(Clone)]
struct Entry {
    id: SessionId,
    ufrag: String,
    inbox: mpsc::Sender<Input>,
    table: Table,
}

impl Entry {
    /// False when the table is full; `None` when there is none any more.
    async fn enter(self) -> Option<bool> {
        let Self { id, ufrag, inbox, table } = self;
        table.ask(|reply| Command::Register { id, ufrag: ufrag.clone(), inbox: inbox.clone(), reply }).await
    }
}

/// A session's place in the table, as long as it lives.
pub(super) struct Registration(Entry);

impl Registration {
    /// Waits until another table is there; false when there will be none. Cancel-safe.
    pub(super) async fn moved(&mut self) -> bool {
        self.0.table.moved().await
    }

    /// Enters the session into the table that is there now. Does not wait: thousands may do so at once.
    pub(super) fn enter_again(&self) {
        // One that is full or gone by then leaves the session without its peer's word, and so it ends.
        tokio::task::spawn_local(self.0.clone().enter());
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.0.table.tell(Command::Unregister(self.0.id));
    }
}

/// What a session on a worker is made with.
pub(super) struct Start {
    pub(super) worker: Worker,
    pub(super) shared: Arc<Shared>,
    pub(super) stream: StreamName,
    pub(super) offer: String,
    pub(super) peer: PeerInfo,
    /// For players that may talk.
    pub(super) talk: Option<TalkLine>,
    table: Table,
}

impl Start {
    /// Puts a session into the table.
    pub(super) async fn register(
        &self,
        ufrag: &str,
    ) -> Result<(SessionId, Registration, mpsc::Receiver<Input>), Error> {
        let id = SessionId::random();
        let (inbox, receiver) = mpsc::channel(INBOX);
        let entry = Entry { id, ufrag: ufrag.to_owned(), inbox, table: self.table.now() };
        match entry.clone().enter().await {
            Some(true) => Ok((id, Registration(entry), receiver)),
            Some(false) => Err(Error::TooMany(self.shared.sessions_max)),
            None => Err(Error::Shutdown),
        }
    }
}

/// How a session tells whoever asked for it: its id and the answer, or why not.
pub(super) type Reply = oneshot::Sender<Result<(SessionId, String), Error>>;

/// Opens the sockets and starts to listen.
///
/// # Errors
/// When the address cannot be bound, or there is no worker.
pub async fn listen(hub: &Hub, config: Config) -> std::io::Result<Handle> {
    let udp = Arc::new(UdpShared::bind(config.listen)?);
    let local = udp.local();
    let listener = if config.tcp { Some(bind_tcp(local)?) } else { None };
    let addresses = interfaces::addresses(local)?;
    let candidates = candidates(&addresses, &config);
    let context = Context::new(hub::now()).map_err(std::io::Error::other)?;
    let shared = Shared {
        context,
        udp: udp.clone(),
        ice_lite: config.ice_lite && candidates.iter().all(|candidate| candidate.base.is_none()),
        candidates,
        bandwidth: config.bandwidth,
        sessions_max: config.sessions_max,
    };
    let table = Sockets { udp, tcp: listener, sessions_max: config.sessions_max }.serve(hub).await?;
    tracing::info!(address = %local, tcp = config.tcp, candidates = shared.candidates.len(), "WebRTC listens");
    Ok(Handle { hub: hub.clone(), shared: Arc::new(shared), table })
}

fn bind_tcp(address: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::STREAM,
        Some(socket2::Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(128)?;
    Ok(socket.into())
}

/// Our own addresses, then the mapped ones, each by UDP and, where wanted, by TCP.
fn candidates(addresses: &[SocketAddr], config: &Config) -> Vec<LocalCandidate> {
    let mut all = Vec::new();
    let wanted = [(config.udp, Transport::Udp), (config.tcp, Transport::Tcp)];
    for (_, transport) in wanted.into_iter().filter(|(wanted, _)| *wanted) {
        all.extend(addresses.iter().map(|address| LocalCandidate::host(transport, *address)));
        for mapped in &config.candidates {
            if addresses.contains(mapped) {
                continue;
            }
            let base = addresses.iter().find(|address| address.is_ipv4() == mapped.is_ipv4());
            all.extend(base.map(|base| LocalCandidate { transport, address: *mapped, base: Some(*base) }));
        }
    }
    all
}

impl Handle {
    /// Plays a stream to a peer, by its SDP offer: waits until the stream's tracks are known, and answers. The session
    /// lives by itself from then on, whatever becomes of the connection that signalled it. With `talk`, the peer's
    /// microphone goes into the stream's talk stream, where there is one.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn play(
        &self,
        stream: &StreamName,
        offer: &str,
        peer: PeerInfo,
        talk: Option<TalkLine>,
    ) -> Result<(SessionId, String), Error> {
        let owner = format!("webrtc player of {stream}");
        self.start(owner, (stream, offer, peer, talk), |start, reply| async move {
            player::run(start, reply).await;
        })
        .await
    }

    /// Receives a stream from a peer, by its SDP offer.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn publish(
        &self,
        stream: &StreamName,
        offer: &str,
        peer: PeerInfo,
    ) -> Result<(SessionId, String), Error> {
        let owner = format!("webrtc publisher of {stream}");
        self.start(owner, (stream, offer, peer, None), |start, reply| async move {
            publisher::run(start, reply).await;
        })
        .await
    }

    async fn start<F, Fut>(
        &self,
        owner: String,
        (stream, offer, peer, talk): (&StreamName, &str, PeerInfo, Option<TalkLine>),
        run: F,
    ) -> Result<(SessionId, String), Error>
    where
        F: FnOnce(Start, Reply) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let (shared, table) = (self.shared.clone(), self.table.clone());
        let (stream, offer) = (stream.clone(), offer.to_owned());
        let worker = self.hub.worker().await?;
        worker
            .run(owner, move |worker| run(Start { worker, shared, stream, offer, peer, talk, table }, reply))
            .await?;
        answer.await.map_err(|_| Error::Shutdown)?
    }

    /// Gives a session a candidate of its peer's (`candidate:…`). What cannot be read is logged and dropped.
    ///
    /// # Errors
    /// [`Error::NoSession`].
    pub async fn add_candidate(&self, id: SessionId, candidate: &str) -> Result<(), Error> {
        self.tell(id, || Input::Candidate(candidate.to_owned())).await
    }

    /// Ends a session; it says goodbye to its peer.
    ///
    /// # Errors
    /// [`Error::NoSession`].
    pub async fn close(&self, id: SessionId) -> Result<(), Error> {
        self.tell(id, || Input::Close).await
    }

    async fn tell(&self, id: SessionId, input: impl Fn() -> Input) -> Result<(), Error> {
        let told = self.table.ask(|reply| Command::Tell { id, input: input(), reply }).await;
        if told.ok_or(Error::Shutdown)? { Ok(()) } else { Err(Error::NoSession) }
    }

    /// How many sessions there are.
    pub async fn sessions(&self) -> usize {
        self.table.ask(Command::Count).await.unwrap_or(0)
    }

    /// The address the sockets are bound to.
    pub fn local_address(&self) -> SocketAddr {
        self.shared.udp.local()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_read_as_configurations_write_them() {
        let mut config = Config::new("0.0.0.0:8555".parse().unwrap());
        assert!(config.add_candidate("198.51.100.7:9000"));
        assert!(config.add_candidate("198.51.100.8"));
        assert!(config.add_candidate("[2001:db8::1]:9000"));
        assert!(config.add_candidate("2001:db8::2"));
        assert!(config.add_candidate("stun:8555"));
        assert!(!config.add_candidate("home.example:8555"));
        let texts: Vec<_> = config.candidates.iter().map(ToString::to_string).collect();
        let wanted = ["198.51.100.7:9000", "198.51.100.8:8555", "[2001:db8::1]:9000", "[2001:db8::2]:8555"];
        assert_eq!(texts, wanted);
    }

    #[test]
    fn a_mapped_address_becomes_a_candidate_behind_our_own() {
        let mut config = Config::new("192.0.2.1:8555".parse().unwrap());
        config.add_candidate("198.51.100.7:9000");
        config.add_candidate("192.0.2.1:8555");
        config.tcp = false;
        let all = candidates(&[config.listen], &config);
        assert_eq!(all.len(), 2);
        assert_eq!(all[1].base, Some(config.listen));
    }

    #[test]
    fn session_ids_survive_a_url_and_do_not_show_in_logs() {
        let id = SessionId::random();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("12".parse::<SessionId>(), Err(NotASessionId));
        assert!(!format!("{id:?}").contains(&id.to_string()));
    }
}
