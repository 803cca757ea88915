//! One connection: reads, answers, and moves the media of its one role.
//!
//! Owns the session, the bytes on their way out, and what the client is. Replies and media go through one outbox, so
//! that they keep their order and no `$` frame is split.
use super::dismissed::Dismissed;
use super::past::Wish;
use super::play::Playback;
use super::record::Recording;
use crate::config::GatewayConfig;
use crate::net::accept::Stream;
use crate::net::outbox::Outbox;
use crate::net::rendezvous::Rendezvous;
use bytes::BytesMut;
use hub::{Deed, Denied, PeerInfo, Worker};
use media::StreamName;
use protocols::auth::{Credentials, Offers, Verifier};
use protocols::rtsp::server::{Config, Event, Output, Session, Target};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::{Interval, MissedTickBehavior};

/// How often timeouts, reports and slow readers are looked after.
const TICK: Duration = Duration::from_secs(1);
/// What is still on its way out at the end gets this long.
const GOODBYE_MAX: Duration = Duration::from_secs(2);
/// Room for what a player sends: requests and reports. Grows with a larger one.
const READ_BYTES: usize = 1024;
/// Room for what a publisher sends in one go.
const READ_BYTES_PUBLISHER: usize = 64 << 10;
/// Most bytes that may wait for a client that asks on and takes nothing: 32 MiB, more than any frame with its replies.
const WAITING_MAX: usize = 32 << 20;
/// What a challenge calls the protected thing.
const REALM: &str = "Aqueduct";

/// What the client is.
pub(super) enum Role {
    Unknown,
    Reader(Box<Playback>),
    Publisher(Box<Recording>),
    /// It was a reader, and heard that there is no more.
    Dismissed(Dismissed),
}

/// A refusal: status and reason.
pub(super) type Refused = (u16, String);

/// What one turn brought.
pub(super) enum Turned {
    /// Something went on.
    Goes,
    /// It is over, and why.
    Over(String),
}

/// A connection and its session. Lives until either ends.
pub(super) struct Connection {
    pub(super) worker: Worker,
    pub(super) config: Arc<GatewayConfig>,
    /// Where programs that we started meet their sources.
    pub(super) rendezvous: Rendezvous,
    pub(super) peer: SocketAddr,
    /// Our address as the client sees it: where UDP ports are bound.
    pub(super) local: IpAddr,
    transport: &'static str,
    /// The client showed credentials, or the session would not have got anywhere.
    shown: bool,
    pub(super) session: Session,
    pub(super) outbox: Outbox,
    pub(super) role: Role,
}

impl Connection {
    pub(super) async fn serve(
        worker: Worker,
        stream: Stream,
        peer: SocketAddr,
        config: Arc<GatewayConfig>,
        rendezvous: Rendezvous,
    ) {
        let transport = stream.transport();
        let local = stream.local_ip();
        let verifier = verifier(&config, peer.ip());
        let session_config = Config { udp: transport == "tcp", ..Config::default() };
        let mut connection = Connection {
            worker,
            peer,
            local,
            transport,
            shown: verifier.is_some(),
            session: Session::new(session_config, verifier, hub::now()),
            outbox: Outbox::default(),
            role: Role::Unknown,
            config,
            rendezvous,
        };
        let (mut from, mut to) = tokio::io::split(stream);
        let why = connection.run(&mut from, &mut to).await;
        tracing::debug!(%peer, %why, "RTSP connection over");
        if let Role::Reader(playback) = std::mem::replace(&mut connection.role, Role::Unknown) {
            playback.leave(why);
        }
        // A peer that takes no more loses the rest.
        let _ = tokio::time::timeout(GOODBYE_MAX, async {
            connection.outbox.drain(&mut to).await?;
            to.shutdown().await
        })
        .await;
    }

    /// Runs until the end; returns why.
    async fn run(&mut self, from: &mut ReadHalf<Stream>, to: &mut WriteHalf<Stream>) -> String {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            match self.turn(from, to, &mut tick).await {
                Turned::Goes => {}
                Turned::Over(why) => return why,
            }
            if let Turned::Over(why) = self.answer().await {
                return why;
            }
        }
    }

    /// Waits for the next thing to happen, and does what is to be done about it, but for the session's outputs.
    async fn turn(
        &mut self,
        from: &mut ReadHalf<Stream>,
        to: &mut WriteHalf<Stream>,
        tick: &mut Interval,
    ) -> Turned {
        let Connection { session, outbox, role, .. } = self;
        let room = match role {
            Role::Publisher(_) => READ_BYTES_PUBLISHER,
            Role::Unknown | Role::Reader(_) | Role::Dismissed(_) => READ_BYTES,
        };
        tokio::select! {
            biased;
            read = read(from, session.receive_buffer(), room) => match read {
                Ok(0) => self.session.handle_disconnected(hub::now()),
                Ok(_) => self.session.handle_received(hub::now()),
                Err(error) => return Turned::Over(format!("reading failed: {error}")),
            },
            turned = media(role, outbox, to) => match turned {
                Ok(media) => return self.handle_media(media).await,
                Err(error) => return Turned::Over(format!("writing failed: {error}")),
            },
            _ = tick.tick() => return self.tick(),
        }
        Turned::Goes
    }

    /// Does what the session says until it has nothing more to say.
    async fn answer(&mut self) -> Turned {
        loop {
            match self.session.poll_output(hub::now()) {
                Ok(Output::Transmit(bytes)) => {
                    self.outbox.push(bytes);
                    if self.outbox.len() > WAITING_MAX {
                        return Turned::Over("the client asks on and on and takes no answers".into());
                    }
                }
                Ok(Output::Event(event)) => {
                    if let Turned::Over(why) = self.handle_event(event).await {
                        return Turned::Over(why);
                    }
                }
                Ok(Output::WaitUntil(_)) => return Turned::Goes,
                Err(error) => return Turned::Over(error.to_string()),
            }
        }
    }

    async fn handle_event(&mut self, event: Event) -> Turned {
        let outcome = match event {
            Event::Describe { target, .. } => self.describe(&target).await,
            Event::Announce { target, description, .. } => self.announce(&target, *description),
            Event::Setup { target, track, carrier, publishes, .. } => {
                if publishes {
                    self.set_up_publisher(track, &carrier).await
                } else {
                    self.set_up_reader(&target, track, &carrier).await
                }
            }
            Event::Play { range, scale } => self.play(Wish { range, scale }).await,
            Event::Record => self.record(),
            Event::Pause => {
                if let Role::Reader(playback) = &mut self.role {
                    playback.pause();
                    if let Some(past) = &playback.past {
                        past.pause().await;
                    }
                }
                Ok(())
            }
            Event::Rtp { track, data } => return self.take_rtp(track, data).await,
            Event::Rtcp { track, data } => {
                self.take_rtcp(track, &data);
                Ok(())
            }
            Event::Teardown => Ok(()),
            Event::Closed => return Turned::Over("the client ended the session".into()),
        };
        if let Err((status, why)) = outcome {
            tracing::debug!(peer = %self.peer, status, %why, "RTSP request refused");
            self.session.reject(status, &why);
        }
        Turned::Goes
    }

    fn tick(&mut self) -> Turned {
        let now = hub::now();
        match &mut self.role {
            Role::Unknown | Role::Dismissed(_) => {}
            Role::Reader(playback) => {
                if playback.is_playing_over_tcp() {
                    // Who takes the media is there, whether it sends reports or not; who takes nothing is ended by
                    // the policy for slow readers.
                    self.session.handle_datagram(now);
                }
                if let Some(reason) = playback.check(now) {
                    return Turned::Over(reason.to_string());
                }
            }
            Role::Publisher(recording) => recording.tick(&self.session, &mut self.outbox, now),
        }
        Turned::Goes
    }

    /// The stream that a URL names, if this client may do this with it.
    pub(super) fn allowed(&self, target: &Target, deed: Deed) -> Result<StreamName, Refused> {
        let name = StreamName::new(&target.path).map_err(|error| (404, error.to_string()))?;
        match self.config.rtsp.access.check(deed, self.peer.ip(), self.shown) {
            Ok(()) => Ok(name),
            Err(denied @ Denied::Unauthorized) => Err((401, denied.to_string())),
            Err(denied @ Denied::Forbidden(_)) => Err((403, denied.to_string())),
        }
    }

    /// Who this is, for reports.
    pub(super) fn peer_info(&self, over_udp: bool) -> PeerInfo {
        PeerInfo {
            protocol: "rtsp",
            transport: if over_udp { "udp" } else { self.transport },
            remote: self.peer.to_string(),
            user_agent: String::new(),
        }
    }
}

/// Asks for credentials where there are some and this peer has to show them.
fn verifier(config: &GatewayConfig, peer: IpAddr) -> Option<Verifier> {
    let access = &config.rtsp.access;
    let wanted = access.check(Deed::Read, peer, false) == Err(Denied::Unauthorized);
    let known = access.credentials.as_ref().filter(|_| wanted)?;
    let credentials = Credentials::new(&known.username, known.password.expose());
    let offers = Offers { basic: true, ..Offers::default() };
    Some(Verifier::new(REALM, vec![credentials], offers))
}

async fn read<R: AsyncRead + Unpin>(from: &mut R, buffer: &mut BytesMut, room: usize) -> io::Result<usize> {
    if buffer.capacity() - buffer.len() < room / 4 {
        buffer.reserve(room);
    }
    from.read_buf(buffer).await
}

/// What the media's turn brought.
pub(super) enum Media {
    /// Bytes went out, or something else that needs no more.
    Moved,
    /// A datagram of the client: the track, whether it is RTCP, and what it says.
    Datagram(media::TrackId, bool, bytes::Bytes),
    /// Time is up for something.
    Timeout,
    /// The stream ended: the player is to be told, and may answer.
    Ended(String),
    /// Nothing more can be done for it.
    Cut(String),
}

/// Moves the media of the role, and whatever else is to go out.
async fn media(role: &mut Role, outbox: &mut Outbox, to: &mut WriteHalf<Stream>) -> io::Result<Media> {
    match role {
        Role::Reader(playback) => playback.turn(outbox, to).await,
        Role::Publisher(recording) => recording.turn(outbox, to).await,
        Role::Unknown => outbox.write(to).await.map(|_| Media::Moved),
        Role::Dismissed(dismissed) => dismissed.turn(outbox, to).await,
    }
}

impl Connection {
    async fn handle_media(&mut self, media: Media) -> Turned {
        match media {
            Media::Moved => Turned::Goes,
            Media::Ended(why) => self.dismiss(why),
            Media::Cut(why) => Turned::Over(why),
            Media::Timeout => self.time_passed().await,
            Media::Datagram(track, is_rtcp, data) => {
                self.session.handle_datagram(hub::now());
                if is_rtcp {
                    self.take_rtcp(track, &data);
                    return Turned::Goes;
                }
                self.take_rtp(track, data).await
            }
        }
    }
}
