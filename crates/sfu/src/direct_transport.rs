//! [`DirectTransport`]: the application itself as a peer.
use crate::core::DIRECT_MESSAGE_MAX;
use crate::events::{EventStream, listener};
use crate::mailbox::{InFlight, WorkerGone};
use crate::transport::{Base, Transport};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

/// Most packets on their way to the worker: 1,024, a second of video of 10 Mbit/s.
const IN_FLIGHT_MAX: usize = 1024;

/// How a direct transport is to be.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DirectTransportOptions {
    /// Largest message to the application, in bytes. Default 262144.
    pub max_send_message_size: u32,
    /// Largest message from the application, in bytes. Default 262144.
    pub max_receive_message_size: u32,
}

impl Default for DirectTransportOptions {
    fn default() -> Self {
        Self { max_send_message_size: DIRECT_MESSAGE_MAX, max_receive_message_size: DIRECT_MESSAGE_MAX }
    }
}

/// What comes to the application on a direct transport.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DirectTransportEvent {
    /// A compound of RTCP packets: reports and requests of the router.
    Rtcp(Bytes),
}

/// A transport whose peer is the application: it sends packets with [`DirectTransport::send`], and its consumers'
/// events bring packets.
#[derive(Clone, Debug)]
pub struct DirectTransport {
    base: Base,
    in_flight: Arc<AtomicUsize>,
}

impl Transport for DirectTransport {
    fn base(&self) -> &Base {
        &self.base
    }
}

impl DirectTransport {
    pub(crate) fn new(base: Base) -> Self {
        Self { base, in_flight: Arc::default() }
    }

    /// Sends an RTP packet of one of its producers, or RTCP. False when it was dropped: 1,024 are on their way to the
    /// worker, which cannot keep up. Without effect when the transport is closed.
    pub fn send(&self, packet: Bytes) -> bool {
        let Some(in_flight) = InFlight::start(&self.in_flight, IN_FLIGHT_MAX) else { return false };
        let key = self.base.key();
        self.base.mailbox().tell(move |owner| {
            owner.core.receive(key, packet, owner.now);
            drop(in_flight);
        });
        true
    }

    /// RTCP that the router sends to the application.
    pub fn rtcp(&self) -> EventStream<DirectTransportEvent> {
        let (place, stream) = listener();
        let key = self.base.key();
        self.base.mailbox().tell(move |owner| owner.core.listen_direct(key, place));
        stream
    }

    /// Sends several packets in one message to the worker; cheaper than one by one.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn send_all(&self, packets: Vec<Bytes>) -> Result<(), WorkerGone> {
        let key = self.base.key();
        let send = move |owner: &mut crate::mailbox::Owner<'_>| {
            for packet in packets {
                owner.core.receive(key, packet, owner.now);
            }
        };
        self.base.mailbox().ask(send).await
    }
}
