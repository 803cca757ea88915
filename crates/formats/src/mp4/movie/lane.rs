//! One track of a movie, and what of a piece fits behind what it has.
use super::tables::Tables;
use crate::mp4::entry::Entry;
use crate::mp4::read::Sample;
use media::{Codec, Kind, Track, rescale};

/// One track of the movie.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) track: Track,
    /// The sample entries: one for each set of parameters.
    pub(super) entries: Vec<Entry>,
    pub(super) tables: Tables,
}

/// How the times of a piece become those of the movie.
pub(super) struct Line {
    /// The piece's beginning in its file, in ticks of this rate.
    pub(super) begins: (i64, u32),
    /// Where that is in the movie.
    pub(super) at_micros: i64,
    /// From when on the piece may have samples in the movie, of tracks that do not lead.
    pub(super) free_from_micros: i64,
    /// Pictures that are shown before the key frame are left out: they need the pictures before it (open GOP).
    pub(super) leads_from: Option<i64>,
}

impl Lane {
    pub(super) fn new(track: Track, entry: Entry) -> Self {
        let tables = Tables::new(pcm_bytes(&track));
        Self { track, entries: vec![entry], tables }
    }

    /// When the last of it has been shown, in microseconds of the movie.
    pub(super) fn end_micros(&self) -> i64 {
        rescale(self.tables.end(), self.track.clock_rate, 1_000_000)
    }

    /// How many samples there is no place for, since the movie already has something then, or has not begun.
    pub(super) fn skips(&self, samples: &[Sample], line: &Line) -> usize {
        let rate = self.track.clock_rate;
        let (shift, free_from) = (line.shift(rate), rescale(line.free_from_micros, 1_000_000, rate));
        let fits = |sample: &Sample| {
            let dts = sample.dts.saturating_add(shift);
            // Half of it may be of the same time as what is there: on the other side is as much of a gap.
            let half = if self.tables.is_empty() { 0 } else { i64::from(sample.ticks / 2) };
            sample.key && dts >= free_from.max(self.tables.end().saturating_sub(half))
        };
        samples.iter().position(fits).unwrap_or(samples.len())
    }
}

impl Line {
    /// What is added to a time of the file, in ticks of this rate.
    pub(super) fn shift(&self, rate: u32) -> i64 {
        rescale(self.at_micros, 1_000_000, rate).saturating_sub(rescale(self.begins.0, self.begins.1, rate))
    }
}

/// Bytes of one instant of all channels, where the samples of a track are that.
pub(super) fn pcm_bytes(track: &Track) -> Option<u32> {
    let channels = u32::from(track.channels.max(1));
    match track.codec {
        Codec::Pcmu | Codec::Pcma => Some(channels),
        Codec::L16 => Some(2 * channels),
        Codec::H264
        | Codec::H265
        | Codec::Av1
        | Codec::Vp8
        | Codec::Vp9
        | Codec::Mjpeg
        | Codec::Aac
        | Codec::Opus
        | Codec::G722
        | Codec::Mp3 => None,
    }
}

pub(super) fn said(track: &Track) -> String {
    match track.kind() {
        Kind::Video => track.codec.to_string(),
        Kind::Audio => format!("{} of {} Hz and {} channels", track.codec, track.clock_rate, track.channels),
    }
}
