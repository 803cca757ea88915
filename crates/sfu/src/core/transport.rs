//! One transport: its way to the peer, and what it carries.
use super::Core;
use super::bandwidth::Bandwidth;
use super::batch::{Batch, Sink};
use super::carrier::Carrier;
use super::data::TransportData;
use super::keys::{ConsumerKey, ProducerKey, RouterKey, TransportKey};
use super::listener::Listener;
use super::trace::Tracer;
use crate::bitrate_limits::BitrateLimits;
use crate::bwe::{ArrivalLog, IncomingLimit, ReceiveEstimator};
use crate::events::EventSource;
use crate::ids::TransportId;
use crate::rate::Rate;
use crate::trace::TransportTraceEventType;
use crate::transport::{TransportEvent, TransportStats};
use media::Moment;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// Reports to senders and receivers go once a second, as mediasoup's do for video.
pub(crate) const REPORT_EVERY: Duration = Duration::from_secs(1);

/// A transport.
#[derive(Debug)]
pub(crate) struct TransportState {
    pub(crate) id: TransportId,
    pub(crate) router: RouterKey,
    pub(crate) carrier: Carrier,
    pub(crate) listener: Listener,
    pub(crate) producers: Vec<ProducerKey>,
    pub(crate) consumers: Vec<ConsumerKey>,
    /// By the SSRCs of what they send.
    pub(crate) consumer_ssrcs: HashMap<u32, ConsumerKey>,
    pub(crate) consumer_mids: BTreeSet<String>,
    pub(crate) next_mid: u32,
    pub(crate) data: TransportData,
    /// The SSRC under which we report: that of no stream.
    pub(crate) own_ssrc: u32,
    /// The SSRC of the next stream that is sent. They count up from a random one: an SSRC that was used before, with the
    /// same keys, would send other packets under numbers that were used, which AES-GCM does not bear.
    next_ssrc: u32,
    pub(crate) traffic: Traffic,
    /// What its way bears, for endpoints that tell.
    pub(crate) bandwidth: Option<Box<Bandwidth>>,
    pub(crate) limits: BitrateLimits,
    /// What came when, for senders that estimate by themselves.
    pub(crate) arrivals: Option<Box<ArrivalLog>>,
    /// The estimate for senders that do not.
    pub(crate) receive_estimator: Option<Box<ReceiveEstimator>>,
    /// What the former may send at most.
    pub(crate) incoming_limit: IncomingLimit,
    pub(crate) events: EventSource<TransportEvent>,
    pub(crate) trace: Option<Box<Tracer<TransportTraceEventType>>>,
    pub(crate) tick_at: Moment,
    pub(crate) report_at: Moment,
    /// When it is in the timers.
    pub(crate) wake_at: Moment,
    /// It is in the list of those to be looked at in this turn.
    pub(crate) touched: bool,
    /// What the peer asked for again in this turn: of which stream, and which numbers.
    pub(crate) asked_again: Vec<(u32, Vec<u16>)>,
}

/// Bytes each way.
#[derive(Debug)]
pub(crate) struct Traffic {
    pub(crate) received: Meter,
    pub(crate) sent: Meter,
    pub(crate) rtp_received: Meter,
    pub(crate) rtp_sent: Meter,
    pub(crate) rtx_received: Meter,
    pub(crate) rtx_sent: Meter,
    /// What was sent to find out whether the way bears more.
    pub(crate) probation_sent: Meter,
    /// Datagrams that nobody could use: foreign, broken, of no producer.
    pub(crate) dropped: u64,
}

/// A count and its rate.
#[derive(Debug)]
pub(crate) struct Meter {
    pub(crate) bytes: u64,
    rate: Rate,
}

impl Meter {
    fn new() -> Self {
        Self { bytes: 0, rate: Rate::new() }
    }

    pub(crate) fn add(&mut self, bytes: usize, now: Moment) {
        self.bytes += bytes as u64;
        self.rate.add(bytes, now);
    }

    pub(crate) fn bps(&mut self, now: Moment) -> u64 {
        self.rate.bps(now)
    }
}

impl TransportState {
    pub(crate) fn new(
        id: TransportId,
        router: RouterKey,
        carrier: Carrier,
        own_ssrc: u32,
        now: Moment,
    ) -> Self {
        Self {
            id,
            router,
            carrier,
            listener: Listener::default(),
            producers: Vec::new(),
            consumers: Vec::new(),
            consumer_ssrcs: HashMap::new(),
            consumer_mids: BTreeSet::new(),
            next_mid: 0,
            data: TransportData::default(),
            own_ssrc,
            next_ssrc: own_ssrc.wrapping_add(1),
            traffic: Traffic {
                received: Meter::new(),
                sent: Meter::new(),
                rtp_received: Meter::new(),
                rtp_sent: Meter::new(),
                rtx_received: Meter::new(),
                rtx_sent: Meter::new(),
                probation_sent: Meter::new(),
                dropped: 0,
            },
            bandwidth: None,
            limits: BitrateLimits::default(),
            arrivals: None,
            receive_estimator: None,
            incoming_limit: IncomingLimit::default(),
            events: EventSource::default(),
            trace: None,
            tick_at: now,
            report_at: now + REPORT_EVERY,
            wake_at: Moment::FAR_FUTURE,
            touched: false,
            asked_again: Vec::new(),
        }
    }

    /// The `mid` of a new consumer: the one that was asked for, or the next number.
    pub(crate) fn take_mid(&mut self, wished: Option<String>) -> Result<String, String> {
        let mid = wished.unwrap_or_else(|| {
            loop {
                let mid = self.next_mid.to_string();
                self.next_mid = self.next_mid.wrapping_add(1);
                if !self.consumer_mids.contains(&mid) {
                    return mid;
                }
            }
        });
        if self.consumer_mids.insert(mid.clone()) { Ok(mid) } else { Err(mid) }
    }

    /// An SSRC for a stream that is sent, another one each time.
    pub(crate) const fn take_ssrc(&mut self) -> u32 {
        let ssrc = self.next_ssrc;
        self.next_ssrc = ssrc.wrapping_add(1);
        ssrc
    }

    /// Sends a compound of RTCP packets.
    pub(crate) fn send_rtcp(&mut self, compound: &[u8], batch: &mut Batch, sink: &mut dyn Sink, now: Moment) {
        let Some(route) = self.carrier.rtcp_route() else {
            self.carrier.deliver_rtcp(compound);
            return;
        };
        if self.carrier.route() != Some(route) {
            // another way than that of the batch
            let mut bytes = compound.to_vec();
            if self.carrier.protect_rtcp(&mut bytes, 0).is_ok() {
                self.traffic.sent.add(bytes.len(), now);
                sink.send(&route, bytes.len(), &bytes);
            }
            return;
        }
        let start = batch.begin();
        batch.bytes.extend_from_slice(compound);
        if self.carrier.protect_rtcp(&mut batch.bytes, start).is_err() {
            batch.cancel();
            return;
        }
        self.traffic.sent.add(batch.bytes.len() - start, now);
        batch.finish(&route, sink);
    }

    pub(crate) fn stats(&mut self, now: Moment) -> TransportStats {
        let Traffic {
            received,
            sent,
            rtp_received,
            rtp_sent,
            rtx_received,
            rtx_sent,
            probation_sent,
            dropped,
        } = &mut self.traffic;
        let mut stats = TransportStats {
            transport_id: self.id,
            bytes_received: received.bytes,
            recv_bitrate: received.bps(now),
            bytes_sent: sent.bytes,
            send_bitrate: sent.bps(now),
            rtp_bytes_received: rtp_received.bytes,
            rtp_recv_bitrate: rtp_received.bps(now),
            rtp_bytes_sent: rtp_sent.bytes,
            rtp_send_bitrate: rtp_sent.bps(now),
            rtx_bytes_received: rtx_received.bytes,
            rtx_recv_bitrate: rtx_received.bps(now),
            rtx_bytes_sent: rtx_sent.bytes,
            rtx_send_bitrate: rtx_sent.bps(now),
            probation_bytes_sent: probation_sent.bytes,
            probation_send_bitrate: probation_sent.bps(now),
            datagrams_dropped: *dropped,
            ..TransportStats::new(self.id)
        };
        stats.rtp_packets_left_out = self.bandwidth.as_ref().map_or(0, |bandwidth| bandwidth.left_out);
        stats.available_outgoing_bitrate =
            self.bandwidth.as_ref().map(|bandwidth| bandwidth.available().into());
        stats.available_incoming_bitrate =
            self.receive_estimator.as_ref().map(|estimator| estimator.available().into());
        stats.max_incoming_bitrate = self.limits.max_incoming;
        stats.max_outgoing_bitrate = self.limits.max_outgoing;
        stats.min_outgoing_bitrate = self.limits.min_outgoing;
        self.carrier.fill(&mut stats);
        stats.sctp_state = Core::sctp_state(self);
        stats
    }
}

impl Core {
    pub(super) fn add_transport(
        &mut self,
        router: RouterKey,
        id: TransportId,
        carrier: Carrier,
        now: Moment,
    ) -> (TransportId, TransportKey) {
        let own_ssrc = self.random_ssrc();
        let key = self.transports.insert(TransportState::new(id, router, carrier, own_ssrc, now));
        if let Some(router) = self.routers.get_mut(router) {
            router.transports.push(key);
        }
        self.count_transports();
        self.touch(key);
        (id, key)
    }
}
