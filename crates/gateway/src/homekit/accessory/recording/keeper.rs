//! Keeps the newest seconds of a camera, and films when a hub asks. A task on a worker; it ends when nobody can ask any more.
//!
//! The stream is held open by it: a recording begins before what it is about, so there must be something.
use super::film::Film;
use super::prebuffer::Prebuffer;
use bytes::Bytes;
use hub::{Chunk, Format, Item, PeerInfo, Reader, View, Wants, Worker};
use media::{Codec, Kind, StreamName, Track, TrackId, Unit};
use protocols::hap::data_stream::data_send::{DataType, Reason};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Pieces that wait for a slow hub: 32, two minutes of fragments of four seconds. One that is slower than that gets no more.
const PIECES: usize = 32;
/// After a stream ended or did not start, the next try waits 5 s; its source has a backoff of its own.
const RETRY: Duration = Duration::from_secs(5);

/// What is to be recorded how.
#[derive(Clone)]
pub(in crate::homekit::accessory) struct Plan {
    /// The stream.
    pub(super) stream: StreamName,
    /// The same, coded anew, for pictures that are not H.264; none where that is not allowed.
    pub(super) transcoded: Option<StreamName>,
    /// How long before.
    pub(super) prebuffer: Duration,
    /// How long a fragment is.
    pub(super) fragment: Duration,
    /// Sound goes along, where the stream has AAC.
    pub(super) sound: bool,
    /// Whether something moves.
    pub(super) motion: watch::Receiver<bool>,
}

/// A piece of a film.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) kind: DataType,
    pub(super) data: Bytes,
    /// Nothing comes after it.
    pub(super) is_end: bool,
}

/// A hub asks for a film. The answer has its pieces; when they end without a last one, the film is broken off.
pub(in crate::homekit::accessory) struct Start {
    pub(super) reply: oneshot::Sender<Result<mpsc::Receiver<Piece>, Reason>>,
}

/// Whoever asks may have left; then nobody hears it.
fn answer(start: Start, result: Result<mpsc::Receiver<Piece>, Reason>) {
    let _ = start.reply.send(result);
}

/// A film under way.
struct Filming {
    film: Film,
    pieces: mpsc::Sender<Piece>,
    /// Something has moved: the film ends when nothing moves any more.
    moved: bool,
}

/// Why one run over the stream is over.
enum Over {
    /// Nobody can ask any more.
    Left,
    /// The stream is.
    Stream(String),
}

/// Until nobody can ask any more.
pub(in crate::homekit::accessory) async fn run(
    worker: Worker,
    plan: Plan,
    mut starts: mpsc::Receiver<Start>,
) {
    let mut told = String::new();
    loop {
        match keep(&worker, &plan, &mut starts).await {
            Over::Left => return,
            // a camera that is away says the same all night
            Over::Stream(reason) if reason == told => {}
            Over::Stream(reason) => {
                tracing::info!(stream = %plan.stream, reason, "nothing is kept for HomeKit's recordings");
                told = reason;
            }
        }
        tokio::select! {
            () = refuse(&mut starts) => return,
            () = tokio::time::sleep(RETRY) => {}
        }
    }
}

/// There is nothing to film; returns when nobody can ask any more.
async fn refuse(starts: &mut mpsc::Receiver<Start>) {
    while let Some(start) = starts.recv().await {
        answer(start, Err(Reason::UnexpectedFailure));
    }
}

/// A stream that can be filmed.
struct Scene {
    /// Keeps it going.
    view: View,
    tracks: Vec<Track>,
    /// The one of them with the pictures.
    video: Track,
}

async fn open(worker: &Worker, stream: &StreamName, sound: bool) -> Result<Scene, String> {
    let mut wants = Wants::none().with(Kind::Video, [Codec::H264]);
    if sound {
        wants = wants.with(Kind::Audio, [Codec::Aac]);
    }
    let view = worker.open_for(stream, wants.clone()).await.map_err(|error| error.to_string())?;
    let tracks = view.ready().await.map_err(|error| error.to_string())?;
    let ids = wants.choose(&tracks);
    let tracks: Vec<Track> = tracks.iter().filter(|track| ids.contains(&track.id)).cloned().collect();
    let video = tracks.iter().find(|track| track.codec == Codec::H264).cloned();
    let video = video.ok_or_else(|| format!("{stream} has no pictures in H264"))?;
    Ok(Scene { view, tracks, video })
}

/// The stream itself where it can be filmed, else what is coded anew of it, without sound.
async fn find(worker: &Worker, plan: &Plan) -> Result<Scene, String> {
    match (open(worker, &plan.stream, plan.sound).await, &plan.transcoded) {
        (Ok(scene), _) => Ok(scene),
        (Err(_), Some(transcoded)) => open(worker, transcoded, false).await,
        (Err(error), None) => Err(error),
    }
}

async fn keep(worker: &Worker, plan: &Plan, starts: &mut mpsc::Receiver<Start>) -> Over {
    let Scene { view, tracks, video } = tokio::select! {
        biased;
        () = refuse(starts) => return Over::Left,
        found = find(worker, plan) => match found {
            Ok(scene) => scene,
            Err(error) => return Over::Stream(error),
        },
    };
    let ids: Vec<TrackId> = tracks.iter().map(|track| track.id).collect();
    let format = units_of(&ids);
    let peer = PeerInfo { protocol: "homekit", transport: "recording", ..PeerInfo::default() };
    let mut reader = match view.reader(format, peer) {
        Ok(reader) => reader,
        Err(error) => return Over::Stream(error.to_string()),
    };
    let mut prebuffer = Prebuffer::new(&video, plan.prebuffer);
    let mut filming: Option<Filming> = None;
    loop {
        let left = async {
            match &filming {
                Some(filming) => filming.pieces.closed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            start = starts.recv() => match start {
                None => {
                    reader.leave("the camera is not recorded any more");
                    return Over::Left;
                }
                Some(start) if filming.is_some() => answer(start, Err(Reason::Busy)),
                Some(start) => filming = begin(start, plan, &tracks, &video, &prebuffer),
            },
            () = left => filming = None,
            item = reader.next() => match item {
                Item::Header(_) => {}
                Item::Chunk(chunk) => {
                    reader.progressed(hub::now());
                    let unit = unit(&chunk);
                    // a film has the parameters that it began with
                    if unit.keyframe && unit.track == video.id && has_changed(&reader, &video) {
                        if let Some(mut filming) = filming {
                            filming.end();
                        }
                        return Over::Stream("its pictures have changed".to_owned());
                    }
                    prebuffer.push(&unit);
                    let moves = *plan.motion.borrow();
                    if filming.as_mut().is_some_and(|filming| !filming.push(&unit, moves)) {
                        filming = None;
                    }
                }
                Item::Ended(reason) => {
                    if let Some(mut filming) = filming {
                        filming.end();
                    }
                    return Over::Stream(reason.to_string());
                }
            },
        }
    }
}

/// Whether the pictures have other parameter sets now.
fn has_changed(reader: &Reader, video: &Track) -> bool {
    reader.tracks().iter().any(|track| track.id == video.id && track.params != video.params)
}

fn unit(chunk: &Chunk) -> Unit {
    Unit {
        track: chunk.track,
        pts: chunk.pts,
        dts: chunk.dts,
        arrival: chunk.arrival,
        wall: chunk.wall,
        keyframe: chunk.keyframe,
        discontinuity: chunk.discontinuity,
        data: chunk.parts.first().cloned().unwrap_or_default(),
    }
}

/// Begins with what was kept; none when that cannot be.
fn begin(
    start: Start,
    plan: &Plan,
    tracks: &[Track],
    video: &Track,
    prebuffer: &Prebuffer,
) -> Option<Filming> {
    let film = match Film::new(tracks, video, plan.fragment) {
        Ok(film) => film,
        Err(error) => {
            tracing::warn!(stream = %plan.stream, %error, "HomeKit cannot record it");
            answer(start, Err(Reason::UnexpectedFailure));
            return None;
        }
    };
    let (pieces, taken) = mpsc::channel(PIECES);
    let head = film.head();
    let moved = *plan.motion.borrow();
    let mut filming = Filming { film, pieces, moved };
    let mut goes_on = filming.send(DataType::Initialization, head, false);
    for unit in prebuffer.units() {
        goes_on = goes_on && filming.push(unit, moved);
    }
    answer(start, Ok(taken));
    goes_on.then_some(filming)
}

impl Filming {
    /// Films a unit; false when it is over.
    fn push(&mut self, unit: &Unit, moves: bool) -> bool {
        match self.film.push(unit) {
            Ok(None) => {
                self.moved |= moves;
                true
            }
            Ok(Some(fragment)) => {
                let is_end = self.moved && !moves;
                self.moved |= moves;
                self.send(DataType::Fragment, fragment, is_end) && !is_end
            }
            Err(error) => {
                tracing::warn!(%error, "a HomeKit recording is broken off");
                false
            }
        }
    }

    /// The stream has ended.
    fn end(&mut self) {
        if let Some(fragment) = self.film.finish() {
            self.send(DataType::Fragment, fragment, true);
        }
    }

    /// False when nobody takes it.
    fn send(&mut self, kind: DataType, data: Bytes, is_end: bool) -> bool {
        self.pieces.try_send(Piece { kind, data, is_end }).is_ok()
    }
}

/// Units of these tracks, in the order in which they come.
fn units_of(ids: &[TrackId]) -> Format {
    let units = Format::units();
    Format { key: format!("units:{ids:?}"), ..units }.of(ids.iter().copied())
}
