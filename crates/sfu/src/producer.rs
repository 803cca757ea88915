//! [`Producer`]: media that comes into a router.
use crate::core::{ProducerKey, ReceivedStats};
use crate::events::{EventStream, listener};
use crate::ids::{ProducerId, TransportId};
use crate::mailbox::{Mailbox, WorkerGone};
use crate::ortc::{RtpMapping, RtpParametersError, RtpParametersMappingError};
use crate::receive::IncomingStreamStats;
use crate::rtp_parameters::{MediaKind, RtpParameters};
use crate::trace::{ProducerTraceEventType, TraceEvent};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How a producer is to be.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ProducerOptions {
    /// Sound or picture.
    pub kind: MediaKind,
    /// What the endpoint sends.
    pub rtp_parameters: RtpParameters,
    /// Whether it begins paused. Default false.
    pub paused: bool,
    /// Its name. Default: a new one. A producer that came through a pipe has the name that it has on the other side.
    pub id: Option<ProducerId>,
    /// Least milliseconds between two key frame requests. Default 0: as often as consumers need.
    pub key_frame_request_delay: u32,
}

impl ProducerOptions {
    /// Of this kind, with all else as by default.
    pub fn new(kind: MediaKind, rtp_parameters: RtpParameters) -> Self {
        Self { kind, rtp_parameters, paused: false, id: None, key_frame_request_delay: 0 }
    }

    /// Of what comes through a pipe transport: the producer's name and kind on the other side, and the parameters of
    /// the consumer there.
    pub fn new_pipe_transport(id: ProducerId, kind: MediaKind, rtp_parameters: RtpParameters) -> Self {
        Self { id: Some(id), ..Self::new(kind, rtp_parameters) }
    }
}

/// How many streams and layers a producer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProducerType {
    /// One stream without layers.
    Simple,
    /// Several streams of one source.
    Simulcast,
    /// One stream with layers.
    Svc,
}

/// How well one stream of a producer comes in.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProducerScore {
    /// Its place among the encodings.
    pub encoding_idx: u32,
    /// Its SSRC.
    pub ssrc: u32,
    /// Its id, where it has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rid: Option<String>,
    /// 0, nothing comes, to 10.
    pub score: u8,
}

/// How the sender holds its camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VideoOrientation {
    /// The sender uses a camera, not a screen.
    pub camera: bool,
    /// The picture is mirrored.
    pub flip: bool,
    /// Degrees by which the picture is to be turned clockwise: 0, 90, 180 or 270.
    pub rotation: u16,
}

impl From<u8> for VideoOrientation {
    /// Source: 3GPP TS 26.114 §7.4.5.
    fn from(byte: u8) -> Self {
        Self { camera: byte & 0x08 != 0, flip: byte & 0x04 != 0, rotation: 90 * u16::from(byte & 0x03) }
    }
}

/// What happens to a producer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProducerEvent {
    /// The scores of its streams, when one changed.
    Score(Vec<ProducerScore>),
    /// The sender turned its camera.
    VideoOrientationChange(VideoOrientation),
    /// It was paused.
    Pause,
    /// It goes on.
    Resume,
    /// Its transport was closed, so it is.
    TransportClose,
    /// It is closed, for whatever reason. The last event.
    Close,
}

/// Why there is no producer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProduceError {
    /// The parameters are wrong in themselves.
    #[error("the producer's RTP parameters: {0}")]
    Parameters(#[from] RtpParametersError),
    /// The router cannot carry them.
    #[error("the producer's RTP parameters do not fit the router: {0}")]
    Mapping(#[from] RtpParametersMappingError),
    /// They have no stream.
    #[error("encodings is empty; a producer needs one at least")]
    NoEncodings,
    /// The kind is not that of the codecs.
    #[error("the producer is of kind {kind:?}, its codecs are not")]
    Kind {
        /// What was said.
        kind: MediaKind,
    },
    /// The router has a producer of this name.
    #[error("the router has a producer {0} already")]
    IdInUse(ProducerId),
    /// Nothing names its packets.
    #[error(
        "encodings[{0}] has no ssrc, no rid, and there is no mid: its packets could not be told from others"
    )]
    Nameless(usize),
    /// Another producer of the transport has this SSRC.
    #[error("ssrc {0} belongs to another producer of this transport")]
    SsrcInUse(u32),
    /// Another producer of the transport has this `mid`, or `rid` without one.
    #[error("mid or rid {0:?} belongs to another producer of this transport")]
    MidInUse(String),
    /// The transport was closed.
    #[error("the transport {0} is closed")]
    TransportClosed(TransportId),
    /// The worker has ended.
    #[error(transparent)]
    WorkerGone(#[from] WorkerGone),
}

/// Media that comes into a router. A handle: clones are the same producer, and the last one's drop closes it.
#[derive(Clone, Debug)]
pub struct Producer {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    id: ProducerId,
    kind: MediaKind,
    producer_type: ProducerType,
    rtp_parameters: RtpParameters,
    consumable: RtpParameters,
    mapping: RtpMapping,
    mailbox: Mailbox,
    key: ProducerKey,
}

impl Drop for Inner {
    fn drop(&mut self) {
        let key = self.key;
        self.mailbox.tell(move |owner| drop(owner.core.close_producer(key, owner.now)));
    }
}

/// What the owner tells of a new producer.
pub(crate) struct Produced {
    pub(crate) id: ProducerId,
    pub(crate) key: ProducerKey,
    pub(crate) producer_type: ProducerType,
    pub(crate) kind: MediaKind,
    pub(crate) rtp_parameters: RtpParameters,
    pub(crate) consumable: RtpParameters,
    pub(crate) mapping: RtpMapping,
}

impl Producer {
    pub(crate) fn new(produced: Produced, mailbox: Mailbox) -> Self {
        let Produced { id, key, producer_type, kind, rtp_parameters, consumable, mapping } = produced;
        let inner = Inner { id, kind, producer_type, rtp_parameters, consumable, mapping, mailbox, key };
        Self { inner: Arc::new(inner) }
    }

    /// Its name.
    pub fn id(&self) -> ProducerId {
        self.inner.id
    }

    /// Sound or picture.
    pub fn kind(&self) -> MediaKind {
        self.inner.kind
    }

    /// How many streams and layers it has.
    pub fn r#type(&self) -> ProducerType {
        self.inner.producer_type
    }

    /// What the endpoint sends.
    pub fn rtp_parameters(&self) -> &RtpParameters {
        &self.inner.rtp_parameters
    }

    /// The same in the router's numbers.
    pub fn consumable_rtp_parameters(&self) -> &RtpParameters {
        &self.inner.consumable
    }

    /// The endpoint's numbers and the router's.
    pub fn rtp_mapping(&self) -> &RtpMapping {
        &self.inner.mapping
    }

    /// Stops forwarding; its consumers are told.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn pause(&self) -> Result<(), WorkerGone> {
        let key = self.inner.key;
        self.inner.mailbox.ask(move |owner| owner.core.pause_producer(key, true, owner.now)).await
    }

    /// Forwards again, from a key frame on.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn resume(&self) -> Result<(), WorkerGone> {
        let key = self.inner.key;
        self.inner.mailbox.ask(move |owner| owner.core.pause_producer(key, false, owner.now)).await
    }

    /// Whether it is paused; `None` when it is closed.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn paused(&self) -> Result<Option<bool>, WorkerGone> {
        let key = self.inner.key;
        self.inner.mailbox.ask(move |owner| owner.core.producer_paused(key)).await
    }

    /// Statistics of each of its streams that came; empty when it is closed.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn get_stats(&self) -> Result<Vec<IncomingStreamStats>, WorkerGone> {
        let key = self.inner.key;
        self.inner.mailbox.ask(move |owner| owner.core.producer_stats(key, owner.now)).await
    }

    /// Traces what is named, and nothing else, until it is closed.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn enable_trace_event(&self, types: Vec<ProducerTraceEventType>) -> Result<(), WorkerGone> {
        let key = self.inner.key;
        let enable = move |owner: &mut crate::mailbox::Owner<'_>| {
            if let Some(trace) = owner.core.producer_trace(key) {
                trace.types = types;
            }
        };
        self.inner.mailbox.ask(enable).await
    }

    /// What is traced from now on. Many events: see [`EventStream::lost`].
    pub fn trace_events(&self) -> EventStream<TraceEvent<ProducerTraceEventType>> {
        let (place, stream) = listener();
        let key = self.inner.key;
        self.inner.mailbox.tell(move |owner| {
            if let Some(trace) = owner.core.producer_trace(key) {
                trace.events.listen(place);
            }
        });
        stream
    }

    /// What happens to it from now on, and before if nobody listened yet.
    pub fn events(&self) -> EventStream<ProducerEvent> {
        let (place, stream) = listener();
        let key = self.inner.key;
        self.inner.mailbox.tell(move |owner| {
            if let Some(events) = owner.core.producer_events(key) {
                events.listen(place);
            }
        });
        stream
    }

    /// Whether its worker has ended, also by being given up, when nobody tells of the end of what was on it.
    pub fn worker_has_ended(&self) -> bool {
        self.inner.mailbox.is_gone()
    }

    /// Closes it, and returns what it received in all. Closing what is closed does nothing.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn close(&self) -> Result<ReceivedStats, WorkerGone> {
        let key = self.inner.key;
        self.inner.mailbox.ask(move |owner| owner.core.close_producer(key, owner.now)).await
    }
}
