//! Trace events, as the owner makes them.
use crate::events::EventSource;
use crate::keyframe::KeyFrameRequest;
use crate::trace::{
    BweTraceInfo, ConsumerTraceEventType, ProducerTraceEventType, RtpPacketTraceInfo, SrTraceInfo,
    TraceEvent, TraceEventDirection, TraceEventInfo, TransportTraceEventType,
};
use formats::rtp::{Header, rtcp};
use media::Moment;

/// Types of events, with names for what a tracer sees.
pub(crate) trait TraceType: Copy + PartialEq {
    const RTP: Self;
    const KEY_FRAME: Self;
    const NACK: Self;
    const PLI: Self;
    const FIR: Self;
    /// Which way media goes, as we see it; what the other side is asked goes the other way.
    const MEDIA: TraceEventDirection;
    const REQUESTS: TraceEventDirection;
}

impl TraceType for ProducerTraceEventType {
    const RTP: Self = Self::Rtp;
    const KEY_FRAME: Self = Self::KeyFrame;
    const NACK: Self = Self::Nack;
    const PLI: Self = Self::Pli;
    const FIR: Self = Self::Fir;
    const MEDIA: TraceEventDirection = TraceEventDirection::In;
    const REQUESTS: TraceEventDirection = TraceEventDirection::Out;
}

impl TraceType for ConsumerTraceEventType {
    const RTP: Self = Self::Rtp;
    const KEY_FRAME: Self = Self::KeyFrame;
    const NACK: Self = Self::Nack;
    const PLI: Self = Self::Pli;
    const FIR: Self = Self::Fir;
    const MEDIA: TraceEventDirection = TraceEventDirection::Out;
    const REQUESTS: TraceEventDirection = TraceEventDirection::In;
}

/// What is traced of one producer, consumer or transport. There is none until somebody asks.
#[derive(Debug)]
pub(crate) struct Tracer<T> {
    pub(crate) types: Vec<T>,
    pub(crate) events: EventSource<TraceEvent<T>>,
}

impl<T> Default for Tracer<T> {
    fn default() -> Self {
        Self { types: Vec::new(), events: EventSource::default() }
    }
}

/// What a packet is, besides its header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TracedPacket {
    pub(crate) size: usize,
    pub(crate) payload_size: usize,
    pub(crate) is_key_frame: bool,
    pub(crate) is_rtx: bool,
}

impl<T: Copy + PartialEq> Tracer<T> {
    fn emit(&mut self, r#type: T, direction: TraceEventDirection, info: TraceEventInfo, now: Moment) {
        if self.types.contains(&r#type) {
            let timestamp = now.as_nanos() / 1_000_000;
            self.events.emit(TraceEvent { r#type, timestamp, direction, info });
        }
    }
}

/// A packet, as it is told.
fn rtp_info(header: &Header, packet: TracedPacket) -> TraceEventInfo {
    let TracedPacket { size, payload_size, is_key_frame, is_rtx } = packet;
    TraceEventInfo::Rtp(RtpPacketTraceInfo {
        ssrc: header.ssrc,
        payload_type: header.payload_type,
        sequence_number: header.sequence,
        timestamp: header.timestamp,
        marker: header.marker,
        size,
        payload_size,
        is_key_frame,
        is_rtx,
    })
}

impl<T: TraceType> Tracer<T> {
    pub(super) fn rtp(&mut self, header: &Header, packet: TracedPacket, now: Moment) {
        let info = rtp_info(header, packet);
        self.emit(T::RTP, T::MEDIA, info, now);
        if packet.is_key_frame {
            self.emit(T::KEY_FRAME, T::MEDIA, info, now);
        }
    }

    pub(super) fn nack(&mut self, ssrc: u32, lost: usize, now: Moment) {
        self.emit(T::NACK, T::REQUESTS, TraceEventInfo::Nack { ssrc, lost }, now);
    }

    pub(super) fn key_frame_request(&mut self, ssrc: u32, request: KeyFrameRequest, now: Moment) {
        let r#type = match request {
            KeyFrameRequest::Pli => T::PLI,
            KeyFrameRequest::Fir { .. } => T::FIR,
        };
        self.emit(r#type, T::REQUESTS, TraceEventInfo::KeyFrameRequest { ssrc }, now);
    }
}

impl Tracer<ProducerTraceEventType> {
    pub(super) fn sender_report(&mut self, report: &rtcp::SenderReport, now: Moment) {
        let info = TraceEventInfo::Sr(SrTraceInfo {
            ssrc: report.ssrc,
            ntp_sec: (report.ntp >> 32) as u32,
            ntp_frac: report.ntp as u32,
            rtp_ts: report.rtp_time,
            packet_count: report.packets,
            octet_count: report.octets,
        });
        self.emit(ProducerTraceEventType::Sr, TraceEventDirection::In, info, now);
    }
}

impl Tracer<TransportTraceEventType> {
    pub(super) fn probation(&mut self, header: &Header, packet: TracedPacket, now: Moment) {
        let info = rtp_info(header, packet);
        self.emit(TransportTraceEventType::Probation, TraceEventDirection::Out, info, now);
    }

    pub(super) fn bwe(&mut self, info: BweTraceInfo, now: Moment) {
        let info = TraceEventInfo::Bwe(info);
        self.emit(TransportTraceEventType::Bwe, TraceEventDirection::Out, info, now);
    }
}
