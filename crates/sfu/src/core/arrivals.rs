//! What senders are told of their packets' arrival: each packet's (transport-wide feedback), or what their way bears
//! (REMB), as they negotiated; and of limits that the application sets.
use super::batch::{Batch, Sink};
use super::producer::Origin;
use super::{Core, TransportKey, TransportState};
use crate::bitrate_limits::{BitrateError, BitrateLimit};
use crate::bwe::{
    ArrivalLog, ArrivalOutput, LimitOutput, ReceiveEstimator, ReceiveOutput, SendEstimatorOptions,
};
use crate::payload::Elements;
use formats::rtp::{Packet, rtcp};
use media::Moment;

impl TransportState {
    /// Hands the limits to those that heed them.
    pub(super) fn obey_limits(&mut self, now: Moment) {
        self.incoming_limit.set_max(self.limits.max_incoming);
        if let Some(estimator) = &mut self.receive_estimator {
            estimator.set_max(self.limits.max_incoming);
        }
        if let Some(bandwidth) = &mut self.bandwidth {
            bandwidth.set_limits(self.limits.min_outgoing, self.limits.max_outgoing);
            bandwidth.allocate_at = now;
        }
    }

    /// Notes that a packet came, for the sender.
    pub(super) fn note_arrival(&mut self, packet: &Packet, bytes: usize, now: Moment) {
        let Some(extension) = &packet.extension else { return };
        let element = |wanted: Option<u8>| {
            let wanted = wanted?;
            Elements::new(extension).find(|(id, _)| *id == wanted).map(|(_, data)| data)
        };
        if let Some([high, low]) = element(self.listener.transport_cc_id) {
            let log = self.arrivals.get_or_insert_with(|| Box::new(ArrivalLog::new(self.own_ssrc)));
            log.handle_packet(u16::from_be_bytes([*high, *low]), packet.header.ssrc, now);
        } else if self.listener.transport_cc_id.is_none()
            && let Some([high, middle, low]) = element(self.listener.abs_send_time_id)
        {
            let max = self.limits.max_incoming;
            let estimator = self.receive_estimator.get_or_insert_with(|| {
                let options = SendEstimatorOptions { max, ..SendEstimatorOptions::default() };
                Box::new(ReceiveEstimator::new(self.own_ssrc, options))
            });
            let at = u32::from_be_bytes([0, *high, *middle, *low]);
            estimator.handle_packet(packet.header.ssrc, at, bytes, now);
        }
    }
}

impl Core {
    /// Sends what is due. Returns when to look again.
    pub(super) fn drive_arrivals(
        &mut self,
        key: TransportKey,
        batch: &mut Batch,
        sink: &mut dyn Sink,
        now: Moment,
    ) -> Moment {
        let Some(transport) = self.transports.get_mut(key) else { return Moment::FAR_FUTURE };
        let mut wake_at = Moment::FAR_FUTURE;
        let mut compound = Vec::new();
        while let Some(log) = &mut transport.arrivals {
            match log.poll_output(now) {
                ArrivalOutput::Send(feedback) => {
                    compound.clear();
                    rtcp::write_transport_feedback(&feedback, &mut compound);
                    transport.send_rtcp(&compound, batch, sink, now);
                }
                ArrivalOutput::WaitUntil(at) => {
                    wake_at = wake_at.min(at);
                    break;
                }
            }
        }
        while let Some(estimator) = &mut transport.receive_estimator {
            match estimator.poll_output(now) {
                ReceiveOutput::Send(remb) => {
                    compound.clear();
                    rtcp::write_maximum_bitrate(&remb, &mut compound);
                    transport.send_rtcp(&compound, batch, sink, now);
                }
                ReceiveOutput::WaitUntil(at) => {
                    wake_at = wake_at.min(at);
                    break;
                }
            }
        }
        wake_at.min(self.tell_limit(key, batch, sink, now))
    }

    /// Tells a sender that estimates by itself how much it may send. Returns when to look again.
    fn tell_limit(
        &mut self,
        key: TransportKey,
        batch: &mut Batch,
        sink: &mut dyn Sink,
        now: Moment,
    ) -> Moment {
        let Some(transport) = self.transports.get_mut(key) else { return Moment::FAR_FUTURE };
        // nothing came yet, or there is an estimate, which heeds the limit
        if transport.arrivals.is_none() || transport.producers.is_empty() {
            return Moment::FAR_FUTURE;
        }
        loop {
            match transport.incoming_limit.poll_output(now) {
                LimitOutput::Send(bps) => {
                    let streams = transport.producers.iter().filter_map(|key| self.producers.get(*key));
                    let ssrcs = streams.flat_map(|producer| match &producer.origin {
                        Origin::Receiving(receiving) => receiving.streams.as_slice(),
                        Origin::Mirrored(_) => &[],
                    });
                    let ssrcs = ssrcs.filter_map(|stream| stream.ssrc).take(LIMIT_SSRCS_MAX).collect();
                    let remb = rtcp::MaximumBitrate { sender: transport.own_ssrc, bps, ssrcs };
                    let mut compound = Vec::new();
                    rtcp::write_maximum_bitrate(&remb, &mut compound);
                    transport.send_rtcp(&compound, batch, sink, now);
                }
                LimitOutput::WaitUntil(at) => return at,
            }
        }
    }

    /// Sets a limit, 0 for none; `None` when the transport is closed.
    pub(crate) fn set_bitrate_limit(
        &mut self,
        key: TransportKey,
        limit: BitrateLimit,
        bps: u32,
        now: Moment,
    ) -> Option<Result<(), BitrateError>> {
        let transport = self.transports.get_mut(key)?;
        if let Err(error) = transport.limits.set(limit, bps) {
            return Some(Err(error));
        }
        transport.obey_limits(now);
        self.touch(key);
        Some(Ok(()))
    }
}

/// Streams that a limit names: 64, as an estimate does. It is about all.
const LIMIT_SSRCS_MAX: usize = 64;
