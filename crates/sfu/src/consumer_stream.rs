//! One consumer's stream: what it gets of a producer, and with which numbers.
use crate::layers::{ConsumerLayers, Output, ProducerLayers, Selector};
use crate::payload::InboundPacket;
use crate::rewrite::{Outbound, Rewriter, Rewritten, SenderReport};
use media::Moment;

/// Chooses and rewrites for one consumer. Packets come from the [`StreamReader`](crate::payload::StreamReader)s of
/// its producer, each read once for all consumers.
#[derive(Debug)]
pub struct ConsumerStream {
    selector: Selector,
    rewriter: Rewriter,
}

impl ConsumerStream {
    /// For a consumer that wants these layers, or nothing yet.
    pub fn new(producer: ProducerLayers, wished: Option<ConsumerLayers>, outbound: Outbound) -> Self {
        Self { selector: Selector::new(producer, wished), rewriter: Rewriter::new(outbound) }
    }

    /// Records what the consumer wants from now on; `None` while it is paused.
    pub fn handle_wish(&mut self, wished: Option<ConsumerLayers>, now: Moment) {
        self.selector.handle_wish(wished, now);
    }

    /// Records what a stream's sender said of its clock.
    pub fn handle_sender_report(&mut self, stream: u8, report: SenderReport) {
        self.rewriter.handle_sender_report(stream, report);
    }

    /// The header and patch with which a packet goes on; `None` when it does not.
    pub fn handle_packet(&mut self, packet: &InboundPacket, now: Moment) -> Option<Rewritten> {
        let choice = self.selector.handle_packet(packet, now);
        self.rewriter.handle_packet(packet, choice, now)
    }

    /// Says what is to be done, or until when nothing is.
    pub fn poll_output(&mut self, now: Moment) -> Output {
        self.selector.poll_output(now)
    }

    /// What goes on and is wanted.
    pub fn selector(&self) -> &Selector {
        &self.selector
    }

    /// The numbers in use.
    pub fn rewriter(&self) -> &Rewriter {
        &self.rewriter
    }
}
