//! HomeKit cameras with a loudspeaker: `homekit://…`, as the source of the same stream is written. `#backchannel=0` leaves the
//! loudspeaker alone.
//!
//! Source: HAP specification (R2) §11: sound to a camera goes over the audio session of a stream that it sends. So there is no
//! dialogue of its own here: a call keeps the camera's stream going, waits until the attempt at it offers the loudspeaker, and hands
//! its frames to that attempt, which is the only one to send on the session. When the attempt ends, so does the call; the next one
//! finds the next attempt.
use super::call::{self, Device, Word};
use super::encoder::Encoders;
use super::sound::Sound;
use crate::homekit::HomekitAccess;
use crate::homekit::speakers::{Offer, Speaker, SpeakerKey, Speakers};
use crate::sources::homekit::wanted::Wanted;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use hub::{Deliver, OutputTask, PeerInfo, SourceError, View, Worker};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::mpsc;

/// Talks to HomeKit cameras.
#[derive(Clone)]
pub struct HomekitOutputs {
    access: Option<HomekitAccess>,
    encoders: Encoders,
}

impl HomekitOutputs {
    pub(super) const fn new(access: Option<HomekitAccess>, encoders: Encoders) -> Self {
        Self { access, encoders }
    }
}

impl Deliver for HomekitOutputs {
    fn takes(&self, url: &str) -> bool {
        // one that makes no sense is a source that makes none, and that is said there
        Wanted::parse(url).is_ok_and(|wanted| wanted.talks)
    }

    fn check(&self, url: &str) -> Result<(), SourceError> {
        Wanted::parse(url).map(|_| ())
    }

    fn peer(&self, url: &str) -> PeerInfo {
        Wanted::peer(url)
    }

    fn run(&self, task: OutputTask) -> LocalBoxFuture<'static, Result<(), SourceError>> {
        let (access, encoders, peer) = (self.access.clone(), self.encoders.clone(), self.peer(&task.url));
        async move {
            let access = access.ok_or_else(|| SourceError::ours("HomeKit is not there"))?;
            let Some(stream) = hub::talked_to(&task.stream) else {
                return Err(SourceError::config(format!(
                    "{} is no talk stream: a HomeKit camera is talked to by NAME/talk, where NAME is what it sends",
                    task.stream
                )));
            };
            let key = Wanted::parse(&task.url)?.speaker_key(&stream);
            let device = Call::new(open(task.worker.clone(), access.speakers, key).boxed_local());
            call::run(task, peer, device, &encoders).await
        }
        .boxed_local()
    }
}

/// Keeps the camera's stream going until there is a loudspeaker, or it is certain that there will be none.
async fn open(worker: Worker, speakers: Speakers, key: SpeakerKey) -> Result<(View, Speaker), SourceError> {
    let SpeakerKey { stream, camera } = &key;
    let is_source = |url: &str| Wanted::parse(url).is_ok_and(|wanted| wanted.speaker_key(stream) == key);
    let report = worker.hub().report(stream).await;
    if report.is_some_and(|report| !report.sources.iter().any(|source| is_source(&source.url))) {
        return Err(SourceError::config(format!(
            "{camera} is no source of {stream}: a HomeKit camera is talked to while it streams, so it must be a source of the \
             stream whose talk stream it belongs to"
        )));
    }
    let deadline = hub::now() + worker.limits().start_wait_max;
    let view = worker.open(stream).await.map_err(|error| SourceError::ours(error.to_string()))?;
    let never = async {
        match view.ready().await {
            // pictures may come from elsewhere, and sooner
            Ok(_) => hub::sleep_until(deadline).await,
            Err(error) => return SourceError::peer(format!("{stream} has to run for a call: {error}")),
        }
        SourceError::peer(format!(
            "{stream} runs without {camera}, which can be talked to only while it streams: make it the first source"
        ))
    };
    let offer = tokio::select! {
        biased;
        offer = speakers.wait_for(&key) => offer,
        error = never => return Err(error),
    };
    match offer {
        Offer::Speaker(speaker) => Ok((view, speaker)),
        // whoever talks next tries anew
        Offer::Without(why) => Err(SourceError::config(format!("{camera}: {why}"))),
    }
}

type Opening = LocalBoxFuture<'static, Result<(View, Speaker), SourceError>>;

/// `Opening` → `Open` → `Over` by either side's word; from `Opening` it may go to `Over` at once.
enum State {
    /// Waits for the camera's stream and its loudspeaker.
    Opening(Opening),
    Open {
        frames: mpsc::Sender<Bytes>,
        /// Keeps the camera's stream going.
        _hold: View,
    },
    Over,
}

/// One call.
struct Call {
    state: State,
    words: VecDeque<Word>,
}

impl Call {
    fn new(opening: Opening) -> Self {
        Self { state: State::Opening(opening), words: VecDeque::new() }
    }
}

impl Device for Call {
    async fn next(&mut self) -> Result<Word, SourceError> {
        loop {
            if let Some(word) = self.words.pop_front() {
                return Ok(word);
            }
            match &mut self.state {
                State::Opening(opening) => {
                    let opened = opening.await;
                    // Polled to its end, it must not be polled again.
                    self.state = State::Over;
                    let (hold, speaker) = opened?;
                    let frames = speaker.call();
                    let frames =
                        frames.map_err(|_| SourceError::peer("the camera's stream has just ended"))?;
                    self.state = State::Open { frames, _hold: hold };
                    self.words.extend([Word::Takes(Sound::Here(speaker.target)), Word::Opened]);
                }
                State::Open { frames, .. } => {
                    frames.closed().await;
                    self.state = State::Over;
                    return Err(SourceError::peer("the camera's stream ended, and with it the call"));
                }
                State::Over => std::future::pending().await,
            }
        }
    }

    fn speak(&mut self, frame: &Bytes, _duration: Duration) {
        let State::Open { frames, .. } = &self.state else { return };
        match frames.try_send(frame.clone()) {
            Ok(()) => self.words.push_back(Word::Sent(frame.len())),
            Err(mpsc::error::TrySendError::Full(_)) => {
                tracing::debug!("a HomeKit camera's task is behind: a frame is not said")
            }
            // the end comes next
            Err(mpsc::error::TrySendError::Closed(_)) => {}
        }
    }

    fn hang_up(&mut self) {
        self.state = State::Over;
        self.words.push_back(Word::Ended);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outputs::encoder::tests::no_encoders;

    #[test]
    fn cameras_are_talked_to_unless_their_url_says_no() {
        let outputs = HomekitOutputs::new(None, no_encoders());
        let id = "homekit://AA:BB:CC:DD:EE:FF";
        for (url, takes) in [
            (id.to_owned(), true),
            (format!("{id}?width=640#backchannel=1"), true),
            (format!("{id}#backchannel=0"), false),
            (format!("{id}?backchannel=0"), false),
            ("homekit://cam".to_owned(), false),
            ("rtsp://cam/1".to_owned(), false),
        ] {
            assert_eq!(outputs.takes(&url), takes, "{url}");
        }
        assert_eq!(outputs.check(id), Ok(()));
        let error = outputs.check("homekit://cam").unwrap_err();
        assert!(!error.retry && error.message.contains("no port"), "{error}");
        assert_eq!(outputs.peer("homekit://cam:5001").remote, "cam:5001");
    }
}
