//! One call to a device, whatever it speaks: from the stream's sound to the frames it takes, until either side ends it.
//!
//! Owns the reader of the stream, which there is only once the device has said what it takes: what was said before that
//! is not said late.
use crate::renditions::talk;
use audio::Target;
use bytes::Bytes;
use hub::{AttachError, EndReason, Format, Item, OutputTask, PeerInfo, Reader, SourceError, View};
use media::{Codec, Moment};
use std::time::Duration;

/// How far what was sent may be ahead of its time: 200 ms. A talker whose network held sound up sends it in a heap; what
/// is beyond this would be heard as delay for the rest of the call.
const AHEAD_MAX: Duration = Duration::from_millis(200);

/// Frames of sound that devices expect: 20 ms. The others are for rates of which 20 ms is no whole number of samples.
const FRAMES_MS: [u64; 4] = [20, 40, 10, 100];

/// A call as its vendor's file has it. After an error, and after [`Word::Ended`], it is over and holds nothing open.
pub(super) trait Device {
    /// The next thing the device says; drives its sockets meanwhile. Cancel-safe.
    async fn next(&mut self) -> Result<Word, SourceError>;

    /// Sends one frame of the target that [`Word::Takes`] named, or keeps it for a moment until it may.
    fn speak(&mut self, frame: &Bytes, duration: Duration);

    /// Begins the orderly end, at any time: what was opened is closed once, then comes [`Word::Ended`]. Told once.
    fn hang_up(&mut self);
}

/// What a device says.
pub(super) enum Word {
    /// It is ready for sound of this kind. Told once, and early: before a call is opened that needs sound at once.
    Takes(Target),
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
    frame: Duration,
    /// When the device has played what was sent.
    played_at: Moment,
}

/// Runs one call.
pub(super) async fn run(
    task: OutputTask,
    peer: PeerInfo,
    mut device: impl Device,
) -> Result<(), SourceError> {
    let OutputTask { stream, worker, mut stop, progress, .. } = task;
    let view = tokio::select! {
        view = worker.open(&stream) => view.map_err(|error| SourceError::ours(error.to_string()))?,
        () = stop.wanted() => return Ok(()),
    };
    let mut state = State::Calling;
    let mut opened_as = String::new();
    loop {
        let closing = matches!(state, State::Closing(_));
        let word = tokio::select! {
            biased;
            word = device.next() => Some(word?),
            () = stop.wanted(), if !closing => {
                state = close(&mut device, None);
                None
            }
            item = listen(&mut state) => {
                if let State::Reading(ear) = &mut state {
                    match ear.take(item, &view, &peer) {
                        Ok(Some(frame)) => {
                            if let Some(level) = ear.reader.as_ref().and_then(Reader::level_dbfs) {
                                progress.level(level);
                            }
                            device.speak(&frame, ear.frame);
                        }
                        Ok(None) => {}
                        Err(error) => state = close(&mut device, Some(error)),
                    }
                }
                None
            }
        };
        match word {
            None => {}
            Some(Word::Takes(target)) => {
                opened_as = format!("{}/{}", target.codec, target.rate);
                if let State::Calling = state {
                    state = match Ear::open(target, &view, &peer) {
                        Ok(ear) => State::Reading(ear),
                        Err(error) => close(&mut device, Some(error)),
                    };
                }
            }
            Some(Word::Opened) => progress.opened(&opened_as),
            Some(Word::Sent(bytes)) => progress.sent(bytes),
            Some(Word::Step(what, outcome, took)) => match &state {
                State::Closing(_) => stop.step(what, outcome, took),
                State::Calling | State::Reading(_) => {
                    tracing::debug!(%stream, what, outcome, ?took, "a step of a call");
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

fn close(device: &mut impl Device, why: Option<SourceError>) -> State {
    device.hang_up();
    State::Closing(why)
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
    fn open(target: Target, view: &View, peer: &PeerInfo) -> Result<Self, SourceError> {
        let format = talk::format(target);
        let reader = attach(&format, view, peer)?;
        Ok(Self { format, reader, frame: target.frame, played_at: Moment::ZERO })
    }

    /// A frame to send now, if the item is one.
    fn take(&mut self, item: Item, view: &View, peer: &PeerInfo) -> Result<Option<Bytes>, SourceError> {
        match item {
            Item::Header(_) => Ok(None),
            Item::Chunk(chunk) => {
                if let Some(reader) = &mut self.reader {
                    reader.progressed(hub::now());
                }
                let frame = chunk.parts.first().cloned();
                Ok(frame.filter(|_| self.is_in_time(hub::now())))
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

/// The target for a track that a device names: its codec, rate and channels, in frames as near to 20 ms as its rate has
/// whole samples for. `None`: not made in this process.
pub(super) fn target_of(track: &media::Track) -> Option<Target> {
    let rate = match track.codec {
        // Its clock is half its rate, by a mistake of long ago (RFC 3551 §4.5.2).
        Codec::G722 => 16_000,
        Codec::H264
        | Codec::H265
        | Codec::Av1
        | Codec::Vp8
        | Codec::Vp9
        | Codec::Mjpeg
        | Codec::Aac
        | Codec::Opus
        | Codec::Pcmu
        | Codec::Pcma
        | Codec::L16
        | Codec::Mp3 => track.clock_rate,
    };
    let channels = track.channels.max(1);
    FRAMES_MS.into_iter().find_map(|millis| {
        let target = Target { codec: track.codec, rate, channels, frame: Duration::from_millis(millis) };
        target.check().is_ok().then_some(target)
    })
}
