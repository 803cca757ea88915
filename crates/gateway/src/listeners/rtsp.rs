//! RTSP: players and publishers dial us, over TCP, UDP and TLS.
//!
//! Source: RFC 2326; go2rtc's queries. A connection is one session: `protocols::rtsp::server` has the dialogue, this
//! folder the sockets, the streams and the media. One task a connection, on a worker.
mod connection;
mod dismissed;
mod past;
mod play;
mod record;
mod udp;

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
    let rtsp = &config.rtsp;
    let plain = bind_tcp(rtsp.listen, "rtsp.listen", &mut listeners.addresses.rtsp)?;
    let secure = bind_tcp(rtsp.tls_listen, "rtsp.tls_listen", &mut listeners.addresses.rtsps)?;
    let (shared, rendezvous) = (config.clone(), rendezvous.clone());
    let serve = move |worker: Worker, stream: Stream, peer: SocketAddr| {
        Connection::serve(worker, stream, peer, shared.clone(), rendezvous.clone())
    };
    if let Some(listener) = plain {
        listeners.spawn(accept::run(hub.clone(), listener, None, "rtsp", serve.clone()));
    }
    if let Some(listener) = secure {
        let tls = tls::server_config(&config.tls)?;
        listeners.spawn(accept::run(hub.clone(), listener, Some(tls), "rtsps", serve));
    }
    Ok(())
}
