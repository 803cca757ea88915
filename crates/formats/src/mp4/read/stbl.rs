//! Sample tables of progressive files: five run-length coded tables become one list of samples.
//!
//! Source: ISO/IEC 14496-12 §8.6 (stts, ctts, stss), §8.7 (stsz, stsc, stco). Work is proportional to the bytes
//! of the tables; all of them are walked once, side by side.
use super::cursor::{Cursor, word_at};
use super::sample::{Budget, Sample};
use crate::mp4::Mp4Error;

/// Samples of PCM lie densely and each lasts a tick, so a unit is made of many: 1/50 s.
const PCM_UNITS_A_SECOND: u32 = 50;

/// A run-length coded table: `count` times the same value.
struct Runs<'a> {
    entries: std::slice::ChunksExact<'a, u8>,
    left: u32,
    value: u32,
}

impl<'a> Runs<'a> {
    fn new(entries: std::slice::ChunksExact<'a, u8>) -> Self {
        Self { entries, left: 0, value: 0 }
    }

    /// The next value; `None` once the table has ended.
    fn next(&mut self) -> Option<u32> {
        while self.left == 0 {
            let entry = self.entries.next()?;
            (self.left, self.value) = (word_at(entry, 0), word_at(entry, 4));
        }
        self.left -= 1;
        Some(self.value)
    }
}

/// How many samples each chunk has.
struct Chunks<'a> {
    entries: std::iter::Peekable<std::slice::ChunksExact<'a, u8>>,
    samples: u32,
}

impl Chunks<'_> {
    /// Samples in the chunk of this number, from 1; asked in rising order.
    fn samples_in(&mut self, chunk: u32) -> u32 {
        while let Some(entry) = self.entries.next_if(|entry| word_at(entry, 0) <= chunk) {
            self.samples = word_at(entry, 4);
        }
        self.samples
    }
}

/// The sizes of samples: one for all, or a table.
enum Sizes<'a> {
    Same { bytes: u32, left: u32 },
    Each(std::slice::ChunksExact<'a, u8>),
}

impl<'a> Sizes<'a> {
    fn read(stbl: &Cursor<'a>) -> Result<Self, Mp4Error> {
        let Some(mut stsz) = stbl.find(b"stsz")? else {
            return Err(stbl.error("has no stsz box (compact sizes are not supported)"));
        };
        stsz.version()?;
        match stsz.u32()? {
            0 => Ok(Sizes::Each(stsz.entries(4)?)),
            bytes => Ok(Sizes::Same { bytes, left: stsz.u32()? }),
        }
    }

    fn next(&mut self) -> Option<u32> {
        match self {
            Sizes::Same { left: 0, .. } => None,
            Sizes::Same { bytes, left } => {
                *left -= 1;
                Some(*bytes)
            }
            Sizes::Each(entries) => entries.next().map(|entry| word_at(entry, 0)),
        }
    }
}

/// Reads all samples of a track whose samples are frames. `all_key`: the codec has no other samples.
pub(super) fn frames(
    stbl: &Cursor<'_>,
    all_key: bool,
    budget: &mut Budget,
    samples: &mut Vec<Sample>,
) -> Result<(), Mp4Error> {
    let Some(mut offsets) = ChunkOffsets::read(stbl)? else { return Ok(()) };
    let mut chunks = stsc(stbl)?;
    let mut sizes = Sizes::read(stbl)?;
    let mut durations = Runs::new(table(stbl, b"stts", 8)?.ok_or_else(|| stbl.error("has no stts box"))?);
    let mut compositions = table(stbl, b"ctts", 8)?.map(Runs::new);
    let mut keys = table(stbl, b"stss", 4)?.map(Iterator::peekable);
    let (mut dts, mut number, mut duration) = (0_i64, 0_u32, 0_u32);
    let mut chunk = 0_u32;
    while let Some(mut offset) = offsets.next() {
        chunk += 1;
        for _ in 0..chunks.samples_in(chunk) {
            let Some(bytes) = sizes.next() else { return Ok(()) };
            number = number.saturating_add(1);
            duration = durations.next().unwrap_or(duration);
            let composition = compositions.as_mut().and_then(Runs::next).unwrap_or(0) as i32;
            let key = match &mut keys {
                Some(keys) => {
                    while keys.next_if(|entry| word_at(entry, 0) < number).is_some() {}
                    keys.next_if(|entry| word_at(entry, 0) == number).is_some()
                }
                None => true,
            };
            if budget.admits(offset, u64::from(bytes), stbl)? {
                samples.push(Sample { offset, bytes, duration, dts, composition, key: key || all_key });
            } else if matches!(sizes, Sizes::Same { .. }) {
                // Beyond the end of the file, and all that follow in this chunk with it: a count alone must not
                // keep us busy.
                break;
            }
            offset = offset.saturating_add(u64::from(bytes));
            dts = dts.saturating_add(i64::from(duration));
        }
    }
    Ok(())
}

/// Reads a track of PCM with `frame_bytes` for one instant of all channels, in units of about 20 ms.
pub(super) fn pcm(
    stbl: &Cursor<'_>,
    frame_bytes: u32,
    rate: u32,
    budget: &mut Budget,
    samples: &mut Vec<Sample>,
) -> Result<(), Mp4Error> {
    let Some(mut offsets) = ChunkOffsets::read(stbl)? else { return Ok(()) };
    let mut chunks = stsc(stbl)?;
    let frames_a_unit = (rate / PCM_UNITS_A_SECOND).max(1);
    let (mut dts, mut chunk) = (0_i64, 0_u32);
    while let Some(mut offset) = offsets.next() {
        chunk += 1;
        let mut left = chunks.samples_in(chunk);
        while left > 0 {
            let duration = left.min(frames_a_unit);
            let bytes = u64::from(duration) * u64::from(frame_bytes);
            let admitted = budget.admits(offset, bytes, stbl)?;
            let Some(bytes) = u32::try_from(bytes).ok().filter(|_| admitted) else { break };
            samples.push(Sample { offset, bytes, duration, dts, composition: 0, key: true });
            offset = offset.saturating_add(u64::from(bytes));
            dts = dts.saturating_add(i64::from(duration));
            left -= duration;
        }
    }
    Ok(())
}

fn table<'a>(
    stbl: &Cursor<'a>,
    name: &[u8; 4],
    entry_bytes: usize,
) -> Result<Option<std::slice::ChunksExact<'a, u8>>, Mp4Error> {
    let Some(mut found) = stbl.find(name)? else { return Ok(None) };
    found.version()?;
    found.entries(entry_bytes).map(Some)
}

fn stsc<'a>(stbl: &Cursor<'a>) -> Result<Chunks<'a>, Mp4Error> {
    let entries = table(stbl, b"stsc", 12)?.ok_or_else(|| stbl.error("has no stsc box"))?;
    Ok(Chunks { entries: entries.peekable(), samples: 0 })
}

/// Where chunks begin, in words of 4 or 8 bytes.
struct ChunkOffsets<'a> {
    entries: std::slice::ChunksExact<'a, u8>,
    long: bool,
}

impl<'a> ChunkOffsets<'a> {
    /// `None` when the track has no samples here, as in fragmented files.
    fn read(stbl: &Cursor<'a>) -> Result<Option<Self>, Mp4Error> {
        if let Some(entries) = table(stbl, b"stco", 4)? {
            return Ok(Some(Self { entries, long: false }));
        }
        Ok(table(stbl, b"co64", 8)?.map(|entries| Self { entries, long: true }))
    }

    fn next(&mut self) -> Option<u64> {
        let entry = self.entries.next()?;
        let high = u64::from(word_at(entry, 0));
        Some(if self.long { high << 32 | u64::from(word_at(entry, 4)) } else { high })
    }
}
