//! Reads the heads of a segment file, one part after another.
//!
//! A part costs one read of [`HEAD_BYTES`]; only a head that is longer costs another one. That a part is whole is seen
//! by what follows it, and of the last one by its last byte.
use super::{Anchor, IndexError, Part, Sample, SegmentIndex};
use crate::mp4::Mp4Error;
use crate::mp4::read::cursor::Cursor;
use crate::mp4::read::entry::Layout;
use crate::mp4::read::sample::{Budget, SAMPLES_MAX};
use crate::mp4::read::{Unplayable, moof, read_extends, read_tracks};
use media::{WallTime, rescale};
use std::ops::Range;

/// What is read of a part at first: 4 KiB. The heads of a second of 25 pictures and 47 frames of sound have 700 bytes.
const HEAD_BYTES: usize = 4 << 10;
/// Longest `moov` that parts follow: 1 MiB. Those of our muxer have 2 KiB; parameter sets may be longer than usual.
const INIT_BYTES_MAX: u64 = 1 << 20;
/// Most boxes before the parts: 16; our files have up to six.
const INIT_BOXES_MAX: usize = 16;
/// Longest `moof`: 1 MiB, which is 64 Ki samples with all that one can have.
const MOOF_BYTES_MAX: u64 = 1 << 20;
/// Longest `prft`; it has 32 bytes.
const PRFT_BYTES_MAX: u64 = 64;
/// Samples are at most so far from the file's zero: ten years. Sums of such times cannot overflow.
const SECONDS_MAX: i64 = 10 * 366 * 86_400;

/// A stretch of the file in memory.
struct Window {
    at: u64,
    bytes: Vec<u8>,
    /// The file ends with it.
    ended: bool,
}

impl Window {
    fn new() -> Self {
        Self { at: 0, bytes: Vec::with_capacity(HEAD_BYTES), ended: false }
    }

    /// Begins anew at another place.
    fn move_to<E>(&mut self, at: u64, read: &mut impl Read<E>) -> Result<(), E> {
        self.at = at;
        self.bytes.clear();
        self.ended = false;
        self.has(1, read).map(|_| ())
    }

    /// Whether so many bytes are there, reading more where needed.
    fn has<E>(&mut self, count: usize, read: &mut impl Read<E>) -> Result<bool, E> {
        let there = self.bytes.len();
        if there < count && !self.ended {
            self.bytes.resize(count.max(HEAD_BYTES), 0);
            let free = self.bytes.get_mut(there..).unwrap_or_default();
            let wanted = free.len();
            let got = read(self.at.saturating_add(there as u64), free)?.min(wanted);
            self.bytes.truncate(there + got);
            self.ended = got < wanted;
        }
        Ok(self.bytes.len() >= count)
    }

    /// Size and name of the box at a place, when its head is there.
    fn box_head<E>(&mut self, place: usize, read: &mut impl Read<E>) -> Result<Option<(u64, [u8; 4])>, E> {
        if !self.has(place + 8, read)? {
            return Ok(None);
        }
        let mut head = self.cursor(place..place + 8);
        let size = head.u32().map_or(0, u64::from);
        Ok(Some((size, head.u32().unwrap_or(0).to_be_bytes())))
    }

    fn cursor(&self, range: Range<usize>) -> Cursor<'_> {
        let at = self.at.saturating_add(range.start as u64);
        Cursor::at(self.bytes.get(range).unwrap_or_default(), at)
    }

    fn error(&self, place: usize, what: &'static str) -> Mp4Error {
        self.cursor(place..place).error(what)
    }
}

/// Gives the bytes at an offset: as many as fit, fewer only at the end of the file.
trait Read<E>: FnMut(u64, &mut [u8]) -> Result<usize, E> {}
impl<E, F: FnMut(u64, &mut [u8]) -> Result<usize, E>> Read<E> for F {}

/// What stands before the media of a part.
struct PartHead {
    /// In the window.
    prft: Option<Range<usize>>,
    moof: Range<usize>,
    /// In the file.
    media: Range<u64>,
}

impl SegmentIndex {
    /// Reads all whole parts of a file; what was cut short at its end is left out. `read` gives the bytes at an offset,
    /// fewer only at the end of the file.
    pub fn read<E>(mut read: impl FnMut(u64, &mut [u8]) -> Result<usize, E>) -> Result<Self, IndexError<E>> {
        let mut index = Self::open(&mut read)?;
        index.extend(&mut read)?;
        Ok(index)
    }

    /// Reads what a file begins with, and no part yet.
    pub fn open<E>(mut read: impl FnMut(u64, &mut [u8]) -> Result<usize, E>) -> Result<Self, IndexError<E>> {
        let mut window = Window::new();
        let (mut at, mut boxes) = (0_u64, 0);
        loop {
            window.move_to(at, &mut read).map_err(IndexError::Read)?;
            let head = window.box_head(0, &mut read).map_err(IndexError::Read)?;
            let no_movie = || Mp4Error::NoMovie { bytes: at };
            let (size, name) = head.ok_or_else(no_movie)?;
            boxes += 1;
            if boxes > INIT_BOXES_MAX {
                return Err(no_movie().into());
            }
            match (size, &name) {
                // Tables of a whole movie: behind them lies what it was before.
                (8.., b"moov") if size > INIT_BYTES_MAX => at = at.saturating_add(size),
                (8.., b"moov") => {
                    let end = size as usize;
                    if !window.has(end, &mut read).map_err(IndexError::Read)? {
                        return Err(no_movie().into());
                    }
                    if window.cursor(8..end).find(b"mvex")?.is_some() {
                        return Ok(Self::from_moov(&window, 0..end)?);
                    }
                    at = at.saturating_add(size);
                }
                (8.., b"ftyp" | b"free" | b"uuid") => at = at.saturating_add(size),
                // A file that was closed as a plain one: what it was before lies in its media as it is.
                (8.., b"mdat") => at += 8,
                (1, b"mdat") => at += 16,
                _ => return Err(no_movie().into()),
            }
        }
    }

    fn from_moov(window: &Window, place: Range<usize>) -> Result<Self, Mp4Error> {
        let bytes = window.at + place.end as u64;
        let moov = window.cursor(place.clone());
        let moov = moov.find(b"moov")?.ok_or(Mp4Error::NoMovie { bytes })?;
        let (mut lanes, mut unplayable) = read_tracks(moov, &mut Budget::new(bytes))?;
        lanes.retain(|lane| {
            let ours = is_unit_layout(lane.layout);
            if !ours {
                let why = "its samples are no units";
                unplayable.push(Unplayable { number: lane.number, format: *b"stsd", why });
            }
            ours
        });
        if lanes.is_empty() {
            return Err(Mp4Error::NothingPlayable { tracks: unplayable });
        }
        read_extends(moov, &mut lanes)?;
        for (id, lane) in (0..).zip(&mut lanes) {
            (lane.track.id, lane.track.clock_rate) = (id, lane.timescale);
        }
        Ok(Self {
            tracks: lanes.iter().map(|lane| lane.track.clone()).collect(),
            samples: vec![Vec::new(); lanes.len()],
            walls: Vec::new(),
            parts: Vec::new(),
            head: window.at..bytes,
            lanes,
            bytes,
            samples_left: SAMPLES_MAX,
        })
    }

    /// Reads the parts that were added since; returns how many. After an error the index has all parts before the
    /// broken one, and stays there.
    pub fn extend<E>(
        &mut self,
        mut read: impl FnMut(u64, &mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, IndexError<E>> {
        let mut window = Window::new();
        window.move_to(self.bytes, &mut read).map_err(IndexError::Read)?;
        let mut parts = 0;
        while let Some(head) = part_head(&mut window, &mut read)? {
            let anchor = self.stage(&window, &head)?;
            window.move_to(head.media.end, &mut read).map_err(IndexError::Read)?;
            let whole =
                !window.bytes.is_empty() || read(head.media.end - 1, &mut [0]).map_err(IndexError::Read)? > 0;
            if !whole {
                break;
            }
            self.commit(anchor, head.media.end);
            parts += 1;
        }
        Ok(parts)
    }

    /// Reads the samples of a part into the lanes, and its wall time. Nothing of it counts before [`Self::commit`].
    fn stage(&mut self, window: &Window, head: &PartHead) -> Result<Option<Anchor>, Mp4Error> {
        let mut boxes = window.cursor(head.moof.clone());
        let at = boxes;
        let Some(found) = boxes.next_box()? else { return Err(at.error("is no box")) };
        self.lanes.iter_mut().for_each(|lane| lane.samples.clear());
        let media_bytes = head.media.end - head.media.start;
        moof::moof(&found, &mut self.lanes, &mut Budget::of_part(media_bytes, self.samples_left))?;
        for lane in &self.lanes {
            for sample in &lane.samples {
                let inside = sample.offset >= head.media.start
                    && sample.offset.saturating_add(sample.bytes.into()) <= head.media.end;
                if !inside {
                    return Err(at.error("a sample lies outside of its part"));
                }
                if sample.dts / i64::from(lane.timescale) > SECONDS_MAX {
                    return Err(at.error("a sample ten years after the first"));
                }
            }
        }
        head.prft.clone().map_or(Ok(None), |place| self.anchor(window.cursor(place)))
    }

    /// What `prft` says; nothing when it is about a track that is not here.
    fn anchor(&self, mut boxes: Cursor<'_>) -> Result<Option<Anchor>, Mp4Error> {
        let at = boxes;
        let Some(mut prft) = boxes.next_box()?.map(|found| found.content) else { return Ok(None) };
        let (version, _) = prft.version()?;
        let number = prft.u32()?;
        let wall = WallTime::from_ntp(prft.u64()?);
        let time = prft.word(version == 1)?;
        let Some(lane) = self.lanes.iter().find(|lane| lane.number == number) else { return Ok(None) };
        let time = i64::try_from(time).ok().filter(|time| time / i64::from(lane.timescale) <= SECONDS_MAX);
        let time = time.ok_or_else(|| at.error("time out of range"))?;
        Ok(Some(Anchor { micros: rescale(time, lane.timescale, 1_000_000), wall }))
    }

    fn commit(&mut self, anchor: Option<Anchor>, end: u64) {
        let mut count = 0;
        let first = self.samples(self.main_track()).len();
        self.parts.push(Part { offset: self.bytes, first });
        for (lane, samples) in self.lanes.iter_mut().zip(&mut self.samples) {
            count += lane.samples.len() as u32;
            for sample in lane.samples.drain(..) {
                // Strictly rising, whatever the file says: what is looked up in the list relies on it.
                let after_last = samples.last().map_or(i64::MIN, |last: &Sample| last.dts.saturating_add(1));
                samples.push(Sample {
                    dts: sample.dts.max(after_last),
                    offset: sample.offset,
                    size: sample.bytes,
                    ticks: sample.duration,
                    pts_offset: sample.composition,
                    key: sample.key,
                });
            }
        }
        let rises = |anchor: &Anchor| self.walls.last().is_none_or(|last| last.micros < anchor.micros);
        if let Some(anchor) = anchor.filter(|anchor| count > 0 && rises(anchor)) {
            self.walls.push(anchor);
        }
        self.samples_left = self.samples_left.saturating_sub(count);
        self.bytes = end;
    }
}

/// Samples are units as they are.
const fn is_unit_layout(layout: Layout) -> bool {
    match layout {
        Layout::Frames => true,
        Layout::Nals { length_bytes } => length_bytes == 4,
        Layout::Pcm { little_endian, .. } => !little_endian,
    }
}

/// Finds the boxes before the media of the part that the window begins with. `None` when it is not all there, or when
/// something else follows, such as the zeros that a power cut leaves behind.
fn part_head<E>(window: &mut Window, read: &mut impl Read<E>) -> Result<Option<PartHead>, IndexError<E>> {
    let (mut prft, mut moof, mut place) = (None, None, 0);
    loop {
        let head = window.box_head(place, read).map_err(IndexError::Read)?;
        let Some((size @ 8.., name)) = head else { return Ok(None) };
        let size_max = match &name {
            b"mdat" => {
                let Some(moof) = moof else {
                    return Err(window.error(place, "media without a head").into());
                };
                let at = window.at.saturating_add(place as u64);
                let media = at.saturating_add(8)..at.saturating_add(size);
                return Ok(Some(PartHead { prft, moof, media }));
            }
            b"prft" if prft.is_none() && moof.is_none() => PRFT_BYTES_MAX,
            b"moof" if moof.is_none() => MOOF_BYTES_MAX,
            b"prft" | b"moof" => return Err(window.error(place, "a second head of one part").into()),
            _ => return Ok(None),
        };
        if size > size_max {
            return Err(window.error(place, "a head longer than is taken").into());
        }
        let end = place + size as usize;
        // With the head of the box that follows, so that both cost one read.
        if !window.has(end + 8, read).map_err(IndexError::Read)? {
            return Ok(None);
        }
        let found = Some(place..end);
        if &name == b"moof" {
            moof = found
        } else {
            prft = found
        }
        place = end;
    }
}
