//! One accessory from its configuration to a task that runs: ports, keys, the database, the announcement.
use super::camera::{Camera, information};
use super::picture::Pictures;
use super::recording::camera::Recordings;
use super::server::{Ask, Server, Surroundings, advertisement};
use super::{AccessoryConfig, store};
use crate::homekit::mdns::{Announced, Mdns};
use crate::homekit::secrets::{Secrets, SecretsError, StoredAccessory};
use crate::homekit::srtp::SrtpHandle;
use crate::net::bind::{self, BindError};
use crate::net::child::Children;
use hub::Hub;
use media::Moment;
use protocols::hap::accessory::{Accessory, CharacteristicId, Server as Database};
use protocols::hap::pairing::{Pairings, SetupAccessory};
use protocols::hap::session::Host;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// The setting that says where an accessory listens.
const SETTING: &str = "homekit: listen";
/// Questions that wait: 16; each is answered at once.
const ASKS: usize = 16;
/// Model of bridges.
const BRIDGE: &str = "Bridge";
/// An accessory says goodbye within this time: 700 ms; one datagram an interface, and views that end on their workers.
const END_MAX: Duration = Duration::from_millis(700);

/// Why the accessories did not start. The message names the setting.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Keys and pairings.
    #[error("homekit.{name}: {error}")]
    Secrets {
        /// Which accessory.
        name: String,
        /// Why.
        error: SecretsError,
    },
}

/// What accessories need.
#[derive(Clone)]
pub struct Needs {
    /// Where media goes.
    pub srtp: SrtpHandle,
    /// Where keys and pairings are kept.
    pub secrets: Secrets,
    /// Where they are announced.
    pub mdns: Mdns,
    /// Runs ffmpeg, for snapshots.
    pub children: Children,
    /// Which ffmpeg.
    pub ffmpeg: String,
}

/// An accessory that runs.
pub(super) struct Running {
    /// As it was started.
    pub(super) config: AccessoryConfig,
    pub(super) asks: mpsc::Sender<Ask>,
    task: JoinHandle<()>,
}

impl Running {
    /// Ends it: connections are closed, the network is told, views end.
    pub(super) async fn end(self) {
        let Self { asks, mut task, .. } = self;
        drop(asks);
        if tokio::time::timeout(END_MAX, &mut task).await.is_err() {
            task.abort();
            // Its port is free when it is gone.
            let _ = task.await;
        }
    }

    /// Ends it without a goodbye.
    pub(super) fn abort(&self) {
        self.task.abort();
    }
}

/// An accessory that has its port and its keys, and does not run yet.
pub(super) struct Ready {
    config: AccessoryConfig,
    listener: TcpListener,
    data_streams: Option<TcpListener>,
    address: SocketAddr,
    stored: StoredAccessory,
}

impl Ready {
    /// Binds its ports and reads its keys.
    pub(super) async fn new(config: AccessoryConfig, needs: &Needs) -> Result<Self, StartError> {
        let refused = |error| bind::error(config.listen, SETTING, error);
        let listener = bind::tcp(config.listen, SETTING)?;
        let address = listener.local_addr().map_err(refused)?;
        let listener = TcpListener::from_std(listener).map_err(refused)?;
        let data_streams = data_streams(&config)?;
        let stored = store::load(&needs.secrets, &config).await;
        let stored = stored.map_err(|error| StartError::Secrets { name: config.name.clone(), error })?;
        Ok(Self { config, listener, data_streams, address, stored })
    }

    /// Starts it on the calling thread (a `LocalRuntime`).
    pub(super) async fn start(self, hub: &Hub, needs: &Needs) -> Running {
        let Self { config, listener, data_streams, address, stored } = self;
        let around = Surroundings {
            hub: hub.clone(),
            srtp: needs.srtp.clone(),
            secrets: needs.secrets.clone(),
            pictures: Pictures {
                hub: hub.clone(),
                children: needs.children.clone(),
                ffmpeg: needs.ffmpeg.clone(),
            },
        };
        let announcement = needs.mdns.announce(announced(&config, &stored, address)).await;
        let (pairings, cameras) = (stored.pairings.len(), config.cameras.len());
        tracing::info!(accessory = config.name, name = config.title, %address, pairings, cameras, "HomeKit accessory");
        warn_of_loopback(&config, address, &needs.srtp).await;
        let made = make(&config, &stored);
        let (server, inputs) =
            Server::new(config.clone(), address, around, stored, made, Some(announcement), data_streams);
        let (asks, asked) = mpsc::channel(ASKS);
        let task = tokio::task::spawn_local(server.run(listener, inputs, asked));
        Running { config, asks, task }
    }
}

/// Says what keeps phones from reaching it.
async fn warn_of_loopback(config: &AccessoryConfig, address: SocketAddr, srtp: &SrtpHandle) {
    if address.ip().is_loopback() {
        tracing::warn!(
            accessory = config.name,
            "this HomeKit accessory is for this machine only: give homekit.{}.listen or api.listen an address that phones reach",
            config.name
        );
    }
    match srtp.local_address().await {
        Ok(media) if media.ip().is_loopback() && !address.ip().is_loopback() => tracing::warn!(
            accessory = config.name,
            "HomeKit's media is for this machine only: give srtp.listen an address that phones reach, such as \":8443\""
        ),
        Ok(_) => {}
        Err(error) => tracing::warn!(accessory = config.name, %error, "no HomeKit view"),
    }
}

/// Where data streams of an accessory come in, where hubs may record one of its cameras: the address that it listens at.
fn data_streams(config: &AccessoryConfig) -> Result<Option<TcpListener>, StartError> {
    if !config.cameras.iter().any(|camera| camera.secure_video) {
        return Ok(None);
    }
    let any_port = SocketAddr::new(config.listen.ip(), 0);
    let listener = bind::tcp(any_port, SETTING)?;
    let listener = TcpListener::from_std(listener);
    Ok(Some(listener.map_err(|error| bind::error(any_port, SETTING, error))?))
}

/// What controllers talk with, and the cameras in it.
fn make(config: &AccessoryConfig, stored: &StoredAccessory) -> (Host, Vec<Camera>) {
    let mut accessories = Vec::new();
    let mut cameras = Vec::new();
    if config.is_bridge {
        accessories.push(Accessory::new(1, &information(&config.title, BRIDGE, &config.id)));
    }
    for camera in &config.cameras {
        let name = camera.stream.to_string();
        // Each was given a number when it was loaded.
        let aid = if config.is_bridge { stored.numbers.get(&name).copied().unwrap_or(0) } else { 1 };
        let serial_number = if config.is_bridge { format!("{}-{aid}", config.id) } else { config.id.clone() };
        let (camera, accessory) = Camera::new(aid, camera.clone(), &serial_number);
        cameras.push(camera);
        accessories.push(accessory);
    }
    let mut accessories = Database::new(accessories);
    restore(&mut accessories, &cameras, stored);
    let host = Host {
        identity: stored.identity.clone(),
        setup: SetupAccessory::new(config.code.clone(), stored.failed_tries),
        pairings: Pairings::new(stored.pairings.clone()),
        accessories,
    };
    (host, cameras)
}

/// What hubs wrote before the last end. A value that cannot be any more is left out.
fn restore(accessories: &mut Database, cameras: &[Camera], stored: &StoredAccessory) {
    for id in cameras.iter().filter_map(|camera| camera.recordings.as_ref()).flat_map(Recordings::kept) {
        if let Some(value) = stored.values.get(&kept_name(id)) {
            let _ = accessories.set_value(id, value, Moment::ZERO);
        }
    }
}

/// The name that a value is kept by.
pub(super) fn kept_name(id: CharacteristicId) -> String {
    format!("{}.{}", id.aid, id.iid)
}

fn announced(config: &AccessoryConfig, stored: &StoredAccessory, address: SocketAddr) -> Announced {
    Announced {
        name: config.title.clone(),
        address: Some(address.ip()).filter(|ip| !ip.is_unspecified()),
        port: address.port(),
        advertisement: advertisement(config, stored, stored.pairings.is_empty()),
    }
}
