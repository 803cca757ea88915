//! Reports, once a second: to senders what came, to receivers what was sent.
use super::batch::{Batch, Sink};
use super::producer::Origin;
use super::transport::REPORT_EVERY;
use super::{Core, TransportKey};
use formats::rtp::rtcp;
use media::{Moment, WallTime};

/// Most report blocks of one packet: the count has five bits.
const BLOCKS_MAX: usize = 31;
/// A datagram of reports is sent when it has this many bytes: 1,000, so that one more fits.
const COMPOUND_BYTES: usize = 1000;

impl Core {
    pub(super) fn report(
        &mut self,
        key: TransportKey,
        batch: &mut Batch,
        sink: &mut dyn Sink,
        wall: WallTime,
        now: Moment,
    ) {
        let Some(transport) = self.transports.get_mut(key) else { return };
        if now < transport.report_at {
            return;
        }
        transport.report_at = now + REPORT_EVERY;
        if !transport.carrier.is_ready() {
            return;
        }
        let mut blocks = Vec::new();
        for producer in &transport.producers {
            let Some(producer) = self.producers.get_mut(*producer) else { continue };
            let Origin::Receiving(receiving) = &mut producer.origin else { continue };
            let streams = receiving.streams.iter_mut().filter_map(|stream| stream.incoming.as_mut());
            blocks.extend(streams.filter_map(|incoming| incoming.report_block(now)));
        }
        let mut compound = Vec::new();
        let own = transport.own_ssrc;
        for blocks in blocks.chunks(BLOCKS_MAX) {
            compound.clear();
            rtcp::write_receiver_report(own, blocks, "", &mut compound);
            transport.send_rtcp(&compound, batch, sink, now);
        }
        compound.clear();
        for consumer in std::mem::take(&mut transport.consumers) {
            transport.consumers.push(consumer);
            let Some(consumer) = self.consumers.get_mut(consumer) else { continue };
            if !consumer.is_active() {
                continue;
            }
            let cname = consumer.rtp_parameters.rtcp.cname.clone().unwrap_or_default();
            for report in consumer.sender_reports(wall, now) {
                rtcp::write_sender_report(&report, &cname, &mut compound);
            }
            if compound.len() >= COMPOUND_BYTES {
                transport.send_rtcp(&compound, batch, sink, now);
                compound.clear();
            }
        }
        if !compound.is_empty() {
            transport.send_rtcp(&compound, batch, sink, now);
        }
    }
}
