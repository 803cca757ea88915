//! [`AudioLevelObserver`] and [`ActiveSpeakerObserver`]: who is how loud, and who speaks.
use crate::core::{ObserverKey, ObserverSetup};
use crate::events::{EventStream, listener};
use crate::ids::{ProducerId, RtpObserverId};
use crate::mailbox::{Mailbox, WorkerGone};
use crate::observers::{ActiveSpeakerObserverOptions, AudioLevelObserverOptions, AudioLevelObserverVolume};
use crate::router::Router;
use crate::rtp_parameters::MediaKind;
use std::future::Future;
use std::sync::Arc;

/// What happens to an observer of either kind.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RtpObserverEvent {
    /// The loudest producers of the last interval, loudest first; never empty. Of an audio level observer.
    Volumes(Vec<AudioLevelObserverVolume<ProducerId>>),
    /// Nobody is loud enough any more. Of an audio level observer.
    Silence,
    /// Another producer dominates. Of an active speaker observer.
    DominantSpeaker(ProducerId),
    /// It was paused.
    Pause,
    /// It goes on.
    Resume,
    /// Its router was closed, so it is.
    RouterClose,
    /// It is closed, for whatever reason. The last event.
    Close,
}

/// Why an observer does not hear a producer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ObserveError {
    /// Nobody produces under this id.
    #[error("the router has no producer {0}")]
    NoProducer(ProducerId),
    /// It is a picture.
    #[error("the producer {0} is video; observers hear")]
    NotAudio(ProducerId),
    /// The observer was closed.
    #[error("the observer {0} is closed")]
    Closed(RtpObserverId),
    /// A worker has ended.
    #[error(transparent)]
    WorkerGone(#[from] WorkerGone),
}

/// What both observers have. Clones are the same observer, and the last one's drop closes it.
pub trait RtpObserver: Send + Sync {
    /// What both kinds share.
    #[doc(hidden)]
    fn observer(&self) -> &ObserverBase;

    /// Its name.
    fn id(&self) -> RtpObserverId {
        self.observer().inner.id
    }

    /// Hears a producer of the router too, whichever worker receives it. Its levels are those that its sender puts
    /// into packets (`ssrc-audio-level`); twice is once.
    ///
    /// # Errors
    /// There is no such producer, it is no sound, or the observer is closed.
    fn add_producer(&self, producer: ProducerId) -> impl Future<Output = Result<(), ObserveError>> + Send {
        self.observer().add_producer(producer)
    }

    /// Hears it no longer. One that is closed is removed by itself.
    ///
    /// # Errors
    /// The worker has ended.
    fn remove_producer(&self, producer: ProducerId) -> impl Future<Output = Result<(), WorkerGone>> + Send {
        self.observer().remove_producer(producer)
    }

    /// Tells nothing for a while.
    ///
    /// # Errors
    /// The worker has ended.
    fn pause(&self) -> impl Future<Output = Result<(), WorkerGone>> + Send {
        let key = self.observer().inner.key;
        self.observer().inner.mailbox.ask(move |owner| owner.core.pause_observer(key, true, owner.now))
    }

    /// Goes on, with a whole interval from now.
    ///
    /// # Errors
    /// The worker has ended.
    fn resume(&self) -> impl Future<Output = Result<(), WorkerGone>> + Send {
        let key = self.observer().inner.key;
        self.observer().inner.mailbox.ask(move |owner| owner.core.pause_observer(key, false, owner.now))
    }

    /// What happens to it from now on, and before if nobody listened yet.
    fn events(&self) -> EventStream<RtpObserverEvent> {
        let (place, stream) = listener();
        let key = self.observer().inner.key;
        self.observer().inner.mailbox.tell(move |owner| {
            if let Some(events) = owner.core.observer_events(key) {
                events.listen(place);
            }
        });
        stream
    }

    /// Closes it. Closing what is closed does nothing.
    ///
    /// # Errors
    /// The worker has ended.
    fn close(&self) -> impl Future<Output = Result<(), WorkerGone>> + Send {
        let key = self.observer().inner.key;
        self.observer().inner.mailbox.ask(move |owner| owner.core.close_observer(key, None))
    }
}

/// What both kinds of observers share.
#[derive(Clone, Debug)]
pub struct ObserverBase {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    id: RtpObserverId,
    key: ObserverKey,
    mailbox: Mailbox,
    router: Router,
}

impl Drop for Inner {
    fn drop(&mut self) {
        let key = self.key;
        self.mailbox.tell(move |owner| owner.core.close_observer(key, None));
    }
}

impl ObserverBase {
    pub(crate) fn new(id: RtpObserverId, key: ObserverKey, mailbox: Mailbox, router: Router) -> Self {
        Self { inner: Arc::new(Inner { id, key, mailbox, router }) }
    }

    async fn add_producer(&self, producer: ProducerId) -> Result<(), ObserveError> {
        let Inner { id, key, .. } = *self.inner;
        let home = self.inner.router.home_of(producer).await?;
        let (home, home_key, kind) = home.ok_or(ObserveError::NoProducer(producer))?;
        if kind != MediaKind::Audio {
            return Err(ObserveError::NotAudio(producer));
        }
        let here = self.inner.mailbox.clone();
        if !here.ask(move |owner| owner.core.expect_observed(key, producer, owner.now)).await? {
            return Err(ObserveError::Closed(id));
        }
        let to = here.clone();
        let observed = home.ask(move |owner| owner.core.observe(home_key, key, to)).await;
        if observed != Ok(true) {
            here.ask(move |owner| owner.core.forget_observed(key, producer)).await?;
        }
        if observed? { Ok(()) } else { Err(ObserveError::NoProducer(producer)) }
    }

    async fn remove_producer(&self, producer: ProducerId) -> Result<(), WorkerGone> {
        let key = self.inner.key;
        let here = self.inner.mailbox.clone();
        // there first: the end of the way there is told here, and must not come after somebody has added it again
        if let Some((home, home_key, _)) = self.inner.router.home_of(producer).await? {
            let to = here.clone();
            let _ = home.ask(move |owner| owner.core.stop_observing(home_key, key, &to)).await;
        }
        here.ask(move |owner| owner.core.forget_observed(key, producer)).await
    }
}

/// Tells the loudest producers, each interval. A handle, see [`RtpObserver`].
#[derive(Clone, Debug)]
pub struct AudioLevelObserver(ObserverBase);

impl RtpObserver for AudioLevelObserver {
    fn observer(&self) -> &ObserverBase {
        &self.0
    }
}

/// Tells who dominates the conversation, when that changes. A handle, see [`RtpObserver`].
#[derive(Clone, Debug)]
pub struct ActiveSpeakerObserver(ObserverBase);

impl RtpObserver for ActiveSpeakerObserver {
    fn observer(&self) -> &ObserverBase {
        &self.0
    }
}

impl Router {
    /// Makes an observer that tells the loudest producers.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn create_audio_level_observer(
        &self,
        options: AudioLevelObserverOptions,
    ) -> Result<AudioLevelObserver, WorkerGone> {
        self.create_observer(ObserverSetup::Levels(options)).await.map(AudioLevelObserver)
    }

    /// Makes an observer that tells who dominates the conversation.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn create_active_speaker_observer(
        &self,
        options: ActiveSpeakerObserverOptions,
    ) -> Result<ActiveSpeakerObserver, WorkerGone> {
        self.create_observer(ObserverSetup::Speaker(options)).await.map(ActiveSpeakerObserver)
    }
}
