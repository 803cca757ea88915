//! One consumer: what its endpoint gets of a producer.
use super::keys::{ProducerKey, TransportKey};
use super::packet::{ConsumerExtensions, Envelope, Produced, header, write};
use super::producer::{Description, media_codec, red_types};
use super::trace::{TracedPacket, Tracer};
use crate::consumer::{ConsumerEvent, ConsumerScore, ConsumerType};
use crate::consumer_stream::ConsumerStream;
use crate::events::EventSource;
use crate::ids::ConsumerId;
use crate::keyframe::KeyFrameRequest;
use crate::layers::{ConsumerLayers, ProducerLayers};
use crate::rewrite::{Outbound, Rewritten};
use crate::rtp_parameters::{
    MediaKind, RtcpFeedback, RtpEncodingParameters, RtpHeaderExtensionUri, RtpParameters,
};
use crate::rtx::RtxStream;
use crate::send::{Outgoing, OutgoingOutput, OutgoingStream, OutgoingStreamOptions, OutgoingStreamStats};
use crate::trace::ConsumerTraceEventType;
use media::Moment;
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::Duration;

/// How often a consumer's timers are looked at: each 100 ms, for key frames that do not come and scores. Finer would
/// cost a mesh of a hundred people, 9,900 consumers, more than their packets.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// What is kept of a packet for sending it again. Without a retransmission stream it must go again as it went, to the
/// byte: under AES-GCM two plaintexts with one number give the key of the authentication away.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    produced: Arc<Produced>,
    envelope: Envelope,
}

/// What a packet gets from its transport and its frame.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Numbering {
    pub(crate) transport_sequence: Option<u16>,
    pub(crate) padding: u8,
}

/// One stream that a consumer sends. A pipe has one for each of the producer's streams, any other consumer has one.
#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) ssrc: u32,
    pub(crate) rtx: Option<RtxStream>,
    stream: ConsumerStream,
    outgoing: OutgoingStream<Kept>,
}

/// A consumer.
#[derive(Debug)]
pub(crate) struct ConsumerState {
    pub(crate) id: ConsumerId,
    pub(crate) producer: ProducerKey,
    pub(crate) transport: TransportKey,
    pub(crate) kind: MediaKind,
    pub(crate) consumer_type: ConsumerType,
    pub(crate) rtp_parameters: RtpParameters,
    pub(crate) legs: SmallVec<[Leg; 1]>,
    pub(crate) extensions: ConsumerExtensions,
    pub(crate) paused: bool,
    pub(crate) producer_paused: bool,
    /// The way to its endpoint was lost after something had gone.
    way_lost: bool,
    sent: bool,
    pub(crate) priority: u8,
    pub(crate) preferred: ConsumerLayers,
    /// The most that the transport's bandwidth bears; `None` without an estimate.
    pub(crate) allowed: Option<ConsumerLayers>,
    pub(crate) current: Option<ConsumerLayers>,
    pub(crate) score: ConsumerScore,
    /// Highest temporal layer that the producer has.
    temporal_max: u8,
    pub(crate) direct: bool,
    pub(crate) events: EventSource<ConsumerEvent>,
    pub(crate) trace: Option<Box<Tracer<ConsumerTraceEventType>>>,
}

/// What a consumer wants of its producer or tells its application.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Need {
    /// A key frame of this stream.
    KeyFrame(u8),
    /// Its bitrate changed a lot: other layers go on.
    Layers,
}

/// How a consumer is to be.
pub(crate) struct ConsumerSetup {
    pub(crate) id: ConsumerId,
    pub(crate) producer: ProducerKey,
    pub(crate) transport: TransportKey,
    pub(crate) consumer_type: ConsumerType,
    pub(crate) rtp_parameters: RtpParameters,
    pub(crate) paused: bool,
    pub(crate) producer_paused: bool,
    pub(crate) preferred: ConsumerLayers,
    pub(crate) direct: bool,
}

impl ConsumerState {
    pub(crate) fn new(
        setup: ConsumerSetup,
        description: &Description,
        random: &mut dyn FnMut() -> u16,
        now: Moment,
    ) -> Self {
        let ConsumerSetup { id, producer, transport, consumer_type, rtp_parameters, .. } = setup;
        let pipe = consumer_type == ConsumerType::Pipe;
        let layers = ProducerLayers {
            streams: if pipe { 1 } else { description.layers.streams },
            ..description.layers
        };
        let legs = rtp_parameters
            .encodings
            .iter()
            .filter_map(|encoding| Leg::new(encoding, &rtp_parameters, description, layers, random))
            .collect();
        let mut consumer = Self {
            id,
            producer,
            transport,
            kind: description.kind,
            consumer_type,
            legs,
            extensions: extensions_of(&rtp_parameters, description.dependency),
            rtp_parameters,
            paused: setup.paused,
            producer_paused: setup.producer_paused,
            way_lost: false,
            sent: false,
            priority: 1,
            preferred: setup.preferred,
            allowed: None,
            current: None,
            score: ConsumerScore::default(),
            temporal_max: description.layers.temporal.saturating_sub(1),
            direct: setup.direct,
            events: EventSource::default(),
            trace: None,
        };
        consumer.wish(now);
        consumer
    }

    /// Whether packets go on at all.
    pub(crate) const fn is_active(&self) -> bool {
        !self.paused && !self.producer_paused
    }

    /// Tells the streams what is wanted now.
    pub(crate) fn wish(&mut self, now: Moment) {
        let wanted = self.is_active() && !self.way_lost;
        let wished = wanted.then(|| match (self.consumer_type, self.allowed) {
            (ConsumerType::Pipe, _) => ConsumerLayers::HIGHEST,
            (_, None) => self.preferred,
            (_, Some(allowed)) => lower(self.preferred, allowed, self.temporal_max),
        });
        for leg in &mut self.legs {
            leg.stream.handle_wish(wished, now);
        }
    }

    /// Rests while there is no way, once something has gone: what would go on later, in the middle, nobody could decode.
    pub(crate) fn set_way(&mut self, is_there: bool, now: Moment) {
        let lost = !is_there && self.sent;
        if std::mem::replace(&mut self.way_lost, lost) != lost {
            self.wish(now);
        }
    }

    /// Numbers for a packet, and the leg it goes on in.
    pub(crate) fn forward(&mut self, produced: &Produced, now: Moment) -> Option<(usize, Rewritten)> {
        let (index, inbound) = if self.consumer_type == ConsumerType::Pipe {
            let mut inbound = produced.inbound;
            let index = usize::from(inbound.stream);
            inbound.stream = 0;
            (index, inbound)
        } else {
            (0, produced.inbound)
        };
        let leg = self.legs.get_mut(index)?;
        Some((index, leg.stream.handle_packet(&inbound, now)?))
    }

    /// Appends the packet as its receiver gets it to `out`, plain, and keeps it for sending it again.
    pub(crate) fn write(
        &mut self,
        produced: &Arc<Produced>,
        index: usize,
        rewritten: Rewritten,
        numbering: Numbering,
        out: &mut Vec<u8>,
        now: Moment,
    ) {
        let start = out.len();
        let Numbering { transport_sequence, padding } = numbering;
        let envelope = Envelope { rewritten, rtx: None, transport_sequence, padding, now };
        write(produced, &self.extensions, &envelope, out);
        let payload_size = produced.payload_of(&rewritten).len();
        if let Some(trace) = &mut self.trace {
            let size = out.len() - start;
            let is_key_frame = produced.inbound.facts.key_frame && !rewritten.filler;
            let traced = TracedPacket { size, payload_size, is_key_frame, is_rtx: false };
            trace.rtp(&header(&envelope), traced, now);
        }
        self.sent = true;
        let Some(leg) = self.legs.get_mut(index) else { return };
        let sent = Outgoing {
            sequence: rewritten.sequence as u16,
            timestamp: rewritten.timestamp,
            payload_bytes: payload_size,
            bytes: out.len() - start,
        };
        leg.outgoing.handle_sent(sent, Kept { produced: produced.clone(), envelope }, now);
    }

    /// The packets that a NACK asks for, written one after the other by `each`.
    pub(crate) fn handle_nack(
        &mut self,
        ssrc: u32,
        lost: &[u16],
        now: Moment,
        mut each: impl FnMut(&Produced, &ConsumerExtensions, Envelope),
    ) {
        let Some(leg) = self.legs.iter_mut().find(|leg| leg.ssrc == ssrc) else { return };
        for again in leg.outgoing.handle_nack(lost, now) {
            let Kept { produced, envelope } = &again.packet;
            let envelope = match again.rtx {
                // a packet of another stream: with the time of now
                Some(rtx) => {
                    Envelope { rtx: Some(rtx), transport_sequence: None, padding: 0, now, ..*envelope }
                }
                None => *envelope,
            };
            each(produced, &self.extensions, envelope);
        }
    }

    /// Whether something of it can be sent again just to fill a way.
    pub(crate) fn can_probe(&self) -> bool {
        self.legs.iter().any(|leg| leg.rtx.is_some() && leg.outgoing.can_repeat())
    }

    /// A packet that was sent not long ago, to be sent again in its retransmission stream: the `nth` of a probe that
    /// wants so many bytes.
    pub(crate) fn probe_packet(
        &mut self,
        nth: usize,
        bytes: usize,
        now: Moment,
    ) -> Option<(Arc<Produced>, Envelope)> {
        let leg = self.legs.iter_mut().find(|leg| leg.rtx.is_some() && leg.outgoing.can_repeat())?;
        let again = leg.outgoing.repeat(nth, bytes)?;
        let Kept { produced, envelope } = again.packet;
        let envelope = Envelope { rtx: again.rtx, transport_sequence: None, padding: 0, now, ..envelope };
        Some((produced, envelope))
    }

    /// The longest round trip that its receiver told.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.legs.iter().filter_map(|leg| leg.outgoing.round_trip()).max()
    }

    /// A PLI or FIR of the receiver: which of the producer's streams must answer.
    pub(crate) fn handle_key_frame_request(&mut self, ssrc: u32, request: KeyFrameRequest) -> Option<u8> {
        let pipe = self.consumer_type == ConsumerType::Pipe;
        let index = self.legs.iter().position(|leg| leg.ssrc == ssrc)?;
        let leg = self.legs.get_mut(index)?;
        leg.outgoing.count_key_frame_request(request);
        if pipe { Some(index as u8) } else { leg.stream.selector().target() }
    }

    /// Which of the producer's streams goes on, for an application that asks for a key frame.
    pub(crate) fn targets(&self) -> SmallVec<[u8; 4]> {
        if self.consumer_type == ConsumerType::Pipe {
            return (0..self.legs.len().min(255) as u8).collect();
        }
        self.legs.iter().filter_map(|leg| leg.stream.selector().target()).collect()
    }

    pub(crate) fn handle_report_block(&mut self, block: &formats::rtp::rtcp::ReportBlock, now: Moment) {
        if let Some(leg) = self.legs.iter_mut().find(|leg| leg.ssrc == block.ssrc) {
            leg.outgoing.handle_report_block(block, now);
        }
    }

    pub(crate) fn handle_sender_report(&mut self, stream: u8, report: crate::rewrite::SenderReport) {
        let (index, stream) =
            if self.consumer_type == ConsumerType::Pipe { (usize::from(stream), 0) } else { (0, stream) };
        if let Some(leg) = self.legs.get_mut(index) {
            leg.stream.handle_sender_report(stream, report);
        }
    }

    /// Sender reports of the streams that sent something.
    pub(crate) fn sender_reports(
        &mut self,
        wall: media::WallTime,
        now: Moment,
    ) -> impl Iterator<Item = formats::rtp::rtcp::SenderReport> {
        self.legs.iter_mut().filter_map(move |leg| leg.outgoing.sender_report(wall, now))
    }

    pub(crate) fn stats(&mut self, now: Moment) -> Vec<OutgoingStreamStats> {
        self.legs.iter_mut().map(|leg| leg.outgoing.stats(now)).collect()
    }

    /// Looks at what has changed or is due; `need` is called for what others must do.
    pub(crate) fn poll(&mut self, producer_scores: &[u8], now: Moment, mut need: impl FnMut(Need)) {
        let pipe = self.consumer_type == ConsumerType::Pipe;
        let mut score = self.score.score;
        for (index, leg) in (0u8..).zip(&mut self.legs) {
            loop {
                match leg.stream.poll_output(now) {
                    crate::layers::Output::RequestKeyFrame { stream } => {
                        need(Need::KeyFrame(if pipe { index } else { stream }));
                    }
                    crate::layers::Output::LayersChanged(layers) => {
                        need(Need::Layers);
                        // who has no layers to choose from is not told of them
                        if matches!(self.consumer_type, ConsumerType::Simulcast | ConsumerType::Svc) {
                            self.current = layers;
                            self.events.emit(ConsumerEvent::LayersChange(layers));
                        }
                    }
                    crate::layers::Output::WaitUntil(_) => break,
                }
            }
            if let OutgoingOutput::Score(changed) = leg.outgoing.poll_output(now) {
                score = changed;
            }
        }
        let current = self.current.map_or(0, |layers| usize::from(layers.spatial_layer));
        let best = producer_scores.iter().max().copied().unwrap_or(0);
        let producer_score =
            if self.current.is_some() { producer_scores.get(current).copied().unwrap_or(0) } else { best };
        if (score, producer_score) != (self.score.score, self.score.producer_score)
            || self.score.producer_scores != producer_scores
        {
            self.score = ConsumerScore { score, producer_score, producer_scores: producer_scores.to_vec() };
            self.events.emit(ConsumerEvent::Score(self.score.clone()));
        }
    }
}

impl Leg {
    fn new(
        encoding: &RtpEncodingParameters,
        parameters: &RtpParameters,
        description: &Description,
        layers: ProducerLayers,
        random: &mut dyn FnMut() -> u16,
    ) -> Option<Self> {
        let ssrc = encoding.ssrc?;
        let codec = media_codec(encoding, parameters)?;
        let apt = Some(codec.payload_type());
        let rtx_codec = parameters.codecs.iter().find(|rtx| rtx.is_rtx() && rtx.parameters().apt() == apt);
        let rtx = encoding
            .rtx
            .as_ref()
            .zip(rtx_codec)
            .map(|(rtx, codec)| RtxStream { ssrc: rtx.ssrc, payload_type: codec.payload_type() });
        let clock_rate = codec.clock_rate().get();
        let outbound = Outbound {
            ssrc,
            payload_type: codec.payload_type(),
            red: red_types(encoding, parameters).map(|types| types.red),
            clock_rate: description.clock_rate,
            // the upper half stays free, so that no receiver takes an early loss for a wrap
            first_sequence: random() >> 1,
        };
        let outgoing = OutgoingStream::new(OutgoingStreamOptions {
            ssrc,
            clock_rate,
            nack: codec.rtcp_feedback().contains(&RtcpFeedback::Nack),
            rtx,
            rtx_sequence: random() >> 1,
            dtx: encoding.dtx.unwrap_or(false),
        });
        Some(Self { ssrc, rtx, stream: ConsumerStream::new(layers, None, outbound), outgoing })
    }
}

fn extensions_of(parameters: &RtpParameters, dependency: Option<u8>) -> ConsumerExtensions {
    use RtpHeaderExtensionUri as Uri;
    let mut extensions = ConsumerExtensions { dependency, ..ConsumerExtensions::default() };
    for extension in &parameters.header_extensions {
        let Ok(id) = u8::try_from(extension.id) else { continue };
        match extension.uri {
            Uri::Mid => {
                let mid = parameters.mid.as_ref().map(|mid| SmallVec::from_slice(mid.as_bytes()));
                extensions.mid = mid.map(|mid| (id, mid));
            }
            Uri::AbsSendTime => extensions.abs_send_time = Some(id),
            Uri::TransportWideCcDraft01 => extensions.transport_cc = Some(id),
            // the consumer's stream is another than the producer's, so it has no such id
            Uri::RtpStreamId | Uri::RepairRtpStreamId => {}
            Uri::SsrcAudioLevel
            | Uri::DependencyDescriptor
            | Uri::VideoOrientation
            | Uri::AbsCaptureTime
            | Uri::PlayoutDelay
            | Uri::MediasoupPacketId => extensions.passed.push(id),
        }
    }
    extensions
}

/// The lower of both, layer by layer from the top.
fn lower(preferred: ConsumerLayers, allowed: ConsumerLayers, temporal_max: u8) -> ConsumerLayers {
    let key = |layers: &ConsumerLayers| (layers.spatial_layer, layers.temporal_layer.unwrap_or(temporal_max));
    if key(&allowed) < key(&preferred) { allowed } else { preferred }
}
