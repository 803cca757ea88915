//! [`DataConsumer`]: messages that go out of a router.
use crate::core::DataConsumerKey;
use crate::data::{OpenError, Payload, SctpStreamParameters, SctpStreamParametersError};
use crate::data_producer::SendMessageError;
use crate::events::{EventStream, listener_of};
use crate::ids::{DataConsumerId, DataProducerId, TransportId};
use crate::mailbox::{Mailbox, WorkerGone};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What waits for a data consumer that was made with `hold`: 256 KiB, one message of the largest size, or a screenful of
/// chat. What is more is left out and counted.
pub const HELD_BYTES_MAX: usize = 256 * 1024;

/// Events that wait for a data consumer's listener: 1,024, since messages of a direct transport are among them.
const EVENTS_MAX: usize = 1_024;

/// How a data consumer is to be.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DataConsumerOptions {
    /// Whose messages.
    pub data_producer_id: DataProducerId,
    pub(crate) kind: DataConsumerKind,
    /// What it is subscribed to from the beginning. Default: nothing, so that it gets messages for all.
    pub subchannels: Option<Vec<u16>>,
    /// Whether it begins paused. Default false.
    pub paused: bool,
    /// Whether what comes before it is first resumed and connected waits for that, up to [`HELD_BYTES_MAX`], instead of being
    /// left out: for a client that must make its side first. Default false, as with mediasoup, which cannot do it.
    pub hold: bool,
}

/// How messages travel to the endpoint.
#[derive(Debug, Clone, Copy)]
pub(crate) enum DataConsumerKind {
    /// As they travel to us. From a producer of the application: in order.
    Inherited,
    /// Like this, on a stream that is chosen later.
    Stream(SctpStreamParameters),
    /// To the application.
    Direct,
}

impl DataConsumerOptions {
    fn new(data_producer_id: DataProducerId, kind: DataConsumerKind) -> Self {
        Self { data_producer_id, kind, subchannels: None, paused: false, hold: false }
    }

    /// Messages travel on as they came; those of the application in order.
    pub fn new_sctp(data_producer_id: DataProducerId) -> Self {
        Self::new(data_producer_id, DataConsumerKind::Inherited)
    }

    /// Messages travel reliably and in order.
    pub fn new_sctp_ordered(data_producer_id: DataProducerId) -> Self {
        Self::new(data_producer_id, DataConsumerKind::Stream(SctpStreamParameters::new_ordered(0)))
    }

    /// Messages travel reliably, in no order.
    pub fn new_sctp_unordered(data_producer_id: DataProducerId) -> Self {
        Self::new(data_producer_id, DataConsumerKind::Stream(SctpStreamParameters::new_unordered(0)))
    }

    /// Messages travel in no order, and are given up after so many milliseconds.
    pub fn new_sctp_unordered_with_life_time(
        data_producer_id: DataProducerId,
        max_packet_life_time: u16,
    ) -> Self {
        let stream = SctpStreamParameters::new_unordered_with_life_time(0, max_packet_life_time);
        Self::new(data_producer_id, DataConsumerKind::Stream(stream))
    }

    /// Messages travel in no order, and are given up after so many retransmissions.
    pub fn new_sctp_unordered_with_retransmits(
        data_producer_id: DataProducerId,
        max_retransmits: u16,
    ) -> Self {
        let stream = SctpStreamParameters::new_unordered_with_retransmits(0, max_retransmits);
        Self::new(data_producer_id, DataConsumerKind::Stream(stream))
    }

    /// Messages go to the application, on a direct transport.
    pub fn new_direct(data_producer_id: DataProducerId, subchannels: Option<Vec<u16>>) -> Self {
        Self { subchannels, ..Self::new(data_producer_id, DataConsumerKind::Direct) }
    }
}

/// Where a data consumer's messages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataConsumerType {
    /// To an endpoint.
    Sctp,
    /// To the application.
    Direct,
}

/// What happens to a data consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DataConsumerEvent {
    /// A message for the application, on a direct transport.
    Message(Payload),
    /// What is buffered for the endpoint fell to the threshold; this many bytes are.
    BufferedAmountLow(u32),
    /// A message was dropped, or refused, since the buffers are full. Told once, until a message is taken again.
    SctpSendBufferFull,
    /// It was paused.
    Pause,
    /// It goes on.
    Resume,
    /// Its data producer was paused.
    DataProducerPause,
    /// Its data producer goes on.
    DataProducerResume,
    /// Its data producer was closed, so it is.
    DataProducerClose,
    /// The endpoint closed its channel, so it is closed.
    ChannelClose,
    /// Its transport was closed, so it is.
    TransportClose,
    /// It is closed, for whatever reason. The last event.
    Close,
}

/// Statistics of a data consumer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataConsumerStats {
    /// Its label.
    pub label: String,
    /// Its protocol.
    pub protocol: String,
    /// Messages taken for sending, or given to the application.
    pub messages_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Bytes that the endpoint has not acknowledged yet.
    pub buffered_amount: u32,
    /// Messages dropped: buffers were full, it was not connected, or they were larger than the endpoint takes.
    pub messages_dropped: u64,
}

/// What a data consumer is at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataConsumerStatus {
    /// Paused by its own application.
    pub paused: bool,
    /// Paused by its data producer's.
    pub producer_paused: bool,
    /// What it is subscribed to, in rising order.
    pub subchannels: Vec<u16>,
}

/// Why there is no data consumer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConsumeDataError {
    /// Nobody sends under this id.
    #[error("the router has no data producer {0}")]
    NoDataProducer(DataProducerId),
    /// The stream's parameters are wrong.
    #[error("the data consumer's stream: {0}")]
    Parameters(#[from] SctpStreamParametersError),
    /// The association refuses the stream.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// All 65535 streams are used.
    #[error("the transport {0} has no free stream")]
    NoFreeStream(TransportId),
    /// The application is no peer of this transport.
    #[error("the transport {0} is not direct")]
    NotDirect(TransportId),
    /// A direct transport has no streams.
    #[error("the transport {0} is direct: order and limits have no meaning there")]
    Direct(TransportId),
    /// The transport was made without SCTP.
    #[error("the transport {0} has no SCTP; it is made with enable_sctp")]
    NoSctp(TransportId),
    /// The transport was closed.
    #[error("the transport {0} is closed")]
    TransportClosed(TransportId),
    /// The worker has ended.
    #[error(transparent)]
    WorkerGone(#[from] WorkerGone),
}

/// Messages that go out of a router. A handle: clones are the same data consumer, and the last one's drop closes it.
#[derive(Clone, Debug)]
pub struct DataConsumer {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    about: DataConsumed,
    mailbox: Mailbox,
}

impl Drop for Inner {
    fn drop(&mut self) {
        let key = self.about.key;
        self.mailbox.tell(move |owner| drop(owner.core.close_data_consumer(key, owner.now)));
    }
}

/// What the owner tells of a new data consumer.
#[derive(Debug)]
pub(crate) struct DataConsumed {
    pub(crate) id: DataConsumerId,
    pub(crate) data_producer_id: DataProducerId,
    pub(crate) key: DataConsumerKey,
    pub(crate) label: String,
    pub(crate) protocol: String,
    pub(crate) stream: Option<SctpStreamParameters>,
    pub(crate) paused: bool,
    pub(crate) producer_paused: bool,
}

impl DataConsumer {
    pub(crate) fn new(about: DataConsumed, mailbox: Mailbox) -> Self {
        Self { inner: Arc::new(Inner { about, mailbox }) }
    }

    /// Its name.
    pub fn id(&self) -> DataConsumerId {
        self.inner.about.id
    }

    /// Whose messages.
    pub fn data_producer_id(&self) -> DataProducerId {
        self.inner.about.data_producer_id
    }

    /// Where its messages go.
    pub fn r#type(&self) -> DataConsumerType {
        if self.inner.about.stream.is_some() { DataConsumerType::Sctp } else { DataConsumerType::Direct }
    }

    /// The stream on which its endpoint receives.
    pub fn sctp_stream_parameters(&self) -> Option<SctpStreamParameters> {
        self.inner.about.stream
    }

    /// The data producer's label.
    pub fn label(&self) -> &str {
        &self.inner.about.label
    }

    /// The data producer's protocol.
    pub fn protocol(&self) -> &str {
        &self.inner.about.protocol
    }

    /// Whether it began paused.
    pub fn began_paused(&self) -> bool {
        self.inner.about.paused
    }

    /// Whether its data producer was paused when it began.
    pub fn producer_began_paused(&self) -> bool {
        self.inner.about.producer_paused
    }

    /// Sends a message of the application to this consumer's endpoint alone.
    ///
    /// # Errors
    /// It is too large, or the buffers are full: then nothing of it is sent, and [`DataConsumerEvent::BufferedAmountLow`]
    /// says when to try again; it is not connected, paused, closed, or has no endpoint.
    pub async fn send(&self, payload: Payload) -> Result<(), SendMessageError> {
        let key = self.inner.about.key;
        let send =
            self.inner.mailbox.ask(move |owner| owner.core.send_on_data_consumer(key, payload, owner.now));
        send.await?
    }

    /// Bytes that the endpoint has not acknowledged yet; `None` when it is closed.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn get_buffered_amount(&self) -> Result<Option<u32>, WorkerGone> {
        let key = self.inner.about.key;
        self.inner.mailbox.ask(move |owner| owner.core.buffered_amount(key)).await
    }

    /// Sets at which buffered amount [`DataConsumerEvent::BufferedAmountLow`] comes.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn set_buffered_amount_low_threshold(&self, bytes: u32) -> Result<(), WorkerGone> {
        let key = self.inner.about.key;
        self.inner.mailbox.ask(move |owner| owner.core.set_low_threshold(key, bytes)).await
    }

    /// Subscribes to these and nothing else. Returns what it is subscribed to; `None` when it is closed.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn set_subchannels(&self, subchannels: Vec<u16>) -> Result<Option<Vec<u16>>, WorkerGone> {
        self.change_subchannels(move |own| *own = crate::data::subchannels::Subchannels::new(subchannels))
            .await
    }

    /// Subscribes to one more. Returns what it is subscribed to; `None` when it is closed.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn add_subchannel(&self, subchannel: u16) -> Result<Option<Vec<u16>>, WorkerGone> {
        self.change_subchannels(move |own| {
            own.add(subchannel);
        })
        .await
    }

    /// Leaves one. Returns what it is subscribed to; `None` when it is closed.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn remove_subchannel(&self, subchannel: u16) -> Result<Option<Vec<u16>>, WorkerGone> {
        self.change_subchannels(move |own| {
            own.remove(subchannel);
        })
        .await
    }

    async fn change_subchannels(
        &self,
        change: impl FnOnce(&mut crate::data::subchannels::Subchannels) + Send + 'static,
    ) -> Result<Option<Vec<u16>>, WorkerGone> {
        let key = self.inner.about.key;
        self.inner.mailbox.ask(move |owner| owner.core.change_subchannels(key, change)).await
    }

    /// Stops sending; what comes meanwhile is dropped.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn pause(&self) -> Result<(), WorkerGone> {
        let key = self.inner.about.key;
        self.inner.mailbox.ask(move |owner| owner.core.pause_data_consumer(key, true, owner.now)).await
    }

    /// Sends again.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn resume(&self) -> Result<(), WorkerGone> {
        let key = self.inner.about.key;
        self.inner.mailbox.ask(move |owner| owner.core.pause_data_consumer(key, false, owner.now)).await
    }

    /// What it is now; `None` when it is closed.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn status(&self) -> Result<Option<DataConsumerStatus>, WorkerGone> {
        let key = self.inner.about.key;
        self.inner.mailbox.ask(move |owner| owner.core.data_consumer_status(key)).await
    }

    /// Statistics; `None` when it is closed.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn get_stats(&self) -> Result<Option<DataConsumerStats>, WorkerGone> {
        let key = self.inner.about.key;
        self.inner.mailbox.ask(move |owner| owner.core.data_consumer_stats(key)).await
    }

    /// What happens to it from now on, and before if nobody listened yet. Who does not take 1,024 events loses the
    /// newest, messages too, and [`EventStream::lost`] says how many.
    pub fn events(&self) -> EventStream<DataConsumerEvent> {
        let (place, stream) = listener_of(EVENTS_MAX);
        let key = self.inner.about.key;
        self.inner.mailbox.tell(move |owner| owner.core.listen_to_data_consumer(key, place));
        stream
    }

    /// Whether its worker has ended, also by being given up, when nobody tells of the end of what was on it.
    pub fn worker_has_ended(&self) -> bool {
        self.inner.mailbox.is_gone()
    }

    /// Closes it, and returns what it sent in all; `None` when it was closed before.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn close(&self) -> Result<Option<DataConsumerStats>, WorkerGone> {
        let key = self.inner.about.key;
        self.inner.mailbox.ask(move |owner| owner.core.close_data_consumer(key, owner.now)).await
    }
}
