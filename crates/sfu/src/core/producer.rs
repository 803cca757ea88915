//! One producer: its streams, and who gets its packets.
//!
//! `Receiving` on its transport, or `Mirrored`: the same producer as another worker's consumers see it, fed by a
//! relay of the worker that receives it.
use super::keys::{ConsumerKey, RelayKey, RouterKey, TransportKey};
use super::observe::Link;
use super::packet::Produced;
use super::trace::{TracedPacket, Tracer};
use crate::allocation::LAYERS_MAX;
use crate::events::EventSource;
use crate::ids::ProducerId;
use crate::keyframe::{KeyFrameMethod, KeyFrameRequests};
use crate::layers::ProducerLayers;
use crate::ortc::repeated_codec;
use crate::payload::{PayloadFormat, RedTypes, StreamReader};
use crate::producer::{ProducerEvent, ProducerScore, ProducerType};
use crate::rate::Rate;
use crate::receive::{IncomingStream, IncomingStreamOptions, IncomingStreamStats, Received};
use crate::rewrite::{ExtensionIds, SenderReport};
use crate::rtp_parameters::{
    MediaKind, RtcpFeedback, RtpCodecParameters, RtpEncodingParameters, RtpHeaderExtensionUri, RtpParameters,
};
use crate::trace::ProducerTraceEventType;
use formats::rtp::Packet;
use media::Moment;
use smallvec::SmallVec;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

/// A frame's packets wait for its last one for at most 5 ms: that is how far apart browsers send them, and a lost last
/// packet must not hold the others.
const FRAME_WAIT_MAX: Duration = Duration::from_millis(5);
/// Packets that are sent at once although their frame goes on: 16, what one send with segmentation bears well.
const FRAME_PACKETS_MAX: usize = 16;

/// Bytes of a packet besides its payload, as they go to a consumer: header, extensions, tag of SRTP, UDP and IP.
const PACKET_OVERHEAD: usize = 12 + 16 + 16 + 28;

/// What all workers know of a producer.
#[derive(Debug)]
pub(crate) struct Description {
    pub(crate) id: ProducerId,
    pub(crate) kind: MediaKind,
    pub(crate) producer_type: ProducerType,
    /// Its media in the router's numbers.
    pub(crate) consumable: RtpParameters,
    pub(crate) layers: ProducerLayers,
    pub(crate) clock_rate: u32,
    /// The dependency descriptor's number in the router.
    pub(crate) dependency: Option<u8>,
}

/// Where a producer's packets come from.
#[derive(Debug)]
pub(crate) enum Origin {
    /// A transport of this worker.
    Receiving(Box<Receiving>),
    /// Another worker, through a relay of that worker.
    Mirrored(Mirrored),
}

/// What only the receiving side has.
#[derive(Debug)]
pub(crate) struct Receiving {
    pub(crate) transport: TransportKey,
    pub(crate) rtp_parameters: RtpParameters,
    pub(crate) streams: Vec<Stream>,
    ids: ExtensionIds,
    /// The producer's number of the dependency descriptor.
    dependency: Option<u8>,
    /// The producer's number of the audio level.
    audio_level: Option<u8>,
    rotation: Option<u8>,
    last_rotation: Option<u8>,
}

/// The way back to the worker that receives.
#[derive(Debug)]
pub(crate) struct Mirrored {
    pub(crate) home: crate::mailbox::Mailbox,
    /// The producer there.
    pub(crate) key: super::keys::ProducerKey,
    /// Scores of its streams, as that worker told.
    pub(crate) scores: Vec<u8>,
    /// Whether the home worker was told that nobody listens here.
    pub(crate) idle: bool,
}

/// One stream of a producer.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) ssrc: Option<u32>,
    pub(crate) rtx_ssrc: Option<u32>,
    pub(crate) rid: Option<String>,
    codec: StreamCodec,
    pub(crate) incoming: Option<IncomingStream>,
    pub(crate) reader: StreamReader,
    pub(crate) keyframes: KeyFrameRequests,
    pub(crate) score: u8,
}

/// What a stream's codec says of it.
#[derive(Clone, Copy, Debug)]
struct StreamCodec {
    clock_rate: u32,
    nack: bool,
    dtx: bool,
}

/// A producer.
#[derive(Debug)]
pub(crate) struct ProducerState {
    pub(crate) router: RouterKey,
    pub(crate) description: Arc<Description>,
    pub(crate) origin: Origin,
    pub(crate) paused: bool,
    pub(crate) consumers: Vec<ConsumerKey>,
    pub(crate) relays: SmallVec<[RelayKey; 2]>,
    pub(crate) observers: SmallVec<[Link; 1]>,
    pub(crate) trace: Option<Box<Tracer<ProducerTraceEventType>>>,
    /// Packets that wait for the end of their frame.
    pub(crate) pending: Vec<Arc<Produced>>,
    pub(crate) pending_since: Moment,
    /// What comes in each spatial and temporal layer.
    pub(crate) rates: Vec<Vec<Rate>>,
    /// Since when.
    pub(crate) metered_since: Moment,
    pub(crate) events: EventSource<ProducerEvent>,
}

/// What became of a packet.
pub(crate) enum Taken {
    /// It waits in `pending`; whether it is the time to hand out all that waits.
    Pending {
        /// The frame is whole, or large.
        due: bool,
        /// The level that the sender put into it.
        level: Option<crate::observers::AudioLevel>,
    },
    /// It is of no use.
    Dropped,
}

impl Receiving {
    pub(crate) fn new(
        transport: TransportKey,
        rtp_parameters: RtpParameters,
        consumable: &RtpParameters,
        key_frame_request_delay: Duration,
    ) -> Self {
        let id = |uri| extension_id(&rtp_parameters, uri);
        let ids = ExtensionIds::new(rtp_parameters.header_extensions.iter().filter_map(|theirs| {
            let ours = consumable.header_extensions.iter().find(|ours| ours.uri == theirs.uri)?;
            Some((theirs.id.try_into().ok()?, ours.id.try_into().ok()?))
        }));
        let streams = (0..)
            .zip(&rtp_parameters.encodings)
            .map(|(index, encoding)| Stream::new(index, encoding, &rtp_parameters, key_frame_request_delay))
            .collect();
        Self {
            transport,
            streams,
            dependency: id(RtpHeaderExtensionUri::DependencyDescriptor),
            audio_level: id(RtpHeaderExtensionUri::SsrcAudioLevel),
            rotation: id(RtpHeaderExtensionUri::VideoOrientation),
            last_rotation: None,
            ids,
            rtp_parameters,
        }
    }

    /// Statistics of the streams that came.
    pub(crate) fn stats(&mut self, now: Moment) -> Vec<IncomingStreamStats> {
        self.streams.iter_mut().filter_map(|stream| Some(stream.incoming.as_mut()?.stats(now))).collect()
    }

    /// Scores of all streams, in their order.
    pub(crate) fn scores(&self) -> Vec<ProducerScore> {
        (0..)
            .zip(&self.streams)
            .filter_map(|(encoding_idx, stream)| {
                Some(ProducerScore {
                    encoding_idx,
                    ssrc: stream.ssrc?,
                    rid: stream.rid.clone(),
                    score: stream.score,
                })
            })
            .collect()
    }

    /// The stream of a packet whose SSRC was not known, by its `rid` (or `rrid`), or the only one there is.
    pub(crate) fn identify(&mut self, packet: &Packet, rid: Option<&str>) -> Option<(usize, bool)> {
        let payload_type = packet.header.payload_type;
        let codec = self.rtp_parameters.codecs.iter().find(|codec| codec.payload_type() == payload_type)?;
        let is_rtx = codec.is_rtx();
        let index = match rid {
            Some(rid) => self.streams.iter().position(|stream| stream.rid.as_deref() == Some(rid))?,
            None if self.streams.len() == 1 => 0,
            None => return None,
        };
        let stream = self.streams.get_mut(index)?;
        let ssrc = packet.header.ssrc;
        if is_rtx {
            stream.rtx_ssrc = Some(ssrc);
        } else if stream.ssrc != Some(ssrc) {
            stream.ssrc = Some(ssrc);
            // a sender that takes another SSRC begins anew
            stream.incoming = None;
        }
        Some((index, is_rtx))
    }
}

fn extension_id(parameters: &RtpParameters, uri: RtpHeaderExtensionUri) -> Option<u8> {
    let extension = parameters.header_extensions.iter().find(|extension| extension.uri == uri)?;
    extension.id.try_into().ok()
}

impl Stream {
    fn new(
        index: u8,
        encoding: &RtpEncodingParameters,
        parameters: &RtpParameters,
        key_frame_request_delay: Duration,
    ) -> Self {
        let codec = media_codec(encoding, parameters);
        let feedback = codec.map_or(&[][..], RtpCodecParameters::rtcp_feedback);
        let method = match feedback.contains(&RtcpFeedback::NackPli) {
            false if feedback.contains(&RtcpFeedback::CcmFir) => KeyFrameMethod::Fir,
            true | false => KeyFrameMethod::Pli,
        };
        let plain = || codec.map_or(PayloadFormat::Plain, |codec| PayloadFormat::of(codec.mime_type()));
        let format = red_types(encoding, parameters).map_or_else(plain, PayloadFormat::Red);
        Self {
            ssrc: encoding.ssrc,
            rtx_ssrc: encoding.rtx.as_ref().map(|rtx| rtx.ssrc),
            rid: encoding.rid.clone(),
            codec: StreamCodec {
                clock_rate: codec.map_or(90_000, |codec| codec.clock_rate().get()),
                nack: feedback.contains(&RtcpFeedback::Nack),
                dtx: encoding.dtx.unwrap_or(false),
            },
            incoming: None,
            reader: StreamReader::new(index, format),
            keyframes: KeyFrameRequests::new(method, key_frame_request_delay),
            score: 0,
        }
    }

    /// The reception of the stream, which begins with its first packet.
    fn incoming(&mut self, ssrc: u32, payload_type: u8) -> &mut IncomingStream {
        let codec = self.codec;
        let rtx_ssrc = self.rtx_ssrc;
        self.incoming.get_or_insert_with(|| {
            IncomingStream::new(IncomingStreamOptions {
                ssrc,
                payload_type,
                clock_rate: codec.clock_rate,
                rtx_ssrc,
                nack: codec.nack,
                dtx: codec.dtx,
            })
        })
    }
}

/// The codec of an encoding: the one it names, else the first. RED stands for the codec that it repeats.
pub(crate) fn media_codec<'a>(
    encoding: &RtpEncodingParameters,
    parameters: &'a RtpParameters,
) -> Option<&'a RtpCodecParameters> {
    let named = |codec: &&RtpCodecParameters| Some(codec.payload_type()) == encoding.codec_payload_type;
    let media = || parameters.codecs.iter().filter(|codec| !codec.is_rtx());
    let codec = media().find(named).or_else(|| media().next())?;
    if codec.mime_type().is_red() { repeated_codec(codec, &parameters.codecs) } else { Some(codec) }
}

/// Payload types of an encoding whose packets may have redundancy.
pub(crate) fn red_types(encoding: &RtpEncodingParameters, parameters: &RtpParameters) -> Option<RedTypes> {
    let codec = media_codec(encoding, parameters)?;
    let red = parameters.codecs.iter().find(|codec| codec.mime_type().is_red())?;
    let repeated = repeated_codec(red, &parameters.codecs)?;
    let is_its_own = repeated.payload_type() == codec.payload_type();
    is_its_own.then_some(RedTypes { red: red.payload_type(), repeated: repeated.payload_type() })
}

/// How many layers a producer has, and in which way.
pub(crate) fn layers_of(parameters: &RtpParameters) -> (ProducerType, ProducerLayers) {
    let streams = parameters.encodings.len().min(255) as u8;
    let Some(first) = parameters.encodings.first() else {
        return (ProducerType::Simple, ProducerLayers { streams: 1, temporal: 1, ksvc: false });
    };
    let mode = &first.scalability_mode;
    let layered = mode.spatial_layers().get() > 1 || mode.temporal_layers().get() > 1;
    let producer_type = match (streams, layered) {
        (0 | 1, false) => ProducerType::Simple,
        (0 | 1, true) => ProducerType::Svc,
        (2.., _) => ProducerType::Simulcast,
    };
    (producer_type, ProducerLayers::new(streams, mode))
}

/// The clock rate of a producer's media.
pub(crate) fn clock_rate_of(parameters: &RtpParameters) -> u32 {
    let rate = |encoding| media_codec(encoding, parameters).map(RtpCodecParameters::clock_rate);
    parameters.encodings.first().and_then(rate).map_or(90_000, NonZeroU32::get)
}

impl ProducerState {
    /// Takes a packet of one of its streams; of its retransmission stream when `is_rtx`.
    pub(crate) fn take(&mut self, packet: Packet, index: usize, is_rtx: bool, now: Moment) -> Taken {
        let Origin::Receiving(receiving) = &mut self.origin else { return Taken::Dropped };
        let Some(stream) = receiving.streams.get_mut(index) else { return Taken::Dropped };
        let packet = if is_rtx {
            let Some(incoming) = &mut stream.incoming else { return Taken::Dropped };
            let Ok(original) = incoming.unwrap_rtx(&packet) else { return Taken::Dropped };
            original
        } else {
            packet
        };
        let descriptor = packet.extension.as_ref().zip(receiving.dependency);
        let descriptor = descriptor.and_then(|(extension, wanted)| {
            crate::payload::Elements::new(extension).find(|(id, _)| *id == wanted).map(|(_, data)| data)
        });
        // An unreadable packet counts for reception, but nobody could use it.
        let read = stream.reader.read(packet.header, &packet.payload, descriptor).ok().flatten();
        let key_frame = read.is_some_and(|inbound| inbound.facts.key_frame);
        let header = packet.header;
        let bytes = formats::rtp::HEADER_BYTES
            + packet.extension.as_ref().map_or(0, |extension| 4 + extension.data.len())
            + packet.payload.len();
        if let Some(trace) = &mut self.trace {
            let (size, payload_size) = (bytes, packet.payload.len());
            trace.rtp(&header, TracedPacket { size, payload_size, is_key_frame: key_frame, is_rtx }, now);
        }
        let incoming = stream.incoming(header.ssrc, header.payload_type);
        let received = if is_rtx {
            incoming.handle_repair(&header, key_frame, now)
        } else {
            incoming.handle_packet(&header, bytes, key_frame, now)
        };
        let (Received::Forward { .. } | Received::Restarted { .. }, Some(inbound)) = (received, read) else {
            return Taken::Dropped;
        };
        if key_frame {
            stream.keyframes.handle_key_frame();
        }
        if self.paused {
            return Taken::Dropped;
        }
        let level = packet
            .extension
            .as_ref()
            .zip(receiving.audio_level)
            .and_then(|(extension, id)| crate::observers::AudioLevel::read(extension, id));
        if let Some(rotation) = element(&packet, receiving.rotation)
            && receiving.last_rotation != Some(rotation)
        {
            receiving.last_rotation = Some(rotation);
            self.events.emit(ProducerEvent::VideoOrientationChange(rotation.into()));
        }
        let ends = inbound.marker || inbound.facts.ends_frame && self.description.kind == MediaKind::Audio;
        let produced = Arc::new(Produced::new(packet, inbound, &receiving.ids));
        let due = self.push(produced, ends, now);
        Taken::Pending { due, level }
    }

    /// Puts a packet among those that wait; true when it is the time to hand them out.
    pub(crate) fn push(&mut self, produced: Arc<Produced>, ends: bool, now: Moment) -> bool {
        if self.pending.is_empty() {
            self.pending_since = now;
        }
        let facts = &produced.inbound.facts;
        let spatial =
            if self.description.layers.streams > 1 { produced.inbound.stream } else { facts.spatial };
        self.meter(spatial, facts.temporal, produced.payload.len(), now);
        // one that fills a gap is late already
        let late = !produced.inbound.newest;
        self.pending.push(produced);
        ends || late || self.pending.len() >= FRAME_PACKETS_MAX
    }

    fn meter(&mut self, spatial: u8, temporal: u8, bytes: usize, now: Moment) {
        let (spatial, temporal) = (usize::from(spatial), usize::from(temporal));
        if spatial >= LAYERS_MAX || temporal >= LAYERS_MAX {
            return;
        }
        if self.rates.is_empty() {
            self.metered_since = now;
        }
        if self.rates.len() <= spatial {
            self.rates.resize_with(spatial + 1, Vec::new);
        }
        let Some(row) = self.rates.get_mut(spatial) else { return };
        if row.len() <= temporal {
            row.resize_with(temporal + 1, Rate::new);
        }
        if let Some(rate) = row.get_mut(temporal) {
            rate.add(bytes + PACKET_OVERHEAD, now);
        }
    }

    /// When packets that wait are handed out at the latest.
    pub(crate) fn pending_until(&self) -> Moment {
        if self.pending.is_empty() { Moment::FAR_FUTURE } else { self.pending_since + FRAME_WAIT_MAX }
    }

    /// Notes what the sender said of a stream's clock; for the consumers it is returned with the stream's number.
    pub(crate) fn handle_sender_report(
        &mut self,
        report: &formats::rtp::rtcp::SenderReport,
        now: Moment,
    ) -> Option<(u8, SenderReport)> {
        let Origin::Receiving(receiving) = &mut self.origin else { return None };
        let index = receiving.streams.iter().position(|stream| stream.ssrc == Some(report.ssrc))?;
        receiving.streams.get_mut(index)?.incoming.as_mut()?.handle_sender_report(report, now);
        Some((index as u8, SenderReport { ntp: report.ntp, timestamp: report.rtp_time }))
    }
}

/// The first byte of an element.
fn element(packet: &Packet, id: Option<u8>) -> Option<u8> {
    let (extension, wanted) = packet.extension.as_ref().zip(id)?;
    let (_, data) = crate::payload::Elements::new(extension).find(|(id, _)| *id == wanted)?;
    data.first().copied()
}
