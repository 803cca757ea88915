//! One peer's connection: moves bytes between socket and session, and answers what the session asks.
use super::address;
use crate::config::GatewayConfig;
use crate::net::accept::Stream;
use crate::net::link::{Link, Moved};
use crate::net::rendezvous::{Rendezvous, Seat};
use hub::{Deed, Denied, PeerInfo, Worker};
use media::{Moment, StreamName};
use protocols::rtmp::server::{self, Event, Request, Session};
use protocols::rtmp::{Output, RtmpError};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Longest name of a peer's program kept for reports, in characters.
const USER_AGENT_MAX: usize = 200;
/// Most bytes that may wait for a peer that takes none while it publishes or asks: 256 KiB. Replies are below 1 KiB.
const REPLIES_MAX: usize = 256 << 10;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    /// The peer closed, or the network failed.
    #[error("{0}")]
    Lost(#[from] io::Error),
    /// The peer broke the rules, or was silent for too long.
    #[error("{0}")]
    Protocol(#[from] RtmpError),
    /// This side ended it; the peer was told.
    #[error("{0}")]
    Told(String),
}

/// What the session wants next.
pub(super) enum Step {
    Event(Event),
    WaitUntil(Moment),
}

/// A connection.
pub(super) struct Connection {
    pub(super) worker: Worker,
    pub(super) session: Session,
    pub(super) link: Link,
    config: Arc<GatewayConfig>,
    /// Where programs that we started meet their sources.
    rendezvous: Rendezvous,
    peer: SocketAddr,
    local: IpAddr,
    transport: &'static str,
}

impl Connection {
    pub(super) fn new(
        worker: Worker,
        stream: Stream,
        peer: SocketAddr,
        config: Arc<GatewayConfig>,
        rendezvous: Rendezvous,
    ) -> Self {
        let session = Session::new(server::Config::default(), hub::now());
        let (transport, local) = (stream.transport(), stream.local_ip());
        Self { worker, session, link: Link::new(stream), config, rendezvous, peer, local, transport }
    }

    /// Serves the peer until one side ends.
    pub(super) async fn run(mut self) {
        let end = self.serve().await;
        match end {
            End::Lost(error) => tracing::debug!(peer = %self.peer, %error, "RTMP connection"),
            End::Protocol(error) => tracing::info!(peer = %self.peer, %error, "RTMP connection"),
            End::Told(why) => {
                tracing::info!(peer = %self.peer, why, "RTMP connection ended");
                self.link.close().await;
            }
        }
    }

    async fn serve(&mut self) -> End {
        loop {
            let served = match self.next_event().await {
                Ok(Event::Publish(request)) => self.publish(&request).await,
                Ok(Event::Play(request)) => self.play(&request).await,
                // What is left of a stream that has ended.
                Ok(Event::Media(_) | Event::Paused(_) | Event::Ended) => Ok(()),
                Err(end) => Err(end),
            };
            if let Err(end) = served {
                return end;
            }
        }
    }

    async fn next_event(&mut self) -> Result<Event, End> {
        loop {
            match self.step()? {
                Step::Event(event) => return Ok(event),
                Step::WaitUntil(until) => self.turn(until).await?,
            }
        }
    }

    /// What the session wants, its bytes on their way.
    pub(super) fn step(&mut self) -> Result<Step, End> {
        loop {
            match self.session.poll_output(hub::now())? {
                Output::Transmit(bytes) => self.link.outbox.push(bytes),
                Output::Event(event) => return Ok(Step::Event(event)),
                Output::WaitUntil(moment) => return Ok(Step::WaitUntil(moment)),
            }
        }
    }

    /// Reads or writes once, or waits for the moment. Cancel-safe.
    pub(super) async fn turn(&mut self, until: Moment) -> Result<(), End> {
        tokio::select! {
            moved = self.link.turn() => {
                if let Moved::Read(count) = moved? {
                    self.session.handle_input(self.link.received(count), hub::now());
                }
                self.check_replies()
            }
            () = hub::sleep_until(until) => Ok(()),
        }
    }

    fn check_replies(&self) -> Result<(), End> {
        if self.link.outbox.len() > REPLIES_MAX {
            let why = "the peer asks on and on and takes no answers";
            return Err(End::Lost(io::Error::other(why)));
        }
        Ok(())
    }

    /// What waits for the peer, if it is a program that a source of ours started: the path it was told is its permission.
    pub(super) fn seat(&self, request: &Request) -> Option<Seat> {
        let path = address::stream_name(request).ok()?;
        self.rendezvous.take(path.as_str(), self.peer.ip(), self.local)
    }

    /// The stream that the peer may read or publish; else what to tell it.
    pub(super) fn admit(&self, request: &Request, deed: Deed) -> Result<StreamName, String> {
        let access = &self.config.rtmp.access;
        let shown =
            address::credentials(request).is_some_and(|(user, password)| access.matches(&user, &password));
        match access.check(deed, self.peer.ip(), shown) {
            Ok(()) => {}
            Err(Denied::Unauthorized) => {
                return Err("credentials are wanted: add ?user=NAME&pass=PASSWORD to the URL".into());
            }
            Err(Denied::Forbidden(why)) => return Err(why),
        }
        address::stream_name(request).map_err(|e| format!("{e}: the URL is rtmp://HOST/NAME"))
    }

    /// Who this is, for reports.
    pub(super) fn peer_info(&self, request: &Request) -> PeerInfo {
        PeerInfo {
            protocol: "rtmp",
            transport: self.transport,
            remote: self.peer.to_string(),
            user_agent: request.flash_version.chars().take(USER_AGENT_MAX).collect(),
        }
    }

    /// Refuses what was asked for; the connection ends with it.
    pub(super) fn refuse(&mut self, code: &str, why: String) -> End {
        self.session.reject(code, &why, hub::now());
        self.told(why)
    }

    /// Ends the stream from this side; the connection ends with it.
    pub(super) fn finish(&mut self, why: String) -> End {
        self.session.finish(&why, hub::now());
        self.told(why)
    }

    /// Takes the session's last words.
    fn told(&mut self, why: String) -> End {
        while let Ok(Step::Event(_)) = self.step() {}
        End::Told(why)
    }
}
