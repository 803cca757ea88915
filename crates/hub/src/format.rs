//! Renditions: a stream muxed once into one wire format, shared by all readers of that format on a worker.
use crate::ring::{ENTRY_BYTES, Entry, Ring};
use bytes::Bytes;
use media::{Kind, Moment, Track, TrackId, Tracks, Unit, WallTime};
use smallvec::SmallVec;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// What one unit became in a wire format. Shared by every reader of the rendition.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// The bytes, in order. Payloads are shared with the unit where the format allows.
    pub parts: SmallVec<[Bytes; 3]>,
    /// For datagram formats: where each packet ends in `parts[0]`. Empty for byte-stream formats.
    pub packet_ends: Box<[u32]>,
    /// The track it belongs to.
    pub track: TrackId,
    /// A decoder may start at it.
    pub keyframe: bool,
    /// It does not follow the one before.
    pub discontinuity: bool,
    /// Decoding time in ticks of the track's clock.
    pub dts: i64,
    /// Presentation time in ticks of the track's clock.
    pub pts: i64,
    /// When the unit arrived.
    pub arrival: Moment,
    /// When the unit was captured, as well as is known.
    pub wall: WallTime,
    random_access: bool,
    bytes: usize,
}

impl Chunk {
    /// What `unit` became: the given parts, its times.
    pub fn new(unit: &Unit, parts: impl IntoIterator<Item = Bytes>) -> Self {
        let parts: SmallVec<[Bytes; 3]> = parts.into_iter().collect();
        let bytes = parts.iter().map(Bytes::len).sum();
        Self {
            parts,
            packet_ends: Box::default(),
            track: unit.track,
            keyframe: unit.keyframe,
            discontinuity: unit.discontinuity,
            dts: unit.dts,
            pts: unit.pts,
            arrival: unit.arrival,
            wall: unit.wall,
            random_access: false,
            bytes,
        }
    }

    /// What `unit` became: packets that lie one behind the other in `data`, ending at `packet_ends`.
    pub fn packets(unit: &Unit, data: Bytes, packet_ends: Box<[u32]>) -> Self {
        Self { packet_ends, ..Self::new(unit, [data]) }
    }

    /// All bytes of all parts.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// True where a new reader may start.
    pub fn is_start(&self) -> bool {
        self.random_access
    }
}

impl Entry for Rc<Chunk> {
    fn bytes(&self) -> usize {
        self.bytes + ENTRY_BYTES
    }
    fn arrival(&self) -> Moment {
        self.arrival
    }
    fn random_access(&self) -> bool {
        self.random_access
    }
}

/// Turns units into one wire format. Lives with the stream on one worker; never does I/O.
pub trait Muxer {
    /// What a reader gets before its first chunk. `again`: the reader has had one before (parameter sets changed).
    fn header(&mut self, again: bool) -> Bytes;

    /// Appends what `unit` becomes: nothing, when the format does not carry its track.
    fn push(&mut self, unit: &Unit, out: &mut Vec<Chunk>);

    /// How loud the sound is that it just made, in dBFS, where it knows.
    fn level_dbfs(&self) -> Option<f32> {
        None
    }
}

/// Makes a [`Muxer`] for the tracks given; an error says what the format lacks, for the one who asked.
pub type MakeMuxer = Rc<dyn Fn(&Tracks) -> Result<Box<dyn Muxer>, String>>;

/// A wire format, by key: readers that give the same key share one muxer and its bytes.
#[derive(Clone)]
pub struct Format {
    /// Names the format with everything that changes its bytes, such as `rtp-tcp:0=0,1=2`.
    pub key: String,
    /// Makes the muxer when the first reader comes, and again when the tracks change.
    pub make: MakeMuxer,
    /// The tracks it carries; `None`: all. What happens to others does not touch it.
    pub tracks: Option<Vec<TrackId>>,
    /// The kind of tracks it carries; `None`: both.
    pub kind: Option<Kind>,
}

impl Format {
    /// A format of this key.
    pub fn new(
        key: impl Into<String>,
        make: impl Fn(&Tracks) -> Result<Box<dyn Muxer>, String> + 'static,
    ) -> Self {
        Self { key: key.into(), make: Rc::new(make), tracks: None, kind: None }
    }

    /// The same, of these tracks only.
    #[must_use]
    pub fn of(mut self, tracks: impl IntoIterator<Item = TrackId>) -> Self {
        self.tracks = Some(tracks.into_iter().collect());
        self
    }

    /// The same, of all tracks of this kind, also those that come later: then the muxer is made anew.
    #[must_use]
    pub fn only(mut self, kind: Kind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Units as they are, each a chunk with one part.
    pub fn units() -> Self {
        Self::new("units", |_| Ok(Box::new(Units)))
    }

    /// Units of one track as they are.
    pub fn units_of(track: TrackId) -> Self {
        Self::new(format!("units:{track}"), |_| Ok(Box::new(Units))).of([track])
    }
}

impl Format {
    /// True when it carries this track.
    fn carries(&self, track: &Track) -> bool {
        self.tracks.as_ref().is_none_or(|tracks| tracks.contains(&track.id))
            && self.kind.is_none_or(|kind| kind == track.kind())
    }

    fn carried(&self, tracks: &Tracks) -> (Vec<TrackId>, bool) {
        let carried = tracks.iter().filter(|track| self.carries(track));
        let has_video = carried.clone().any(|track| track.codec.is_video());
        (carried.map(|track| track.id).collect(), has_video)
    }
}

struct Units;

impl Muxer for Units {
    fn header(&mut self, _again: bool) -> Bytes {
        Bytes::new()
    }
    fn push(&mut self, unit: &Unit, out: &mut Vec<Chunk>) {
        out.push(Chunk::new(unit, [unit.data.clone()]));
    }
}

/// One format of one stream on one worker: the muxer and the ring of what it made.
pub(crate) struct Rendition {
    pub(crate) format: Format,
    muxer: Box<dyn Muxer>,
    pub(crate) ring: Ring<Rc<Chunk>>,
    pub(crate) header: Bytes,
    /// Rises when the muxer is made anew; a reader that sees it rise gets the header again.
    pub(crate) version: u32,
    pub(crate) readers: usize,
    scratch: Vec<Chunk>,
    carried: Vec<TrackId>,
    has_video: bool,
}

impl Rendition {
    pub(crate) fn new(format: Format, tracks: &Tracks) -> Result<Self, String> {
        let mut muxer = (format.make)(tracks)?;
        let header = muxer.header(false);
        let (carried, has_video) = format.carried(tracks);
        Ok(Self {
            format,
            muxer,
            ring: Ring::new(0),
            header,
            version: 0,
            readers: 0,
            scratch: Vec::new(),
            carried,
            has_video,
        })
    }

    /// Makes the muxer anew for changed parameters; what was muxed before is dropped.
    pub(crate) fn renew(&mut self, tracks: &Tracks) -> Result<(), String> {
        self.muxer = (self.format.make)(tracks)?;
        self.header = self.muxer.header(true);
        self.version += 1;
        (self.carried, self.has_video) = self.format.carried(tracks);
        self.ring.clear();
        Ok(())
    }

    /// True when it carries this track.
    pub(crate) fn carries(&self, id: TrackId) -> bool {
        self.carried.contains(&id)
    }

    /// True when it was made for certain tracks, this one among them: it does not take others in its place.
    pub(crate) fn depends_on(&self, id: TrackId) -> bool {
        self.format.tracks.is_some() && self.carries(id)
    }

    /// True when it carries pictures.
    pub(crate) fn has_video(&self) -> bool {
        self.has_video
    }

    /// How loud the sound is that it just made.
    pub(crate) fn level_dbfs(&self) -> Option<f32> {
        self.muxer.level_dbfs()
    }

    /// Muxes one unit. A panic of the muxer is an error of this rendition alone.
    pub(crate) fn push(&mut self, unit: &Unit, is_video: bool) -> Result<(), String> {
        let muxer = &mut self.muxer;
        let scratch = &mut self.scratch;
        catch_unwind(AssertUnwindSafe(|| muxer.push(unit, scratch)))
            .map_err(|_| format!("the {} muxer failed on a unit of track {}", self.format.key, unit.track))?;
        for (index, mut chunk) in self.scratch.drain(..).enumerate() {
            chunk.random_access = index == 0 && chunk.keyframe && (is_video || !self.has_video);
            self.ring.push(Rc::new(chunk));
        }
        Ok(())
    }
}
