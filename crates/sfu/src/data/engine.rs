//! `sctp-proto`, wrapped: the one module that knows it.
//!
//! Source: `sctp-proto` 0.10.8, whose endpoint (made for many associations on a socket) holds exactly one here; how str0m
//! drives it. Owns the protocol's state of one attempt to be associated: both ends are told apart by tags that it draws at
//! random (the crate takes no seed). What it is given was inspected by `guard`.
//!
//! What the crate lacks: interleaving of large messages (RFC 8260), heartbeats, fair turns among streams (messages leave in
//! the order they were given, unordered ones first), bursts kept small, and going without checksums over DTLS (RFC 9653).
use super::guard::Passed;
use super::options::{AssociationOptions, MTU_MIN, PORT, RETRANSMITS_OF_INIT, RTO_INITIAL, RTO_MAX, RTO_MIN};
use super::packet::{self, Header, kind};
use super::parameters::SctpStreamParameters;
use crate::epoch::Epoch;
use bytes::Bytes;
use media::Moment;
use sctp_proto::{
    Association, AssociationHandle, ClientConfig, ConnectError, DatagramEvent, Endpoint, EndpointConfig,
    Event, PayloadProtocolIdentifier, ReliabilityType, ServerConfig, StreamEvent, TransportConfig,
};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Header of a packet and of one chunk with data: what a full packet has besides data.
const OVERHEAD: usize = 28;

/// The crate wants an address for its peer, which only comes back with each packet.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT);

/// What happened inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happening {
    /// Both sides know each other.
    Connected,
    /// The peer did not answer.
    NoAnswer,
    /// Ended by the peer, or because of what it sent.
    Lost,
    /// The peer sent on a stream that nobody here opened.
    Stranger(u16),
    /// Whole messages wait on a stream.
    Readable(u16),
    /// The peer has closed a stream, and all that came before that is read.
    PeerReset(u16),
    /// The buffered amount fell to its threshold.
    Low(u16),
}

/// Why a stream cannot be opened now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StillResetting;

/// One attempt. It ends with [`Happening::NoAnswer`] or [`Happening::Lost`].
pub(super) struct Engine {
    endpoint: Endpoint,
    /// A server has none until the first INIT comes.
    current: Option<(AssociationHandle, Association)>,
    epoch: Epoch,
    mtu: usize,
    max_send_message_size: u32,
    /// Whether something happened since the crate was last asked for packets. Asking costs a walk over all that is in flight.
    stirred: bool,
    /// Packets that left the crate at once: at most a congestion window full.
    packets: VecDeque<Bytes>,
    local_tag: Option<u32>,
    /// How we address the peer, once it has told its tag.
    to_peer: Option<Header>,
    acknowledged: Option<u32>,
}

impl Engine {
    /// The side that waits for an INIT.
    pub(super) fn server(options: &AssociationOptions, epoch: Epoch) -> Self {
        let mtu = options.mtu.clamp(MTU_MIN, usize::from(u16::MAX));
        // Parts are multiples of four, so that a full packet needs no padding.
        let part = (mtu - OVERHEAD) & !3;
        let mut endpoint = EndpointConfig::new();
        endpoint.max_payload_size(u32::try_from(part).unwrap_or(u32::MAX));
        let mut server = ServerConfig::new();
        server.transport = transport(options);
        Self {
            // A server's configuration also on the client: without, a stray INIT would be a panic in the crate.
            endpoint: Endpoint::new(Arc::new(endpoint), Some(Arc::new(server))),
            current: None,
            epoch,
            mtu,
            max_send_message_size: options.max_send_message_size,
            stirred: false,
            packets: VecDeque::new(),
            local_tag: None,
            to_peer: None,
            acknowledged: None,
        }
    }

    /// The side that sends an INIT, at once. The crate reads the clock here, for the first timer alone.
    pub(super) fn client(options: &AssociationOptions, epoch: Epoch) -> Result<Self, ConnectError> {
        let mut engine = Self::server(options, epoch);
        let mut config = ClientConfig::new();
        config.transport = transport(options);
        let (handle, association) = engine.endpoint.connect(config, NOWHERE)?;
        engine.adopt(handle, association);
        Ok(engine)
    }

    fn adopt(&mut self, handle: AssociationHandle, mut association: Association) {
        association.set_max_send_message_size(self.max_send_message_size);
        self.endpoint.reject_new_associations();
        self.current = Some((handle, association));
        self.stirred = true;
    }

    /// The tag by which the peer must address this attempt.
    pub(super) fn local_tag(&self) -> Option<u32> {
        self.local_tag
    }

    /// How the peer is addressed, as soon as it is known.
    pub(super) fn to_peer(&self) -> Option<Header> {
        self.to_peer
    }

    /// The number up to which all of the peer's data has come.
    pub(super) fn acknowledged(&self) -> Option<u32> {
        self.acknowledged
    }

    /// Takes one packet of the peer.
    pub(super) fn handle_packet(&mut self, passed: Passed, now: Moment) {
        let now = self.epoch.instant(now);
        match self.endpoint.handle(now, NOWHERE, None, None, passed.packet) {
            Some((handle, DatagramEvent::NewAssociation(association))) => self.adopt(handle, association),
            Some((_, DatagramEvent::AssociationEvent(event))) => {
                if let Some((_, association)) = &mut self.current {
                    association.handle_event(event);
                    self.stirred = true;
                }
            }
            None => return,
        }
        if let Some(first) = passed.initial_tsn {
            self.acknowledged.get_or_insert(first.wrapping_sub(1));
        }
    }

    /// Runs the timers that are due.
    pub(super) fn handle_timeout(&mut self, now: Moment) {
        let now = self.epoch.instant(now);
        let Some((handle, association)) = &mut self.current else { return };
        if association.poll_timeout().is_some_and(|due| due <= now) {
            association.handle_timeout(now);
            self.stirred = true;
        }
        while let Some(event) = association.poll_endpoint_event() {
            let _ = self.endpoint.handle_event(*handle, event);
        }
    }

    /// When [`Engine::handle_timeout`] is due.
    pub(super) fn deadline(&self) -> Option<Moment> {
        let (_, association) = self.current.as_ref()?;
        association.poll_timeout().map(|instant| self.epoch.moment(instant))
    }

    /// The next packet for the peer.
    pub(super) fn poll_packet(&mut self, now: Moment) -> Option<Bytes> {
        if self.packets.is_empty() && std::mem::take(&mut self.stirred) {
            self.gather(now);
        }
        self.packets.pop_front()
    }

    fn gather(&mut self, now: Moment) {
        let now = self.epoch.instant(now);
        let Some((_, association)) = &mut self.current else { return };
        while let Some(transmit) = association.poll_transmit(now) {
            let sctp_proto::Payload::RawEncode(packets) = transmit.payload else { continue };
            for whole in packets {
                packet::split(whole, self.mtu, |packet| self.packets.push_back(packet));
            }
        }
        for packet in &self.packets {
            let Some(header) = Header::read(packet) else { continue };
            if header.tag != 0 {
                self.to_peer = Some(header);
            }
            for chunk in packet::chunks(packet).map_while(Result::ok) {
                match chunk.kind {
                    kind::INIT | kind::INIT_ACK => self.local_tag = chunk.u32_at(0),
                    kind::SACK => self.acknowledged = chunk.u32_at(0),
                    _ => {}
                }
            }
        }
    }

    /// What happened since the last call.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "both enums grow, and most of their variants say nothing here"
    )]
    pub(super) fn poll_happening(&mut self) -> Option<Happening> {
        let (_, association) = self.current.as_mut()?;
        loop {
            return Some(match association.poll()? {
                Event::Connected => Happening::Connected,
                Event::HandshakeFailed { .. } => Happening::NoAnswer,
                Event::AssociationLost { .. } => Happening::Lost,
                Event::Stream(StreamEvent::Opened { id }) => Happening::Stranger(id),
                Event::Stream(StreamEvent::Readable { id }) => Happening::Readable(id),
                Event::Stream(StreamEvent::Finished { id }) => Happening::PeerReset(id),
                Event::Stream(StreamEvent::BufferedAmountLow { id }) => Happening::Low(id),
                _ => continue,
            });
        }
    }

    /// Whether the peer wants an orderly end.
    pub(super) fn is_closing(&self) -> bool {
        self.current.as_ref().is_some_and(|(_, association)| association.is_closing())
    }

    /// Opens a stream, or takes over one that the peer used first.
    pub(super) fn open(&mut self, id: u16, low_threshold: u32) -> Result<(), StillResetting> {
        let Some((_, association)) = &mut self.current else { return Err(StillResetting) };
        let mut stream = if association.stream(id).is_ok_and(|stream| stream.is_writable()) {
            association.stream(id).map_err(|_| StillResetting)?
        } else {
            association.open_stream(id, PayloadProtocolIdentifier::Binary).map_err(|_| StillResetting)?
        };
        let _ = stream.set_buffered_amount_low_threshold(usize_of(low_threshold));
        Ok(())
    }

    /// Says how the stream's messages from now on travel.
    pub(super) fn set_reliability(&mut self, parameters: &SctpStreamParameters) {
        let Some((_, association)) = &mut self.current else { return };
        let (kind, value) = match (parameters.max_packet_life_time, parameters.max_retransmits) {
            (Some(life_time), _) => (ReliabilityType::Timed, life_time),
            (None, Some(retransmits)) => (ReliabilityType::Rexmit, retransmits),
            (None, None) => (ReliabilityType::Reliable, 0),
        };
        if let Ok(mut stream) = association.stream(parameters.stream_id) {
            let _ = stream.set_reliability_params(!parameters.ordered, kind, u32::from(value));
        }
    }

    /// Says at which buffered amount [`Happening::Low`] comes.
    pub(super) fn set_low_threshold(&mut self, id: u16, bytes: u32) {
        if let Some((_, association)) = &mut self.current
            && let Ok(mut stream) = association.stream(id)
        {
            let _ = stream.set_buffered_amount_low_threshold(usize_of(bytes));
        }
    }

    /// Queues a message, not empty and not larger than the peer takes. False when the stream does not take any.
    pub(super) fn write(&mut self, id: u16, identifier: u32, message: Bytes) -> bool {
        let Some((_, association)) = &mut self.current else { return false };
        let Ok(mut stream) = association.stream(id) else { return false };
        // The way that does not copy takes the identifier from the stream.
        let written = stream
            .set_default_payload_type(identifier.into())
            .and_then(|()| stream.write_chunks(&mut [message]));
        self.stirred = true;
        written.is_ok()
    }

    /// The next whole message of a stream: its identifier and its bytes.
    pub(super) fn read(&mut self, id: u16) -> Option<(u32, Bytes)> {
        let (_, association) = self.current.as_mut()?;
        let mut message = association.stream(id).ok()?.read_sctp().ok()??;
        let length = message.len();
        let bytes = message.next(length).map(|part| part.bytes).unwrap_or_default();
        Some((message.ppi as u32, bytes))
    }

    /// Closes a stream once what was sent on it is acknowledged.
    pub(super) fn reset(&mut self, id: u16) {
        if let Some((_, association)) = &mut self.current
            && let Ok(mut stream) = association.stream(id)
        {
            let _ = stream.close();
            self.stirred = true;
        }
    }

    /// Bytes given to a stream and not acknowledged yet. `None` when there is no such stream.
    pub(super) fn buffered(&mut self, id: u16) -> Option<usize> {
        let (_, association) = self.current.as_mut()?;
        association.stream(id).ok()?.buffered_amount().ok()
    }

    /// The same for all streams, those included that are being closed.
    pub(super) fn buffered_in_all(&mut self) -> usize {
        let Some((_, association)) = &mut self.current else { return 0 };
        let ids = association.stream_ids();
        ids.into_iter().filter_map(|id| association.stream(id).ok()?.buffered_amount().ok()).sum()
    }

    /// Timeouts of data, fast retransmissions, and the present retransmission timeout.
    pub(super) fn recovery(&self) -> (u64, u64, Duration) {
        let Some((_, association)) = &self.current else { return (0, 0, RTO_INITIAL) };
        let mut stats = association.stats();
        (stats.get_num_t3timeouts(), stats.get_num_fast_retrans(), association.rtt())
    }
}

fn transport(options: &AssociationOptions) -> Arc<TransportConfig> {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let window = options.max_receiver_window_buffer_size.max(options.max_receive_message_size);
    Arc::new(
        TransportConfig::default()
            .with_max_receive_buffer_size(window)
            .with_max_receive_message_size(options.max_receive_message_size)
            .with_max_send_message_size(options.max_send_message_size)
            .with_max_init_retransmits(Some(RETRANSMITS_OF_INIT))
            // The crate would fall silent for ever at a limit. Who is gone is for ICE to say.
            .with_max_data_retransmits(None)
            .with_rto_initial_ms(millis(RTO_INITIAL))
            .with_rto_min_ms(millis(RTO_MIN))
            .with_rto_max_ms(millis(RTO_MAX))
            .with_local_port(PORT)
            .with_remote_port(PORT),
    )
}

fn usize_of(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
