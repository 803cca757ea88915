//! [`WebRtcServer`]: one port for many transports.
use crate::core::{PortOwner, ServerKey};
use crate::ice::{ListenAddress, Protocol, Tuple};
use crate::ids::WebRtcServerId;
use crate::listen::{ListenError, ListenInfo, bind};
use crate::mailbox::Owner;
use crate::webrtc_transport::CreateTransportError;
use crate::worker::Slot;
use std::sync::Arc;

/// One port, UDP and TCP, for many transports: one for each worker it lies on. A handle: clones are the same server, and
/// the last one's drop closes it, with the transports on it.
#[derive(Clone, Debug)]
pub struct WebRtcServer {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    id: WebRtcServerId,
    /// Each worker's own sockets.
    places: Vec<(Slot, Vec<ListenInfo>)>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        let id = self.id;
        for (slot, _) in &self.places {
            slot.mailbox().tell(move |owner| owner.close_server(id));
        }
    }
}

impl WebRtcServer {
    /// Of several workers each gets the next port: datagrams of one port must come to one worker.
    pub(crate) async fn create(
        slots: Vec<Slot>,
        listen_infos: Vec<ListenInfo>,
    ) -> Result<Self, CreateTransportError> {
        if listen_infos.is_empty() {
            return Err(ListenError::Nothing.into());
        }
        let places = (0u16..).zip(slots).map(|(place, slot)| {
            let mut infos = listen_infos.clone();
            for info in &mut infos {
                info.port = info.port.filter(|port| *port != 0).map(|port| port.saturating_add(place));
            }
            (slot, infos)
        });
        let server =
            Self { inner: Arc::new(Inner { id: WebRtcServerId::random(), places: places.collect() }) };
        for (slot, infos) in &server.inner.places {
            let (id, infos) = (server.inner.id, infos.clone());
            slot.mailbox().ask(move |owner| owner.server(id, &infos).map(drop)).await??;
        }
        Ok(server)
    }

    /// Its name.
    pub fn id(&self) -> WebRtcServerId {
        self.inner.id
    }

    /// What it listens on, on a worker.
    pub(crate) fn infos(&self, worker: crate::ids::WorkerId) -> Option<&[ListenInfo]> {
        let place = self.inner.places.iter().find(|(slot, _)| slot.mailbox().worker_id() == worker)?;
        Some(&place.1)
    }

    /// Closes it, with the transports on it.
    pub async fn close(&self) {
        let id = self.inner.id;
        for (slot, _) in &self.inner.places {
            // a worker that has ended has closed its part
            let _ = slot.mailbox().ask(move |owner| owner.close_server(id)).await;
        }
    }
}

/// What peers are told of a socket.
pub(crate) fn announced(info: &ListenInfo, local: std::net::SocketAddr) -> Vec<ListenAddress> {
    let of = |address: String| ListenAddress { protocol: info.protocol, address, port: local.port() };
    match &info.announced_address {
        Some(announced) if info.expose_internal_ip => vec![of(announced.clone()), of(info.ip.to_string())],
        Some(announced) => vec![of(announced.clone())],
        None => vec![of(info.ip.to_string())],
    }
}

/// A bound socket as the way of which only one end is known.
pub(crate) const fn bound(protocol: Protocol, local: std::net::SocketAddr) -> Tuple {
    Tuple { protocol, local, remote: local }
}

impl Owner<'_> {
    /// The server on this worker; it begins when it is first needed, also after the worker was replaced.
    pub(crate) fn server(
        &mut self,
        id: WebRtcServerId,
        infos: &[ListenInfo],
    ) -> Result<ServerKey, CreateTransportError> {
        if let Some(key) = self.core.server(id) {
            return Ok(key);
        }
        let sockets = infos.iter().map(|info| bind(info, rand::random())).collect::<Result<Vec<_>, _>>()?;
        let key = self.core.add_server(id);
        for (info, socket) in infos.iter().zip(sockets) {
            let local = socket.local();
            let port = self.core.add_port(PortOwner::Server(key));
            self.net.add(port, socket).map_err(|error| ListenError::Refused {
                protocol: info.protocol,
                ip: info.ip,
                port: local.port().to_string(),
                reason: error.to_string(),
            })?;
            if let Some(server) = self.core.server_mut(key) {
                server.ports.push((port, bound(info.protocol, local)));
                server.announced.extend(announced(info, local));
            }
        }
        Ok(key)
    }

    /// Closes a server here, its sockets and the transports on them.
    pub(crate) fn close_server(&mut self, id: WebRtcServerId) {
        self.core.close_server(id, self.now);
        self.net.close_unused(self.core);
    }
}
