//! Who speaks, and who is how loud: told to all who have joined.
//!
//! Two observers of [`sfu`] hear all sound of the room. When the worker of one ends, two others are made.
use super::owner::{After, Happening, RoomOwner};
use super::peer::PeerKey;
use serde_json::{Value, json};
use sfu::observers::{ActiveSpeakerObserverOptions, AudioLevelObserverOptions};
use sfu::rtp_parameters::MediaKind;
use sfu::{
    ActiveSpeakerObserver, AudioLevelObserver, ProducerId, Router, RtpObserver, RtpObserverEvent, WorkerGone,
};
use std::num::NonZeroU16;

/// How many are told at once: 8, as many as a page shows to be speaking.
const VOLUMES_MAX: NonZeroU16 = NonZeroU16::new(8).unwrap();
/// Below this nobody speaks: -60 dBov, the noise of a quiet room.
const THRESHOLD_DBOV: i8 = -60;
/// How often it is told: 500 ms, twice a syllable's time; for a hundred people 200 messages a second.
const INTERVAL_MS: u16 = 500;

/// What a room hears by.
#[derive(Default)]
pub(super) struct Loudness {
    observers: Observers,
    /// How often observers were made: what former ones say is not heard.
    made: u64,
    /// Who dominates, whether anybody is loud or not.
    dominant: Option<ProducerId>,
    /// Nobody is loud enough.
    silent: bool,
    /// Who was told to speak.
    told: Option<ProducerId>,
}

/// `Missing` → `Coming` → `Here` → `Missing`, when their worker has ended.
#[derive(Default)]
enum Observers {
    #[default]
    Missing,
    Coming,
    Here(Both),
}

#[derive(Clone)]
struct Both {
    levels: AudioLevelObserver,
    speaker: ActiveSpeakerObserver,
}

impl Both {
    async fn make(router: Router) -> Result<Self, WorkerGone> {
        let mut levels = AudioLevelObserverOptions::default();
        levels.max_entries = VOLUMES_MAX;
        levels.threshold = THRESHOLD_DBOV;
        levels.interval = INTERVAL_MS;
        Ok(Self {
            levels: router.create_audio_level_observer(levels).await?,
            speaker: router.create_active_speaker_observer(ActiveSpeakerObserverOptions::default()).await?,
        })
    }

    /// Hears one more. One that is gone meanwhile is not missed.
    async fn hear(&self, producer: ProducerId) {
        let heard = (self.levels.add_producer(producer).await, self.speaker.add_producer(producer).await);
        if let (Err(error), _) | (_, Err(error)) = heard {
            tracing::debug!(%producer, %error, "nobody hears whether it speaks");
        }
    }
}

impl RoomOwner {
    /// Makes observers where there are none.
    pub(super) fn ensure_loudness(&mut self) {
        if !matches!(self.loudness.observers, Observers::Missing) {
            return;
        }
        self.loudness.observers = Observers::Coming;
        let router = self.router.clone();
        self.work(async move {
            let made = Both::make(router).await;
            let after: After = Box::new(move |room| room.observers_made(made));
            after
        });
    }

    fn observers_made(&mut self, made: Result<Both, WorkerGone>) {
        let both = match made {
            Ok(both) => both,
            Err(error) => {
                // it is tried again with the next tick
                self.loudness.observers = Observers::Missing;
                return tracing::debug!(room = %self.name, %error, "no observers of sound");
            }
        };
        let made = self.loudness.made + 1;
        for events in [both.levels.events(), both.speaker.events()] {
            self.listen(events, RtpObserverEvent::Close, move |event| Happening::Loudness(made, event));
        }
        self.loudness =
            Loudness { observers: Observers::Here(both), made, silent: true, ..Loudness::default() };
        let producers = self.peers.values().flat_map(|peer| &peer.producers);
        let sounds = producers.filter(|(_, one)| one.kind() == MediaKind::Audio).map(|(id, _)| *id);
        for producer in sounds.collect::<Vec<_>>() {
            self.hear(producer);
        }
    }

    /// Hears a new producer of sound too.
    pub(super) fn hear(&mut self, producer: ProducerId) {
        let Observers::Here(both) = &self.loudness.observers else { return };
        let both = both.clone();
        self.work(async move {
            both.hear(producer).await;
            let nothing: After = Box::new(|_| {});
            nothing
        });
    }

    pub(super) fn loudness_happened(&mut self, made: u64, event: RtpObserverEvent) {
        if made != self.loudness.made {
            return;
        }
        match event {
            RtpObserverEvent::Volumes(volumes) => {
                self.loudness.silent = false;
                let volumes: Vec<Value> = volumes
                    .into_iter()
                    .filter_map(|one| {
                        let peer = self.sender_of(one.producer)?;
                        Some(json!({ "peerId": peer, "producerId": one.producer, "volume": one.volume }))
                    })
                    .collect();
                self.notify_joined("audioVolumes", &json!({ "volumes": volumes }));
            }
            RtpObserverEvent::Silence => {
                self.loudness.silent = true;
                self.notify_joined("audioVolumes", &json!({ "volumes": [] }));
            }
            RtpObserverEvent::DominantSpeaker(producer) => self.loudness.dominant = Some(producer),
            RtpObserverEvent::Close => {
                self.loudness.observers = Observers::Missing;
                self.loudness.dominant = None;
            }
            RtpObserverEvent::Pause | RtpObserverEvent::Resume | RtpObserverEvent::RouterClose | _ => {}
        }
        self.tell_speaker();
    }

    /// Tells who comes in who speaks.
    pub(super) fn tell_who_speaks(&mut self, key: PeerKey) {
        let told = self.loudness.told;
        if let Some((producer, peer)) = told.and_then(|producer| Some((producer, self.sender_of(producer)?)))
        {
            self.notify(key, "activeSpeaker", json!({ "peerId": peer, "producerId": producer }));
        }
    }

    /// One that is gone speaks no more.
    pub(super) fn unhear(&mut self, producer: ProducerId) {
        if self.loudness.dominant == Some(producer) {
            self.loudness.dominant = None;
            self.tell_speaker();
        }
    }

    fn tell_speaker(&mut self) {
        let dominant = self.loudness.dominant.filter(|_| !self.loudness.silent);
        let speaks = dominant.and_then(|producer| Some((producer, self.sender_of(producer)?)));
        let told = speaks.as_ref().map(|(producer, _)| *producer);
        if std::mem::replace(&mut self.loudness.told, told) == told {
            return;
        }
        let data = match speaks {
            Some((producer, peer)) => json!({ "peerId": peer, "producerId": producer }),
            None => json!({ "peerId": null }),
        };
        self.notify_joined("activeSpeaker", &data);
    }

    /// Who sends this.
    fn sender_of(&self, producer: ProducerId) -> Option<String> {
        let peer = self.peers.values().find(|peer| peer.producers.contains_key(&producer))?;
        Some(peer.id().to_owned())
    }
}
