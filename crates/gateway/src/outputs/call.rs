//! One call to a device, whatever it speaks: from the stream's sound to the frames it takes, until either side ends it.
//!
//! Owns the reader of the stream, which there is only once the device has said what it takes: what was said before that
//! is not said late. Owns the encoder as well, where frames are made by a child: what is read goes to it, and what it makes
//! goes to the device.
use super::encoder::{Encoder, Encoders};
use super::sound::Sound;
use crate::renditions::talk;
use bytes::Bytes;
use hub::{
    AttachError, EndReason, Format, Item, OutputTask, PeerInfo, Progress, Reader, SourceError, Stop, View,
};
use media::{Moment, StreamName};
use std::time::Duration;

/// How far what was sent may be ahead of its time: 200 ms. A talker whose network held sound up sends it in a heap; what
/// is beyond this would be heard as delay for the rest of the call.
const AHEAD_MAX: Duration = Duration::from_millis(200);

/// A call as its vendor's file has it. After an error, and after [`Word::Ended`], it is over and holds nothing open.
pub(super) trait Device {
    /// The next thing the device says; drives its sockets meanwhile. Cancel-safe.
    async fn next(&mut self) -> Result<Word, SourceError>;

    /// Sends one frame of the sound that [`Word::Takes`] named, or keeps it for a moment until it may.
    fn speak(&mut self, frame: &Bytes, duration: Duration);

    /// Begins the orderly end, at any time: what was opened is closed once, then comes [`Word::Ended`]. Told once.
    fn hang_up(&mut self);
}

/// What a device says.
pub(super) enum Word {
    /// It is ready for sound of this kind. Told once, and early: before a call is opened that needs sound at once.
    Takes(Sound),
    /// What is said is heard from now on.
    Opened,
    /// One frame went out.
    Sent(usize),
    /// A step of the dialogue is done: what, what came of it, how long it took. No credentials.
    Step(String, String, Duration),
    /// It is over in good order, by whoever's doing.
    Ended,
}

/// `Calling` → `Reading` once the device takes sound → `Closing` with the word to stop, or when the stream has nothing
/// that can be sent → gone with the device's end. From `Calling` it may go to `Closing` at once.
enum State {
    /// Nobody knows yet what the device takes.
    Calling,
    Reading(Ear),
    /// It was told to end; why, if nobody asked for it.
    Closing(Option<SourceError>),
}

/// The stream, as the device takes it.
struct Ear {
    format: Format,
    /// None between a stream that ended and the word to stop.
    reader: Option<Reader>,
    /// How long a frame for the device lasts.
    frame: Duration,
    /// When the device has played what was sent.
    played_at: Moment,
}

/// Runs one call.
pub(super) async fn run(
    task: OutputTask,
    peer: PeerInfo,
    mut device: impl Device,
    encoders: &Encoders,
) -> Result<(), SourceError> {
    let OutputTask { stream, worker, mut stop, progress, .. } = task;
    let view = tokio::select! {
        view = worker.open(&stream) => view.map_err(|error| SourceError::ours(error.to_string()))?,
        () = stop.wanted() => return Ok(()),
    };
    let mut encoder = None;
    let start = |sound, encoder: &mut Option<Encoder>| match sound {
        Sound::Here(_) => Ok(()),
        Sound::Aac(aac) => encoders.start(aac, &stream, &worker).map(|started| *encoder = Some(started)),
    };
    let call = Call { stream: &stream, view, peer, progress };
    let ended = call.run(&mut device, start, &mut encoder, &mut stop).await;
    if let Some(encoder) = encoder {
        encoder.end(&stop).await;
    }
    ended
}

/// What a call goes by.
struct Call<'a> {
    stream: &'a StreamName,
    view: View,
    peer: PeerInfo,
    progress: Progress,
}

impl Call<'_> {
    /// Until the device has ended it. `start` makes the encoder for a sound that needs one.
    async fn run(
        &self,
        device: &mut impl Device,
        start: impl Fn(Sound, &mut Option<Encoder>) -> Result<(), SourceError>,
        encoder: &mut Option<Encoder>,
        stop: &mut Stop,
    ) -> Result<(), SourceError> {
        let mut state = State::Calling;
        let mut opened_as = String::new();
        loop {
            let closing = matches!(state, State::Closing(_));
            let word = tokio::select! {
                biased;
                word = device.next() => Some(word?),
                () = stop.wanted(), if !closing => {
                    state = close(device, encoder, None);
                    None
                }
                frame = encoded(encoder), if !closing => {
                    match frame {
                        Ok(frame) => say(&mut state, device, &frame),
                        Err(error) => state = close(device, encoder, Some(error)),
                    }
                    None
                }
                item = listen(&mut state) => {
                    match self.take(&mut state, item) {
                        Ok(None) => {}
                        Ok(Some(frame)) => match encoder {
                            Some(encoder) => encoder.push(&frame),
                            None => say(&mut state, device, &frame),
                        },
                        Err(error) => state = close(device, encoder, Some(error)),
                    }
                    None
                }
            };
            match word {
                None => {}
                Some(Word::Takes(sound)) => {
                    opened_as = sound.to_string();
                    if let State::Calling = state {
                        let ear =
                            start(sound, encoder).and_then(|()| Ear::open(sound, &self.view, &self.peer));
                        state = match ear {
                            Ok(ear) => State::Reading(ear),
                            Err(error) => close(device, encoder, Some(error)),
                        };
                    }
                }
                Some(Word::Opened) => self.progress.opened(&opened_as),
                Some(Word::Sent(bytes)) => self.progress.sent(bytes),
                Some(Word::Step(what, outcome, took)) => match &state {
                    State::Closing(_) => stop.step(what, outcome, took),
                    State::Calling | State::Reading(_) => {
                        tracing::debug!(stream = %self.stream, what, outcome, ?took, "a step of a call");
                    }
                },
                Some(Word::Ended) => {
                    return match state {
                        State::Closing(Some(error)) => Err(error),
                        State::Calling | State::Reading(_) | State::Closing(None) => Ok(()),
                    };
                }
            }
        }
    }

    /// What of the stream is to be said.
    fn take(&self, state: &mut State, item: Item) -> Result<Option<Bytes>, SourceError> {
        let State::Reading(ear) = state else { return Ok(None) };
        let frame = ear.take(item, &self.view, &self.peer)?;
        if frame.is_some()
            && let Some(level) = ear.reader.as_ref().and_then(Reader::level_dbfs)
        {
            self.progress.level(level);
        }
        Ok(frame)
    }
}

/// Says a frame, unless it is too late for it.
fn say(state: &mut State, device: &mut impl Device, frame: &Bytes) {
    if let State::Reading(ear) = state
        && ear.is_in_time(hub::now())
    {
        device.speak(frame, ear.frame);
    }
}

fn close(device: &mut impl Device, encoder: &mut Option<Encoder>, why: Option<SourceError>) -> State {
    device.hang_up();
    // Side by side with the device's end.
    if let Some(encoder) = encoder {
        encoder.stop();
    }
    State::Closing(why)
}

/// The next frame that a child made. Cancel-safe.
async fn encoded(encoder: &mut Option<Encoder>) -> Result<Bytes, SourceError> {
    match encoder {
        Some(encoder) => encoder.next().await,
        None => std::future::pending().await,
    }
}

/// The next of the stream. Cancel-safe.
async fn listen(state: &mut State) -> Item {
    match state {
        State::Reading(Ear { reader: Some(reader), .. }) => reader.next().await,
        State::Reading(Ear { reader: None, .. }) | State::Calling | State::Closing(_) => {
            std::future::pending().await
        }
    }
}

impl Ear {
    fn open(sound: Sound, view: &View, peer: &PeerInfo) -> Result<Self, SourceError> {
        let format = talk::format(sound.target());
        let reader = attach(&format, view, peer)?;
        Ok(Self { format, reader, frame: sound.frame(), played_at: Moment::ZERO })
    }

    /// A frame of what is said, if the item is one.
    fn take(&mut self, item: Item, view: &View, peer: &PeerInfo) -> Result<Option<Bytes>, SourceError> {
        match item {
            Item::Header(_) => Ok(None),
            Item::Chunk(chunk) => {
                if let Some(reader) = &mut self.reader {
                    reader.progressed(hub::now());
                }
                Ok(chunk.parts.first().cloned())
            }
            // Other voices, or a pause between two: the stream goes on.
            Item::Ended(EndReason::TracksChanged | EndReason::PublisherLeft | EndReason::Replaced) => {
                self.reader = attach(&self.format, view, peer)?;
                Ok(None)
            }
            // The word to stop comes with it.
            Item::Ended(EndReason::Removed | EndReason::Shutdown) => {
                self.reader = None;
                Ok(None)
            }
            Item::Ended(reason @ (EndReason::Failed(_) | EndReason::TooSlow { .. })) => {
                Err(SourceError::ours(format!("the stream's sound ended: {reason}")))
            }
        }
    }

    /// True for a frame that is not too far ahead of its time, which then counts as sent.
    fn is_in_time(&mut self, now: Moment) -> bool {
        let fits = self.played_at <= now + AHEAD_MAX;
        if fits {
            self.played_at = self.played_at.max(now) + self.frame;
        }
        fits
    }
}

fn attach(format: &Format, view: &View, peer: &PeerInfo) -> Result<Option<Reader>, SourceError> {
    match view.reader(format.clone(), peer.clone()) {
        Ok(reader) => Ok(Some(reader)),
        Err(AttachError::Ended(_)) => Ok(None),
        Err(error @ AttachError::Unsuitable(_)) => {
            Err(SourceError::peer(format!("what is said cannot be sent to the device: {error}")))
        }
        Err(error @ AttachError::Full(_)) => Err(SourceError::ours(error.to_string())),
    }
}
