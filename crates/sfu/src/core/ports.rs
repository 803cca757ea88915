//! Sockets, as the owner sees them: whose datagrams come in where.
use super::Core;
use super::carrier::Carrier;
use super::keys::{PortKey, ServerKey, TransportKey};
use crate::ice::Tuple;
use bytes::BytesMut;
use media::Moment;

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
    /// Its local address is the one of ours that it was sent to.
    pub(crate) tuple: Tuple,
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
            Some(PortOwner::Server(server)) => self.transport_at(*server, &datagram),
            None => None,
        };
        let Some(key) = key else { return };
        match self.transports.get(key).map(|transport| &transport.carrier) {
            Some(Carrier::WebRtc(_)) => self.handle_transport_datagram(key, datagram, now),
            Some(Carrier::Plain(_)) => self.handle_plain_datagram(key, datagram, now),
            Some(Carrier::Direct(_)) | None => {}
        }
    }

    /// A TCP connection of one of the sockets has ended.
    pub(crate) fn handle_disconnected(&mut self, port: PortKey, tuple: Tuple, now: Moment) {
        let key = match self.ports.get(port) {
            Some(PortOwner::Transport(key)) => Some(*key),
            Some(PortOwner::Server(server)) => {
                self.servers.get(*server).and_then(|server| server.by_tuple(&tuple))
            }
            None => None,
        };
        let Some(key) = key else { return };
        if let Some(Carrier::WebRtc(webrtc)) =
            self.transports.get_mut(key).map(|transport| &mut transport.carrier)
        {
            webrtc.ice.handle_tuple_closed(tuple, now);
            self.touch(key);
        }
    }
}
