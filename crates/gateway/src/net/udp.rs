//! A UDP socket that many sessions share: one task reads it, any may write to it.
//!
//! A frame of a session is some ten packets of one length: they go out as one send with segmentation offload (GSO),
//! which costs a fifth of as many single sends. Where the kernel refuses that, they go one by one.
mod reader;

pub(crate) use reader::UdpReader;

use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};

/// Kernel buffers: 4 MiB each way, what Linux allows as a rule. 1 s of 32 Mbit/s.
const SOCKET_BUFFER_BYTES: usize = 4 << 20;
/// Most bytes of one send with segmentation: what fits an IP datagram with its headers.
const SEND_BYTES_MAX: usize = 65_000;

/// The shared socket. Sending never waits: what the kernel does not take is lost, as on the way, and asked for again.
pub(crate) struct UdpShared {
    socket: std::net::UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
    dropped: AtomicU64,
}

impl UdpShared {
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        let domain = socket2::Domain::for_address(address);
        let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, Some(socket2::Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(false)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        let socket = std::net::UdpSocket::from(socket);
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        // The kernel may give less; that is only a smaller reserve.
        let _ = state.set_send_buffer_size(UdpSockRef::from(&socket), SOCKET_BUFFER_BYTES);
        let _ = state.set_recv_buffer_size(UdpSockRef::from(&socket), SOCKET_BUFFER_BYTES);
        let local = socket.local_addr()?;
        Ok(Self { socket, state, local, dropped: AtomicU64::new(0) })
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    fn receive(&self, buffers: &mut [io::IoSliceMut<'_>], metas: &mut [RecvMeta]) -> io::Result<usize> {
        self.state.recv(UdpSockRef::from(&self.socket), buffers, metas)
    }

    /// Datagrams that the kernel did not take.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// The address of ours that a datagram was sent to.
    fn destination(&self, meta: &RecvMeta) -> SocketAddr {
        if !self.local.ip().is_unspecified() {
            return self.local;
        }
        let ip = meta.dst_ip.map_or(self.local.ip(), |ip| ip.to_canonical());
        SocketAddr::new(ip, self.local.port())
    }

    fn send(&self, run: &Run, contents: &[u8]) {
        let mut transmit = quinn_udp::Transmit {
            destination: self.on_wire(run.destination),
            ecn: None,
            contents,
            segment_size: (run.count > 1).then_some(run.segment),
            src_ip: run.source.filter(|_| self.local.ip().is_unspecified()),
        };
        let Err(error) = self.state.try_send(UdpSockRef::from(&self.socket), &transmit) else { return };
        if run.count > 1 && error.kind() != io::ErrorKind::WouldBlock {
            // Segmentation was refused, perhaps by this interface only.
            for segment in contents.chunks(run.segment) {
                transmit.contents = segment;
                transmit.segment_size = None;
                if self.state.try_send(UdpSockRef::from(&self.socket), &transmit).is_err() {
                    self.dropped.fetch_add(1, Ordering::Relaxed);
                }
            }
            return;
        }
        tracing::trace!(%error, to = %run.destination, "datagrams not sent");
        self.dropped.fetch_add(run.count as u64, Ordering::Relaxed);
    }

    /// An IPv6 socket reaches IPv4 peers by their mapped addresses.
    fn on_wire(&self, address: SocketAddr) -> SocketAddr {
        match (self.local.is_ipv6(), address.ip()) {
            (true, IpAddr::V4(ip)) => SocketAddr::new(ip.to_ipv6_mapped().into(), address.port()),
            (true, IpAddr::V6(_)) | (false, _) => address,
        }
    }
}

/// Datagrams to one address that go out in one send.
struct Run {
    source: Option<IpAddr>,
    destination: SocketAddr,
    segment: usize,
    count: usize,
    /// A shorter one ended it.
    closed: bool,
}

/// Collects the datagrams of one session into as few sends as possible.
pub(crate) struct SendBatch {
    bytes: Vec<u8>,
    run: Option<Run>,
}

impl SendBatch {
    pub(crate) fn new() -> Self {
        Self { bytes: Vec::new(), run: None }
    }

    /// Adds a datagram. `source` is the address of ours that it comes from, where the socket has several.
    pub(crate) fn push(
        &mut self,
        source: Option<IpAddr>,
        destination: SocketAddr,
        contents: &[u8],
        shared: &UdpShared,
    ) {
        let write = |bytes: &mut Vec<u8>| {
            bytes.extend_from_slice(contents);
            Ok::<(), std::convert::Infallible>(())
        };
        match self.push_by(source, destination, contents.len(), shared, write) {
            Ok(()) => {}
            Err(never) => match never {},
        }
    }

    /// The same for a datagram of `length` bytes that `write` appends, in its place among the others.
    pub(crate) fn push_by<E>(
        &mut self,
        source: Option<IpAddr>,
        destination: SocketAddr,
        length: usize,
        shared: &UdpShared,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let fits = self.run.as_ref().is_some_and(|run| {
            !run.closed
                && run.destination == destination
                && run.source == source
                && length <= run.segment
                && run.count < shared.state.max_gso_segments()
                && self.bytes.len() + length <= SEND_BYTES_MAX
        });
        if !fits {
            self.flush(shared);
        }
        let start = self.bytes.len();
        if let Err(error) = write(&mut self.bytes) {
            self.bytes.truncate(start);
            return Err(error);
        }
        debug_assert_eq!(self.bytes.len() - start, length, "a datagram is as long as was said");
        match &mut self.run {
            Some(run) => {
                run.count += 1;
                run.closed = length < run.segment;
            }
            None => {
                self.run = Some(Run { source, destination, segment: length, count: 1, closed: false });
            }
        }
        Ok(())
    }

    pub(crate) fn flush(&mut self, shared: &UdpShared) {
        if let Some(run) = self.run.take() {
            shared.send(&run, &self.bytes);
        }
        self.bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frames_packets_arrive_whole_whatever_their_lengths() {
        let shared = UdpShared::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        peer.set_read_timeout(Some(std::time::Duration::from_secs(2))).unwrap();
        let lengths = [1200, 1200, 1200, 300, 300, 900, 900, 40];
        let mut batch = SendBatch::new();
        for (number, length) in lengths.into_iter().enumerate() {
            let to = peer.local_addr().unwrap();
            batch.push(Some(shared.local().ip()), to, &vec![number as u8; length], &shared);
        }
        batch.flush(&shared);
        let mut buffer = [0; 2000];
        for (number, length) in lengths.into_iter().enumerate() {
            assert_eq!(peer.recv(&mut buffer).unwrap(), length);
            assert!(buffer[..length].iter().all(|byte| *byte == number as u8));
        }
        assert_eq!(shared.dropped(), 0);
    }
}
