//! One UDP socket: many datagrams a system call, both ways.
// The sockets of this crate are read and written in this folder.
#![allow(clippy::disallowed_types)]
use super::net::Input;
use crate::core::{Datagram, PortKey, Route};
use crate::ice::{Protocol, Tuple};
use bytes::BytesMut;
use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSockRef, UdpSocketState};
use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::task::Poll;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

/// Kernel buffers each way: 4 MiB, what Linux allows as a rule; 1 s of 32 Mbit/s.
const SOCKET_BUFFER_BYTES: usize = 4 << 20;
/// Longest datagram that is read: 1,500 bytes and some for segments that the kernel joins.
const DATAGRAM_BYTES: usize = 2048;

/// A socket.
#[derive(Debug)]
pub(super) struct UdpPort {
    /// Until it is closed.
    socket: RefCell<Option<UdpSocket>>,
    state: UdpSocketState,
    local: SocketAddr,
}

impl UdpPort {
    pub(super) fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        // The kernel may give less; that is only a smaller reserve.
        let _ = state.set_send_buffer_size(UdpSockRef::from(&socket), SOCKET_BUFFER_BYTES);
        let _ = state.set_recv_buffer_size(UdpSockRef::from(&socket), SOCKET_BUFFER_BYTES);
        let local = socket.local_addr()?;
        let socket = RefCell::new(Some(UdpSocket::from_std(socket)?));
        Ok(Self { socket, state, local })
    }

    /// Closes it now, whoever still reads it: its port is free when this returns.
    pub(super) fn close(&self) {
        self.socket.take();
    }

    /// Returns how many datagrams the kernel did not take.
    pub(super) fn send(&self, route: &Route, segment: usize, bytes: &[u8]) -> u64 {
        let socket = self.socket.borrow();
        let Some(socket) = socket.as_ref() else { return 0 };
        let several = bytes.len() > segment;
        let mut transmit = quinn_udp::Transmit {
            destination: self.on_wire(route.tuple.remote),
            ecn: None,
            contents: bytes,
            segment_size: several.then_some(segment),
            src_ip: self.local.ip().is_unspecified().then_some(route.tuple.local.ip()),
        };
        let Err(error) = self.state.try_send(UdpSockRef::from(socket), &transmit) else { return 0 };
        let count = bytes.len().div_ceil(segment.max(1)) as u64;
        if !several || error.kind() == io::ErrorKind::WouldBlock {
            tracing::trace!(%error, to = %route.tuple.remote, "datagrams not sent");
            return count;
        }
        // Segmentation was refused, perhaps by this interface only.
        let mut lost = 0;
        for datagram in bytes.chunks(segment) {
            transmit.contents = datagram;
            transmit.segment_size = None;
            lost += u64::from(self.state.try_send(UdpSockRef::from(socket), &transmit).is_err());
        }
        lost
    }

    /// An IPv6 socket reaches IPv4 peers by their mapped addresses.
    fn on_wire(&self, address: SocketAddr) -> SocketAddr {
        match (self.local.is_ipv6(), address.ip()) {
            (true, IpAddr::V4(ip)) => SocketAddr::new(ip.to_ipv6_mapped().into(), address.port()),
            (true, IpAddr::V6(_)) | (false, _) => address,
        }
    }

    /// The address of ours that a datagram was sent to.
    fn destination(&self, meta: &RecvMeta) -> SocketAddr {
        if !self.local.ip().is_unspecified() {
            return self.local;
        }
        let ip = meta.dst_ip.map_or(self.local.ip(), |ip| ip.to_canonical());
        SocketAddr::new(ip, self.local.port())
    }
}

/// Reads a socket until it is closed.
pub(super) async fn read(key: PortKey, port: Rc<UdpPort>, inputs: mpsc::Sender<Input>) {
    let segments = port.state.gro_segments();
    let mut memory = vec![0; BATCH_SIZE * segments * DATAGRAM_BYTES];
    let mut metas = vec![RecvMeta::default(); BATCH_SIZE];
    loop {
        let readable = poll_fn(|context| match &*port.socket.borrow() {
            Some(socket) => socket.poll_recv_ready(context),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        });
        if readable.await.is_err() {
            return;
        }
        let mut buffers: Vec<IoSliceMut<'_>> =
            memory.chunks_mut(segments * DATAGRAM_BYTES).map(IoSliceMut::new).collect();
        let received = match &*port.socket.borrow() {
            Some(socket) => socket.try_io(Interest::READABLE, || {
                port.state.recv(UdpSockRef::from(socket), &mut buffers, &mut metas)
            }),
            None => return,
        };
        let count = match received {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => {
                // A peer's port that is closed is told here, by ICMP; the socket is well.
                tracing::trace!(%error, "nothing received");
                continue;
            }
        };
        let mut datagrams = Vec::with_capacity(count);
        for (meta, buffer) in metas.iter().zip(&buffers).take(count) {
            let local = port.destination(meta);
            let remote = SocketAddr::new(meta.addr.ip().to_canonical(), meta.addr.port());
            let Some(bytes) = buffer.get(..meta.len) else { continue };
            for data in bytes.chunks(meta.stride.max(1)) {
                let data = BytesMut::from(data);
                let tuple = Tuple { protocol: Protocol::Udp, local, remote };
                datagrams.push(Datagram { port: key, tuple, data });
            }
        }
        if inputs.send(Input::Datagrams(datagrams)).await.is_err() {
            return;
        }
    }
}
