//! RTMP and RTMPS: peers publish and play.
//!
//! Source: RTMP 1.0, Enhanced RTMP v2; the session is [`protocols::rtmp::server`], here are its socket and the hub.
mod address;
mod connection;
mod play;
mod publish;

use super::{Listeners, StartError, bind_tcp};
use crate::config::GatewayConfig;
use crate::net::accept::{self, Stream};
use crate::net::rendezvous::Rendezvous;
use crate::net::tls;
use connection::Connection;
use hub::{Hub, Worker};
use std::net::SocketAddr;
use std::sync::Arc;

pub(super) fn start(
    listeners: &mut Listeners,
    hub: &Hub,
    config: &Arc<GatewayConfig>,
    rendezvous: &Rendezvous,
) -> Result<(), StartError> {
    let rtmp = &config.rtmp;
    let plain = bind_tcp(rtmp.listen, "rtmp.listen", &mut listeners.addresses.rtmp)?;
    let secure = bind_tcp(rtmp.tls_listen, "rtmp.tls_listen", &mut listeners.addresses.rtmps)?;
    let (shared, rendezvous) = (config.clone(), rendezvous.clone());
    let serve = move |worker: Worker, stream: Stream, peer: SocketAddr| {
        Connection::new(worker, stream, peer, shared.clone(), rendezvous.clone()).run()
    };
    if let Some(listener) = plain {
        listeners.spawn(accept::run(hub.clone(), listener, None, "rtmp", serve.clone()));
    }
    if let Some(listener) = secure {
        let tls = tls::server_config(&config.tls)?;
        listeners.spawn(accept::run(hub.clone(), listener, Some(tls), "rtmps", serve));
    }
    Ok(())
}
