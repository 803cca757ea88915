//! One port for many transports: a datagram finds its transport by the name in its check, and from then on by where
//! it comes from.
use super::keys::{ServerKey, TransportKey};
use super::ports::{Datagram, PortOwner};
use super::{Core, PortKey};
use crate::ice::{ListenAddress, Tuple, is_stun, local_ufrag};
use crate::ids::WebRtcServerId;
use crate::transport::TransportEvent;
use media::Moment;
use std::collections::HashMap;

/// A server.
#[derive(Debug)]
pub(crate) struct ServerState {
    pub(crate) id: WebRtcServerId,
    /// Its sockets, and what peers are told of them.
    pub(crate) ports: Vec<(PortKey, Tuple)>,
    pub(crate) announced: Vec<ListenAddress>,
    ufrags: HashMap<String, TransportKey>,
    tuples: HashMap<Tuple, TransportKey>,
}

impl ServerState {
    pub(super) fn by_tuple(&self, tuple: &Tuple) -> Option<TransportKey> {
        self.tuples.get(tuple).copied()
    }

    pub(super) fn add_ufrag(&mut self, ufrag: &str, key: TransportKey) {
        self.ufrags.insert(ufrag.to_owned(), key);
    }

    pub(super) fn remove_ufrag(&mut self, ufrag: &str) {
        self.ufrags.remove(ufrag);
    }

    pub(super) fn add_tuple(&mut self, tuple: Tuple, key: TransportKey) {
        self.tuples.insert(tuple, key);
    }

    pub(super) fn remove_tuple(&mut self, tuple: &Tuple, key: TransportKey) {
        // another transport may have it by now: a peer that begins anew from the same port
        if self.tuples.get(tuple) == Some(&key) {
            self.tuples.remove(tuple);
        }
    }

    fn remove(&mut self, key: TransportKey) {
        self.ufrags.retain(|_, other| *other != key);
        self.tuples.retain(|_, other| *other != key);
    }
}

impl Core {
    pub(crate) fn server(&self, id: WebRtcServerId) -> Option<ServerKey> {
        self.servers.iter().find(|(_, server)| server.id == id).map(|(key, _)| key)
    }

    pub(crate) fn add_server(&mut self, id: WebRtcServerId) -> ServerKey {
        self.servers.insert(ServerState {
            id,
            ports: Vec::new(),
            announced: Vec::new(),
            ufrags: HashMap::new(),
            tuples: HashMap::new(),
        })
    }

    pub(crate) fn server_mut(&mut self, key: ServerKey) -> Option<&mut ServerState> {
        self.servers.get_mut(key)
    }

    /// Closes a server, its sockets and the transports on them.
    pub(crate) fn close_server(&mut self, id: WebRtcServerId, now: Moment) {
        let Some(key) = self.server(id) else { return };
        let on_it: Vec<TransportKey> = self
            .transports
            .iter()
            .filter(|(_, transport)| transport.carrier.server() == Some(key))
            .map(|(key, _)| key)
            .collect();
        for transport in on_it {
            self.end_transport(transport, Some(TransportEvent::WebRtcServerClose), now);
        }
        self.remove_ports(PortOwner::Server(key));
        self.servers.remove(key);
    }

    pub(super) fn forget_on_server(&mut self, server: Option<ServerKey>, key: TransportKey) {
        if let Some(server) = server.and_then(|server| self.servers.get_mut(server)) {
            server.remove(key);
        }
    }

    /// Whose a datagram is. A check is looked up by its name first: a peer that begins anew may use the same address.
    pub(super) fn transport_at(&self, server: ServerKey, datagram: &Datagram) -> Option<TransportKey> {
        let server = self.servers.get(server)?;
        if is_stun(&datagram.data)
            && let Some(ufrag) = local_ufrag(&datagram.data)
        {
            return server.ufrags.get(ufrag).copied();
        }
        server.by_tuple(&datagram.tuple)
    }
}
