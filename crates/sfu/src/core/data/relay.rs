//! A data producer's messages to another worker of the process, as media's packets go: by message, the bytes shared.
//!
//! mediasoup carries them over a pipe of SCTP, with a send buffer of 2 MB; here as many bytes may be on their way, and
//! what comes beyond is dropped and told as `SctpSendBufferFull` to the consumers on the other side, as there.
use super::{DataDescription, DataOrigin, DataProducerState, Message};
use crate::core::Core;
use crate::core::keys::{DataProducerKey, RouterKey};
use crate::core::relay::Piped;
use crate::data_consumer::DataConsumerEvent;
use crate::events::EventSource;
use crate::ids::{DataProducerId, RouterId};
use crate::mailbox::Mailbox;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Most bytes on their way to another worker: 2,000,000. Source: mediasoup's send buffer of a pipe.
const IN_FLIGHT_BYTES_MAX: usize = 2_000_000;
/// What a message counts besides its bytes: 64, so that empty ones are bounded too.
const OVERHEAD_BYTES: usize = 64;

/// What both ends of a relay see.
#[derive(Debug, Default)]
pub(super) struct OnTheWay {
    bytes: AtomicUsize,
    /// Consumers on the other side.
    listeners: AtomicUsize,
}

impl OnTheWay {
    pub(super) fn set_listeners(&self, count: usize) {
        self.listeners.store(count, Ordering::Relaxed);
    }
}

/// The way of one data producer to one other worker. Its end, for whatever reason, also by panic, closes the mirror.
#[derive(Debug)]
pub(super) struct DataRelay {
    to: Mailbox,
    router: RouterId,
    producer: DataProducerId,
    way: Arc<OnTheWay>,
    /// Messages dropped since the last that was taken.
    dropped: u64,
}

impl DataRelay {
    pub(super) fn send(&mut self, message: &Message) {
        if self.way.listeners.load(Ordering::Relaxed) == 0 {
            return;
        }
        let size = message.payload.len() + OVERHEAD_BYTES;
        let on_the_way = self.way.bytes.load(Ordering::Relaxed);
        let (router, producer) = (self.router, self.producer);
        // an empty way takes any message, as an empty buffer does
        if on_the_way > 0 && on_the_way + size > IN_FLIGHT_BYTES_MAX {
            self.dropped += 1;
            if self.dropped == 1 {
                self.to.tell(move |owner| owner.core.relayed_messages_full(router, producer));
            }
            return;
        }
        self.way.bytes.fetch_add(size, Ordering::Relaxed);
        let in_flight = InFlight { way: self.way.clone(), size };
        let (message, dropped) = (message.clone(), std::mem::take(&mut self.dropped));
        self.to.tell(move |owner| {
            if let Some(key) = owner.core.data_mirror(router, producer) {
                owner.core.count_dropped(key, dropped);
                owner.core.hand_out_message(key, &message, owner.now);
            }
            drop(in_flight);
        });
    }

    pub(super) fn tell_paused(&self, paused: bool) {
        let (router, producer) = (self.router, self.producer);
        self.to.tell(move |owner| {
            if let Some(key) = owner.core.data_mirror(router, producer) {
                owner.core.pause_data_producer(key, paused);
            }
        });
    }
}

impl Drop for DataRelay {
    fn drop(&mut self) {
        let (router, producer) = (self.router, self.producer);
        self.to.tell(move |owner| {
            if let Some(key) = owner.core.data_mirror(router, producer) {
                owner.core.end_data_producer(key, None, owner.now);
            }
        });
    }
}

/// Counts a message out when it was handled, or dropped with a worker that has ended.
struct InFlight {
    way: Arc<OnTheWay>,
    size: usize,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.way.bytes.fetch_sub(self.size, Ordering::Relaxed);
    }
}

impl Core {
    /// Makes a data producer of a router here one of `router` on another worker too. Doing it twice is doing it once.
    /// `None` when its messages do not come in here.
    pub(crate) fn pipe_data(
        &mut self,
        from: RouterKey,
        producer: DataProducerId,
        to: Mailbox,
        router: RouterId,
    ) -> Option<Piped> {
        let key = *self.routers.get(from)?.data_producers.get(&producer)?;
        let state = self.data_producers.get_mut(key)?;
        let DataOrigin::Received(_) = state.origin else { return None };
        // those of workers that have ended lead nowhere
        state.relays.retain(|relay| !relay.to.is_gone());
        let same = |relay: &DataRelay| relay.router == router && relay.to.worker_id() == to.worker_id();
        if state.relays.iter().any(same) {
            return Some(Piped);
        }
        let (description, paused) = (state.description.clone(), state.paused);
        let way = Arc::<OnTheWay>::default();
        let there = way.clone();
        to.tell(move |owner| owner.core.add_data_mirror(router, description, there, paused));
        state.relays.push(DataRelay { to, router, producer, way, dropped: 0 });
        Some(Piped)
    }

    fn add_data_mirror(
        &mut self,
        router: RouterId,
        description: Arc<DataDescription>,
        way: Arc<OnTheWay>,
        paused: bool,
    ) {
        let Some(router_key) = self.router_key(router) else { return };
        let id = description.id;
        let key = self.data_producers.insert(DataProducerState {
            router: router_key,
            description,
            origin: DataOrigin::Mirrored(way),
            paused,
            consumers: Vec::new(),
            relays: Vec::new(),
            messages: 0,
            bytes: 0,
            events: EventSource::default(),
        });
        if let Some(router) = self.routers.get_mut(router_key) {
            router.data_producers.insert(id, key);
        }
    }

    fn data_mirror(&self, router: RouterId, producer: DataProducerId) -> Option<DataProducerKey> {
        let router = self.routers.get(self.router_key(router)?)?;
        let key = *router.data_producers.get(&producer)?;
        matches!(self.data_producers.get(key)?.origin, DataOrigin::Mirrored(_)).then_some(key)
    }

    fn relayed_messages_full(&mut self, router: RouterId, producer: DataProducerId) {
        let Some(key) = self.data_mirror(router, producer) else { return };
        let Some(state) = self.data_producers.get(key) else { return };
        for consumer in &state.consumers {
            if let Some(consumer) = self.data_consumers.get_mut(*consumer) {
                consumer.events.emit(DataConsumerEvent::SctpSendBufferFull);
            }
        }
    }

    /// Messages that were dropped on the way, at each consumer.
    fn count_dropped(&mut self, key: DataProducerKey, dropped: u64) {
        let Some(state) = self.data_producers.get(key).filter(|_| dropped > 0) else { return };
        for consumer in &state.consumers {
            if let Some(consumer) = self.data_consumers.get_mut(*consumer) {
                consumer.dropped += dropped;
            }
        }
    }
}
