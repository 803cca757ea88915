//! The socket of one transport: datagrams in batches, or frames over TCP.
//!
//! Source of the framing: RFC 4571, two bytes of length before each packet.
use super::super::BotError;
use super::super::transport::Via;
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::{RcvBuf, RcvBufForce};
use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSockRef, UdpSocketState};
use std::io::{ErrorKind, IoSliceMut, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// Calls before another transport has its turn.
const BATCHES_MAX: usize = 4;
/// Longest run of datagrams that the kernel hands over as one: 64 KiB, the longest IP packet.
const RUN_BYTES: usize = 1 << 16;
/// Receive buffer of each transport: 1 MiB, as browsers ask for.
const RECEIVE_BYTES: usize = 1 << 20;
/// How long a TCP connection may take.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// What waits for a TCP connection at most: 4 MiB; then frames are lost, as datagrams would be.
const WAITING_BYTES_MAX: usize = 4 << 20;
/// A TCP connection that takes nothing is asked again after 2 ms.
const FULL_WAIT: Duration = Duration::from_millis(2);

/// Room for a batch, shared by all transports.
pub(super) struct Received {
    buffer: Vec<u8>,
}

impl Default for Received {
    fn default() -> Self {
        Self { buffer: vec![0; BATCH_SIZE * RUN_BYTES] }
    }
}

/// A socket.
pub(super) enum Io {
    /// Datagrams that were sent in one run come in one run, too (UDP GRO): a machine that is both ends of a load would
    /// otherwise mostly take runs apart.
    Udp(UdpSocket, UdpSocketState),
    Tcp {
        stream: TcpStream,
        server: SocketAddr,
        came: Vec<u8>,
        waits: Vec<u8>,
    },
}

impl Io {
    pub(super) fn open(server: SocketAddr, via: Via) -> Result<Self, BotError> {
        if via == Via::Tcp {
            let stream = TcpStream::connect_timeout(&server, CONNECT_MAX)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            return Ok(Self::Tcp { stream, server, came: Vec::new(), waits: Vec::new() });
        }
        let any = match server {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        // The address from which the server would be reached: a candidate cannot be "any".
        let probe = UdpSocket::bind(any)?;
        probe.connect(server)?;
        let socket = UdpSocket::bind(SocketAddr::new(probe.local_addr()?.ip(), 0))?;
        socket.set_nonblocking(true)?;
        // Only root may go beyond the system's limit; without it bursts may be lost, and are reported.
        if setsockopt(&socket, RcvBufForce, &RECEIVE_BYTES).is_err() {
            let _ = setsockopt(&socket, RcvBuf, &RECEIVE_BYTES);
        }
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        Ok(Self::Udp(socket, state))
    }

    pub(super) fn local_address(&self) -> Result<SocketAddr, BotError> {
        Ok(match self {
            Self::Udp(socket, _) => socket.local_addr()?,
            Self::Tcp { stream, .. } => stream.local_addr()?,
        })
    }

    pub(super) fn register(&self, epoll: &Epoll, key: u64) -> Result<(), BotError> {
        let event = EpollEvent::new(EpollFlags::EPOLLIN, key);
        match self {
            Self::Udp(socket, _) => epoll.add(socket, event)?,
            // Only what is new: a closed connection would be ready for ever.
            Self::Tcp { stream, .. } => {
                epoll.add(stream, EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, key))?;
            }
        }
        Ok(())
    }

    /// Takes what has come.
    pub(super) fn receive(&mut self, room: &mut Received, mut handle: impl FnMut(SocketAddr, &[u8])) {
        match self {
            Self::Udp(socket, state) => {
                for _ in 0..BATCHES_MAX {
                    if receive_batch(socket, state, &mut room.buffer, &mut handle) < BATCH_SIZE {
                        return;
                    }
                }
            }
            Self::Tcp { stream, server, came, .. } => {
                loop {
                    match stream.read(&mut room.buffer) {
                        Ok(0) => break,
                        Ok(length) => came.extend(&room.buffer[..length]),
                        Err(error) if error.kind() == ErrorKind::Interrupted => {}
                        Err(_) => break,
                    }
                }
                let mut rest = came.as_slice();
                while let Some((length, after)) = rest.split_first_chunk::<2>() {
                    let length = usize::from(u16::from_be_bytes(*length));
                    let Some(frame) = after.get(..length) else { break };
                    handle(*server, frame);
                    rest = &after[length..];
                }
                *came = rest.to_vec();
            }
        }
    }

    /// Sends a datagram; a full socket loses it, as a network would.
    pub(super) fn send(&mut self, to: SocketAddr, bytes: &[u8]) {
        match self {
            Self::Udp(socket, _) => {
                let _ = socket.send_to(bytes, to);
            }
            Self::Tcp { waits, .. } => {
                if waits.len() < WAITING_BYTES_MAX && bytes.len() <= usize::from(u16::MAX) {
                    waits.extend((bytes.len() as u16).to_be_bytes());
                    waits.extend(bytes);
                }
            }
        }
    }

    /// Writes what waits; says when to try again.
    pub(super) fn flush(&mut self, now: Instant) -> Option<Instant> {
        let Self::Tcp { stream, waits, .. } = self else { return None };
        while !waits.is_empty() {
            match stream.write(waits) {
                Ok(length) => drop(waits.drain(..length)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Some(now + FULL_WAIT),
                // The connection is gone; ICE will notice.
                Err(_) => waits.clear(),
            }
        }
        None
    }
}

/// Returns how many runs came.
fn receive_batch(
    socket: &UdpSocket,
    state: &UdpSocketState,
    buffer: &mut [u8],
    handle: &mut impl FnMut(SocketAddr, &[u8]),
) -> usize {
    let mut slices: Vec<_> = buffer.chunks_exact_mut(RUN_BYTES).map(IoSliceMut::new).collect();
    let mut metas = [RecvMeta::default(); BATCH_SIZE];
    let Ok(count) = state.recv(UdpSockRef::from(socket), &mut slices, &mut metas) else { return 0 };
    for (meta, run) in metas.iter().zip(&slices).take(count) {
        for datagram in run.get(..meta.len).unwrap_or_default().chunks(meta.stride.max(1)) {
            handle(meta.addr, datagram);
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn frames_over_tcp_are_put_together_however_they_are_cut() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut io = Io::open(listener.local_addr().unwrap(), Via::Tcp).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        io.send(listener.local_addr().unwrap(), &[1, 2, 3]);
        io.send(listener.local_addr().unwrap(), &[4]);
        assert_eq!(io.flush(Instant::now()), None);
        let mut came = [0; 8];
        server.read_exact(&mut came).unwrap();
        assert_eq!(came, [0, 3, 1, 2, 3, 0, 1, 4]);
        let (mut room, mut frames) = (Received::default(), Vec::new());
        let until = Instant::now() + Duration::from_secs(5);
        for byte in came {
            server.write_all(&[byte]).unwrap();
            io.receive(&mut room, |_, frame| frames.push(frame.to_vec()));
        }
        while frames.len() < 2 && Instant::now() < until {
            io.receive(&mut room, |_, frame| frames.push(frame.to_vec()));
        }
        assert_eq!(frames, [vec![1, 2, 3], vec![4]]);
    }
}
