//! The head of a movie: `ftyp`, `moov` with all tables, and the head of `mdat`.
//!
//! Source: ISO/IEC 14496-12 §8.2 to §8.7.
use super::lane::Lane;
use super::tables::Runs;
use crate::mp4::boxes::BoxWriter;
use crate::mp4::init::{LANGUAGE_UNKNOWN, MATRIX, handler, media_kind};
use bytes::Bytes;
use media::{WallTime, rescale};

/// Ticks a second of the movie's own times, as fine as those of pictures: edit lists are counted in them.
const MOVIE_TIMESCALE: u32 = 90_000;
/// Seconds from 1904, where the times of MP4 begin, to 1970.
const MP4_TO_UNIX_SECONDS: u64 = 2_082_844_800;

/// What the boxes of a track say of its time.
struct Times {
    created: u64,
    /// How long nothing of it is shown at first, in ticks of the movie.
    delay: u64,
    /// What of it is shown first, in ticks of the track.
    from: i64,
    /// How long it is shown from there, in ticks of the movie.
    shown: u64,
    /// All of it, in ticks of the track.
    media: u64,
}

impl Times {
    fn of(lane: &Lane, created: u64) -> Self {
        let rate = lane.track.clock_rate;
        let movie = |ticks: i64| u64::try_from(rescale(ticks, rate, MOVIE_TIMESCALE)).unwrap_or(0);
        let (first, media) = (lane.tables.first_dts(), lane.tables.media_ticks());
        let from = first.min(0).saturating_neg();
        Self {
            created,
            delay: movie(first.max(0)),
            from,
            // To the end of what is shown last, which may be decoded before others.
            shown: movie(lane.tables.end().saturating_sub(first.max(0))),
            media: u64::try_from(media).unwrap_or(0),
        }
    }

    fn duration(&self) -> u64 {
        self.delay + self.shown
    }
}

/// Writes it; the offsets of chunks depend on how long it becomes.
pub(super) fn head(lanes: &[Lane], began: Option<WallTime>, media_bytes: u64) -> Bytes {
    let created = created(began);
    let mdat_head = if media_bytes + 8 > u32::MAX.into() { 16 } else { 8 };
    let chunks: usize = lanes.iter().map(|lane| lane.tables.chunks.len()).sum();
    let short = write(lanes, created, ChunkOffsets { base: 0, long: false }).len() as u64 + mdat_head;
    let long = short + media_bytes > u32::MAX.into();
    let base = if long { short + 4 * chunks as u64 } else { short };
    let mut bytes = write(lanes, created, ChunkOffsets { base, long });
    debug_assert_eq!(bytes.len() as u64 + mdat_head, base);
    if mdat_head == 16 {
        bytes.extend_from_slice(&1_u32.to_be_bytes());
        bytes.extend_from_slice(b"mdat");
        bytes.extend_from_slice(&(media_bytes + 16).to_be_bytes());
    } else {
        bytes.extend_from_slice(&(media_bytes as u32 + 8).to_be_bytes());
        bytes.extend_from_slice(b"mdat");
    }
    bytes.into()
}

/// Writes `moov` alone, for chunks whose places are those of the file that it goes into.
pub(super) fn tables_in_place(lanes: &[Lane], began: Option<WallTime>) -> Bytes {
    let furthest = lanes.iter().flat_map(|lane| &lane.tables.chunks).map(|chunk| chunk.at).max().unwrap_or(0);
    let offsets = ChunkOffsets { base: 0, long: furthest > u32::MAX.into() };
    let mut w = BoxWriter::with_capacity(4096);
    movie(&mut w, lanes, created(began), offsets);
    w.into_vec().into()
}

/// Seconds since 1904.
fn created(began: Option<WallTime>) -> u64 {
    let seconds = began.and_then(|wall| u64::try_from(wall.as_micros() / 1_000_000).ok());
    seconds.map_or(0, |seconds| seconds + MP4_TO_UNIX_SECONDS)
}

/// What is added to the places of chunks, and whether they have 8 bytes each.
#[derive(Clone, Copy)]
struct ChunkOffsets {
    base: u64,
    long: bool,
}

fn write(lanes: &[Lane], created: u64, offsets: ChunkOffsets) -> Vec<u8> {
    let samples: usize = lanes.iter().map(|lane| lane.tables.sizes.len()).sum();
    let mut w = BoxWriter::with_capacity(4096 + 5 * samples);
    w.boxed(b"ftyp", |w| {
        w.bytes(b"isom");
        w.u32(0x200);
        w.bytes(b"isomiso2iso4mp41");
    });
    movie(&mut w, lanes, created, offsets);
    w.into_vec()
}

fn movie(w: &mut BoxWriter, lanes: &[Lane], created: u64, offsets: ChunkOffsets) {
    w.boxed(b"moov", |w| {
        let times: Vec<Times> = lanes.iter().map(|lane| Times::of(lane, created)).collect();
        let duration = times.iter().map(Times::duration).max().unwrap_or(0);
        dated(
            w,
            b"mvhd",
            0,
            (created, duration),
            |w| w.u32(MOVIE_TIMESCALE),
            |w| {
                w.u32(0x1_0000);
                w.u16(0x100);
                w.zeros(10);
                MATRIX.iter().for_each(|&value| w.u32(value));
                w.zeros(24);
                w.u32(lanes.len() as u32 + 1);
            },
        );
        for ((lane, times), number) in lanes.iter().zip(&times).zip(1..) {
            w.boxed(b"trak", |w| trak(w, lane, times, number, offsets));
        }
    });
}

/// A header with times: creation, modification, what stands in the `middle`, duration, and the rest; of 4 bytes each,
/// or of 8 when they need it.
fn dated(
    w: &mut BoxWriter,
    name: &[u8; 4],
    flags: u32,
    (created, duration): (u64, u64),
    middle: impl FnOnce(&mut BoxWriter),
    rest: impl FnOnce(&mut BoxWriter),
) {
    let long = created > u32::MAX.into() || duration > u32::MAX.into();
    let word = |w: &mut BoxWriter, value: u64| if long { w.u64(value) } else { w.u32(value as u32) };
    w.full(name, u8::from(long), flags, |w| {
        word(w, created);
        word(w, created);
        middle(w);
        word(w, duration);
        rest(w);
    });
}

fn trak(w: &mut BoxWriter, lane: &Lane, times: &Times, number: u32, offsets: ChunkOffsets) {
    let video = lane.track.codec.is_video();
    // Flags: enabled, and part of the movie.
    let middle = |w: &mut BoxWriter| [number, 0].iter().for_each(|&word| w.u32(word));
    dated(w, b"tkhd", 3, (times.created, times.duration()), middle, |w| {
        w.zeros(8);
        w.u16(0);
        // Tracks of sound are alternatives to each other, and are heard.
        w.u16(if video { 0 } else { 1 });
        w.u16(if video { 0 } else { 0x100 });
        w.u16(0);
        MATRIX.iter().for_each(|&value| w.u32(value));
        let size = lane.entries.first().map_or((0, 0), |entry| (entry.width, entry.height));
        w.u32(u32::from(size.0) << 16);
        w.u32(u32::from(size.1) << 16);
    });
    if times.delay > 0 || times.from > 0 {
        w.boxed(b"edts", |w| edits(w, times));
    }
    w.boxed(b"mdia", |w| {
        let created = (times.created, times.media);
        dated(
            w,
            b"mdhd",
            0,
            created,
            |w| w.u32(lane.track.clock_rate),
            |w| {
                w.u16(LANGUAGE_UNKNOWN);
                w.u16(0);
            },
        );
        handler(w, video);
        w.boxed(b"minf", |w| {
            media_kind(w, video);
            w.boxed(b"stbl", |w| tables(w, lane, offsets));
        });
    });
}

/// Nothing at first where the track begins late; then the track, from where something of it is shown.
fn edits(w: &mut BoxWriter, times: &Times) {
    w.full(b"elst", 1, 0, |w| {
        w.u32(1 + u32::from(times.delay > 0));
        if times.delay > 0 {
            w.u64(times.delay);
            w.i64(-1);
            w.u32(0x1_0000);
        }
        w.u64(times.shown);
        w.i64(times.from);
        w.u32(0x1_0000);
    });
}

fn tables(w: &mut BoxWriter, lane: &Lane, offsets: ChunkOffsets) {
    let tables = &lane.tables;
    w.full(b"stsd", 0, 0, |w| {
        w.u32(lane.entries.len() as u32);
        lane.entries.iter().for_each(|entry| w.bytes(&entry.bytes));
    });
    runs(w, b"stts", 0, &tables.durations);
    if tables.compositions.0.iter().any(|(_, value)| *value != 0) {
        let negative = tables.compositions.0.iter().any(|(_, value)| (*value as i32) < 0);
        runs(w, b"ctts", u8::from(negative), &tables.compositions);
    }
    if lane.track.codec.is_video() && tables.keys.len() != tables.count as usize {
        w.full(b"stss", 0, 0, |w| {
            w.u32(tables.keys.len() as u32);
            tables.keys.iter().for_each(|&key| w.u32(key));
        });
    }
    chunk_sizes(w, lane);
    w.full(b"stsz", 0, 0, |w| {
        w.u32(if tables.sizes.is_empty() { tables.same_size } else { 0 });
        w.u32(tables.count);
        tables.sizes.iter().for_each(|&size| w.u32(size));
    });
    w.full(if offsets.long { b"co64" } else { b"stco" }, 0, 0, |w| {
        w.u32(tables.chunks.len() as u32);
        for chunk in &tables.chunks {
            let at = offsets.base + chunk.at;
            if offsets.long { w.u64(at) } else { w.u32(at as u32) }
        }
    });
}

fn runs(w: &mut BoxWriter, name: &[u8; 4], version: u8, runs: &Runs) {
    w.full(name, version, 0, |w| {
        w.u32(runs.0.len() as u32);
        for &(count, value) in &runs.0 {
            w.u32(count);
            w.u32(value);
        }
    });
}

/// How many samples the chunks have, and which entry: a row where either changes.
fn chunk_sizes(w: &mut BoxWriter, lane: &Lane) {
    w.full(b"stsc", 0, 0, |w| {
        let count_at = w.position();
        w.u32(0);
        let (mut rows, mut last) = (0, None);
        for (chunk, number) in lane.tables.chunks.iter().zip(1_u32..) {
            let row = (chunk.samples, chunk.entry);
            if last != Some(row) {
                [number, row.0, row.1].iter().for_each(|&word| w.u32(word));
                (rows, last) = (rows + 1, Some(row));
            }
        }
        w.set_u32(count_at, rows);
    });
}
