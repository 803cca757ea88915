//! [`DataProducer`]: messages that come into a router.
use crate::core::{DataProducerKey, Message};
use crate::data::{OpenError, Payload, SctpStreamParameters, SctpStreamParametersError, SendError};
use crate::events::{EventStream, listener};
use crate::ids::{DataProducerId, TransportId};
use crate::mailbox::{Mailbox, WorkerGone};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How a data producer is to be.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DataProducerOptions {
    /// The stream on which the endpoint sends; none when the application itself sends.
    pub sctp_stream_parameters: Option<SctpStreamParameters>,
    /// The application's name for it.
    pub label: String,
    /// The application's protocol on it.
    pub protocol: String,
    /// Whether it begins paused. Default false.
    pub paused: bool,
}

impl DataProducerOptions {
    /// An endpoint sends, on this stream.
    pub fn new_sctp(sctp_stream_parameters: SctpStreamParameters) -> Self {
        Self { sctp_stream_parameters: Some(sctp_stream_parameters), ..Self::new_direct() }
    }

    /// The application sends, on a direct transport.
    pub fn new_direct() -> Self {
        Self { sctp_stream_parameters: None, label: String::new(), protocol: String::new(), paused: false }
    }
}

/// Where a data producer's messages come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataProducerType {
    /// From an endpoint.
    Sctp,
    /// From the application.
    Direct,
}

/// Whom a message is for. By default for all consumers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageOptions {
    /// Consumers subscribed to one of these; all consumers when empty.
    pub subchannels: Vec<u16>,
    /// Only consumers subscribed to this.
    pub required_subchannel: Option<u16>,
    /// Only consumers not subscribed to this.
    pub ignored_subchannel: Option<u16>,
}

/// What happens to a data producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DataProducerEvent {
    /// It was paused.
    Pause,
    /// It goes on.
    Resume,
    /// The endpoint closed its channel, so it is closed.
    ChannelClose,
    /// Its transport was closed, so it is.
    TransportClose,
    /// It is closed, for whatever reason. The last event.
    Close,
}

/// Statistics of a data producer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataProducerStats {
    /// Its label.
    pub label: String,
    /// Its protocol.
    pub protocol: String,
    /// Messages that came, those while it was paused included.
    pub messages_received: u64,
    /// Their bytes.
    pub bytes_received: u64,
}

/// Why there is no data producer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProduceDataError {
    /// The stream's parameters are wrong.
    #[error("the data producer's stream: {0}")]
    Parameters(#[from] SctpStreamParametersError),
    /// Another data producer of the transport has this stream.
    #[error("stream {0} belongs to another data producer of this transport")]
    StreamInUse(u16),
    /// The association refuses the stream.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Only on a direct transport the application sends.
    #[error("the transport {0} is not direct: a data producer needs sctpStreamParameters")]
    NoStream(TransportId),
    /// A direct transport has no streams.
    #[error("the transport {0} is direct: a data producer has no sctpStreamParameters there")]
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

/// Why a message was not sent.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SendMessageError {
    /// It is too large, or does not fit the buffers now.
    #[error(transparent)]
    Sctp(#[from] SendError),
    /// Only its endpoint sends on this data producer.
    #[error("the application can only send on data producers of a direct transport")]
    NotDirect,
    /// This data consumer's messages go to the application itself.
    #[error("a data consumer of a direct transport has no peer to send to")]
    NotSctp,
    /// It is paused.
    #[error("the data consumer is paused")]
    Paused,
    /// It is closed.
    #[error("it is closed")]
    Closed,
    /// The worker has ended.
    #[error(transparent)]
    WorkerGone(#[from] WorkerGone),
}

/// Messages that come into a router. A handle: clones are the same data producer, and the last one's drop closes it.
#[derive(Clone, Debug)]
pub struct DataProducer {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    about: DataProduced,
    mailbox: Mailbox,
}

impl Drop for Inner {
    fn drop(&mut self) {
        let key = self.about.key;
        self.mailbox.tell(move |owner| drop(owner.core.close_data_producer(key, owner.now)));
    }
}

/// What the owner tells of a new data producer.
#[derive(Debug)]
pub(crate) struct DataProduced {
    pub(crate) id: DataProducerId,
    pub(crate) key: DataProducerKey,
    pub(crate) label: String,
    pub(crate) protocol: String,
    pub(crate) stream: Option<SctpStreamParameters>,
    pub(crate) paused: bool,
}

impl DataProducer {
    pub(crate) fn new(about: DataProduced, mailbox: Mailbox) -> Self {
        Self { inner: Arc::new(Inner { about, mailbox }) }
    }

    /// Its name.
    pub fn id(&self) -> DataProducerId {
        self.inner.about.id
    }

    /// Where its messages come from.
    pub fn r#type(&self) -> DataProducerType {
        if self.inner.about.stream.is_some() { DataProducerType::Sctp } else { DataProducerType::Direct }
    }

    /// The stream on which its endpoint sends.
    pub fn sctp_stream_parameters(&self) -> Option<SctpStreamParameters> {
        self.inner.about.stream
    }

    /// The application's name for it.
    pub fn label(&self) -> &str {
        &self.inner.about.label
    }

    /// The application's protocol on it.
    pub fn protocol(&self) -> &str {
        &self.inner.about.protocol
    }

    /// Whether it began paused.
    pub fn began_paused(&self) -> bool {
        self.inner.about.paused
    }

    /// Sends a message of the application, on a direct transport. Returns when the worker has handed it to the consumers
    /// on it: a full buffer of one of them is told there, and holds nobody up.
    ///
    /// # Errors
    /// It is too large, its endpoint sends and not the application, or it is closed.
    pub async fn send(&self, payload: Payload, to: MessageOptions) -> Result<(), SendMessageError> {
        let (key, message) = (self.inner.about.key, Message { payload, to });
        let send =
            self.inner.mailbox.ask(move |owner| owner.core.send_on_data_producer(key, message, owner.now));
        send.await?
    }

    /// Stops forwarding; its consumers are told.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn pause(&self) -> Result<(), WorkerGone> {
        let key = self.inner.about.key;
        self.inner.mailbox.ask(move |owner| owner.core.pause_data_producer(key, true)).await
    }

    /// Forwards again.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn resume(&self) -> Result<(), WorkerGone> {
        let key = self.inner.about.key;
        self.inner.mailbox.ask(move |owner| owner.core.pause_data_producer(key, false)).await
    }

    /// Whether it is paused; `None` when it is closed.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn paused(&self) -> Result<Option<bool>, WorkerGone> {
        let key = self.inner.about.key;
        self.inner.mailbox.ask(move |owner| owner.core.data_producer_paused(key)).await
    }

    /// Statistics; `None` when it is closed.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn get_stats(&self) -> Result<Option<DataProducerStats>, WorkerGone> {
        let key = self.inner.about.key;
        self.inner.mailbox.ask(move |owner| owner.core.data_producer_stats(key)).await
    }

    /// What happens to it from now on, and before if nobody listened yet.
    pub fn events(&self) -> EventStream<DataProducerEvent> {
        let (place, stream) = listener();
        let key = self.inner.about.key;
        self.inner.mailbox.tell(move |owner| owner.core.listen_to_data_producer(key, place));
        stream
    }

    /// Whether its worker has ended, also by being given up, when nobody tells of the end of what was on it.
    pub fn worker_has_ended(&self) -> bool {
        self.inner.mailbox.is_gone()
    }

    /// Closes it, and returns what it received in all; `None` when it was closed before.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn close(&self) -> Result<Option<DataProducerStats>, WorkerGone> {
        let key = self.inner.about.key;
        self.inner.mailbox.ask(move |owner| owner.core.close_data_producer(key, owner.now)).await
    }
}
