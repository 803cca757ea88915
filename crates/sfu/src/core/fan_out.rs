//! A producer's packets to all its consumers: the hot path.
//!
//! Consumer by consumer, and for each all packets that wait: its state is touched once a frame, and a frame is one
//! send. Nothing is allocated per packet and consumer.
use super::bandwidth::{Going, send_media, went_at_once};
use super::batch::Sink;
use super::consumer::{Need, Numbering};
use super::packet::{Produced, padding};
use super::producer::Origin;
use super::{Core, ProducerKey, TransportKey};
use crate::consumer::ConsumerEvent;
use crate::rtp_parameters::MediaKind;
use bytes::Bytes;
use media::Moment;
use smallvec::SmallVec;
use std::sync::Arc;

impl Core {
    /// Hands out what waits at a producer.
    pub(super) fn fan_out(&mut self, key: ProducerKey, sink: &mut dyn Sink, now: Moment) {
        let Some(producer) = self.producers.get_mut(key) else { return };
        let mut packets = std::mem::take(&mut producer.pending);
        if packets.is_empty() {
            producer.pending = packets;
            return;
        }
        let mut key_frames = 0u32;
        let relays = &mut self.relays;
        producer.relays.retain(|key| {
            let Some(relay) = relays.get_mut(*key) else { return false };
            if relay.is_over() {
                // its worker has ended, and the mirror with it
                relays.remove(*key);
                return false;
            }
            if relay.send(&packets) {
                key_frames = u32::MAX;
            }
            true
        });
        let consumers = std::mem::take(&mut producer.consumers);
        let padding = padding(&packets);
        let mut waiting: SmallVec<[TransportKey; 8]> = SmallVec::new();
        let scores = producer.scores();
        for consumer_key in &consumers {
            let Some(consumer) = self.consumers.get_mut(*consumer_key) else { continue };
            if !consumer.is_active() {
                continue;
            }
            let Some(transport) = self.transports.get_mut(consumer.transport) else { continue };
            let mut waits = false;
            if consumer.direct {
                deliver(consumer, &packets, now);
            } else if transport.carrier.is_ready()
                && let Some(route) = transport.carrier.route()
            {
                consumer.set_way(true, now);
                let mut sent = 0;
                let picture = consumer.kind == MediaKind::Video;
                for (index, produced) in packets.iter().enumerate() {
                    let Some((leg, rewritten)) = consumer.forward(produced, now) else { continue };
                    let padding = padding(index);
                    let going = Going { consumer: *consumer_key, leg, produced, rewritten, padding };
                    if picture
                        && let Some(bandwidth) = &mut transport.bandwidth
                        && !bandwidth.may_go(now)
                    {
                        bandwidth.wait(&going, now);
                        waits = true;
                        continue;
                    }
                    let bytes = send_media(transport, consumer, &going, &mut self.batch, sink, now);
                    went_at_once(transport, bytes, now);
                    sent += bytes;
                }
                self.batch.flush(&route, sink);
                if waits {
                    // somebody must look when the pace lets it go
                    waiting.push(consumer.transport);
                }
                transport.traffic.sent.add(sent, now);
                transport.traffic.rtp_sent.add(sent, now);
            } else {
                consumer.set_way(false, now);
                if let Some(bandwidth) = &mut transport.bandwidth {
                    bandwidth.forget_waiting();
                }
                continue;
            }
            consumer.poll(&scores, now, |need| match need {
                Need::KeyFrame(stream) => key_frames |= 1 << stream.min(31),
                Need::Layers => {}
            });
        }
        for transport in waiting {
            self.touch(transport);
        }
        packets.clear();
        if let Some(producer) = self.producers.get_mut(key) {
            producer.pending = packets;
            producer.consumers = consumers;
        }
        self.want_key_frames(key, key_frames);
    }

    /// Asks for key frames of the streams whose bits are set.
    pub(super) fn want_key_frames(&mut self, key: ProducerKey, streams: u32) {
        if streams == 0 {
            return;
        }
        let Some(producer) = self.producers.get_mut(key) else { return };
        match &mut producer.origin {
            Origin::Receiving(receiving) => {
                for (index, stream) in receiving.streams.iter_mut().enumerate().take(32) {
                    if streams & 1 << index != 0 {
                        stream.keyframes.handle_request();
                    }
                }
                let transport = receiving.transport;
                self.touch(transport);
            }
            Origin::Mirrored(mirrored) => {
                let home = mirrored.key;
                mirrored.home.tell(move |owner| owner.core.want_key_frames(home, streams));
            }
        }
    }
}

/// To the application itself.
fn deliver(consumer: &mut super::consumer::ConsumerState, packets: &[Arc<Produced>], now: Moment) {
    for produced in packets {
        let Some((leg, rewritten)) = consumer.forward(produced, now) else { continue };
        let mut bytes = Vec::new();
        consumer.write(produced, leg, rewritten, Numbering::default(), &mut bytes, now);
        consumer.events.emit(ConsumerEvent::Rtp(Bytes::from(bytes)));
    }
}
