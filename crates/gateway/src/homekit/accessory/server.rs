//! The owner of one accessory: whom it trusts, who is connected, and what its cameras show.
//!
//! A task on the control thread. Everything of the accessory is a field of it; connections and views are tasks that it owns
//! and that talk to it through its mailbox.
mod requests;
mod shots;

pub(super) use requests::transcoded_name;
pub(super) use shots::Shots;

use super::camera::Camera;
use super::connection::{self, OUTBOX};
use super::picture::Pictures;
use super::recording::wire::{self, Promise};
use super::{AccessoryConfig, store};
use crate::homekit::mdns::Announcement;
use crate::homekit::secrets::{Secrets, StoredAccessory};
use crate::homekit::srtp::SrtpHandle;
use bytes::Bytes;
use hub::{Event, Hub, What};
use media::{Moment, StreamName};
use protocols::hap::accessory::Output as Told;
use protocols::hap::advertisement::{Advertisement, Category};
use protocols::hap::camera::{SessionId, StreamingStatus};
use protocols::hap::http::Response;
use protocols::hap::pairing::ConnectionId;
use protocols::hap::random::SystemRandom;
use protocols::hap::session::{Host, Output, Session, SessionError};
use protocols::hap::setup_uri::SetupUri;
use serde_json::json;
use socket2::{SockRef, TcpKeepalive};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinSet;

/// Most connections: 64. A home has a dozen of controllers, each with one connection and now and then a second.
const CONNECTIONS_MAX: usize = 64;
/// Inputs that wait; connections wait beyond that.
pub(super) const INPUTS: usize = 256;
/// Data streams that are promised at once: 16, as many as are kept.
const PROMISES: usize = 16;
/// A connection that is not verified is closed after 10 min: twice what somebody may take to type the code.
const UNVERIFIED_MAX: Duration = Duration::from_secs(600);
/// How often is looked for those.
const SWEEP_EVERY: Duration = Duration::from_secs(30);
/// A phone that sleeps or left without a word: asked after 30 s, and then each 10 s, four times.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(30), Duration::from_secs(10), 4);
/// After an accept failed (no more file descriptors, mostly), the next try waits this long.
const ERROR_WAIT: Duration = Duration::from_millis(100);

/// What an accessory has begun ends within this time: 500 ms. Views need some milliseconds; a picture of a camera that does not
/// answer is given up.
const END_MAX: Duration = Duration::from_millis(500);

/// What comes to the owner.
pub(super) enum Input {
    /// Bytes of a connection.
    Bytes { id: ConnectionId, data: Bytes },
    /// A connection is closed.
    Closed { id: ConnectionId },
    /// A camera's picture of this size, or why there is none.
    Picture { camera: usize, size: (u16, u16), response: Response },
    /// A view has ended, and why.
    Ended { camera: usize, stream: usize, session: SessionId, reason: String },
}

/// What whoever runs the server asks.
#[derive(Debug)]
pub(super) enum Ask {
    /// Forget all pairings.
    Unpair(oneshot::Sender<()>),
    /// How it is.
    Report(oneshot::Sender<Report>),
}

/// How an accessory is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// Its name in the configuration.
    pub name: String,
    /// Its name in the Home.
    pub title: String,
    /// Its identifier.
    pub id: String,
    /// What it is.
    pub category: Category,
    /// Where it listens.
    pub address: SocketAddr,
    /// The streams that it shows.
    pub streams: Vec<StreamName>,
    /// How to pair with it, while it trusts nobody; afterwards its controllers let others in.
    pub setup: Option<SetupUri>,
    /// How many controllers it trusts.
    pub pairings: usize,
    /// How many connections there are.
    pub connections: usize,
    /// How many views there are.
    pub views: usize,
}

/// A connection as the owner sees it.
struct Connection {
    session: Session,
    outbox: mpsc::Sender<Bytes>,
    local: IpAddr,
    remote: SocketAddr,
    since: Moment,
    /// Data streams that were set up on it end with it.
    data_streams: watch::Sender<()>,
}

/// What a server needs of the rest.
#[derive(Clone)]
pub(super) struct Surroundings {
    pub(super) hub: Hub,
    pub(super) srtp: SrtpHandle,
    pub(super) secrets: Secrets,
    pub(super) pictures: Pictures,
}

/// The owner.
pub(super) struct Server {
    config: AccessoryConfig,
    address: SocketAddr,
    around: Surroundings,
    stored: StoredAccessory,
    host: Host,
    cameras: Vec<Camera>,
    connections: BTreeMap<ConnectionId, Connection>,
    next_id: ConnectionId,
    inputs: mpsc::Sender<Input>,
    tasks: JoinSet<()>,
    announcement: Option<Announcement>,
    /// Where hubs record: the port, and whoever keeps what they were promised.
    data_streams: Option<(u16, mpsc::Sender<Promise>)>,
}

impl Server {
    pub(super) fn new(
        config: AccessoryConfig,
        address: SocketAddr,
        around: Surroundings,
        stored: StoredAccessory,
        (host, cameras): (Host, Vec<Camera>),
        announcement: Option<Announcement>,
        data_streams: Option<TcpListener>,
    ) -> (Self, mpsc::Receiver<Input>) {
        let (inputs, waiting) = mpsc::channel(INPUTS);
        let mut tasks = JoinSet::new();
        let data_streams = data_streams.and_then(|listener| {
            let port = listener.local_addr().ok()?.port();
            let (promises, promised) = mpsc::channel(PROMISES);
            tasks.spawn_local(wire::run(listener, promised));
            Some((port, promises))
        });
        let server = Self {
            config,
            address,
            around,
            stored,
            host,
            cameras,
            connections: BTreeMap::new(),
            next_id: 1,
            inputs,
            tasks,
            announcement,
            data_streams,
        };
        (server, waiting)
    }

    /// Serves until nobody can ask anything any more; then says goodbye on the network.
    pub(super) async fn run(
        mut self,
        listener: TcpListener,
        mut inputs: mpsc::Receiver<Input>,
        mut asks: mpsc::Receiver<Ask>,
    ) {
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        let mut events = self.around.hub.events();
        for camera in 0..self.cameras.len() {
            self.renew_recordings(camera).await;
        }
        loop {
            let due = self.tell_events(hub::now()).await;
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, remote)) => self.connect(stream, remote),
                    Err(error) => {
                        tracing::warn!(accessory = self.config.name, %error, "a connection could not be accepted");
                        tokio::time::sleep(ERROR_WAIT).await;
                    }
                },
                input = inputs.recv() => match input {
                    Some(input) => self.take(input).await,
                    None => break,
                },
                ask = asks.recv() => match ask {
                    Some(ask) => self.answer(ask).await,
                    None => break,
                },
                Some(_) = self.tasks.join_next(), if !self.tasks.is_empty() => {}
                event = happening(&mut events) => self.happened(&event, hub::now()),
                () = hub::sleep_until(due) => {}
                _ = sweep.tick() => self.sweep(hub::now()),
            }
        }
        self.end().await;
    }

    async fn end(mut self) {
        for camera in &mut self.cameras {
            self.connections.keys().for_each(|id| camera.disconnected(*id));
        }
        self.connections.clear();
        // Whoever takes data streams ends when nobody can promise any.
        self.data_streams = None;
        if let Some(announcement) = self.announcement.take() {
            announcement.withdraw().await;
        }
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(END_MAX, all).await.is_err() {
            tracing::debug!(accessory = self.config.name, "views or pictures of HomeKit did not end in time");
        }
        self.tasks.shutdown().await;
    }

    fn connect(&mut self, stream: TcpStream, remote: SocketAddr) {
        if self.connections.len() >= CONNECTIONS_MAX {
            tracing::warn!(accessory = self.config.name, %remote, "too many connections: one is refused");
            return;
        }
        let Ok(local) = stream.local_addr() else { return };
        // Events and answers are small, and somebody waits for them.
        let _ = stream.set_nodelay(true);
        let (idle, every, times) = KEEPALIVE;
        let keepalive = TcpKeepalive::new().with_time(idle).with_interval(every).with_retries(times);
        let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive);
        let id = self.next_id;
        self.next_id += 1;
        let (outbox, waiting) = mpsc::channel(OUTBOX);
        let local = local.ip().to_canonical();
        let connection = Connection {
            session: Session::new(id),
            outbox,
            local,
            remote,
            since: hub::now(),
            data_streams: watch::Sender::new(()),
        };
        self.connections.insert(id, connection);
        self.tasks.spawn_local(connection::run(id, stream, self.inputs.clone(), waiting));
    }

    async fn take(&mut self, input: Input) {
        match input {
            Input::Bytes { id, data } => {
                let now = hub::now();
                let Some(connection) = self.connections.get_mut(&id) else { return };
                let taken = connection.session.handle_input(&mut self.host, &data, &mut SystemRandom, now);
                self.drain(id, taken).await;
            }
            Input::Closed { id } => self.disconnect(id),
            Input::Picture { camera, size, response } => {
                let Some(of) = self.cameras.get_mut(camera) else { return };
                for id in of.shots.made(size, &response, hub::now()) {
                    self.respond(id, &response).await;
                }
            }
            Input::Ended { camera, stream, session, reason } => {
                let Some(of) = self.cameras.get_mut(camera) else { return };
                if of.ended(stream, session) {
                    tracing::info!(stream = %of.config.stream, reason, "a HomeKit view has ended");
                }
                self.set_status(camera, stream, hub::now());
            }
        }
    }

    async fn respond(&mut self, id: ConnectionId, response: &Response) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let result = connection.session.respond(&mut self.host, response, &mut SystemRandom, hub::now());
        self.drain(id, result).await;
    }

    /// Does what a session wants, until it wants nothing more.
    async fn drain(&mut self, id: ConnectionId, result: Result<(), SessionError>) {
        let mut result = result;
        loop {
            if let Err(error) = &result {
                let remote = self.connections.get(&id).map(|connection| connection.remote);
                tracing::debug!(accessory = self.config.name, ?remote, %error, "a HomeKit connection ends");
                self.disconnect(id);
                return;
            }
            let Some(connection) = self.connections.get_mut(&id) else { return };
            let Some(output) = connection.session.poll_output() else { return };
            let response = match output {
                Output::Send(bytes) => {
                    if connection.outbox.try_send(bytes.into()).is_err() {
                        tracing::debug!(remote = %connection.remote, "a HomeKit controller takes nothing and is cut off");
                        self.disconnect(id);
                        return;
                    }
                    continue;
                }
                Output::Write(write) => self.write(id, write).await,
                Output::Snapshot { aid, width, height } => match self.snapshot(id, aid, width, height) {
                    Some(refusal) => refusal,
                    None => continue,
                },
                Output::Identify => {
                    tracing::info!(accessory = self.config.name, "HomeKit asks: which one is it?");
                    continue;
                }
                Output::StorePairings => {
                    self.store().await;
                    self.advertise().await;
                    continue;
                }
                Output::StoreTries(tries) => {
                    if tries > 0 {
                        let remote = connection.remote;
                        tracing::warn!(accessory = self.config.name, %remote, tries, "a wrong HomeKit pin");
                    }
                    self.store().await;
                    continue;
                }
                Output::Unpaired(controllers) => {
                    let of_them = |connection: &Connection| {
                        let controller = connection.session.controller();
                        controller.is_some_and(|id| controllers.iter().any(|other| other == id))
                    };
                    let others = self
                        .connections
                        .iter()
                        .filter(|(other, connection)| **other != id && of_them(connection));
                    let others: Vec<ConnectionId> = others.map(|(other, _)| *other).collect();
                    for other in others {
                        self.disconnect(other);
                    }
                    continue;
                }
                Output::Verified(controller) => {
                    tracing::debug!(accessory = self.config.name, remote = %connection.remote, controller, "a HomeKit controller is here");
                    continue;
                }
                Output::Close => {
                    self.disconnect(id);
                    return;
                }
            };
            let Some(connection) = self.connections.get_mut(&id) else { return };
            result = connection.session.respond(&mut self.host, &response, &mut SystemRandom, hub::now());
        }
    }

    /// What is left of a connection goes; what was sent before goes out.
    fn disconnect(&mut self, id: ConnectionId) {
        let Some(mut connection) = self.connections.remove(&id) else { return };
        connection.session.handle_disconnected(&mut self.host);
        for index in 0..self.cameras.len() {
            self.cameras[index].disconnected(id);
            for stream in 0..self.cameras[index].streams() {
                self.set_status(index, stream, hub::now());
            }
        }
    }

    async fn store(&mut self) {
        let tries = self.host.setup.failed_tries();
        let saved = store::save(
            &self.around.secrets,
            &self.config.name,
            &mut self.stored,
            &self.host.pairings,
            tries,
        )
        .await;
        if let Err(error) = saved {
            tracing::error!(accessory = self.config.name, %error, "pairings are lost with the next start");
        }
    }

    async fn advertise(&mut self) {
        let is_unpaired = self.host.pairings.is_empty();
        let count = self.host.pairings.as_slice().len();
        tracing::info!(accessory = self.config.name, pairings = count, "HomeKit pairings have changed");
        if let Some(announcement) = &self.announcement {
            announcement.update(advertisement(&self.config, &self.stored, is_unpaired)).await;
        }
    }

    /// Sends events that are due; returns when the next ones are.
    async fn tell_events(&mut self, now: Moment) -> Moment {
        loop {
            match self.host.accessories.poll_output(now) {
                Told::Event { connection: id, event } => {
                    let Some(connection) = self.connections.get_mut(&id) else {
                        self.host.accessories.handle_disconnected(id);
                        continue;
                    };
                    let sent = connection.session.send_event(&event);
                    self.drain(id, sent).await;
                }
                Told::WaitUntil(at) => return at,
            }
        }
    }

    fn set_status(&mut self, camera: usize, stream: usize, now: Moment) {
        let Some(of) = self.cameras.get(camera) else { return };
        let status = if of.is_live(stream) { StreamingStatus::InUse } else { StreamingStatus::Available };
        if let Some(id) = of.status(stream) {
            // It has this characteristic: it was made with it.
            let _ = self.host.accessories.set_value(id, &json!(status.to_base64()), now);
        }
    }

    /// Something happened at a stream's device: the phones of those who watch it ring, and hubs record what moves.
    fn happened(&mut self, event: &Event, now: Moment) {
        let What::DeviceEvent { stream, kind } = &event.what else { return };
        for camera in self.cameras.iter().filter(|camera| camera.config.stream == *stream) {
            if let (Some(recordings), "motion" | "motion.ended") = (&camera.recordings, *kind) {
                recordings.set_motion(*kind == "motion");
            }
            if let Some((id, value)) = camera.happened(kind) {
                // It has this characteristic: it was made with it.
                let _ = self.host.accessories.set_value(id, &value, now);
            }
        }
    }

    fn sweep(&mut self, now: Moment) {
        let late = |connection: &Connection| {
            connection.session.controller().is_none() && now.since(connection.since) >= UNVERIFIED_MAX
        };
        let late: Vec<ConnectionId> =
            self.connections.iter().filter(|(_, connection)| late(connection)).map(|(id, _)| *id).collect();
        for id in late {
            self.disconnect(id);
        }
    }

    async fn answer(&mut self, ask: Ask) {
        match ask {
            Ask::Unpair(reply) => {
                self.host.pairings = protocols::hap::pairing::Pairings::default();
                let all: Vec<ConnectionId> = self.connections.keys().copied().collect();
                for id in all {
                    self.disconnect(id);
                }
                self.store().await;
                self.advertise().await;
                // Whoever asked may have left.
                let _ = reply.send(());
            }
            Ask::Report(reply) => {
                let _ = reply.send(Report {
                    name: self.config.name.clone(),
                    title: self.config.title.clone(),
                    id: self.config.id.clone(),
                    category: self.config.category,
                    address: self.address,
                    streams: self.cameras.iter().map(|camera| camera.config.stream.clone()).collect(),
                    setup: self.host.pairings.is_empty().then(|| SetupUri {
                        category: self.config.category,
                        code: self.config.code.clone(),
                        id: self.stored.setup_id.clone(),
                    }),
                    pairings: self.host.pairings.as_slice().len(),
                    connections: self.connections.len(),
                    views: self.cameras.iter().map(Camera::views).sum(),
                });
            }
        }
    }
}

/// The next event. In a storm some are lost; the rest still tells.
async fn happening(events: &mut broadcast::Receiver<Arc<Event>>) -> Arc<Event> {
    loop {
        match events.recv().await {
            Ok(event) => return event,
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// What the network is told of an accessory.
pub(super) fn advertisement(
    config: &AccessoryConfig,
    stored: &StoredAccessory,
    is_unpaired: bool,
) -> Advertisement {
    let model = if config.is_bridge { "Aqueduct Bridge" } else { "Aqueduct Camera" };
    Advertisement::new(
        config.id.clone(),
        model,
        config.category,
        &stored.setup_id,
        stored.configuration,
        is_unpaired,
    )
}
