//! The way to the owner, wherever it lives now, and what keeps one there.
use super::NewSession;
use super::owner::{COMMANDS, Command, INBOX, Owner, Stats};
use super::session::Session;
use crate::net::bind::{self, BindError};
use crate::net::replaced::replaced;
use crate::net::udp::UdpShared;
use hub::Hub;
use media::Fault;
use protocols::srtp::table::InsertError;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// The setting that says where to listen.
const SETTING: &str = "srtp.listen";
/// An owner that cannot be started is tried again after this: 1 s.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Why there is no session.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OpenError {
    /// The socket cannot be had; the text names the setting.
    #[error("{0}")]
    Listen(Arc<str>),
    /// It is switched off.
    #[error("{SETTING} is \"\": HomeKit's media is switched off")]
    Off,
    /// Its address and SSRC are another's, or a key is none.
    #[error(transparent)]
    Insert(#[from] InsertError),
    /// There are too many.
    #[error("there are {} SRTP sessions already, the most allowed", super::SESSIONS_MAX)]
    TooMany,
    /// The server is shutting down.
    #[error("the server is shutting down")]
    Shutdown,
}

impl OpenError {
    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Listen(_) | Self::Off => Fault::Config,
            Self::Insert(_) => Fault::Peer,
            Self::TooMany | Self::Shutdown => Fault::Us,
        }
    }
}

/// `Idle` → `Serving`, or `Failed` and then `Serving` when somebody asks again; `Serving` → `Serving` by another owner.
/// `Off` is final.
#[derive(Clone, Debug)]
pub(super) enum State {
    /// Nobody wanted a session so far.
    Idle,
    /// The socket could not be bound.
    Failed(Arc<str>),
    /// There is an owner.
    Serving { commands: mpsc::Sender<Command>, local: SocketAddr },
    /// It is switched off.
    Off,
}

/// Opens sessions, from any thread. Cheap to clone; the owner ends when the last one and all sessions are gone.
#[derive(Clone, Debug)]
pub struct SrtpHandle {
    state: watch::Receiver<State>,
    wanted: mpsc::Sender<()>,
}

/// An owner that was there when somebody asked, and how to notice that it is not any more.
struct Served {
    commands: mpsc::Sender<Command>,
    local: SocketAddr,
    state: watch::Receiver<State>,
}

impl Served {
    /// None: the owner is gone, or ends.
    async fn ask<T>(&mut self, make: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        let commands = &self.commands;
        let command = make(reply);
        tokio::select! {
            biased;
            answer = async { commands.send(command).await.ok()?; answer.await.ok() } => answer,
            // One that hangs never answers.
            _ = self.state.changed() => None,
        }
    }
}

impl SrtpHandle {
    /// Opens a session: it is complete before a datagram can find it.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(&self, new: NewSession) -> Result<Session, OpenError> {
        self.begin(new, false).await
    }

    /// The same for a peer that takes what it is sent where it said, wherever it sends from.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open_at(&self, new: NewSession) -> Result<Session, OpenError> {
        self.begin(new, true).await
    }

    async fn begin(&self, new: NewSession, is_fixed: bool) -> Result<Session, OpenError> {
        let mut served = self.served().await?;
        let (inbox, packets) = mpsc::channel(INBOX);
        let opened = served.ask(|reply| Command::Open { new, is_fixed, inbox, reply }).await;
        let key = opened.ok_or(OpenError::Shutdown)??;
        Ok(Session::new(key, served.local, packets, served.commands, served.state))
    }

    /// Where the socket listens, for what peers are told before there is a session. Binds it if nobody has.
    ///
    /// # Errors
    /// It cannot be had, or is switched off.
    pub async fn local_address(&self) -> Result<SocketAddr, OpenError> {
        Ok(self.served().await?.local)
    }

    /// What is counted; none while there is no owner.
    pub async fn stats(&self) -> Option<Stats> {
        let mut state = self.state.clone();
        let now = state.borrow_and_update().clone();
        match now {
            State::Serving { commands, local } => Served { commands, local, state }.ask(Command::Stats).await,
            State::Idle | State::Failed(_) | State::Off => None,
        }
    }

    async fn served(&self) -> Result<Served, OpenError> {
        let mut state = self.state.clone();
        let mut has_asked = false;
        loop {
            let now = state.borrow_and_update().clone();
            match now {
                State::Serving { commands, local } if !commands.is_closed() => {
                    return Ok(Served { commands, local, state });
                }
                State::Off => return Err(OpenError::Off),
                State::Failed(why) if has_asked => return Err(OpenError::Listen(why)),
                State::Idle | State::Failed(_) => {
                    has_asked = true;
                    // Full: somebody else has asked.
                    let _ = self.wanted.try_send(());
                }
                // Another one is on its way.
                State::Serving { .. } => {}
            }
            state.changed().await.map_err(|_| OpenError::Shutdown)?;
        }
    }
}

/// The socket before it is served, and what starts an owner, and another whenever that is gone.
pub struct Srtp {
    listen: Option<SocketAddr>,
    udp: Option<Arc<UdpShared>>,
    state: watch::Sender<State>,
    wants: mpsc::Receiver<()>,
}

/// A running owner, and the number of its worker.
type Running = (mpsc::Sender<Command>, usize);

impl Srtp {
    /// For a socket on this address; none: it is switched off. [`Srtp::run`] serves the handle.
    pub fn new(listen: Option<SocketAddr>) -> (Self, SrtpHandle) {
        let first = if listen.is_some() { State::Idle } else { State::Off };
        let (sender, state) = watch::channel(first);
        let (wanted, wants) = mpsc::channel(1);
        (Self { listen, udp: None, state: sender, wants }, SrtpHandle { state, wanted })
    }

    /// Binds the socket now instead of for the first session. Returns where it listens; none when it is switched off.
    ///
    /// # Errors
    /// The error names the setting.
    pub fn bind(&mut self) -> Result<Option<SocketAddr>, BindError> {
        let Some(listen) = self.listen else { return Ok(None) };
        if self.udp.is_none() {
            let udp = UdpShared::bind(listen).map_err(|error| bind::error(listen, SETTING, error))?;
            self.udp = Some(Arc::new(udp));
        }
        Ok(self.udp.as_ref().map(|udp| udp.local()))
    }

    /// Binds when somebody wants a session, and keeps an owner on the hub's workers; until every handle is gone, or the hub.
    pub async fn run(mut self, hub: Hub) {
        let mut events = hub.events();
        let Some(udp) = self.bound().await else { return };
        let local = udp.local();
        tracing::info!(address = %local, "SRTP listens");
        loop {
            let (commands, worker) = match start(&hub, udp.clone()).await {
                Ok(running) => running,
                Err(_) if hub.workers().await.is_empty() => return,
                Err(error) => {
                    tracing::error!(%error, "the SRTP socket is not served; trying again");
                    tokio::time::sleep(AGAIN_AFTER).await;
                    continue;
                }
            };
            self.state.send_replace(State::Serving { commands: commands.clone(), local });
            tokio::select! {
                () = self.state.closed() => return,
                () = commands.closed() => {}
                () = replaced(&mut events, worker, || answers(commands.clone())) => {}
            }
            tracing::warn!(from = worker, "the SRTP socket gets another owner; its sessions end");
        }
    }

    /// The socket, bound before or now that somebody wants it; none: nobody ever will.
    async fn bound(&mut self) -> Option<Arc<UdpShared>> {
        loop {
            if let Some(udp) = &self.udp {
                return Some(udp.clone());
            }
            tokio::select! {
                () = self.state.closed() => return None,
                wanted = self.wants.recv() => wanted?,
            }
            if let Err(error) = self.bind() {
                tracing::error!(%error, "no HomeKit media");
                self.state.send_replace(State::Failed(error.to_string().into()));
            }
        }
    }
}

async fn start(hub: &Hub, udp: Arc<UdpShared>) -> Result<Running, hub::WorkerGone> {
    let (commands, told) = mpsc::channel(COMMANDS);
    let worker = hub.worker().await?;
    worker.run("srtp socket", move |_| Owner::new(udp).run(told)).await?;
    Ok((commands, worker.id()))
}

async fn answers(commands: mpsc::Sender<Command>) -> bool {
    let (reply, answer) = oneshot::channel();
    commands.send(Command::Stats(reply)).await.is_ok() && answer.await.is_ok()
}
