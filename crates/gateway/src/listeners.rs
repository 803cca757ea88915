//! Listeners: peers dial us. Ports are bound first, all of them, so that a wrong configuration ends the start.
pub(crate) mod choice;
pub mod http;
pub(crate) mod past;
mod rtmp;
mod rtsp;

use crate::config::GatewayConfig;
use crate::net::rendezvous::{Push, Rendezvous};
use crate::net::{bind, tls};
use crate::webrtc;
use http::Control;
use hub::Hub;
use std::net::SocketAddr;
use std::sync::Arc;

/// What a player's path is believed to carry before anything was measured: 4 Mbit/s, a camera's main stream.
const ESTIMATE_START_BPS: u64 = 4_000_000;

/// Why the listeners could not start. The message names the setting.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port.
    #[error(transparent)]
    Bind(#[from] bind::BindError),
    /// The certificate.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    /// A WebRTC candidate.
    #[error("webrtc.candidates: {0:?} is neither ip:port nor stun:port")]
    Candidate(String),
}

/// Where the listeners listen; `None` for those switched off.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    /// HTTP.
    pub http: Option<SocketAddr>,
    /// HTTPS.
    pub https: Option<SocketAddr>,
    /// RTSP.
    pub rtsp: Option<SocketAddr>,
    /// RTSPS.
    pub rtsps: Option<SocketAddr>,
    /// RTMP.
    pub rtmp: Option<SocketAddr>,
    /// RTMPS.
    pub rtmps: Option<SocketAddr>,
    /// WebRTC media.
    pub webrtc: Option<SocketAddr>,
}

/// Binds every listener and starts it: the accepting runs on the calling thread (a `LocalRuntime`), the sessions on
/// the hub's workers. Dropping the result stops accepting.
///
/// `rendezvous`: where programs that push meet their sources, as the connectors have it. `rooms`: the conferences, unless they
/// are off.
pub async fn start(
    hub: &Hub,
    config: Arc<GatewayConfig>,
    control: Control,
    rendezvous: &Rendezvous,
    rooms: Option<rooms::Rooms>,
) -> Result<Listeners, StartError> {
    let mut listeners = Listeners { addresses: Addresses::default(), tasks: Vec::new() };
    let webrtc = start_webrtc(&mut listeners, hub, &config).await?;
    http::start(&mut listeners, hub, &config, http::Behind { control, webrtc, rooms })?;
    rtmp::start(&mut listeners, hub, &config, rendezvous)?;
    rtsp::start(&mut listeners, hub, &config, rendezvous)?;
    for (push, address) in [(Push::Rtsp, listeners.addresses.rtsp), (Push::Rtmp, listeners.addresses.rtmp)] {
        if let Some(address) = address {
            rendezvous.open(push, address);
        }
    }
    Ok(listeners)
}

async fn start_webrtc(
    listeners: &mut Listeners,
    hub: &Hub,
    config: &GatewayConfig,
) -> Result<Option<webrtc::Handle>, StartError> {
    let Some(address) = config.webrtc.listen else { return Ok(None) };
    let mut wanted = webrtc::Config::new(address);
    wanted.tcp = config.webrtc.tcp;
    wanted.udp = config.webrtc.udp;
    wanted.ice_lite = config.webrtc.ice_lite;
    if config.webrtc.sender_estimate {
        wanted.bandwidth = webrtc::Bandwidth::Sender { initial: ESTIMATE_START_BPS };
    }
    for candidate in &config.webrtc.candidates {
        if !wanted.add_candidate(candidate) {
            return Err(StartError::Candidate(candidate.clone()));
        }
    }
    let handle = webrtc::listen(hub, wanted).await.map_err(|e| bind::error(address, "webrtc.listen", e))?;
    listeners.addresses.webrtc = Some(handle.local_address());
    Ok(Some(handle))
}

/// The running listeners.
pub struct Listeners {
    /// Where they listen.
    pub addresses: Addresses,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Listeners {
    pub(crate) fn spawn(&mut self, task: impl Future<Output = ()> + 'static) {
        self.tasks.push(tokio::task::spawn_local(task));
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Binds a TCP listener if it is configured, and says where it came to listen (port 0 is any).
pub(crate) fn bind_tcp(
    address: Option<SocketAddr>,
    setting: &'static str,
    bound: &mut Option<SocketAddr>,
) -> Result<Option<std::net::TcpListener>, StartError> {
    let Some(address) = address else { return Ok(None) };
    let listener = bind::tcp(address, setting)?;
    *bound = listener.local_addr().ok();
    Ok(Some(listener))
}
