//! Sockets, as the owner sees them: whose datagrams come in where.
use super::keys::{PortKey, ServerKey, TransportKey};
use super::{Core, Way};
use bytes::BytesMut;
use media::Moment;
use std::net::SocketAddr;

/// Whose a socket is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PortOwner {
    /// One transport's.
    Transport(TransportKey),
    /// A server's: several transports share it.
    Server(ServerKey),
}

/// A datagram that came in.
#[derive(Debug)]
pub(crate) struct Datagram {
    pub(crate) port: PortKey,
    pub(crate) way: Way,
    /// The address of ours that it was sent to.
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    pub(crate) data: BytesMut,
}

impl Core {
    pub(crate) fn add_port(&mut self, owner: PortOwner) -> PortKey {
        self.ports.insert(owner)
    }

    /// Whether a socket is still somebody's.
    pub(crate) fn has_port(&self, key: PortKey) -> bool {
        self.ports.contains_key(key)
    }

    pub(super) fn remove_ports(&mut self, owner: PortOwner) {
        self.ports.retain(|_, other| *other != owner);
    }

    /// Takes a datagram. Of nobody's socket it is dropped: the socket is about to be closed.
    pub(crate) fn handle_datagram(&mut self, datagram: Datagram, now: Moment) {
        let key = match self.ports.get(datagram.port) {
            Some(PortOwner::Transport(key)) => Some(*key),
            Some(PortOwner::Server(server)) => self.transport_of(*server, &datagram),
            None => None,
        };
        if let Some(key) = key {
            self.handle_transport_datagram(key, datagram, now);
        }
    }
}

impl Core {
    /// A TCP connection of one of the sockets has ended.
    pub(crate) fn handle_disconnected(&mut self, _port: PortKey, _remote: SocketAddr, _now: Moment) {}

    fn transport_of(&self, _server: ServerKey, _datagram: &Datagram) -> Option<TransportKey> {
        None
    }

    fn handle_transport_datagram(&mut self, _key: TransportKey, _datagram: Datagram, _now: Moment) {}
}
