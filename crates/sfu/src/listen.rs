//! Where a transport or server listens: options as mediasoup has them, and the sockets that come of them.
// The sockets of this crate are made here, and read and written in `worker`.
#![allow(clippy::disallowed_types)]
use crate::ice::Protocol;
use serde::{Deserialize, Serialize};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::ops::RangeInclusive;

/// Ports that are tried when none is named: those mediasoup uses.
const PORTS_DEFAULT: RangeInclusive<u16> = 10_000..=59_999;
/// Connections that wait for being accepted.
const BACKLOG: i32 = 128;

/// One address to listen on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ListenInfo {
    /// UDP or TCP.
    pub protocol: Protocol,
    /// The address of this machine.
    pub ip: IpAddr,
    /// What peers are told instead of it: an address or a host name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub announced_address: Option<String>,
    /// Whether peers are told `ip` too, where another address is announced.
    #[serde(default)]
    pub expose_internal_ip: bool,
    /// The port; otherwise one of `port_range`, otherwise any free one from 10000 to 59999.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub port: Option<u16>,
    /// Ports to choose from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub port_range: Option<RangeInclusive<u16>>,
    /// What the system is asked for.
    #[serde(default)]
    pub flags: SocketFlags,
    /// Bytes of the kernel's send buffer; by default 4 MiB.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub send_buffer_size: Option<u32>,
    /// Bytes of the kernel's receive buffer; by default 4 MiB.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub recv_buffer_size: Option<u32>,
}

/// What the system is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SocketFlags {
    /// An IPv6 socket takes no IPv4.
    #[serde(default)]
    pub ipv6_only: bool,
    /// Several sockets may have this port. Datagrams then come to any of them, so each must know all peers.
    #[serde(default)]
    pub udp_reuse_port: bool,
}

impl ListenInfo {
    /// On this address, with all else as by default.
    pub fn new(protocol: Protocol, ip: IpAddr) -> Self {
        Self {
            protocol,
            ip,
            announced_address: None,
            expose_internal_ip: false,
            port: None,
            port_range: None,
            flags: SocketFlags::default(),
            send_buffer_size: None,
            recv_buffer_size: None,
        }
    }
}

/// It is not possible to listen there. Another port or address may help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// No address was given.
    #[error("listenInfos is empty: there is nothing to listen on")]
    Nothing,
    /// Media without WebRTC goes by UDP.
    #[error("plain and pipe transports listen on UDP only")]
    OnlyUdp,
    /// The system refuses.
    #[error("cannot listen on {protocol:?} {ip}, port {port}: {reason}")]
    Refused {
        /// UDP or TCP.
        protocol: Protocol,
        /// The address.
        ip: IpAddr,
        /// The port, or "any".
        port: String,
        /// What the system says.
        reason: String,
    },
    /// All ports of the range are taken.
    #[error("no port of {first} to {last} is free on {protocol:?} {ip}")]
    NoPortFree {
        /// UDP or TCP.
        protocol: Protocol,
        /// The address.
        ip: IpAddr,
        /// The range's first port.
        first: u16,
        /// Its last port.
        last: u16,
    },
}

impl ListenError {
    pub(crate) fn refused(protocol: Protocol, local: SocketAddr, error: &io::Error) -> Self {
        let (ip, port, reason) = (local.ip(), local.port().to_string(), error.to_string());
        Self::Refused { protocol, ip, port, reason }
    }
}

/// A socket that listens.
#[derive(Debug)]
pub(crate) enum Bound {
    Udp(UdpSocket, SocketAddr),
    Tcp(TcpListener, SocketAddr),
}

impl Bound {
    pub(crate) const fn local(&self) -> SocketAddr {
        match self {
            Self::Udp(_, local) | Self::Tcp(_, local) => *local,
        }
    }
}

/// Binds a socket; `random` chooses where the search for a free port begins.
pub(crate) fn bind(info: &ListenInfo, random: u16) -> Result<Bound, ListenError> {
    let refused = |port: &str, error: &io::Error| ListenError::Refused {
        protocol: info.protocol,
        ip: info.ip,
        port: port.to_owned(),
        reason: error.to_string(),
    };
    if let Some(port) = info.port.filter(|port| *port != 0) {
        return bind_to(info, port).map_err(|error| refused(&port.to_string(), &error));
    }
    let range = info.port_range.clone().unwrap_or(PORTS_DEFAULT);
    let (first, last) = (*range.start(), *range.end());
    let count = u32::from(last.saturating_sub(first)) + 1;
    for step in 0..count {
        let port = first + ((u32::from(random) + step) % count) as u16;
        match bind_to(info, port) {
            Ok(bound) => return Ok(bound),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(refused("any", &error)),
        }
    }
    Err(ListenError::NoPortFree { protocol: info.protocol, ip: info.ip, first, last })
}

fn bind_to(info: &ListenInfo, port: u16) -> io::Result<Bound> {
    let address = SocketAddr::new(info.ip, port);
    let (kind, protocol) = match info.protocol {
        Protocol::Udp => (socket2::Type::DGRAM, socket2::Protocol::UDP),
        Protocol::Tcp => (socket2::Type::STREAM, socket2::Protocol::TCP),
    };
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        socket.set_only_v6(info.flags.ipv6_only)?;
    }
    socket.set_nonblocking(true)?;
    if info.flags.udp_reuse_port {
        socket.set_reuse_port(true)?;
    }
    if info.protocol == Protocol::Tcp {
        // a port whose last connections linger is free for a new listener
        socket.set_reuse_address(true)?;
    }
    // the kernel may give less; that is only a smaller reserve
    if let Some(bytes) = info.send_buffer_size {
        let _ = socket.set_send_buffer_size(bytes as usize);
    }
    if let Some(bytes) = info.recv_buffer_size {
        let _ = socket.set_recv_buffer_size(bytes as usize);
    }
    socket.bind(&address.into())?;
    if info.protocol == Protocol::Udp {
        let socket = UdpSocket::from(socket);
        let local = socket.local_addr()?;
        return Ok(Bound::Udp(socket, local));
    }
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from(socket);
    let local = listener.local_addr()?;
    Ok(Bound::Tcp(listener, local))
}
