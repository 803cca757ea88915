//! One `trak` box: what it is coded with, its clock, and where its time begins.
//!
//! Source: ISO/IEC 14496-12 §8.3 to §8.6.6 (edit lists).
use super::cursor::Cursor;
use super::entry::{self, Layout, SampleEntry};
use super::moof::Defaults;
use super::sample::{Budget, Sample};
use super::{Unplayable, nals, stbl};
use crate::bitstream::NalAssembler;
use crate::mp4::Mp4Error;
use bytes::Bytes;
use media::{CodecParams, Track, rescale};

/// A track of the file on its way out of it.
pub(super) struct Lane {
    /// The track's number in the file.
    pub(super) number: u32,
    pub(super) track: Track,
    /// Ticks a second of `samples` and `shift`.
    pub(super) timescale: u32,
    /// Added to the times of samples: what the edit list says.
    pub(super) shift: i64,
    pub(super) layout: Layout,
    pub(super) samples: Vec<Sample>,
    pub(super) defaults: Defaults,
    /// Decoding time of the next fragment that does not say its own.
    pub(super) next_dts: i64,
    /// Added to decoding times, so that none is above its presentation time (negative composition offsets).
    pub(super) dts_shift: i64,
    /// The file tells key frames from others. Where it calls all of them key frames, the slices are asked.
    pub(super) keys_told: bool,
}

impl Lane {
    /// True when the codec has no other samples than such that can be decoded alone.
    pub(super) fn all_key(&self) -> bool {
        !self.track.codec.is_video()
    }

    /// Works out what depends on all samples, when they are all there.
    pub(super) fn settle(&mut self) {
        self.dts_shift =
            self.samples.iter().map(|sample| i64::from(sample.composition)).min().unwrap_or(0).min(0);
        self.keys_told = self.samples.iter().any(|sample| !sample.key);
    }

    /// A sample as a unit wants it; `None` when nothing of it is left (only parameter sets, say).
    pub(super) fn cut(&self, sample: &Sample, bytes: Bytes, assembler: &mut NalAssembler) -> Option<Cut> {
        let whole = |data, keyframe| Some(Cut { data, keyframe, params: None });
        match self.layout {
            Layout::Frames => whole(bytes, sample.key),
            Layout::Nals { length_bytes } => {
                let frame = nals::frame(&bytes, length_bytes, assembler, self.track.codec)?;
                let keyframe = if self.keys_told { sample.key } else { frame.keyframe };
                Some(Cut { data: frame.data, keyframe, params: frame.params })
            }
            Layout::Pcm { little_endian: false, .. } => whole(bytes, true),
            Layout::Pcm { little_endian: true, .. } => {
                whole(bytes.chunks_exact(2).flat_map(|pair| [pair[1], pair[0]]).collect(), true)
            }
        }
    }

    /// When a sample is decoded, in ticks of the time scale.
    pub(super) const fn dts_of(&self, sample: &Sample) -> i64 {
        sample.dts.saturating_add(self.shift).saturating_add(self.dts_shift)
    }

    /// When a sample is shown, in ticks of the time scale.
    pub(super) const fn pts_of(&self, sample: &Sample) -> i64 {
        sample.dts.saturating_add(self.shift).saturating_add(sample.composition as i64)
    }
}

/// A sample in the form of a unit.
pub(super) struct Cut {
    pub(super) data: Bytes,
    pub(super) keyframe: bool,
    /// Parameter sets that stood in the sample, when they are new.
    pub(super) params: Option<CodecParams>,
}

/// Reads a track with its sample tables; `Err` inside for one that cannot be played.
pub(super) fn read(
    trak: &Cursor<'_>,
    movie_timescale: u32,
    id: u8,
    budget: &mut Budget,
) -> Result<Result<Lane, Unplayable>, Mp4Error> {
    let mdia = trak.need(b"mdia", "has no mdia box")?;
    let number = track_number(trak)?;
    let mut hdlr = mdia.need(b"hdlr", "has no hdlr box")?;
    hdlr.version()?;
    hdlr.u32()?;
    let handler = hdlr.u32()?.to_be_bytes();
    if &handler != b"vide" && &handler != b"soun" {
        return Ok(Err(Unplayable { number, format: handler, why: "neither picture nor sound" }));
    }
    let timescale = timescale(&mdia)?;
    let minf = mdia.need(b"minf", "has no minf box")?;
    let tables = minf.need(b"stbl", "has no stbl box")?;
    let SampleEntry { track, layout } = match entry::read(&tables, id, timescale)? {
        Ok(entry) => entry,
        Err((format, why)) => return Ok(Err(Unplayable { number, format, why })),
    };
    let mut samples = Vec::new();
    match layout {
        Layout::Frames | Layout::Nals { .. } => {
            stbl::frames(&tables, !track.codec.is_video(), budget, &mut samples)?;
        }
        Layout::Pcm { frame_bytes, .. } => stbl::pcm(&tables, frame_bytes, timescale, budget, &mut samples)?,
    }
    let shift = edit_shift(trak, movie_timescale, timescale)?;
    Ok(Ok(Lane {
        number,
        track,
        timescale,
        shift,
        layout,
        samples,
        defaults: Defaults::default(),
        next_dts: 0,
        dts_shift: 0,
        keys_told: false,
    }))
}

fn track_number(trak: &Cursor<'_>) -> Result<u32, Mp4Error> {
    let mut tkhd = trak.need(b"tkhd", "has no tkhd box")?;
    let (version, _) = tkhd.version()?;
    tkhd.take(if version == 1 { 16 } else { 8 })?;
    tkhd.u32()
}

fn timescale(mdia: &Cursor<'_>) -> Result<u32, Mp4Error> {
    let mut mdhd = mdia.need(b"mdhd", "has no mdhd box")?;
    let (version, _) = mdhd.version()?;
    mdhd.take(if version == 1 { 16 } else { 8 })?;
    match mdhd.u32()? {
        0 => Err(mdhd.error("the time scale is zero")),
        timescale => Ok(timescale),
    }
}

/// How far the edit list moves the track, in its own ticks: empty edits at the start delay it, the first real
/// edit says which of its times is zero. Later edits (cuts) are played through: nothing is left out.
fn edit_shift(trak: &Cursor<'_>, movie_timescale: u32, timescale: u32) -> Result<i64, Mp4Error> {
    let Some(edts) = trak.find(b"edts")? else { return Ok(0) };
    let Some(mut elst) = edts.find(b"elst")? else { return Ok(0) };
    let (version, _) = elst.version()?;
    let long = version == 1;
    let mut delay = 0_i64;
    for _ in 0..elst.u32()? {
        let duration = elst.word(long)?;
        let media_time = if long { elst.u64()? as i64 } else { i64::from(elst.u32()? as i32) };
        elst.u32()?;
        if media_time >= 0 {
            return Ok(delay.saturating_sub(media_time));
        }
        let duration = i64::try_from(duration).map_err(|_| elst.error("time out of range"))?;
        delay = delay.saturating_add(rescale(duration, movie_timescale, timescale));
    }
    Ok(delay)
}
