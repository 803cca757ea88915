//! What comes from a transport's peer: RTP to its producer, RTCP to whom it is about.
use super::bandwidth::Bandwidth;
use super::listener::{Found, Target};
use super::producer::{Origin, Taken};
use super::{Core, TransportKey};
use crate::keyframe::KeyFrameRequest;
use bytes::Bytes;
use formats::rtp::Packet;
use formats::rtp::rtcp::{self, Message, ReportBlock};
use media::Moment;

impl Core {
    /// Takes a plain RTP or RTCP packet of a transport's peer.
    pub(crate) fn receive(&mut self, key: TransportKey, data: Bytes, now: Moment) {
        if rtcp::is_rtcp(&data) {
            self.receive_rtcp(key, &data, now);
        } else {
            self.receive_rtp(key, data, now);
        }
    }

    fn receive_rtp(&mut self, key: TransportKey, data: Bytes, now: Moment) {
        let Some(transport) = self.transports.get_mut(key) else { return };
        let bytes = data.len();
        let Ok(packet) = Packet::parse(data) else {
            transport.traffic.dropped += 1;
            return;
        };
        transport.note_arrival(&packet, bytes, now);
        let target = match transport.listener.find(&packet) {
            Found::Known(target) => Some(target),
            Found::Named(producer, rid) => self
                .producers
                .get_mut(producer)
                .and_then(|state| match &mut state.origin {
                    Origin::Receiving(receiving) => receiving.identify(&packet, rid),
                    Origin::Mirrored(_) => None,
                })
                .map(|(stream, is_rtx)| Target { producer, stream, is_rtx })
                .filter(|target| transport.listener.learn(packet.header.ssrc, *target)),
            Found::Unknown => None,
        };
        let Some(target) = target else {
            transport.traffic.dropped += 1;
            return;
        };
        let meter = if target.is_rtx {
            &mut transport.traffic.rtx_received
        } else {
            &mut transport.traffic.rtp_received
        };
        meter.add(bytes, now);
        self.touch(key);
        let Some(producer) = self.producers.get_mut(target.producer) else { return };
        match producer.take(packet, target.stream, target.is_rtx, now) {
            Taken::Pending { due, level } => {
                if due {
                    self.due.push(target.producer);
                } else if producer.pending.len() == 1 {
                    self.waiting.push(target.producer);
                }
                if let Some(level) = level {
                    self.tell_level(target.producer, level, now);
                }
            }
            Taken::Dropped => {}
        }
    }

    fn receive_rtcp(&mut self, key: TransportKey, data: &[u8], now: Moment) {
        let Some(transport) = self.transports.get_mut(key) else { return };
        let Ok(messages) = rtcp::parse(data) else {
            transport.traffic.dropped += 1;
            return;
        };
        for message in messages {
            match message {
                Message::SenderReport(report) => {
                    self.take_sender_report(key, &report, now);
                    self.take_blocks(key, &report.blocks, now);
                }
                Message::ReceiverReport { blocks, .. } => self.take_blocks(key, &blocks, now),
                Message::PictureLoss { media, .. } => {
                    self.take_key_frame_request(key, media, KeyFrameRequest::Pli, now);
                }
                Message::FullIntraRequest { requests, .. } => {
                    for (media, sequence) in requests {
                        self.take_key_frame_request(key, media, KeyFrameRequest::Fir { sequence }, now);
                    }
                }
                Message::Nack { media, lost, .. } => self.take_nack(key, media, &lost, now),
                // mediasoup ignores a BYE too: the application says when a producer ends
                Message::SourceDescription { .. } | Message::Bye { .. } | Message::Other { .. } => {}
                Message::TransportFeedback(feedback) => {
                    if let Some(bandwidth) = self.bandwidth(key) {
                        bandwidth.handle_feedback(&feedback, now);
                    }
                }
                Message::MaximumBitrate(remb) => {
                    if let Some(bandwidth) = self.bandwidth(key) {
                        bandwidth.handle_remb(remb.bps, now);
                    }
                }
                // we measure the round trip by our own reports
                Message::ReferenceTime { .. } | Message::SinceReference { .. } => {}
            }
        }
        self.touch(key);
    }

    fn take_sender_report(&mut self, key: TransportKey, report: &rtcp::SenderReport, now: Moment) {
        let Some(transport) = self.transports.get(key) else { return };
        let Some(target) = transport.listener.by_ssrc(report.ssrc) else { return };
        let Some(producer) = self.producers.get_mut(target.producer) else { return };
        if let Some(trace) = &mut producer.trace {
            trace.sender_report(report, now);
        }
        let Some((stream, report)) = producer.handle_sender_report(report, now) else { return };
        for relay in &producer.relays {
            if let Some(relay) = self.relays.get(*relay) {
                relay.tell_sender_report(stream, report);
            }
        }
        for consumer in &producer.consumers {
            if let Some(consumer) = self.consumers.get_mut(*consumer) {
                consumer.handle_sender_report(stream, report);
            }
        }
    }

    fn take_blocks(&mut self, key: TransportKey, blocks: &[ReportBlock], now: Moment) {
        let Some(transport) = self.transports.get(key) else { return };
        let mut worst = None;
        for block in blocks {
            let consumer = transport.consumer_ssrcs.get(&block.ssrc);
            if let Some(consumer) = consumer.and_then(|consumer| self.consumers.get_mut(*consumer)) {
                consumer.handle_report_block(block, now);
                let of_consumer = (block.fraction_lost, consumer.round_trip());
                worst = worst.max(Some(of_consumer));
            }
        }
        if let (Some((fraction_lost, round_trip)), Some(bandwidth)) = (worst, self.bandwidth(key)) {
            bandwidth.handle_report(fraction_lost, round_trip, now);
        }
    }

    fn bandwidth(&mut self, key: TransportKey) -> Option<&mut Bandwidth> {
        self.transports.get_mut(key)?.bandwidth.as_deref_mut()
    }

    fn take_key_frame_request(
        &mut self,
        key: TransportKey,
        ssrc: u32,
        request: KeyFrameRequest,
        now: Moment,
    ) {
        let consumer = self.transports.get(key).and_then(|transport| transport.consumer_ssrcs.get(&ssrc));
        let Some(consumer) = consumer.and_then(|consumer| self.consumers.get_mut(*consumer)) else { return };
        if let Some(trace) = &mut consumer.trace {
            trace.key_frame_request(ssrc, request, now);
        }
        if let Some(stream) = consumer.handle_key_frame_request(ssrc, request) {
            let producer = consumer.producer;
            self.want_key_frames(producer, 1 << stream.min(31));
        }
    }

    /// The packets go out when the transport is looked at, in this turn.
    fn take_nack(&mut self, key: TransportKey, ssrc: u32, lost: &[u16], now: Moment) {
        let Some(transport) = self.transports.get_mut(key) else { return };
        transport.asked_again.push((ssrc, lost.into()));
        let consumer = transport.consumer_ssrcs.get(&ssrc);
        let consumer = consumer.and_then(|consumer| self.consumers.get_mut(*consumer));
        if let Some(trace) = consumer.and_then(|consumer| consumer.trace.as_mut()) {
            trace.nack(ssrc, lost.len(), now);
        }
    }
}
