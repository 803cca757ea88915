//! Movie fragments: samples in `moof` boxes.
//!
//! Source: ISO/IEC 14496-12 §8.8.4 to §8.8.12.
use super::cursor::{BoxAt, Cursor};
use super::sample::{Budget, Sample};
use super::track::Lane;
use crate::mp4::Mp4Error;
use std::borrow::BorrowMut;

/// `sample_is_non_sync_sample` (§8.8.3.1).
const NON_SYNC: u32 = 0x0001_0000;

/// What a track's samples are when a fragment says nothing else: `trex`, then `tfhd`.
#[derive(Clone, Copy, Default)]
pub(super) struct Defaults {
    duration: u32,
    bytes: u32,
    flags: u32,
}

/// Reads a `trex` box into the track that it names.
pub(super) fn trex(mut trex: Cursor<'_>, lanes: &mut [Lane]) -> Result<(), Mp4Error> {
    trex.version()?;
    let number = trex.u32()?;
    trex.u32()?;
    let defaults = Defaults { duration: trex.u32()?, bytes: trex.u32()?, flags: trex.u32()? };
    if let Some(lane) = lanes.iter_mut().find(|lane| lane.number == number) {
        lane.defaults = defaults;
    }
    Ok(())
}

/// Reads one `moof`: its samples go to their tracks. Fragments of unknown tracks are passed over.
pub(super) fn moof<L: BorrowMut<Lane>>(
    moof: &BoxAt<'_>,
    lanes: &mut [L],
    budget: &mut Budget,
) -> Result<(), Mp4Error> {
    let mut boxes = moof.content;
    let mut data_end = moof.start;
    while let Some(traf) = boxes.next_box()? {
        if &traf.name == b"traf" {
            data_end = read_traf(traf.content, moof.start, data_end, lanes, budget)?;
        }
    }
    Ok(())
}

/// Returns where the data of this track ends: there that of the next one begins, unless it says otherwise.
fn read_traf<L: BorrowMut<Lane>>(
    traf: Cursor<'_>,
    moof_start: u64,
    data_end: u64,
    lanes: &mut [L],
    budget: &mut Budget,
) -> Result<u64, Mp4Error> {
    let mut tfhd = traf.need(b"tfhd", "has no tfhd box")?;
    let (_, flags) = tfhd.version()?;
    let number = tfhd.u32()?;
    let mut known = lanes.iter_mut().map(BorrowMut::borrow_mut);
    let Some(lane) = known.find(|lane: &&mut Lane| lane.number == number) else { return Ok(data_end) };
    let mut defaults = lane.defaults;
    let mut base = if flags & 0x02_0000 != 0 { moof_start } else { data_end };
    if flags & 0x01 != 0 {
        base = tfhd.u64()?;
    }
    if flags & 0x02 != 0 {
        tfhd.u32()?;
    }
    if flags & 0x08 != 0 {
        defaults.duration = tfhd.u32()?;
    }
    if flags & 0x10 != 0 {
        defaults.bytes = tfhd.u32()?;
    }
    if flags & 0x20 != 0 {
        defaults.flags = tfhd.u32()?;
    }
    if let Some(mut tfdt) = traf.find(b"tfdt")? {
        let (version, _) = tfdt.version()?;
        lane.next_dts =
            i64::try_from(tfdt.word(version == 1)?).map_err(|_| tfdt.error("time out of range"))?;
    }
    let mut boxes = traf;
    let mut end = base;
    while let Some(trun) = boxes.next_box()? {
        if &trun.name == b"trun" {
            end = read_trun(trun.content, base, end, defaults, lane, budget)?;
        }
    }
    Ok(end)
}

/// Which fields each sample of a `trun` has, from its flags.
struct Fields {
    flags: u32,
}

impl Fields {
    fn entry_bytes(&self) -> usize {
        (self.flags >> 8 & 0xf).count_ones() as usize * 4
    }

    fn read(&self, bit: u32, entry: &mut Cursor<'_>) -> Result<Option<u32>, Mp4Error> {
        if self.flags & bit != 0 { entry.u32().map(Some) } else { Ok(None) }
    }
}

fn read_trun(
    mut trun: Cursor<'_>,
    base: u64,
    follows: u64,
    defaults: Defaults,
    lane: &mut Lane,
    budget: &mut Budget,
) -> Result<u64, Mp4Error> {
    let (_, flags) = trun.version()?;
    let fields = Fields { flags };
    let count = trun.u32()?;
    let mut offset = follows;
    if flags & 0x01 != 0 {
        let step = trun.u32()? as i32;
        offset = base.checked_add_signed(step.into()).ok_or_else(|| trun.error("data before the file"))?;
    }
    let first_flags = if flags & 0x04 != 0 { Some(trun.u32()?) } else { None };
    if (count as usize).checked_mul(fields.entry_bytes()).is_none_or(|bytes| bytes > trun.remaining()) {
        return Err(trun.error("counts more samples than it has"));
    }
    for index in 0..count {
        let duration = fields.read(0x100, &mut trun)?.unwrap_or(defaults.duration);
        let bytes = fields.read(0x200, &mut trun)?.unwrap_or(defaults.bytes);
        let own_flags = fields.read(0x400, &mut trun)?;
        let composition = fields.read(0x800, &mut trun)?.unwrap_or(0) as i32;
        let sample_flags = match own_flags {
            Some(own) => own,
            None if index == 0 => first_flags.unwrap_or(defaults.flags),
            None => defaults.flags,
        };
        let dts = lane.next_dts;
        lane.next_dts = dts.saturating_add(i64::from(duration));
        let admitted = budget.admits(offset, u64::from(bytes), &trun)?;
        if admitted {
            let key = sample_flags & NON_SYNC == 0 || lane.all_key();
            lane.samples.push(Sample { offset, bytes, duration, dts, composition, key });
        } else if fields.entry_bytes() == 0 {
            // Empty or beyond the end: a count alone must not keep us busy.
            break;
        }
        offset = offset.saturating_add(u64::from(bytes));
    }
    Ok(offset)
}
