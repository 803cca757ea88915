//! [`Consumer`]: media that goes out of a router.
use crate::core::{ConsumerKey, SentStats};
use crate::events::{EventStream, Listener, listener, listener_of};
use crate::ids::{ConsumerId, ProducerId, TransportId};
use crate::layers::ConsumerLayers;
use crate::mailbox::{Mailbox, WorkerGone};
use crate::ortc::{ConsumerRtpParametersError, RtpCapabilitiesError};
use crate::rtp_parameters::{MediaKind, RtpCapabilities, RtpParameters};
use crate::trace::{ConsumerTraceEventType, TraceEvent};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Packets that wait for a listener of a direct transport's consumer: 1,024, several key frames of a 4K picture that come at once.
const PACKETS_MAX: usize = 1024;

/// How a consumer is to be.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ConsumerOptions {
    /// Whose media.
    pub producer_id: ProducerId,
    /// What the endpoint can receive.
    pub rtp_capabilities: RtpCapabilities,
    /// Whether it begins paused. Default false; for video true is better: the endpoint first makes its decoder, and
    /// the key frame comes when it resumes.
    pub paused: bool,
    /// The `mid` of its media section. Default: counted up within the transport.
    pub mid: Option<String>,
    /// The most it wants. Default: the highest layers.
    pub preferred_layers: Option<ConsumerLayers>,
    /// Whether lost packets are sent again. Default: for video yes, for audio if the endpoint can.
    pub enable_rtx: Option<bool>,
    /// All the producer's streams as they are. Default false.
    pub pipe: bool,
}

impl ConsumerOptions {
    /// Of this producer, with all else as by default.
    pub fn new(producer_id: ProducerId, rtp_capabilities: RtpCapabilities) -> Self {
        Self {
            producer_id,
            rtp_capabilities,
            paused: false,
            mid: None,
            preferred_layers: None,
            enable_rtx: None,
            pipe: false,
        }
    }
}

/// What a consumer makes of its producer's streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConsumerType {
    /// One stream without layers.
    Simple,
    /// One of several streams.
    Simulcast,
    /// One stream with layers.
    Svc,
    /// All streams as they are.
    Pipe,
}

/// How well media goes out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsumerScore {
    /// Of its own stream: 0 to 10.
    pub score: u8,
    /// Of the producer's stream that it gets now.
    pub producer_score: u8,
    /// Of all the producer's streams.
    pub producer_scores: Vec<u8>,
}

/// What happens to a consumer.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ConsumerEvent {
    /// Its scores changed.
    Score(ConsumerScore),
    /// Other layers go on; `None` when none do.
    LayersChange(Option<ConsumerLayers>),
    /// An RTP packet, of a consumer on a direct transport.
    Rtp(bytes::Bytes),
    /// It was paused.
    Pause,
    /// It goes on.
    Resume,
    /// Its producer was paused.
    ProducerPause,
    /// Its producer goes on.
    ProducerResume,
    /// Its producer was closed, so it is.
    ProducerClose,
    /// Its transport was closed, so it is.
    TransportClose,
    /// It is closed, for whatever reason. The last event.
    Close,
}

/// Why there is no consumer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConsumeError {
    /// Nobody produces under this id.
    #[error("the router has no producer {0}")]
    NoProducer(ProducerId),
    /// The endpoint's capabilities are wrong, or do not fit.
    #[error("the consumer's RTP capabilities: {0}")]
    Parameters(#[from] ConsumerRtpParametersError),
    /// The endpoint's capabilities are wrong.
    #[error("the consumer's RTP capabilities: {0}")]
    Capabilities(#[from] RtpCapabilitiesError),
    /// Another consumer of the transport has this `mid`.
    #[error("mid {0:?} belongs to another consumer of this transport")]
    MidInUse(String),
    /// The transport was closed.
    #[error("the transport {0} is closed")]
    TransportClosed(TransportId),
    /// The worker has ended.
    #[error(transparent)]
    WorkerGone(#[from] WorkerGone),
}

/// Media that goes out of a router. A handle: clones are the same consumer, and the last one's drop closes it.
#[derive(Clone, Debug)]
pub struct Consumer {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    about: Consumed,
    mailbox: Mailbox,
}

impl Drop for Inner {
    fn drop(&mut self) {
        let key = self.about.key;
        self.mailbox.tell(move |owner| drop(owner.core.close_consumer(key, owner.now)));
    }
}

/// What the owner tells of a new consumer.
#[derive(Debug)]
pub(crate) struct Consumed {
    pub(crate) id: ConsumerId,
    pub(crate) producer_id: ProducerId,
    pub(crate) key: ConsumerKey,
    pub(crate) consumer_type: ConsumerType,
    pub(crate) kind: MediaKind,
    pub(crate) rtp_parameters: RtpParameters,
    pub(crate) paused: bool,
    pub(crate) producer_paused: bool,
}

impl Consumer {
    pub(crate) fn new(about: Consumed, mailbox: Mailbox) -> Self {
        Self { inner: Arc::new(Inner { about, mailbox }) }
    }

    /// Its name.
    pub fn id(&self) -> ConsumerId {
        self.inner.about.id
    }

    /// Whose media.
    pub fn producer_id(&self) -> ProducerId {
        self.inner.about.producer_id
    }

    /// Sound or picture.
    pub fn kind(&self) -> MediaKind {
        self.inner.about.kind
    }

    /// What it makes of the producer's streams.
    pub fn r#type(&self) -> ConsumerType {
        self.inner.about.consumer_type
    }

    /// What the endpoint is sent.
    pub fn rtp_parameters(&self) -> &RtpParameters {
        &self.inner.about.rtp_parameters
    }

    /// Whether it began paused.
    pub fn began_paused(&self) -> bool {
        self.inner.about.paused
    }

    /// Whether its producer was paused when it began.
    pub fn producer_began_paused(&self) -> bool {
        self.inner.about.producer_paused
    }

    /// Stops sending.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn pause(&self) -> Result<(), WorkerGone> {
        let key = self.inner.about.key;
        self.inner.mailbox.ask(move |owner| owner.core.pause_consumer(key, true, owner.now)).await
    }

    /// Sends again, from a key frame on, which is asked for.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn resume(&self) -> Result<(), WorkerGone> {
        let key = self.inner.about.key;
        self.inner.mailbox.ask(move |owner| owner.core.pause_consumer(key, false, owner.now)).await
    }

    /// Sets the most it wants.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn set_preferred_layers(&self, layers: ConsumerLayers) -> Result<(), WorkerGone> {
        let key = self.inner.about.key;
        self.inner.mailbox.ask(move |owner| owner.core.prefer(key, layers, owner.now)).await
    }

    /// Sets its weight among the consumers of its transport when bandwidth is short: 1, the default, to 255.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn set_priority(&self, priority: u8) -> Result<(), WorkerGone> {
        let key = self.inner.about.key;
        self.inner.mailbox.ask(move |owner| owner.core.set_priority(key, priority.max(1), owner.now)).await
    }

    /// Sets its weight back to 1.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn unset_priority(&self) -> Result<(), WorkerGone> {
        self.set_priority(1).await
    }

    /// Asks the producer for a key frame.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn request_key_frame(&self) -> Result<(), WorkerGone> {
        let key = self.inner.about.key;
        self.inner.mailbox.ask(move |owner| owner.core.request_key_frame(key)).await
    }

    /// What it is now; `None` when it is closed.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn status(&self) -> Result<Option<ConsumerStatus>, WorkerGone> {
        let key = self.inner.about.key;
        self.inner.mailbox.ask(move |owner| owner.core.consumer_status(key)).await
    }

    /// Statistics of what it sends, and of the producer's streams.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn get_stats(&self) -> Result<SentStats, WorkerGone> {
        let key = self.inner.about.key;
        self.inner.mailbox.ask(move |owner| owner.core.consumer_stats(key, owner.now)).await
    }

    /// Traces what is named, and nothing else, until it is closed.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn enable_trace_event(&self, types: Vec<ConsumerTraceEventType>) -> Result<(), WorkerGone> {
        let key = self.inner.about.key;
        let enable = move |owner: &mut crate::mailbox::Owner<'_>| {
            if let Some(trace) = owner.core.consumer_trace(key) {
                trace.types = types;
            }
        };
        self.inner.mailbox.ask(enable).await
    }

    /// What is traced from now on. Many events: see [`EventStream::lost`].
    pub fn trace_events(&self) -> EventStream<TraceEvent<ConsumerTraceEventType>> {
        let (place, stream) = listener();
        let key = self.inner.about.key;
        self.inner.mailbox.tell(move |owner| {
            if let Some(trace) = owner.core.consumer_trace(key) {
                trace.events.listen(place);
            }
        });
        stream
    }

    /// What happens to it from now on, and before if nobody listened yet.
    pub fn events(&self) -> EventStream<ConsumerEvent> {
        self.listen(listener())
    }

    /// The same with room for 1,024 events: on a direct transport each packet is one, and a key frame is a hundred at once.
    pub fn packets(&self) -> EventStream<ConsumerEvent> {
        self.listen(listener_of(PACKETS_MAX))
    }

    fn listen(
        &self,
        (place, stream): (Listener<ConsumerEvent>, EventStream<ConsumerEvent>),
    ) -> EventStream<ConsumerEvent> {
        let key = self.inner.about.key;
        self.inner.mailbox.tell(move |owner| {
            if let Some(events) = owner.core.consumer_events(key) {
                events.listen(place);
            }
        });
        stream
    }

    /// Whether its worker has ended, also by being given up, when nobody tells of the end of what was on it.
    pub fn worker_has_ended(&self) -> bool {
        self.inner.mailbox.is_gone()
    }

    /// Closes it, and returns what it sent in all. Closing what is closed does nothing.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn close(&self) -> Result<SentStats, WorkerGone> {
        let key = self.inner.about.key;
        self.inner.mailbox.ask(move |owner| owner.core.close_consumer(key, owner.now)).await
    }
}

/// What a consumer is at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsumerStatus {
    /// Paused by its own application.
    pub paused: bool,
    /// Paused by its producer's.
    pub producer_paused: bool,
    /// Its weight.
    pub priority: u8,
    /// Its scores.
    pub score: ConsumerScore,
    /// The most it wants, where it has layers.
    pub preferred_layers: Option<ConsumerLayers>,
    /// The layers that go on now.
    pub current_layers: Option<ConsumerLayers>,
}
