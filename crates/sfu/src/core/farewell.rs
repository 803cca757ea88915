//! Last words of transports: an end that the peer need not find out by silence.
//!
//! They are made when a transport ends, and sent before its sockets close, or in the next turn. Source: RFC 9260 §9.1
//! (abort of an association), RFC 6347 with RFC 5246 §7.2.1 (`close_notify`).
use super::batch::Sink;
use super::carrier::Carrier;
use super::keys::TransportKey;
use super::{Core, TransportState};
use crate::data::DataOutput;
use crate::dtls::DtlsOutput;
use media::Moment;

impl Core {
    /// Tells the peer that the transport ends: its channels are aborted, its session is closed. Each is one datagram, and
    /// may be lost; nobody waits for an answer.
    pub(super) fn take_leave(&mut self, key: TransportKey, now: Moment) {
        let Some(TransportState { carrier, data, .. }) = self.transports.get_mut(key) else { return };
        let Carrier::WebRtc(webrtc) = carrier else { return };
        let Some(route) = webrtc.route() else { return };
        if let Some(association) = &mut data.association {
            association.close(now);
            loop {
                match association.poll_output(now) {
                    // a session that does not take it has nobody to tell
                    DataOutput::Packet(packet) => drop(webrtc.dtls.send(&packet, now)),
                    DataOutput::WaitUntil(_) => break,
                    // all that used it has ended
                    DataOutput::State(_)
                    | DataOutput::Message { .. }
                    | DataOutput::Opened { .. }
                    | DataOutput::Closed { .. }
                    | DataOutput::BufferedAmountLow { .. }
                    | DataOutput::SendBufferFull { .. } => {}
                }
            }
        }
        webrtc.dtls.close(now);
        loop {
            match webrtc.dtls.poll_output(now) {
                DtlsOutput::Packet(packet) => self.farewells.push((route, packet)),
                DtlsOutput::WaitUntil(_) => break,
                DtlsOutput::State(_) | DtlsOutput::Connected { .. } | DtlsOutput::Data(_) => {}
            }
        }
    }

    /// Sends what transports that have ended still say to their peers. To be called before their sockets close.
    pub(crate) fn say_farewells(&mut self, sink: &mut dyn Sink) {
        for (route, datagram) in self.farewells.drain(..) {
            sink.send(&route, datagram.len(), &datagram);
        }
    }
}
