//! What senders are told of their packets' arrival: each packet's (transport-wide feedback), or what their way bears
//! (REMB), as they negotiated.
use super::batch::{Batch, Sink};
use super::{Core, TransportKey, TransportState};
use crate::bwe::{ArrivalLog, ArrivalOutput, ReceiveEstimator, ReceiveOutput, SendEstimatorOptions};
use crate::payload::Elements;
use formats::rtp::{Packet, rtcp};
use media::Moment;

impl TransportState {
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
            let estimator = self.receive_estimator.get_or_insert_with(|| {
                Box::new(ReceiveEstimator::new(self.own_ssrc, SendEstimatorOptions::default()))
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
        wake_at
    }
}
