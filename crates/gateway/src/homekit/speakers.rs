//! Loudspeakers of the cameras that we dial: those who stream offer them here, those who talk find them here.
//!
//! An attempt at a camera ([`crate::sources`]) makes its offer when the sound is agreed on, and takes it back with its end. A call
//! ([`crate::outputs`]) waits for the offer and hands over a [`Voice`], the bounded mailbox that it fills with frames: when either
//! end of that is gone, the other one notices.
use audio::Target;
use bytes::Bytes;
use media::StreamName;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// Frames that wait for the attempt's next turn: 16, half a second of the longest ones. Calls let no more than 200 ms run ahead.
const FRAMES: usize = 16;
/// Calls that wait to be taken: 1. The talk stream has one call at a time, and a new one follows the end of the old one.
const CALLS: usize = 1;

/// The frames of one call. The call is over when nobody can send any more.
pub(crate) type Voice = mpsc::Receiver<Bytes>;

/// Which camera of which stream.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct SpeakerKey {
    /// The stream that the camera's source feeds.
    pub(crate) stream: StreamName,
    /// The camera, as both URLs name it.
    pub(crate) camera: String,
}

/// What a camera that streams now says of its loudspeaker.
#[derive(Clone, Debug)]
pub(crate) enum Offer {
    /// It takes sound.
    Speaker(Speaker),
    /// It takes none, and why.
    Without(String),
}

/// The way to a loudspeaker.
#[derive(Clone, Debug)]
pub(crate) struct Speaker {
    /// What it takes.
    pub(crate) target: Target,
    calls: mpsc::Sender<Voice>,
}

/// There is no calling it: the attempt has just ended, or somebody else calls in the same moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Refused;

impl Speaker {
    /// A loudspeaker, and where its calls come.
    pub(crate) fn new(target: Target) -> (Self, mpsc::Receiver<Voice>) {
        let (calls, called) = mpsc::channel(CALLS);
        (Self { target, calls }, called)
    }

    /// Begins a call. It takes the place of one that is still there.
    pub(crate) fn call(&self) -> Result<mpsc::Sender<Bytes>, Refused> {
        let (frames, voice) = mpsc::channel(FRAMES);
        self.calls.try_send(voice).map(|()| frames).map_err(|_| Refused)
    }
}

#[derive(Default)]
struct Offers {
    all: BTreeMap<SpeakerKey, (u64, Offer)>,
    number: u64,
}

/// The loudspeakers that are offered now. Cheap to clone, from any thread.
#[derive(Clone, Default)]
pub(crate) struct Speakers(Arc<watch::Sender<Offers>>);

impl Speakers {
    /// Makes an offer, in place of an older one; it lasts as long as what this returns.
    pub(crate) fn offer(&self, key: SpeakerKey, offer: Offer) -> Offered {
        let mut number = 0;
        self.0.send_modify(|offers| {
            offers.number += 1;
            number = offers.number;
            offers.all.insert(key.clone(), (number, offer));
        });
        Offered { speakers: self.clone(), key, number }
    }

    /// Waits for an offer. Cancel-safe.
    pub(crate) async fn wait_for(&self, key: &SpeakerKey) -> Offer {
        let mut offers = self.0.subscribe();
        loop {
            if let Some((_, offer)) = offers.borrow_and_update().all.get(key) {
                return offer.clone();
            }
            if offers.changed().await.is_err() {
                // not while there is a handle, such as this one
                std::future::pending::<()>().await;
            }
        }
    }
}

/// An offer that stands. Dropping it takes it back.
pub(crate) struct Offered {
    speakers: Speakers,
    key: SpeakerKey,
    number: u64,
}

impl Drop for Offered {
    fn drop(&mut self) {
        self.speakers.0.send_if_modified(|offers| {
            let is_ours = offers.all.get(&self.key).is_some_and(|(number, _)| *number == self.number);
            if is_ours {
                offers.all.remove(&self.key);
            }
            // nobody waits for an end here
            false
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use media::Codec;

    fn key() -> SpeakerKey {
        SpeakerKey { stream: StreamName::new("door").unwrap(), camera: "AA".into() }
    }

    #[test]
    fn an_offer_lasts_as_long_as_the_attempt_and_a_newer_one_is_not_taken_back_by_the_old() {
        let speakers = Speakers::default();
        let found = || match speakers.wait_for(&key()).now_or_never() {
            Some(Offer::Without(why)) => why,
            Some(Offer::Speaker(speaker)) => speaker.target.codec.to_string(),
            None => "nothing".into(),
        };
        assert_eq!(found(), "nothing");
        let first = speakers.offer(key(), Offer::Without("no speaker".into()));
        assert_eq!(found(), "no speaker");
        let (speaker, mut calls) = Speaker::new(Target::usual(Codec::Opus));
        let second = speakers.offer(key(), Offer::Speaker(speaker.clone()));
        drop(first);
        assert_eq!(found(), "OPUS");
        let frames = speaker.call().unwrap();
        assert_eq!(speaker.call().unwrap_err(), Refused, "the first is not taken yet");
        drop(calls.try_recv().unwrap());
        assert!(frames.is_closed());
        drop(calls);
        assert_eq!(speaker.call().unwrap_err(), Refused);
        drop(second);
        assert_eq!(found(), "nothing");
    }
}
