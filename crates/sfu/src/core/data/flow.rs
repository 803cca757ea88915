//! Messages on their way: out of an association, to everybody who gets them, and into other associations.
use super::{DataConsumerState, Message};
use crate::core::carrier::Carrier;
use crate::core::keys::{DataConsumerKey, DataProducerKey, TransportKey};
use crate::core::{Core, TransportState};
use crate::data::{DataOutput, Payload, SctpState, SendError};
use crate::data_consumer::{DataConsumerEvent, HELD_BYTES_MAX};
use crate::data_producer::{MessageOptions, SendMessageError};
use crate::transport::TransportEvent;
use bytes::Bytes;
use media::Moment;

/// Packets that an association is given before it is polled: 32. It acknowledges when polled; measured on a link without
/// delay, its peer waits for that, and more at once made it many times slower.
const UNPOLLED_MAX: usize = 32;

/// What a message that waits costs besides its bytes: so empty ones are bounded too.
const HELD_EACH: usize = 128;

impl DataConsumerState {
    /// Lets a message wait, if there is room.
    fn hold(&mut self, message: &Message) {
        let Some(held) = &mut self.held else { return };
        let bytes = held.bytes + message.payload.len() + HELD_EACH;
        if bytes > HELD_BYTES_MAX + HELD_EACH {
            self.dropped += 1;
            return;
        }
        held.bytes = bytes;
        held.messages.push(message.clone());
    }
}

impl Core {
    /// Takes a packet of SCTP.
    pub(in crate::core) fn take_sctp(&mut self, key: TransportKey, packet: Bytes, now: Moment) {
        let Some(transport) = self.transports.get_mut(key) else { return };
        let Some(association) = &mut transport.data.association else {
            transport.traffic.dropped += 1;
            return;
        };
        association.handle_packet(packet, now);
        transport.data.unpolled += 1;
        if transport.data.unpolled >= UNPOLLED_MAX {
            self.drive_data(key, now);
        }
    }

    /// Takes what an association has: packets go to the transport's carrier, messages to whoever gets them. Returns when
    /// to look again.
    pub(in crate::core) fn drive_data(&mut self, key: TransportKey, now: Moment) -> Moment {
        loop {
            let Some(transport) = self.transports.get_mut(key) else { return Moment::FAR_FUTURE };
            let TransportState { carrier, data, events, traffic, .. } = transport;
            data.unpolled = 0;
            let Some(association) = &mut data.association else { return Moment::FAR_FUTURE };
            match association.poll_output(now) {
                DataOutput::Packet(packet) => {
                    if let Carrier::WebRtc(webrtc) = carrier
                        && webrtc.dtls.send(&packet, now).is_err()
                    {
                        // lost, as on the way, and sent again
                        traffic.dropped += 1;
                    }
                }
                DataOutput::State(state) => {
                    events.emit(TransportEvent::SctpStateChange(state));
                    for consumer in data.consumers.clone() {
                        self.release(consumer, now);
                    }
                }
                DataOutput::Message { stream_id, payload } => {
                    let producer = data.streams.get(&stream_id).and_then(|used| used.producer);
                    let Some(producer) = producer else {
                        traffic.dropped += 1;
                        continue;
                    };
                    let message = Message { payload, to: MessageOptions::default() };
                    self.hand_out_message(producer, &message, now);
                }
                DataOutput::Opened { stream_id, label, protocol, parameters } => {
                    data.streams.entry(stream_id).or_default().theirs = true;
                    events.emit(TransportEvent::DataChannelOpen { label, protocol, parameters });
                }
                DataOutput::Closed { stream_id } => self.stream_closed(key, stream_id, now),
                DataOutput::BufferedAmountLow { stream_id, amount } => {
                    let consumer = data.streams.get(&stream_id).and_then(|used| used.consumer);
                    self.tell_data_consumer(consumer, DataConsumerEvent::BufferedAmountLow(amount));
                }
                DataOutput::SendBufferFull { stream_id } => {
                    let consumer = data.streams.get(&stream_id).and_then(|used| used.consumer);
                    self.tell_data_consumer(consumer, DataConsumerEvent::SctpSendBufferFull);
                }
                DataOutput::WaitUntil(at) => return at,
            }
        }
    }

    fn tell_data_consumer(&mut self, key: Option<DataConsumerKey>, event: DataConsumerEvent) {
        if let Some(consumer) = key.and_then(|key| self.data_consumers.get_mut(key)) {
            consumer.events.emit(event);
        }
    }

    /// The keys are there, or gone: the association begins or ends.
    pub(in crate::core) fn data_connected(&mut self, key: TransportKey, connected: bool, now: Moment) {
        let Some(transport) = self.transports.get_mut(key) else { return };
        if let Some(association) = &mut transport.data.association {
            if connected {
                association.start(now);
            } else {
                association.close(now);
            }
        }
    }

    /// The state of the association, where there is one.
    pub(in crate::core) fn sctp_state(transport: &TransportState) -> Option<SctpState> {
        transport.data.association.as_ref().map(|association| association.state())
    }

    /// A message of a producer, to all that consume it, here and on other workers.
    pub(super) fn hand_out_message(&mut self, key: DataProducerKey, message: &Message, now: Moment) {
        let Some(producer) = self.data_producers.get_mut(key) else { return };
        producer.messages += 1;
        producer.bytes += message.payload.len() as u64;
        if producer.paused {
            return;
        }
        for relay in &mut producer.relays {
            relay.send(message);
        }
        for consumer in producer.consumers.clone() {
            let Some(state) = self.data_consumers.get_mut(consumer) else { continue };
            if !state.subchannels.receives(&message.addressed()) {
                continue;
            }
            if state.held.is_some() {
                state.hold(message);
            } else if !state.paused {
                // what was not taken is counted and told
                let _ = self.deliver(consumer, message, now);
            }
        }
    }

    /// Delivers what has waited, once the consumer is resumed and connected.
    pub(super) fn release(&mut self, key: DataConsumerKey, now: Moment) {
        let Some(consumer) = self.data_consumers.get_mut(key).filter(|consumer| !consumer.paused) else {
            return;
        };
        let transport = self.transports.get(consumer.transport);
        if transport.and_then(Self::sctp_state) != Some(SctpState::Connected) {
            return;
        }
        for message in consumer.held.take().unwrap_or_default().messages {
            let _ = self.deliver(key, &message, now);
        }
    }

    /// Gives a message to a consumer's association or to the application.
    pub(super) fn deliver(
        &mut self,
        key: DataConsumerKey,
        message: &Message,
        now: Moment,
    ) -> Result<(), SendMessageError> {
        let consumer = self.data_consumers.get_mut(key).ok_or(SendMessageError::Closed)?;
        let transport = self.transports.get_mut(consumer.transport).ok_or(SendMessageError::Closed)?;
        let data = &mut transport.data;
        let sent = match (consumer.stream, &mut data.association) {
            (Some(stream), Some(association)) => association.send(stream.stream_id, &message.payload, now),
            (Some(_), None) => Err(SendError::NotConnected),
            (None, _) => to_application(&message.payload, data.to_application_max),
        };
        if let Err(error) = sent {
            consumer.dropped += 1;
            // that its buffer is full is told when it is looked at
            let key = consumer.transport;
            self.touch(key);
            return Err(error.into());
        }
        consumer.messages += 1;
        consumer.bytes += message.payload.len() as u64;
        if consumer.stream.is_none() {
            consumer.events.emit(DataConsumerEvent::Message(message.payload.clone()));
        } else {
            let key = consumer.transport;
            self.touch(key);
        }
        Ok(())
    }
}

fn to_application(payload: &Payload, max: usize) -> Result<(), SendError> {
    let size = payload.len();
    if size > max { Err(SendError::TooLarge { size, max }) } else { Ok(()) }
}
