//! A producer's packets to another worker of the process: by message, the packets shared.
//!
//! The producer's worker has a relay for each other worker where somebody consumes it; there it is a mirrored producer
//! under the same id. Messages of one worker to another keep their order, so a mirror is there before its first packet
//! and before whoever asked for it is answered. A relay's end, for whatever reason, also by panic, closes the mirror.
use super::packet::Produced;
use super::producer::{Description, Mirrored, Origin, ProducerState};
use super::{Core, ProducerKey, RouterKey};
use crate::events::EventSource;
use crate::ids::{ProducerId, RouterId};
use crate::mailbox::{InFlight, Mailbox};
use crate::rewrite::SenderReport;
use crate::rtp_parameters::MediaKind;
use media::Moment;
use smallvec::SmallVec;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

/// Most frames on their way to another worker: 256, some seconds of one stream. A worker that is so far behind gets
/// a key frame when it has caught up, and not what it missed.
const IN_FLIGHT_MAX: usize = 256;

/// The way of one producer to one other worker.
#[derive(Debug)]
pub(crate) struct RelayState {
    to: Mailbox,
    router: RouterId,
    producer: ProducerId,
    kind: MediaKind,
    in_flight: Arc<AtomicUsize>,
    /// Frames were left out: the other side must begin anew.
    broken: bool,
    /// Nobody listens there.
    pub(crate) idle: bool,
}

/// The producer is on its way to the other worker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piped;

impl RelayState {
    /// Whether the other worker has ended.
    pub(super) fn is_over(&self) -> bool {
        self.to.is_gone()
    }

    /// Sends what waits at the producer. True when the other worker was too slow, and a key frame is needed.
    pub(super) fn send(&mut self, packets: &[Arc<Produced>]) -> bool {
        if self.idle {
            return false;
        }
        let Some(in_flight) = InFlight::start(&self.in_flight, IN_FLIGHT_MAX) else {
            self.broken = true;
            return false;
        };
        let needs_key_frame = std::mem::take(&mut self.broken) && self.kind == MediaKind::Video;
        let (router, producer) = (self.router, self.producer);
        let packets: Vec<Arc<Produced>> = packets.to_vec();
        self.to.tell(move |owner| {
            owner.core.take_relayed(router, producer, packets, owner.now);
            drop(in_flight);
        });
        needs_key_frame
    }

    pub(super) fn tell_sender_report(&self, stream: u8, report: SenderReport) {
        let (router, producer) = (self.router, self.producer);
        self.to.tell(move |owner| owner.core.take_relayed_report(router, producer, stream, report));
    }

    pub(super) fn tell_paused(&self, paused: bool) {
        let (router, producer) = (self.router, self.producer);
        self.to.tell(move |owner| {
            if let Some(key) = owner.core.mirror(router, producer) {
                owner.core.pause_producer(key, paused, owner.now);
            }
        });
    }

    pub(super) fn tell_scores(&self, scores: Vec<u8>) {
        let (router, producer) = (self.router, self.producer);
        self.to.tell(move |owner| owner.core.take_relayed_scores(router, producer, scores));
    }
}

impl Drop for RelayState {
    fn drop(&mut self) {
        let (router, producer) = (self.router, self.producer);
        self.to.tell(move |owner| {
            if let Some(key) = owner.core.mirror(router, producer) {
                owner.core.close_producer(key, owner.now);
            }
        });
    }
}

impl Core {
    /// Makes a producer of a router here one of `router` on another worker too. Doing it twice is doing it once.
    /// `None` when the producer is not received here.
    pub(crate) fn pipe(
        &mut self,
        from: RouterKey,
        producer: ProducerId,
        to: Mailbox,
        router: RouterId,
    ) -> Option<Piped> {
        let key = *self.routers.get(from)?.producers.get(&producer)?;
        let state = self.producers.get_mut(key)?;
        let Origin::Receiving(_) = state.origin else { return None };
        let same = |relay: &RelayState| relay.router == router && relay.to.worker_id() == to.worker_id();
        if state.relays.iter().filter_map(|relay| self.relays.get(*relay)).any(same) {
            return Some(Piped);
        }
        let description = state.description.clone();
        let (home, paused) = (self.mailbox.clone(), state.paused);
        let scores = state.scores().to_vec();
        to.tell(move |owner| {
            owner.core.add_mirror(router, description, Mirrored { home, key, scores, idle: true }, paused);
        });
        let relay = self.relays.insert(RelayState {
            to,
            router,
            producer,
            kind: state.description.kind,
            in_flight: Arc::default(),
            broken: false,
            idle: true,
        });
        state.relays.push(relay);
        Some(Piped)
    }

    fn add_mirror(
        &mut self,
        router: RouterId,
        description: Arc<Description>,
        mirrored: Mirrored,
        paused: bool,
    ) {
        let Some(router_key) = self.router_key(router) else { return };
        let id = description.id;
        let key = self.producers.insert(ProducerState {
            router: router_key,
            description,
            origin: Origin::Mirrored(mirrored),
            paused,
            consumers: Vec::new(),
            relays: SmallVec::new(),
            observers: SmallVec::new(),
            trace: None,
            pending: Vec::new(),
            pending_since: Moment::ZERO,
            rates: Vec::new(),
            metered_since: Moment::ZERO,
            events: EventSource::default(),
        });
        if let Some(router) = self.routers.get_mut(router_key) {
            router.producers.insert(id, key);
        }
    }

    fn mirror(&self, router: RouterId, producer: ProducerId) -> Option<ProducerKey> {
        let router = self.routers.get(self.router_key(router)?)?;
        let key = *router.producers.get(&producer)?;
        matches!(self.producers.get(key)?.origin, Origin::Mirrored(_)).then_some(key)
    }

    fn take_relayed(
        &mut self,
        router: RouterId,
        producer: ProducerId,
        packets: Vec<Arc<Produced>>,
        now: Moment,
    ) {
        let Some(key) = self.mirror(router, producer) else { return };
        let Some(state) = self.producers.get_mut(key) else { return };
        for packet in packets {
            // they waited for their frame's end already
            state.push(packet, true, now);
        }
        self.due.push(key);
    }

    fn take_relayed_report(
        &mut self,
        router: RouterId,
        producer: ProducerId,
        stream: u8,
        report: SenderReport,
    ) {
        let Some(key) = self.mirror(router, producer) else { return };
        let Some(state) = self.producers.get(key) else { return };
        for consumer in &state.consumers {
            if let Some(consumer) = self.consumers.get_mut(*consumer) {
                consumer.handle_sender_report(stream, report);
            }
        }
    }

    fn take_relayed_scores(&mut self, router: RouterId, producer: ProducerId, new: Vec<u8>) {
        let Some(key) = self.mirror(router, producer) else { return };
        if let Some(Origin::Mirrored(mirrored)) = self.producers.get_mut(key).map(|state| &mut state.origin) {
            mirrored.scores = new;
        }
    }

    /// Tells a mirrored producer's worker when nobody listens here any more, or somebody does again.
    pub(super) fn tell_whether_idle(&mut self, key: ProducerKey) {
        let Some(state) = self.producers.get_mut(key) else { return };
        let Origin::Mirrored(mirrored) = &mut state.origin else { return };
        let listens = |consumer: &super::ConsumerKey| {
            self.consumers.get(*consumer).is_some_and(|consumer| !consumer.paused)
        };
        let idle = !state.consumers.iter().any(listens);
        if std::mem::replace(&mut mirrored.idle, idle) == idle {
            return;
        }
        let (home, here) = (mirrored.key, self.mailbox.worker_id());
        let router = self.routers.get(state.router).map(|router| router.id);
        mirrored.home.tell(move |owner| {
            let Some(state) = owner.core.producers.get(home) else { return };
            for relay in &state.relays {
                if let Some(relay) = owner.core.relays.get_mut(*relay)
                    && relay.to.worker_id() == here
                    && Some(relay.router) == router
                {
                    relay.idle = idle;
                }
            }
        });
    }
}
