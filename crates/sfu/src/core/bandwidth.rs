//! What goes out of one transport, when, and in which layers, as its way bears it.
//!
//! Only for transports whose endpoint says what came: by transport-wide feedback or by REMB.
use super::batch::{Batch, Sink};
use super::consumer::{ConsumerState, Numbering};
use super::keys::ConsumerKey;
use super::packet::{ConsumerExtensions, Envelope, ORIGINAL_NUMBER_BYTES, Produced, header, write};
use super::producer::ProducerState;
use super::trace::TracedPacket;
use super::{Core, TransportKey, TransportState};
use crate::allocation::{Allocator, Demand, Layers};
use crate::bwe::{EstimateOutput, Pacer, SendEstimator, SendEstimatorOptions};
use crate::layers::ConsumerLayers;
use crate::rate::WINDOW;
use crate::rewrite::Rewritten;
use crate::trace::BweTraceInfo;
use media::Moment;
use slotmap::SlotMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Most packets that wait to be sent: 2,000, ten times what the pace lets wait at 10 Mbit/s. What comes then is lost,
/// as on the way.
const WAITING_MAX: usize = 2000;
/// Layers are chosen anew at least this often: producers' bitrates change.
const ALLOCATE_EVERY: Duration = Duration::from_millis(500);

/// After a step none down follows for 1.5 s. After one down the queue on the way drains, after one up the key frame
/// fills it: meanwhile the estimate is far below what the way bears, and a step would be taken for nothing.
const SETTLING: Duration = Duration::from_millis(1500);
/// What was chosen may cost a quarter more meanwhile: bitrates swing.
const SETTLING_PERCENT: u64 = 125;
/// Layers are chosen anew this soon while the cost of something is not known: its first packets tell it.
const ALLOCATE_SOON: Duration = Duration::from_millis(100);

/// A packet that waits.
#[derive(Debug)]
struct Waiting {
    consumer: ConsumerKey,
    leg: usize,
    produced: Arc<Produced>,
    rewritten: Rewritten,
    padding: u8,
    bytes: usize,
}

/// The bandwidth of one transport.
#[derive(Debug)]
pub(crate) struct Bandwidth {
    estimator: SendEstimator,
    pacer: Pacer,
    allocator: Allocator<ConsumerKey>,
    waiting: VecDeque<Waiting>,
    next_sequence: u64,
    pub(super) allocate_at: Moment,
    /// Bits a second of the layers that were chosen last.
    used: u64,
    /// Until then layers changed not long ago.
    settled_at: Moment,
    /// Packets that were left out since too many waited.
    pub(super) left_out: u64,
}

/// A packet that goes now.
pub(super) struct Going<'a> {
    pub(super) consumer: ConsumerKey,
    pub(super) leg: usize,
    pub(super) produced: &'a Arc<Produced>,
    pub(super) rewritten: Rewritten,
    pub(super) padding: u8,
}

impl Bandwidth {
    pub(super) fn new(options: SendEstimatorOptions, now: Moment) -> Self {
        Self {
            estimator: SendEstimator::new(options),
            pacer: Pacer::new(options.initial, now),
            allocator: Allocator::default(),
            waiting: VecDeque::new(),
            next_sequence: 1,
            allocate_at: now,
            used: 0,
            settled_at: now,
            left_out: 0,
        }
    }

    pub(super) fn available(&self) -> u32 {
        self.estimator.available()
    }

    /// An estimate, as a tracer is told it.
    fn told(&self, available: u32) -> BweTraceInfo {
        let (min, max) = self.estimator.limits();
        BweTraceInfo {
            desired_bitrate: self.estimator.desired().into(),
            min_bitrate: min.into(),
            max_bitrate: max.into(),
            available_bitrate: available.into(),
        }
    }

    /// Other limits of the application.
    pub(super) fn set_limits(&mut self, min: Option<u32>, max: Option<u32>) {
        self.estimator.set_limits(min, max);
    }

    pub(super) fn handle_feedback(&mut self, feedback: &formats::rtp::rtcp::TransportFeedback, now: Moment) {
        self.estimator.handle_feedback(feedback, now);
    }

    pub(super) fn handle_remb(&mut self, bps: u64, now: Moment) {
        self.estimator.handle_remb(bps, now);
    }

    pub(super) fn handle_report(&mut self, fraction_lost: u8, round_trip: Option<Duration>, now: Moment) {
        self.estimator.handle_report(fraction_lost, round_trip, now);
    }

    /// Whether a packet of a picture may go now. If not it must wait, see [`Bandwidth::wait`].
    pub(super) fn may_go(&mut self, now: Moment) -> bool {
        self.waiting.is_empty() && self.pacer.budget(now) > 0
    }

    /// What waits is for a way that is gone.
    pub(super) fn forget_waiting(&mut self) {
        for waiting in self.waiting.drain(..) {
            self.pacer.handle_dropped(waiting.bytes);
        }
    }

    /// Lets a packet wait until the pace allows it.
    pub(super) fn wait(&mut self, going: &Going<'_>, now: Moment) {
        if self.waiting.len() >= WAITING_MAX {
            self.left_out += 1;
            return;
        }
        let bytes = going.produced.payload_of(&going.rewritten).len() + usize::from(going.padding);
        self.pacer.handle_queued(bytes, now);
        self.waiting.push_back(Waiting {
            consumer: going.consumer,
            leg: going.leg,
            produced: going.produced.clone(),
            rewritten: going.rewritten,
            padding: going.padding,
            bytes,
        });
    }

    /// The transport-wide number of a packet that is about to go.
    const fn number(&mut self) -> u64 {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        sequence
    }
}

/// Lets `write` append a packet to the batch, enciphers it, and counts it. `counts` when it gets a transport-wide
/// number, which `write` is told. Returns its length; 0 when it cannot be sent.
fn send(
    transport: &mut TransportState,
    counts: bool,
    batch: &mut Batch,
    sink: &mut dyn Sink,
    now: Moment,
    write: impl FnOnce(&mut Vec<u8>, Option<u16>),
) -> usize {
    let Some(route) = transport.carrier.route() else { return 0 };
    let number = transport.bandwidth.as_mut().filter(|_| counts).map(|bandwidth| bandwidth.number());
    let start = batch.begin();
    write(&mut batch.bytes, number.map(|number| number as u16));
    if transport.carrier.protect_rtp(&mut batch.bytes, start).is_err() {
        batch.cancel();
        return 0;
    }
    let bytes = batch.bytes.len() - start;
    batch.finish(&route, sink);
    if let (Some(bandwidth), Some(number)) = (&mut transport.bandwidth, number) {
        let probe = bandwidth.pacer.probe(now);
        bandwidth.estimator.handle_sent(number, bytes, now, probe);
    }
    bytes
}

/// Sends a packet for the first time. Returns its length; 0 when it cannot be sent.
pub(super) fn send_media(
    transport: &mut TransportState,
    consumer: &mut ConsumerState,
    going: &Going<'_>,
    batch: &mut Batch,
    sink: &mut dyn Sink,
    now: Moment,
) -> usize {
    let counts = consumer.extensions.transport_cc.is_some();
    send(transport, counts, batch, sink, now, |out, transport_sequence| {
        let numbering = Numbering { transport_sequence, padding: going.padding };
        consumer.write(going.produced, going.leg, going.rewritten, numbering, out, now);
    })
}

/// Counts a packet that went without having waited.
pub(super) fn went_at_once(transport: &mut TransportState, bytes: usize, now: Moment) {
    if let Some(bandwidth) = &mut transport.bandwidth {
        bandwidth.pacer.handle_sent_at_once(bytes, now);
    }
}

/// Why a packet is sent for the second time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Again {
    /// It was asked for.
    Repair,
    /// To fill the way.
    Probe,
}

/// Sends a packet for the second time: with a transport-wide number of its own where it goes in a stream of its own,
/// and to the byte as it went where it does not.
pub(super) fn send_again(
    transport: &mut TransportState,
    (produced, extensions, envelope): (&Produced, &ConsumerExtensions, Envelope),
    why: Again,
    batch: &mut Batch,
    sink: &mut dyn Sink,
    now: Moment,
) -> usize {
    let counts = envelope.rtx.is_some() && extensions.transport_cc.is_some();
    let mut size = 0;
    let bytes = send(transport, counts, batch, sink, now, |out, transport_sequence| {
        let transport_sequence = transport_sequence.or(envelope.transport_sequence);
        let start = out.len();
        write(produced, extensions, &Envelope { transport_sequence, ..envelope }, out);
        size = out.len() - start;
    });
    went_at_once(transport, bytes, now);
    transport.traffic.sent.add(bytes, now);
    match why {
        Again::Repair => transport.traffic.rtx_sent.add(bytes, now),
        Again::Probe => {
            transport.traffic.probation_sent.add(bytes, now);
            if let Some(trace) = transport.trace.as_mut().filter(|_| bytes > 0) {
                let filler = envelope.rewritten.filler;
                let is_key_frame = produced.inbound.facts.key_frame && !filler;
                let is_rtx = envelope.rtx.is_some();
                let payload_size = produced.payload_of(&envelope.rewritten).len()
                    + if is_rtx { ORIGINAL_NUMBER_BYTES } else { 0 };
                let packet = TracedPacket { size, payload_size, is_key_frame, is_rtx };
                trace.probation(&header(&envelope), packet, now);
            }
        }
    }
    bytes
}

impl Core {
    /// Sends what waits as far as the pace allows, probes, and chooses layers anew. Returns when to look again; far
    /// away without an estimate.
    pub(super) fn drive_bandwidth(
        &mut self,
        key: TransportKey,
        batch: &mut Batch,
        sink: &mut dyn Sink,
        now: Moment,
    ) -> Moment {
        let Some(transport) = self.transports.get_mut(key) else { return Moment::FAR_FUTURE };
        let Some(bandwidth) = &mut transport.bandwidth else { return Moment::FAR_FUTURE };
        if !transport.carrier.is_ready() {
            return Moment::FAR_FUTURE;
        }
        let wake_at = loop {
            match bandwidth.estimator.poll_output(now) {
                EstimateOutput::Estimate(available) => {
                    if let Some(trace) = &mut transport.trace {
                        trace.bwe(bandwidth.told(available), now);
                    }
                    bandwidth.pacer.set_available(available);
                    bandwidth.allocate_at = now;
                }
                EstimateOutput::Probe(probe) => bandwidth.pacer.start_probe(probe, now),
                EstimateOutput::WaitUntil(at) => break at,
            }
        };
        let allocate = bandwidth.allocate_at <= now;
        send_waiting(transport, &mut self.consumers, batch, sink, now);
        probe(transport, &mut self.consumers, batch, sink, now);
        if allocate {
            self.allocate(key, now);
        }
        let Some(bandwidth) = self.transports.get_mut(key).and_then(|transport| transport.bandwidth.as_mut())
        else {
            return Moment::FAR_FUTURE;
        };
        wake_at.min(bandwidth.pacer.wake_at(now)).min(bandwidth.allocate_at)
    }

    /// Chooses the layers of all consumers of a transport.
    fn allocate(&mut self, key: TransportKey, now: Moment) {
        let Some(transport) = self.transports.get_mut(key) else { return };
        let Some(bandwidth) = &mut transport.bandwidth else { return };
        let mut demands = Vec::with_capacity(transport.consumers.len());
        for consumer_key in &transport.consumers {
            let Some(consumer) = self.consumers.get(*consumer_key) else { continue };
            if !consumer.is_active() {
                continue;
            }
            let Some(producer) = self.producers.get_mut(consumer.producer) else { continue };
            demands.push(Demand {
                consumer: *consumer_key,
                priority: consumer.priority,
                preferred: Layers {
                    spatial: consumer.preferred.spatial_layer,
                    temporal: consumer.preferred.temporal_layer.unwrap_or(u8::MAX),
                },
                bps: producer.layer_bps(now),
            });
        }
        let mut available = u64::from(bandwidth.estimator.available());
        if now < bandwidth.settled_at {
            available = available.max(bandwidth.used * SETTLING_PERCENT / 100);
        }
        let allocations = bandwidth.allocator.allocate(available, &demands, now);
        bandwidth.estimator.set_desired(allocations.desired_bps, now);
        if allocations.consumers.iter().any(|allocation| allocation.changed) {
            bandwidth.settled_at = now + SETTLING;
        }
        bandwidth.used = allocations.used_bps;
        let unknown = allocations.consumers.iter().any(|allocation| allocation.layers.is_none());
        let again = if unknown { ALLOCATE_SOON } else { ALLOCATE_EVERY };
        bandwidth.allocate_at = allocations.wake_at.min(now + again);
        let mut changed = false;
        for allocation in allocations.consumers {
            let Some(consumer) = self.consumers.get_mut(allocation.consumer) else { continue };
            // of what does not flow yet nobody knows the cost: it begins with the least
            let layers = allocation.layers.unwrap_or_default();
            let allowed =
                ConsumerLayers { spatial_layer: layers.spatial, temporal_layer: Some(layers.temporal) };
            if consumer.allowed != Some(allowed) {
                consumer.allowed = Some(allowed);
                consumer.wish(now);
                changed = true;
            }
        }
        if changed {
            // another stream begins at a key frame, which is asked for when the consumers are looked at
            transport.tick_at = now;
        }
    }
}

/// What waits and may go.
fn send_waiting(
    transport: &mut TransportState,
    consumers: &mut SlotMap<ConsumerKey, ConsumerState>,
    batch: &mut Batch,
    sink: &mut dyn Sink,
    now: Moment,
) {
    while let Some(bandwidth) = &mut transport.bandwidth
        && !bandwidth.waiting.is_empty()
        && bandwidth.pacer.budget(now) > 0
        && let Some(waiting) = bandwidth.waiting.pop_front()
    {
        let Some(consumer) = consumers.get_mut(waiting.consumer) else {
            bandwidth.pacer.handle_dropped(waiting.bytes);
            continue;
        };
        bandwidth.pacer.handle_sent(waiting.bytes, now);
        let going = Going {
            consumer: waiting.consumer,
            leg: waiting.leg,
            produced: &waiting.produced,
            rewritten: waiting.rewritten,
            padding: waiting.padding,
        };
        let bytes = send_media(transport, consumer, &going, batch, sink, now);
        transport.traffic.sent.add(bytes, now);
        transport.traffic.rtp_sent.add(bytes, now);
    }
}

/// What a probe lacks: packets that were sent before, in a retransmission stream, where nobody minds them.
fn probe(
    transport: &mut TransportState,
    consumers: &mut SlotMap<ConsumerKey, ConsumerState>,
    batch: &mut Batch,
    sink: &mut dyn Sink,
    now: Moment,
) {
    let mut sent = 0;
    while let Some((_, bytes)) =
        transport.bandwidth.as_mut().and_then(|bandwidth| bandwidth.pacer.probe_due(now))
    {
        let carrying = transport.consumers.iter().copied().find(|key| {
            consumers.get(*key).is_some_and(|consumer| consumer.is_active() && consumer.can_probe())
        });
        let Some(consumer) = carrying.and_then(|key| consumers.get_mut(key)) else { return };
        let Some((produced, envelope)) = consumer.probe_packet(sent, bytes, now) else { return };
        let extensions = std::mem::take(&mut consumer.extensions);
        let length =
            send_again(transport, (&produced, &extensions, envelope), Again::Probe, batch, sink, now);
        consumer.extensions = extensions;
        sent += 1;
        if length == 0 || sent > PROBE_PACKETS_MAX {
            return;
        }
    }
}

/// Packets of a probe that go in one turn at most: 64; the pacer asks for the rest a moment later.
const PROBE_PACKETS_MAX: usize = 64;

/// Of a stream younger than 500 ms nothing is known: its key frame alone tells nothing of a bitrate, and a layer that
/// is taken too early is held against its consumer.
const AGE_MIN: Duration = Duration::from_millis(500);

impl ProducerState {
    /// Bits a second of what would be sent for each layer, with all that it depends on.
    pub(super) fn layer_bps(&mut self, now: Moment) -> Vec<Vec<u64>> {
        let simulcast = self.description.layers.streams > 1;
        // the window of a meter is not full yet when the stream is young
        let age = now.since(self.metered_since).min(WINDOW);
        if age < AGE_MIN {
            return Vec::new();
        }
        let (window, age) = (WINDOW.as_millis() as u64, age.as_millis() as u64);
        let mut table: Vec<Vec<u64>> = Vec::with_capacity(self.rates.len());
        for spatial in &mut self.rates {
            let mut sum = 0;
            let mut row: Vec<u64> = Vec::with_capacity(spatial.len());
            for rate in spatial {
                let own = rate.bps(now) * window / age;
                sum += own;
                row.push(if own == 0 { 0 } else { sum });
            }
            if !simulcast && let Some(below) = table.last() {
                for (temporal, bps) in row.iter_mut().enumerate() {
                    if *bps > 0 {
                        *bps += below.get(temporal).or(below.last()).copied().unwrap_or(0);
                    }
                }
            }
            table.push(row);
        }
        table
    }
}
