//! Messages: data producers, data consumers, and the association of a transport that carries them.
//!
//! A message comes out of an association or from the application, and goes to each data consumer of its producer: into
//! that consumer's association, or to the application. It never waits here: what a full buffer does not take is
//! dropped, counted, and told as `SctpSendBufferFull`, as in mediasoup.
mod close;
mod consume;
mod flow;
mod produce;
mod relay;

use super::keys::{DataConsumerKey, DataProducerKey, RouterKey, TransportKey};
use crate::data::subchannels::{Addressed, Subchannels};
use crate::data::{Association, Payload, SctpStreamParameters};
use crate::data_consumer::{DataConsumerEvent, DataConsumerStats};
use crate::data_producer::{DataProducerEvent, DataProducerStats, MessageOptions};
use crate::events::EventSource;
use crate::ids::{DataConsumerId, DataProducerId};
use relay::{DataRelay, OnTheWay};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Largest message between the application and a direct transport: 262144 bytes, as on SCTP. Source: mediasoup.
pub(crate) const DIRECT_MESSAGE_MAX: u32 = 262_144;

/// What a transport has for messages.
#[derive(Debug)]
pub(crate) struct TransportData {
    pub(super) association: Option<Box<Association>>,
    /// Packets given to the association since it was polled.
    unpolled: usize,
    pub(super) producers: Vec<DataProducerKey>,
    pub(super) consumers: Vec<DataConsumerKey>,
    /// Who uses a stream. It is open in the association as long as somebody does.
    streams: BTreeMap<u16, StreamUse>,
    /// Where the search for a consumer's stream goes on.
    next_stream: u16,
    /// Largest message from the application, on a direct transport.
    pub(super) from_application_max: usize,
    /// Largest message to it.
    pub(super) to_application_max: usize,
}

impl Default for TransportData {
    fn default() -> Self {
        let max = DIRECT_MESSAGE_MAX as usize;
        Self {
            association: None,
            unpolled: 0,
            producers: Vec::new(),
            consumers: Vec::new(),
            streams: BTreeMap::new(),
            next_stream: 0,
            from_application_max: max,
            to_application_max: max,
        }
    }
}

/// Who uses one stream: what comes on it is a producer's, what goes out a consumer's.
#[derive(Debug, Default)]
struct StreamUse {
    producer: Option<DataProducerKey>,
    consumer: Option<DataConsumerKey>,
    /// The peer opened it in band.
    theirs: bool,
}

/// What does not change in a data producer's life, here and where it is mirrored.
#[derive(Debug)]
pub(super) struct DataDescription {
    pub(super) id: DataProducerId,
    pub(super) label: String,
    pub(super) protocol: String,
    /// None when the application sends.
    pub(super) stream: Option<SctpStreamParameters>,
}

/// Where a data producer's messages come from.
#[derive(Debug)]
enum DataOrigin {
    /// From a transport here.
    Received(TransportKey),
    /// From another worker.
    Mirrored(Arc<OnTheWay>),
}

/// A data producer.
#[derive(Debug)]
pub(crate) struct DataProducerState {
    router: RouterKey,
    pub(super) description: Arc<DataDescription>,
    origin: DataOrigin,
    paused: bool,
    consumers: Vec<DataConsumerKey>,
    relays: Vec<DataRelay>,
    messages: u64,
    bytes: u64,
    events: EventSource<DataProducerEvent>,
}

impl DataProducerState {
    fn stats(&self) -> DataProducerStats {
        DataProducerStats {
            label: self.description.label.clone(),
            protocol: self.description.protocol.clone(),
            messages_received: self.messages,
            bytes_received: self.bytes,
        }
    }
}

/// A data consumer.
#[derive(Debug)]
pub(crate) struct DataConsumerState {
    pub(super) id: DataConsumerId,
    transport: TransportKey,
    producer: DataProducerKey,
    description: Arc<DataDescription>,
    /// None when the application receives.
    stream: Option<SctpStreamParameters>,
    paused: bool,
    producer_paused: bool,
    subchannels: Subchannels,
    messages: u64,
    bytes: u64,
    dropped: u64,
    events: EventSource<DataConsumerEvent>,
    /// What waits until it is first resumed and connected. None since then, or if it does not hold.
    held: Option<Held>,
}

/// Messages that wait.
#[derive(Debug, Default)]
struct Held {
    messages: Vec<Message>,
    bytes: usize,
}

impl DataConsumerState {
    fn stats(&self, buffered_amount: u32) -> DataConsumerStats {
        DataConsumerStats {
            label: self.description.label.clone(),
            protocol: self.description.protocol.clone(),
            messages_sent: self.messages,
            bytes_sent: self.bytes,
            buffered_amount,
            messages_dropped: self.dropped,
        }
    }
}

/// One message and whom it is for. Its bytes are shared by all who get it.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) payload: Payload,
    pub(crate) to: MessageOptions,
}

impl Message {
    fn addressed(&self) -> Addressed<'_> {
        Addressed {
            subchannels: &self.to.subchannels,
            required: self.to.required_subchannel,
            ignored: self.to.ignored_subchannel,
        }
    }
}
