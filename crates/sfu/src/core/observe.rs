//! Observers of sound: each lives on one worker, and hears producers of all.
//!
//! One worker, since who dominates is one decision over all producers. The worker that receives a producer sends its
//! levels there by message, at most each [`LEVELS_EVERY`], instead of packets: of a hundred people on four workers that is
//! 1,500 messages a second. What one side forgets by its end, also by panic, the other forgets too.
use super::Core;
use super::keys::{ObserverKey, ProducerKey, RouterKey};
use super::producer::Origin;
use crate::events::EventSource;
use crate::ids::{ProducerId, RouterId, RtpObserverId};
use crate::mailbox::Mailbox;
use crate::observers::{
    ActiveSpeakerObserver, ActiveSpeakerObserverOptions, AudioLevel, AudioLevelObserver,
    AudioLevelObserverEvent, AudioLevelObserverOptions,
};
use crate::rtp_observer::RtpObserverEvent;
use crate::rtp_parameters::MediaKind;
use media::Moment;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Least time between two messages with levels of one producer: 50 ms. A level is held for 100 ms where there is none.
const LEVELS_EVERY: Duration = Duration::from_millis(50);
/// Levels of one message: 16, what comes in 50 ms with packets of 5 ms, and some more. The rest is left out.
const LEVELS_MAX: usize = 16;
/// Levels that have waited for longer, since their producer paused, tell nothing any more.
const LEVELS_STALE: Duration = Duration::from_millis(200);
/// Messages of one producer that are on their way: 8, so that a worker that is behind is not buried.
const IN_FLIGHT_MAX: usize = 8;

/// What an observer looks for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ObserverSetup {
    Levels(AudioLevelObserverOptions),
    Speaker(ActiveSpeakerObserverOptions),
}

#[derive(Debug)]
enum Observing {
    Levels(AudioLevelObserver<ProducerId>),
    Speaker(ActiveSpeakerObserver<ProducerId>),
}

/// An observer.
#[derive(Debug)]
pub(crate) struct ObserverState {
    pub(crate) id: RtpObserverId,
    router: RouterKey,
    observing: Observing,
    pub(crate) producers: BTreeSet<ProducerId>,
    paused: bool,
    pub(crate) events: EventSource<RtpObserverEvent>,
    /// When it is in the timers.
    wake_at: Moment,
}

/// What a producer has for each of its observers: the way there.
#[derive(Debug)]
pub(crate) struct Link {
    observer: ObserverKey,
    producer: ProducerId,
    /// `None` on this worker.
    far: Option<Far>,
}

#[derive(Debug)]
struct Far {
    to: Mailbox,
    waiting: Vec<AudioLevel>,
    sent_at: Moment,
    in_flight: Arc<AtomicUsize>,
}

impl Drop for Link {
    fn drop(&mut self) {
        let (observer, producer) = (self.observer, self.producer);
        if let Some(far) = &self.far {
            far.to.tell(move |owner| owner.core.forget_observed(observer, producer));
        }
    }
}

/// Counts a message out when it was handled, or dropped with a worker that has ended.
struct InFlight(Arc<AtomicUsize>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Link {
    /// Whether it leads to this observer on that worker.
    fn is_to(&self, observer: ObserverKey, worker: &Mailbox, here: &Mailbox) -> bool {
        let to = self.far.as_ref().map_or(here, |far| &far.to);
        self.observer == observer && to.worker_id() == worker.worker_id()
    }
}

impl Far {
    fn push(
        &mut self,
        level: AudioLevel,
        observer: ObserverKey,
        from: (&Mailbox, ProducerKey),
        producer: ProducerId,
        now: Moment,
    ) {
        if now.since(self.sent_at) > LEVELS_STALE {
            self.waiting.clear();
        }
        if self.waiting.len() < LEVELS_MAX {
            self.waiting.push(level);
        }
        if now < self.sent_at + LEVELS_EVERY || self.in_flight.load(Ordering::Relaxed) >= IN_FLIGHT_MAX {
            return;
        }
        self.sent_at = now;
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let in_flight = InFlight(self.in_flight.clone());
        let levels = std::mem::take(&mut self.waiting);
        let (home, key) = (from.0.clone(), from.1);
        self.to.tell(move |owner| {
            if !owner.core.take_levels(observer, producer, &levels, owner.now) {
                // the observer is closed
                let here = owner.core.mailbox.clone();
                home.tell(move |owner| owner.core.stop_observing(key, observer, &here));
            }
            drop(in_flight);
        });
    }
}

impl ObserverState {
    fn handle_level(&mut self, producer: ProducerId, level: AudioLevel, now: Moment) {
        match &mut self.observing {
            Observing::Levels(observer) => observer.handle_level(producer, level),
            Observing::Speaker(observer) => observer.handle_level(producer, level, now),
        }
    }

    fn poll(&mut self, now: Moment) {
        match &mut self.observing {
            Observing::Levels(observer) => {
                if let Some(event) = observer.poll(now) {
                    self.events.emit(event.into());
                }
            }
            Observing::Speaker(observer) => {
                if let Some(producer) = observer.poll(now) {
                    self.events.emit(RtpObserverEvent::DominantSpeaker(producer));
                }
            }
        }
    }

    fn wakes_at(&self) -> Moment {
        match &self.observing {
            Observing::Levels(observer) => observer.wake_at(),
            Observing::Speaker(observer) => observer.wake_at(),
        }
    }

    fn add(&mut self, producer: ProducerId, now: Moment) {
        self.producers.insert(producer);
        match &mut self.observing {
            Observing::Levels(observer) => observer.add_producer(producer),
            Observing::Speaker(observer) => observer.add_producer(producer, now),
        }
    }

    fn remove(&mut self, producer: ProducerId) {
        self.producers.remove(&producer);
        match &mut self.observing {
            Observing::Levels(observer) => observer.remove_producer(producer),
            Observing::Speaker(observer) => observer.remove_producer(producer),
        }
    }
}

impl From<AudioLevelObserverEvent<ProducerId>> for RtpObserverEvent {
    fn from(event: AudioLevelObserverEvent<ProducerId>) -> Self {
        match event {
            AudioLevelObserverEvent::Volumes(volumes) => Self::Volumes(volumes),
            AudioLevelObserverEvent::Silence => Self::Silence,
        }
    }
}

impl Core {
    pub(crate) fn create_observer(
        &mut self,
        router: RouterKey,
        setup: ObserverSetup,
        now: Moment,
    ) -> (RtpObserverId, ObserverKey) {
        let id = RtpObserverId::random();
        let key = self.observers.insert(ObserverState {
            id,
            router,
            observing: match setup {
                ObserverSetup::Levels(options) => Observing::Levels(AudioLevelObserver::new(options, now)),
                ObserverSetup::Speaker(options) => {
                    Observing::Speaker(ActiveSpeakerObserver::new(options, now))
                }
            },
            producers: BTreeSet::new(),
            paused: false,
            events: EventSource::default(),
            wake_at: Moment::FAR_FUTURE,
        });
        if let Some(router) = self.routers.get_mut(router) {
            router.observers.push(key);
        }
        self.set_observer_timer(key);
        (id, key)
    }

    pub(crate) fn observer_events(&mut self, key: ObserverKey) -> Option<&mut EventSource<RtpObserverEvent>> {
        self.observers.get_mut(key).map(|observer| &mut observer.events)
    }

    pub(crate) fn pause_observer(&mut self, key: ObserverKey, paused: bool, now: Moment) {
        let Some(observer) = self.observers.get_mut(key) else { return };
        if std::mem::replace(&mut observer.paused, paused) == paused {
            return;
        }
        observer.events.emit(if paused { RtpObserverEvent::Pause } else { RtpObserverEvent::Resume });
        let told = match (&mut observer.observing, paused) {
            (Observing::Levels(levels), true) => levels.pause(),
            (Observing::Levels(levels), false) => {
                levels.resume(now);
                None
            }
            (Observing::Speaker(speaker), true) => {
                speaker.pause();
                None
            }
            (Observing::Speaker(speaker), false) => {
                speaker.resume(now);
                None
            }
        };
        if let Some(event) = told {
            observer.events.emit(event.into());
        }
        self.set_observer_timer(key);
    }

    /// Closes an observer. Ways to it on other workers end with the next level that comes from there.
    pub(crate) fn close_observer(&mut self, key: ObserverKey, why: Option<RtpObserverEvent>) {
        let Some(mut observer) = self.observers.remove(key) else { return };
        self.observer_timers.remove(&(observer.wake_at, key));
        if let Some(router) = self.routers.get_mut(observer.router) {
            router.observers.retain(|other| *other != key);
        }
        if let Some(why) = why {
            observer.events.emit(why);
        }
        observer.events.emit(RtpObserverEvent::Close);
    }

    /// Where a producer of a router is received, and what it is. `None` when the router does not know it here.
    pub(crate) fn home_of(
        &self,
        router: RouterId,
        producer: ProducerId,
    ) -> Option<(Mailbox, ProducerKey, MediaKind)> {
        let router = self.routers.get(self.router_key(router)?)?;
        let key = *router.producers.get(&producer)?;
        let state = self.producers.get(key)?;
        Some(match &state.origin {
            Origin::Receiving(_) => (self.mailbox.clone(), key, state.description.kind),
            Origin::Mirrored(mirrored) => (mirrored.home.clone(), mirrored.key, state.description.kind),
        })
    }

    /// An observer expects levels of a producer. False when it is closed.
    pub(crate) fn expect_observed(&mut self, key: ObserverKey, producer: ProducerId, now: Moment) -> bool {
        let Some(observer) = self.observers.get_mut(key) else { return false };
        observer.add(producer, now);
        true
    }

    /// An observer does not hear a producer any more.
    pub(crate) fn forget_observed(&mut self, key: ObserverKey, producer: ProducerId) {
        if let Some(observer) = self.observers.get_mut(key) {
            observer.remove(producer);
        }
    }

    /// A producer that is received here tells its levels to an observer. False when it is closed.
    pub(crate) fn observe(&mut self, key: ProducerKey, observer: ObserverKey, to: Mailbox) -> bool {
        let here = self.mailbox.clone();
        let Some(producer) = self.producers.get_mut(key) else { return false };
        // of one that is silent nobody tells otherwise that its observers are gone
        let observers = &self.observers;
        producer.observers.retain(|link| match &link.far {
            Some(far) => !far.to.is_gone(),
            None => observers.contains_key(link.observer),
        });
        if producer.observers.iter().any(|link| link.is_to(observer, &to, &here)) {
            return true;
        }
        let far = (to.worker_id() != here.worker_id()).then(|| Far {
            to,
            waiting: Vec::new(),
            sent_at: Moment::ZERO,
            in_flight: Arc::default(),
        });
        producer.observers.push(Link { observer, producer: producer.description.id, far });
        true
    }

    /// It does so no longer.
    pub(crate) fn stop_observing(&mut self, key: ProducerKey, observer: ObserverKey, to: &Mailbox) {
        let here = &self.mailbox;
        if let Some(producer) = self.producers.get_mut(key) {
            producer.observers.retain(|link| !link.is_to(observer, to, here));
        }
    }

    /// A producer ended: those that hear it here forget it. Those on other workers are told by the links' end.
    pub(super) fn end_links(&mut self, links: &[Link]) {
        for link in links.iter().filter(|link| link.far.is_none()) {
            self.forget_observed(link.observer, link.producer);
        }
    }

    /// A packet of a producer that is received here had this level.
    pub(super) fn tell_level(&mut self, key: ProducerKey, level: AudioLevel, now: Moment) {
        let Self { producers, observers, mailbox, .. } = self;
        let Some(producer) = producers.get_mut(key) else { return };
        producer.observers.retain(|link| match &mut link.far {
            Some(far) => {
                far.push(level, link.observer, (mailbox, key), link.producer, now);
                !far.to.is_gone()
            }
            None => match observers.get_mut(link.observer) {
                Some(observer) => {
                    observer.handle_level(link.producer, level, now);
                    true
                }
                None => false,
            },
        });
    }

    /// False when there is no such observer.
    fn take_levels(
        &mut self,
        key: ObserverKey,
        producer: ProducerId,
        levels: &[AudioLevel],
        now: Moment,
    ) -> bool {
        let Some(observer) = self.observers.get_mut(key) else { return false };
        for level in levels {
            observer.handle_level(producer, *level, now);
        }
        true
    }

    fn set_observer_timer(&mut self, key: ObserverKey) {
        let Some(observer) = self.observers.get_mut(key) else { return };
        self.observer_timers.remove(&(observer.wake_at, key));
        observer.wake_at = observer.wakes_at();
        if observer.wake_at != Moment::FAR_FUTURE {
            self.observer_timers.insert((observer.wake_at, key));
        }
    }

    /// Reports that are due. Returns when to come again.
    pub(super) fn drive_observers(&mut self, now: Moment) -> Moment {
        while let Some((at, key)) = self.observer_timers.first().copied()
            && at <= now
        {
            self.observer_timers.pop_first();
            if let Some(observer) = self.observers.get_mut(key) {
                observer.poll(now);
            }
            self.set_observer_timer(key);
        }
        self.observer_timers.first().map_or(Moment::FAR_FUTURE, |(at, _)| *at)
    }
}
