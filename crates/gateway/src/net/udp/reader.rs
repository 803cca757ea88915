//! The reading side of a shared socket: the one task that has it gets each datagram in place.
//!
//! The kernel joins datagrams of one peer (GRO), and one call brings several such runs: they are taken apart here.
use super::UdpShared;
use quinn_udp::{BATCH_SIZE, RecvMeta};
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::Interest;

/// Room for each datagram of a run, up to 64 KiB together. Longer ones are cut: media is made for Ethernet.
const DATAGRAM_BYTES_MAX: usize = 1500;
/// Longest run that the kernel makes: 64 KiB.
const RUN_BYTES_MAX: usize = 1 << 16;

/// Reads a shared socket. Its user selects on [`UdpReader::readable`] beside what else it does.
pub(crate) struct UdpReader {
    udp: Arc<UdpShared>,
    socket: tokio::net::UdpSocket,
    buffers: Vec<Vec<u8>>,
}

impl UdpReader {
    pub(crate) fn new(udp: Arc<UdpShared>) -> io::Result<Self> {
        let socket = tokio::net::UdpSocket::from_std(udp.socket.try_clone()?)?;
        let bytes = (DATAGRAM_BYTES_MAX * udp.state.gro_segments().max(1)).min(RUN_BYTES_MAX);
        Ok(Self { udp, socket, buffers: vec![vec![0; bytes]; BATCH_SIZE] })
    }

    /// Waits until there may be something. Cancel-safe.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await
    }

    /// Takes what there is, as much as one call brings: who sent it, to which address of ours, and the datagram, which
    /// may be changed in place, and may be empty.
    pub(crate) fn receive(&mut self, mut take: impl FnMut(SocketAddr, SocketAddr, &mut [u8])) {
        let Self { udp, socket, buffers } = self;
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let received = socket.try_io(Interest::READABLE, || {
            let mut slices: Vec<_> = buffers.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
            udp.receive(&mut slices, &mut metas)
        });
        let count = match received {
            Ok(count) => count,
            Err(error) => {
                // Nothing more, or such as the ICMP answer of a peer that is gone: not the socket's end.
                if error.kind() != io::ErrorKind::WouldBlock {
                    tracing::trace!(%error, "receiving failed");
                }
                return;
            }
        };
        for (meta, buffer) in metas.iter().zip(buffers).take(count) {
            let source = SocketAddr::new(meta.addr.ip().to_canonical(), meta.addr.port());
            let destination = udp.destination(meta);
            let length = meta.len.min(buffer.len());
            let whole = &mut buffer[..length];
            if whole.is_empty() {
                take(source, destination, whole);
                continue;
            }
            for datagram in whole.chunks_mut(meta.stride.max(1)) {
                take(source, destination, datagram);
            }
        }
    }
}
