//! [`Transport`]: what all kinds of transports have.
use crate::bitrate_limits::{BitrateLimit, SetBitrateError};
use crate::consumer::{ConsumeError, Consumer, ConsumerOptions};
use crate::core::{ConsumeMode, TransportKey};
use crate::data::{SctpState, SctpStreamParameters};
use crate::data_consumer::{ConsumeDataError, DataConsumer, DataConsumerOptions};
use crate::data_producer::{DataProducer, DataProducerOptions, ProduceDataError};
use crate::dtls::DtlsState;
use crate::events::{EventStream, listener};
use crate::ice::{IceState, Protocol, Tuple};
use crate::ids::{ConsumerId, DataConsumerId, DataProducerId, ProducerId, TransportId};
use crate::mailbox::{Mailbox, Owner, WorkerGone};
use crate::producer::{ProduceError, Producer, ProducerOptions};
use crate::router::Router;
use crate::trace::{TraceEvent, TransportTraceEventType};
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;

/// What happens to a transport of any kind.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum TransportEvent {
    /// The peer's way in has another state.
    IceStateChange(IceState),
    /// Media goes another way from now on.
    IceSelectedTupleChange(TransportTuple),
    /// The peer of a plain transport with `comedia` is known.
    Tuple(TransportTuple),
    /// The same for RTCP, where that has a port of its own.
    RtcpTuple(TransportTuple),
    /// The keys have another state.
    DtlsStateChange(DtlsState),
    /// The data channels have another state.
    SctpStateChange(SctpState),
    /// The peer opened a data channel in band. Its messages are received from when the application makes a data producer
    /// with this stream, and dropped before.
    DataChannelOpen {
        /// The peer's name for it.
        label: String,
        /// The peer's protocol on it.
        protocol: String,
        /// The stream and how messages travel on it.
        parameters: SctpStreamParameters,
    },
    /// The peer closed a data channel that it had opened in band.
    DataChannelClose {
        /// Its stream.
        stream_id: u16,
    },
    /// The server on whose port it was is closed, so it is.
    WebRtcServerClose,
    /// Its router was closed, so it is.
    RouterClose,
    /// It is closed, for whatever reason. The last event.
    Close,
}

/// A way between us and a peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransportTuple {
    /// Our address, or the one that is announced instead of it.
    pub local_address: String,
    /// Our port.
    pub local_port: u16,
    /// The peer's address, when it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub remote_ip: Option<IpAddr>,
    /// The peer's port, when it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub remote_port: Option<u16>,
    /// UDP or TCP.
    pub protocol: Protocol,
}

impl From<Tuple> for TransportTuple {
    fn from(tuple: Tuple) -> Self {
        Self {
            local_address: tuple.local.ip().to_string(),
            local_port: tuple.local.port(),
            remote_ip: Some(tuple.remote.ip()),
            remote_port: Some(tuple.remote.port()),
            protocol: tuple.protocol,
        }
    }
}

/// Statistics of a transport. Bitrates are of the last 2.5 s.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TransportStats {
    /// Whose.
    pub transport_id: TransportId,
    /// Bytes received, of everything.
    pub bytes_received: u64,
    /// Bits a second received, of everything.
    pub recv_bitrate: u64,
    /// Bytes sent, of everything.
    pub bytes_sent: u64,
    /// Bits a second sent, of everything.
    pub send_bitrate: u64,
    /// Bytes of media received.
    pub rtp_bytes_received: u64,
    /// Bits a second of media received.
    pub rtp_recv_bitrate: u64,
    /// Bytes of media sent.
    pub rtp_bytes_sent: u64,
    /// Bits a second of media sent.
    pub rtp_send_bitrate: u64,
    /// Bytes of retransmissions received.
    pub rtx_bytes_received: u64,
    /// Bits a second of retransmissions received.
    pub rtx_recv_bitrate: u64,
    /// Bytes of retransmissions sent.
    pub rtx_bytes_sent: u64,
    /// Bits a second of retransmissions sent.
    pub rtx_send_bitrate: u64,
    /// Bytes sent only to find out whether the way bears more.
    #[serde(default)]
    pub probation_bytes_sent: u64,
    /// Bits a second of them.
    #[serde(default)]
    pub probation_send_bitrate: u64,
    /// Datagrams that nobody could use: broken, foreign, replayed, or of no producer.
    pub datagrams_dropped: u64,
    /// Packets that were left out, since more waited to be sent than the way bears.
    pub rtp_packets_left_out: u64,
    /// Bits a second that the way to the peer bears, where it tells what comes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub available_outgoing_bitrate: Option<u64>,
    /// Bits a second that the way from the peer bears, where it does not find out by itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub available_incoming_bitrate: Option<u64>,
    /// Bits a second that the application lets come, if it set a limit.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_incoming_bitrate: Option<u32>,
    /// The estimate of the way to the peer never rises above, if the application set that.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_outgoing_bitrate: Option<u32>,
    /// The same estimate never falls below.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub min_outgoing_bitrate: Option<u32>,
    /// `controlled`, for WebRTC.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ice_role: Option<String>,
    /// Of a WebRTC transport.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ice_state: Option<IceState>,
    /// Of a WebRTC transport.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ice_selected_tuple: Option<TransportTuple>,
    /// Of a WebRTC transport.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dtls_state: Option<DtlsState>,
    /// Of a plain or pipe transport.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tuple: Option<TransportTuple>,
    /// Of a plain transport whose RTCP has a port of its own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtcp_tuple: Option<TransportTuple>,
    /// Of a plain or pipe transport.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtcp_mux: Option<bool>,
    /// Of a plain or pipe transport.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub comedia: Option<bool>,
    /// Of a transport with data channels.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sctp_state: Option<SctpState>,
}

impl TransportStats {
    pub(crate) const fn new(transport_id: TransportId) -> Self {
        Self {
            transport_id,
            bytes_received: 0,
            recv_bitrate: 0,
            bytes_sent: 0,
            send_bitrate: 0,
            rtp_bytes_received: 0,
            rtp_recv_bitrate: 0,
            rtp_bytes_sent: 0,
            rtp_send_bitrate: 0,
            rtx_bytes_received: 0,
            rtx_recv_bitrate: 0,
            rtx_bytes_sent: 0,
            rtx_send_bitrate: 0,
            probation_bytes_sent: 0,
            probation_send_bitrate: 0,
            datagrams_dropped: 0,
            rtp_packets_left_out: 0,
            available_outgoing_bitrate: None,
            available_incoming_bitrate: None,
            max_incoming_bitrate: None,
            max_outgoing_bitrate: None,
            min_outgoing_bitrate: None,
            ice_role: None,
            ice_state: None,
            ice_selected_tuple: None,
            dtls_state: None,
            tuple: None,
            rtcp_tuple: None,
            rtcp_mux: None,
            comedia: None,
            sctp_state: None,
        }
    }
}

/// What is on a transport.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransportDump {
    /// Which.
    pub id: TransportId,
    /// Its producers.
    pub producer_ids: Vec<ProducerId>,
    /// Its consumers.
    pub consumer_ids: Vec<ConsumerId>,
    /// Its data producers.
    pub data_producer_ids: Vec<DataProducerId>,
    /// Its data consumers.
    pub data_consumer_ids: Vec<DataConsumerId>,
}

/// What all kinds of transports have. The handle's clones are the same transport, and the last one's drop closes it;
/// handles of what is on it do not hold it.
pub trait Transport: Send + Sync {
    /// What all kinds share.
    #[doc(hidden)]
    fn base(&self) -> &Base;

    /// Its name.
    fn id(&self) -> TransportId {
        self.base().inner.id
    }

    /// Whether its worker has ended, also by being given up, when nobody tells of the end of what was on it.
    fn worker_has_ended(&self) -> bool {
        self.base().inner.mailbox.is_gone()
    }

    /// Lets the endpoint send media.
    ///
    /// # Errors
    /// The parameters are wrong, do not fit the router or others' on this transport; or the transport is closed.
    fn produce(
        &self,
        options: ProducerOptions,
    ) -> impl Future<Output = Result<Producer, ProduceError>> + Send {
        self.base().produce(options)
    }

    /// Lets the endpoint receive a producer's media. Producers of the same router that are received by other workers
    /// are brought to this one.
    ///
    /// # Errors
    /// There is no such producer, the endpoint can receive nothing of it; or the transport is closed.
    fn consume(
        &self,
        options: ConsumerOptions,
    ) -> impl Future<Output = Result<Consumer, ConsumeError>> + Send {
        self.base().consume(options)
    }

    /// Lets the endpoint send messages, on a stream that both agreed on.
    ///
    /// # Errors
    /// The stream is wrong or in use, or the transport has no data channels; or it is closed.
    fn produce_data(
        &self,
        options: DataProducerOptions,
    ) -> impl Future<Output = Result<DataProducer, ProduceDataError>> + Send {
        self.base().produce_data(options)
    }

    /// Lets the endpoint receive a data producer's messages. Data producers of the same router on other workers are
    /// brought to this one: at most 2 MB are on their way then, and what comes beyond is dropped and told.
    ///
    /// # Errors
    /// There is no such data producer, or the transport has no data channels; or it is closed.
    fn consume_data(
        &self,
        options: DataConsumerOptions,
    ) -> impl Future<Output = Result<DataConsumer, ConsumeDataError>> + Send {
        self.base().consume_data(options)
    }

    /// Statistics; `None` when it is closed.
    ///
    /// # Errors
    /// The worker has ended.
    fn get_stats(&self) -> impl Future<Output = Result<Option<TransportStats>, WorkerGone>> + Send {
        let key = self.base().inner.key;
        self.base().inner.mailbox.ask(move |owner| owner.core.transport_stats(key, owner.now))
    }

    /// What is on it; `None` when it is closed.
    ///
    /// # Errors
    /// The worker has ended.
    fn dump(&self) -> impl Future<Output = Result<Option<TransportDump>, WorkerGone>> + Send {
        let key = self.base().inner.key;
        self.base().inner.mailbox.ask(move |owner| owner.core.transport_dump(key))
    }

    /// What happens to it from now on, and before if nobody listened yet.
    fn events(&self) -> EventStream<TransportEvent> {
        let (place, stream) = listener();
        let key = self.base().inner.key;
        self.base().inner.mailbox.tell(move |owner| {
            if let Some(events) = owner.core.transport_events(key) {
                events.listen(place);
            }
        });
        stream
    }

    /// Traces what is named, and nothing else, until it is closed.
    ///
    /// # Errors
    /// The worker has ended.
    fn enable_trace_event(
        &self,
        types: Vec<TransportTraceEventType>,
    ) -> impl Future<Output = Result<(), WorkerGone>> + Send {
        let key = self.base().inner.key;
        self.base().inner.mailbox.ask(move |owner| {
            if let Some(trace) = owner.core.transport_trace(key) {
                trace.types = types;
            }
        })
    }

    /// What is traced from now on. Many events: see [`EventStream::lost`].
    fn trace_events(&self) -> EventStream<TraceEvent<TransportTraceEventType>> {
        let (place, stream) = listener();
        let key = self.base().inner.key;
        self.base().inner.mailbox.tell(move |owner| {
            if let Some(trace) = owner.core.transport_trace(key) {
                trace.events.listen(place);
            }
        });
        stream
    }

    /// Closes it and all on it, and returns what it carried; `None` when it was closed before.
    ///
    /// # Errors
    /// The worker has ended.
    fn close(&self) -> impl Future<Output = Result<Option<TransportStats>, WorkerGone>> + Send {
        let key = self.base().inner.key;
        self.base().inner.mailbox.ask(move |owner| owner.close_transport(key))
    }
}

/// What all kinds of transports share.
#[derive(Clone, Debug)]
pub struct Base {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    id: TransportId,
    key: TransportKey,
    mailbox: Mailbox,
    router: Router,
    mode: ConsumeMode,
}

impl Drop for Inner {
    fn drop(&mut self) {
        let key = self.key;
        self.mailbox.tell(move |owner| drop(owner.close_transport(key)));
    }
}

impl Base {
    pub(crate) fn new(
        id: TransportId,
        key: TransportKey,
        mailbox: Mailbox,
        router: Router,
        mode: ConsumeMode,
    ) -> Self {
        Self { inner: Arc::new(Inner { id, key, mailbox, router, mode }) }
    }

    pub(crate) fn id(&self) -> TransportId {
        self.inner.id
    }

    pub(crate) fn key(&self) -> TransportKey {
        self.inner.key
    }

    pub(crate) fn mailbox(&self) -> &Mailbox {
        &self.inner.mailbox
    }

    pub(crate) async fn set_bitrate_limit(
        &self,
        limit: BitrateLimit,
        bps: u32,
    ) -> Result<(), SetBitrateError> {
        let key = self.inner.key;
        let set = move |owner: &mut Owner<'_>| owner.core.set_bitrate_limit(key, limit, bps, owner.now);
        let set = self.inner.mailbox.ask(set).await?;
        Ok(set.ok_or(SetBitrateError::TransportClosed(self.inner.id))??)
    }

    async fn produce(&self, options: ProducerOptions) -> Result<Producer, ProduceError> {
        let Inner { id, key, .. } = *self.inner;
        let produced = self.inner.mailbox.ask(move |owner| owner.core.produce(id, key, options)).await??;
        Ok(Producer::new(produced, self.inner.mailbox.clone()))
    }

    async fn consume(&self, options: ConsumerOptions) -> Result<Consumer, ConsumeError> {
        let Inner { id, key, mode, .. } = *self.inner;
        let producer = options.producer_id;
        if !self.inner.mailbox.ask(move |owner| owner.core.has_producer(key, producer)).await? {
            self.inner.router.bring(producer, &self.inner.mailbox).await?;
        }
        let consumed = self
            .inner
            .mailbox
            .ask(move |owner| owner.core.consume(id, key, options, mode, owner.now))
            .await??;
        Ok(Consumer::new(consumed, self.inner.mailbox.clone()))
    }

    async fn produce_data(&self, options: DataProducerOptions) -> Result<DataProducer, ProduceDataError> {
        let Inner { id, key, .. } = *self.inner;
        let produce = move |owner: &mut Owner<'_>| owner.core.produce_data(id, key, options, owner.now);
        let produced = self.inner.mailbox.ask(produce).await??;
        Ok(DataProducer::new(produced, self.inner.mailbox.clone()))
    }

    async fn consume_data(&self, options: DataConsumerOptions) -> Result<DataConsumer, ConsumeDataError> {
        let Inner { id, key, .. } = *self.inner;
        let producer = options.data_producer_id;
        if !self.inner.mailbox.ask(move |owner| owner.core.has_data_producer(key, producer)).await? {
            self.inner.router.bring_data(producer, &self.inner.mailbox).await?;
        }
        let consume = move |owner: &mut Owner<'_>| owner.core.consume_data(id, key, options, owner.now);
        let consumed = self.inner.mailbox.ask(consume).await??;
        Ok(DataConsumer::new(consumed, self.inner.mailbox.clone()))
    }
}
