//! New data consumers, and what applications change about them and send on them.
use super::{DataConsumerState, Held, Message};
use crate::core::carrier::Carrier;
use crate::core::keys::{DataConsumerKey, TransportKey};
use crate::core::{Core, TransportState};
use crate::data::subchannels::Subchannels;
use crate::data::{OpenError, Payload, SctpStreamParameters};
use crate::data_consumer::{
    ConsumeDataError, DataConsumed, DataConsumerEvent, DataConsumerKind, DataConsumerOptions,
    DataConsumerStats, DataConsumerStatus,
};
use crate::data_producer::{MessageOptions, SendMessageError};
use crate::events::{EventSource, Listener};
use crate::ids::{DataConsumerId, DataProducerId, TransportId};
use media::Moment;

/// Stream numbers there are: 0 to 65534 (RFC 8831 §6.1).
const STREAMS: u16 = u16::MAX;

impl TransportState {
    /// Opens the next free stream.
    fn open_for_consumer(
        &mut self,
        mut stream: SctpStreamParameters,
        now: Moment,
    ) -> Result<SctpStreamParameters, ConsumeDataError> {
        stream.validate()?;
        if self.data.association.is_none() {
            return Err(ConsumeDataError::NoSctp(self.id));
        }
        for _ in 0..STREAMS {
            stream.stream_id = self.data.next_stream;
            self.data.next_stream = (self.data.next_stream + 1) % STREAMS;
            if self.data.streams.contains_key(&stream.stream_id) {
                continue;
            }
            match self.data.open(&stream, now) {
                Ok(()) => return Ok(stream),
                // somebody's last one, which the peer has not let go of yet
                Err(OpenError::Resetting(_) | OpenError::InUse(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ConsumeDataError::NoFreeStream(self.id))
    }
}

impl DataConsumerKind {
    /// How the stream is to be; its number comes later. None for the application.
    fn stream(
        self,
        transport: &TransportState,
        of_producer: Option<SctpStreamParameters>,
    ) -> Result<Option<SctpStreamParameters>, ConsumeDataError> {
        let direct = matches!(transport.carrier, Carrier::Direct(_));
        match self {
            Self::Inherited | Self::Direct if direct => Ok(None),
            Self::Inherited => Ok(Some(of_producer.unwrap_or(SctpStreamParameters::new_ordered(0)))),
            Self::Stream(_) if direct => Err(ConsumeDataError::Direct(transport.id)),
            Self::Stream(stream) => Ok(Some(stream)),
            Self::Direct => Err(ConsumeDataError::NotDirect(transport.id)),
        }
    }
}

impl Core {
    /// Whether the transport's router has this data producer here, itself or mirrored.
    pub(crate) fn has_data_producer(&self, key: TransportKey, producer: DataProducerId) -> bool {
        let router = self.transports.get(key).and_then(|transport| self.routers.get(transport.router));
        router.is_some_and(|router| router.data_producers.contains_key(&producer))
    }

    pub(crate) fn consume_data(
        &mut self,
        id: TransportId,
        key: TransportKey,
        options: DataConsumerOptions,
        now: Moment,
    ) -> Result<DataConsumed, ConsumeDataError> {
        let DataConsumerOptions { data_producer_id, kind, subchannels, paused, hold } = options;
        let transport = self.transports.get_mut(key).ok_or(ConsumeDataError::TransportClosed(id))?;
        let router = self.routers.get(transport.router).ok_or(ConsumeDataError::TransportClosed(id))?;
        let producer_key = router.data_producers.get(&data_producer_id).copied();
        let producer_key = producer_key.ok_or(ConsumeDataError::NoDataProducer(data_producer_id))?;
        let producer = self.data_producers.get_mut(producer_key);
        let producer = producer.ok_or(ConsumeDataError::NoDataProducer(data_producer_id))?;
        let description = producer.description.clone();
        let stream = match kind.stream(transport, description.stream)? {
            Some(stream) => Some(transport.open_for_consumer(stream, now)?),
            None => None,
        };
        let (consumer_id, producer_paused) = (DataConsumerId::random(), producer.paused);
        let consumed = DataConsumed {
            id: consumer_id,
            data_producer_id,
            key: DataConsumerKey::default(),
            label: description.label.clone(),
            protocol: description.protocol.clone(),
            stream,
            paused,
            producer_paused,
        };
        let consumer = self.data_consumers.insert(DataConsumerState {
            id: consumer_id,
            transport: key,
            producer: producer_key,
            description,
            stream,
            paused,
            producer_paused,
            subchannels: Subchannels::new(subchannels.unwrap_or_default()),
            messages: 0,
            bytes: 0,
            dropped: 0,
            events: EventSource::default(),
            held: (hold && stream.is_some()).then(Held::default),
        });
        producer.consumers.push(consumer);
        producer.tell_listeners();
        if let Some(stream) = stream {
            transport.data.streams.entry(stream.stream_id).or_default().consumer = Some(consumer);
        }
        transport.data.consumers.push(consumer);
        self.touch(key);
        Ok(DataConsumed { key: consumer, ..consumed })
    }

    pub(crate) fn pause_data_consumer(&mut self, key: DataConsumerKey, paused: bool, now: Moment) {
        let Some(consumer) = self.data_consumers.get_mut(key) else { return };
        if std::mem::replace(&mut consumer.paused, paused) != paused {
            consumer.events.emit(if paused { DataConsumerEvent::Pause } else { DataConsumerEvent::Resume });
        }
        self.release(key, now);
    }

    /// Changes what it is subscribed to; returns what that is then, `None` when it is closed.
    pub(crate) fn change_subchannels(
        &mut self,
        key: DataConsumerKey,
        change: impl FnOnce(&mut Subchannels),
    ) -> Option<Vec<u16>> {
        let consumer = self.data_consumers.get_mut(key)?;
        change(&mut consumer.subchannels);
        Some(consumer.subchannels.iter().collect())
    }

    /// A message of the application to this consumer's peer alone.
    pub(crate) fn send_on_data_consumer(
        &mut self,
        key: DataConsumerKey,
        payload: Payload,
        now: Moment,
    ) -> Result<(), SendMessageError> {
        let consumer = self.data_consumers.get(key).ok_or(SendMessageError::Closed)?;
        if consumer.stream.is_none() {
            return Err(SendMessageError::NotSctp);
        }
        if consumer.paused {
            return Err(SendMessageError::Paused);
        }
        self.deliver(key, &Message { payload, to: MessageOptions::default() }, now)
    }

    pub(crate) fn buffered_amount(&mut self, key: DataConsumerKey) -> Option<u32> {
        let consumer = self.data_consumers.get(key)?;
        let Some(stream) = consumer.stream else { return Some(0) };
        let transport = self.transports.get_mut(consumer.transport)?;
        Some(transport.data.association.as_mut()?.buffered_amount(stream.stream_id).unwrap_or(0))
    }

    pub(crate) fn set_low_threshold(&mut self, key: DataConsumerKey, bytes: u32) {
        let Some(consumer) = self.data_consumers.get(key) else { return };
        let (stream, transport) = (consumer.stream, self.transports.get_mut(consumer.transport));
        let association = transport.and_then(|transport| transport.data.association.as_mut());
        if let (Some(stream), Some(association)) = (stream, association) {
            association.set_buffered_amount_low_threshold(stream.stream_id, bytes);
        }
    }

    pub(crate) fn data_consumer_stats(&mut self, key: DataConsumerKey) -> Option<DataConsumerStats> {
        let buffered = self.buffered_amount(key).unwrap_or(0);
        self.data_consumers.get(key).map(|consumer| consumer.stats(buffered))
    }

    pub(crate) fn data_consumer_status(&self, key: DataConsumerKey) -> Option<DataConsumerStatus> {
        self.data_consumers.get(key).map(|consumer| DataConsumerStatus {
            paused: consumer.paused,
            producer_paused: consumer.producer_paused,
            subchannels: consumer.subchannels.iter().collect(),
        })
    }

    pub(crate) fn listen_to_data_consumer(
        &mut self,
        key: DataConsumerKey,
        place: Listener<DataConsumerEvent>,
    ) {
        if let Some(consumer) = self.data_consumers.get_mut(key) {
            consumer.events.listen(place);
        }
    }
}
