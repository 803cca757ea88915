//! New data producers, and what applications change about them and send on them.
use super::{DataDescription, DataOrigin, DataProducerState, Message, TransportData};
use crate::core::carrier::Carrier;
use crate::core::keys::{DataProducerKey, TransportKey};
use crate::core::{Core, TransportState};
use crate::data::{OpenError, SctpStreamParameters};
use crate::data_consumer::DataConsumerEvent;
use crate::data_producer::{
    DataProduced, DataProducerEvent, DataProducerOptions, DataProducerStats, ProduceDataError,
    SendMessageError,
};
use crate::events::{EventSource, Listener};
use crate::ids::{DataProducerId, TransportId};
use media::Moment;
use std::sync::Arc;

impl TransportData {
    /// Opens a stream in the association, unless somebody has it open already.
    pub(super) fn open(&mut self, stream: &SctpStreamParameters, now: Moment) -> Result<(), OpenError> {
        let Some(association) = &mut self.association else { return Ok(()) };
        if self.streams.contains_key(&stream.stream_id) {
            return Ok(());
        }
        association.open(stream, None, now)
    }

    /// Closes a stream that nobody uses any more.
    pub(super) fn close_unused(&mut self, stream_id: u16, now: Moment) {
        let Some(used) = self.streams.get(&stream_id) else { return };
        if used.producer.is_some() || used.consumer.is_some() {
            return;
        }
        self.streams.remove(&stream_id);
        if let Some(association) = &mut self.association {
            association.close_stream(stream_id, now);
        }
    }
}

impl TransportState {
    fn is_direct(&self) -> bool {
        matches!(self.carrier, Carrier::Direct(_))
    }

    /// Checks a data producer's stream and opens it.
    fn open_for_producer(
        &mut self,
        stream: Option<SctpStreamParameters>,
        now: Moment,
    ) -> Result<(), ProduceDataError> {
        match (stream, self.is_direct()) {
            (None, true) => Ok(()),
            (None, false) => Err(ProduceDataError::NoStream(self.id)),
            (Some(_), true) => Err(ProduceDataError::Direct(self.id)),
            (Some(stream), false) => {
                stream.validate()?;
                if self.data.association.is_none() {
                    return Err(ProduceDataError::NoSctp(self.id));
                }
                let used = self.data.streams.get(&stream.stream_id);
                if used.is_some_and(|used| used.producer.is_some()) {
                    return Err(ProduceDataError::StreamInUse(stream.stream_id));
                }
                Ok(self.data.open(&stream, now)?)
            }
        }
    }
}

impl Core {
    pub(crate) fn produce_data(
        &mut self,
        id: TransportId,
        key: TransportKey,
        options: DataProducerOptions,
        now: Moment,
    ) -> Result<DataProduced, ProduceDataError> {
        let DataProducerOptions { sctp_stream_parameters: stream, label, protocol, paused } = options;
        let transport = self.transports.get_mut(key).ok_or(ProduceDataError::TransportClosed(id))?;
        let router = self.routers.get_mut(transport.router).ok_or(ProduceDataError::TransportClosed(id))?;
        transport.open_for_producer(stream, now)?;
        let description = Arc::new(DataDescription {
            id: DataProducerId::random(),
            label: label.clone(),
            protocol: protocol.clone(),
            stream,
        });
        let producer_id = description.id;
        let producer = self.data_producers.insert(DataProducerState {
            router: transport.router,
            description,
            origin: DataOrigin::Received(key),
            paused,
            consumers: Vec::new(),
            relays: Vec::new(),
            messages: 0,
            bytes: 0,
            events: EventSource::default(),
        });
        if let Some(stream) = stream {
            transport.data.streams.entry(stream.stream_id).or_default().producer = Some(producer);
        }
        transport.data.producers.push(producer);
        router.data_producers.insert(producer_id, producer);
        self.touch(key);
        Ok(DataProduced { id: producer_id, key: producer, label, protocol, stream, paused })
    }

    pub(crate) fn pause_data_producer(&mut self, key: DataProducerKey, paused: bool) {
        let Some(producer) = self.data_producers.get_mut(key) else { return };
        if std::mem::replace(&mut producer.paused, paused) == paused {
            return;
        }
        producer.events.emit(if paused { DataProducerEvent::Pause } else { DataProducerEvent::Resume });
        for relay in &producer.relays {
            relay.tell_paused(paused);
        }
        for consumer in &producer.consumers {
            let Some(consumer) = self.data_consumers.get_mut(*consumer) else { continue };
            consumer.producer_paused = paused;
            consumer.events.emit(if paused {
                DataConsumerEvent::DataProducerPause
            } else {
                DataConsumerEvent::DataProducerResume
            });
        }
    }

    /// A message of the application, on a direct transport.
    pub(crate) fn send_on_data_producer(
        &mut self,
        key: DataProducerKey,
        message: Message,
        now: Moment,
    ) -> Result<(), SendMessageError> {
        let producer = self.data_producers.get(key).ok_or(SendMessageError::Closed)?;
        let DataOrigin::Received(transport) = producer.origin else { return Err(SendMessageError::Closed) };
        let transport = self.transports.get(transport).ok_or(SendMessageError::Closed)?;
        if producer.description.stream.is_some() {
            return Err(SendMessageError::NotDirect);
        }
        let (size, max) = (message.payload.len(), transport.data.from_application_max);
        if size > max {
            return Err(SendMessageError::Sctp(crate::data::SendError::TooLarge { size, max }));
        }
        self.hand_out_message(key, &message, now);
        Ok(())
    }

    pub(crate) fn data_producer_paused(&self, key: DataProducerKey) -> Option<bool> {
        self.data_producers.get(key).map(|producer| producer.paused)
    }

    pub(crate) fn data_producer_stats(&self, key: DataProducerKey) -> Option<DataProducerStats> {
        self.data_producers.get(key).map(DataProducerState::stats)
    }

    pub(crate) fn listen_to_data_producer(
        &mut self,
        key: DataProducerKey,
        place: Listener<DataProducerEvent>,
    ) {
        if let Some(producer) = self.data_producers.get_mut(key) {
            producer.events.listen(place);
        }
    }
}
