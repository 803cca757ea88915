//! UDP ports as RTSP wants them: an even one for RTP, the next for RTCP.
//!
//! Source: RFC 3550 §11. Owns the two sockets of one track; sending uses segmentation offload where there is any.
use bytes::{BufMut, Bytes, BytesMut};
use quinn_udp::{UdpSockRef, UdpSocketState};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll, ready};
use tokio::net::UdpSocket;

/// Kernel buffers: 1 MiB each way, a key frame and more. The system gives what it allows.
const SOCKET_BUFFER_BYTES: usize = 1 << 20;
/// How often another port is tried when the next one is taken.
const TRIES: usize = 32;
/// Largest datagram there is.
pub(crate) const DATAGRAM_BYTES_MAX: usize = 65_535;
/// A receive buffer has room for so many of the largest datagrams; usual ones are a fiftieth of that.
const BUFFERED_DATAGRAMS: usize = 4;
/// Most bytes of one send with segmentation: what fits an IP datagram with its headers.
const SEND_BYTES_MAX: usize = 65_000;

/// The sockets of one track.
pub(crate) struct PortPair {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    /// Only where media is sent: with it, the kernel hands in several datagrams as one.
    sending: Option<UdpSocketState>,
    ports: (u16, u16),
}

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Port {
    Rtp,
    Rtcp,
}

impl PortPair {
    /// Binds a pair on this address of ours, to receive media with.
    pub(crate) fn receiving(ip: IpAddr) -> io::Result<Self> {
        Self::bind(ip)
    }

    /// Binds a pair on this address of ours, to send media with; then only RTCP is received.
    pub(crate) fn sending(ip: IpAddr) -> io::Result<Self> {
        let mut pair = Self::bind(ip)?;
        pair.sending = Some(UdpSocketState::new(UdpSockRef::from(&pair.rtp))?);
        Ok(pair)
    }

    fn bind(ip: IpAddr) -> io::Result<Self> {
        let mut why = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..TRIES {
            let first = bind(SocketAddr::new(ip, 0))?;
            let port = first.local_addr()?.port();
            let other = SocketAddr::new(ip, port ^ 1);
            match bind(other) {
                Ok(second) => {
                    let (rtp, rtcp) = if port % 2 == 0 { (first, second) } else { (second, first) };
                    return Ok(Self {
                        rtp: UdpSocket::from_std(rtp)?,
                        rtcp: UdpSocket::from_std(rtcp)?,
                        sending: None,
                        ports: (port & !1, port | 1),
                    });
                }
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    /// The ports of RTP and RTCP.
    pub(crate) fn ports(&self) -> (u16, u16) {
        self.ports
    }

    /// Sends one datagram, or not: what the kernel does not take is lost, as on the way.
    pub(crate) fn send(&self, port: Port, data: &[u8], to: SocketAddr) {
        let socket = match port {
            Port::Rtp => &self.rtp,
            Port::Rtcp => &self.rtcp,
        };
        // Lost, as said.
        let _ = socket.try_send_to(data, to);
    }

    /// Sends packets that lie one behind the other in `data`, in as few sends as there can be. False when the kernel
    /// did not take all.
    pub(crate) fn send_packets(&self, data: &[u8], ends: &[u32], to: SocketAddr) -> bool {
        let Some(state) = &self.sending else { return false };
        let segments_max = state.max_gso_segments().max(1);
        let mut taken = true;
        for (range, segment) in runs(ends, segments_max) {
            let Some(contents) = data.get(range.clone()) else { return false };
            let segment_size = (contents.len() > segment).then_some(segment);
            let transmit =
                quinn_udp::Transmit { destination: to, ecn: None, contents, segment_size, src_ip: None };
            let socket = UdpSockRef::from(&self.rtp);
            match state.try_send(socket, &transmit) {
                Ok(()) => {}
                Err(error) if segment_size.is_none() || error.kind() == io::ErrorKind::WouldBlock => {
                    taken = false
                }
                // Segmentation was refused, perhaps by this interface only.
                Err(_) => {
                    for packet in contents.chunks(segment) {
                        taken &= self.rtp.try_send_to(packet, to).is_ok();
                    }
                }
            }
        }
        taken
    }

    /// The next datagram from one of these addresses, at most `bytes_max` long; those of others are dropped. It shares `buffer`.
    pub(crate) fn poll_receive(
        &self,
        from: &[IpAddr],
        bytes_max: usize,
        buffer: &mut BytesMut,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Port, Bytes)>> {
        // Reports first: the first one is sent before the first packet, and says where that lies.
        for (port, socket) in [(Port::Rtcp, &self.rtcp), (Port::Rtp, &self.rtp)] {
            if port == Port::Rtp && self.sending.is_some() {
                continue;
            }
            if let Poll::Ready(data) = poll_one(socket, from, bytes_max, buffer, cx) {
                return Poll::Ready(data.map(|data| (port, data)));
            }
        }
        Poll::Pending
    }
}

fn poll_one(
    socket: &UdpSocket,
    from: &[IpAddr],
    bytes_max: usize,
    buffer: &mut BytesMut,
    cx: &mut Context<'_>,
) -> Poll<io::Result<Bytes>> {
    loop {
        ready!(socket.poll_recv_ready(cx))?;
        if buffer.capacity() - buffer.len() < bytes_max {
            buffer.reserve(BUFFERED_DATAGRAMS * bytes_max);
        }
        match socket.try_recv_buf_from(&mut buffer.limit(bytes_max)) {
            Ok((_, peer)) => {
                let datagram = buffer.split();
                if from.contains(&peer.ip().to_canonical()) {
                    return Poll::Ready(Ok(datagram.freeze()));
                }
            }
            // An earlier datagram of ours found nobody: the peer's port is not open yet, or not any more.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Poll::Ready(Err(error)),
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, Some(socket2::Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    // The system's maximum is below what we ask for on many machines.
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES);
    let _ = socket.set_send_buffer_size(SOCKET_BUFFER_BYTES);
    Ok(socket.into())
}

/// Runs of packets of equal length whose last may be shorter: where each lies, and the length.
fn runs(ends: &[u32], segments_max: usize) -> impl Iterator<Item = (std::ops::Range<usize>, usize)> + '_ {
    let mut index = 0;
    std::iter::from_fn(move || {
        let start = if index == 0 { 0 } else { *ends.get(index - 1)? as usize };
        let mut end = *ends.get(index)? as usize;
        let segment = end - start;
        index += 1;
        let mut count = 1;
        while let Some(next) = ends.get(index).map(|next| *next as usize) {
            let whole = end - start == count * segment;
            if !whole || next - end > segment || count == segments_max || next - start > SEND_BYTES_MAX {
                break;
            }
            end = next;
            index += 1;
            count += 1;
        }
        Some((start..end, segment))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_of_equal_length_with_a_shorter_end() {
        let ends = |lengths: &[u32]| -> Vec<u32> {
            lengths
                .iter()
                .scan(0, |sum, length| {
                    *sum += length;
                    Some(*sum)
                })
                .collect()
        };
        let lengths = |list: &[u32], max| -> Vec<(usize, usize)> {
            runs(&ends(list), max).map(|(range, segment)| (range.len(), segment)).collect()
        };
        assert_eq!(
            lengths(&[30, 100, 100, 100, 40, 40, 20, 50], 64),
            [(30, 30), (340, 100), (60, 40), (50, 50)]
        );
        assert_eq!(
            lengths(&[1200; 130], 64).iter().map(|run| run.0 / 1200).collect::<Vec<_>>(),
            [54, 54, 22]
        );
        assert_eq!(lengths(&[100; 5], 2), [(200, 100), (200, 100), (100, 100)]);
        assert_eq!(lengths(&[], 2), []);
    }

    #[tokio::test]
    async fn a_frames_packets_arrive_whole_and_strangers_are_not_heard() {
        let ip: IpAddr = "127.0.0.1".parse().unwrap();
        let (a, b) = (PortPair::sending(ip).unwrap(), PortPair::receiving(ip).unwrap());
        assert_eq!((a.ports().0 % 2, a.ports().1), (0, a.ports().0 + 1));
        let stranger = std::net::UdpSocket::bind("127.0.0.2:0").unwrap();
        let to = SocketAddr::new(ip, b.ports().0);
        stranger.send_to(b"not mine", to).unwrap();
        let lengths = [1200usize, 1200, 700, 900];
        let (mut data, mut ends) = (Vec::new(), Vec::new());
        for (number, length) in lengths.iter().enumerate() {
            data.resize(data.len() + length, number as u8);
            ends.push(data.len() as u32);
        }
        assert!(a.send_packets(&data, &ends, to));
        let mut buffer = BytesMut::new();
        for (number, length) in lengths.into_iter().enumerate() {
            let (port, got) =
                std::future::poll_fn(|cx| b.poll_receive(&[ip], 2000, &mut buffer, cx)).await.unwrap();
            assert_eq!((port, got.len(), got[0]), (Port::Rtp, length, number as u8));
        }
    }
}
