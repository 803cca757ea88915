//! Where each sample of a track lies, and when it is shown.
use super::cursor::Cursor;
use crate::mp4::Mp4Error;

/// One sample of one track; times are in ticks of the track's own time scale.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Sample {
    pub(super) offset: u64,
    pub(super) bytes: u32,
    pub(super) duration: u32,
    pub(super) dts: i64,
    pub(super) composition: i32,
    pub(super) key: bool,
}

impl Sample {
    /// Its bytes; the [`Budget`] has seen to it that they are there.
    pub(super) fn slice_of<'a>(&self, file: &'a [u8]) -> &'a [u8] {
        let start = self.offset as usize;
        file.get(start..start.saturating_add(self.bytes as usize)).unwrap_or_default()
    }
}

/// Most samples of a file, over all tracks: 8 Mi. A whole day at 30 pictures and 47 AAC frames a second has 6.7
/// million. Each costs 40 bytes while the file is open.
pub(super) const SAMPLES_MAX: u32 = 8 << 20;
/// Most samples of one fragment of a stream, or of the head of one: 64 Ki. A minute of 60 pictures and 50 sounds a second
/// has a tenth of it.
const STREAM_SAMPLES_MAX: u32 = 64 << 10;

/// Counts samples and their bytes against what a file of its length can hold, over all tracks: tables may claim
/// anything, and samples may claim the same bytes again and again.
pub(super) struct Budget {
    file_bytes: u64,
    bytes_left: u64,
    samples_left: u32,
}

impl Budget {
    /// Samples of an honest file do not overlap; twice its length is for those that share a few.
    pub(super) fn new(file_bytes: u64) -> Self {
        Self { file_bytes, bytes_left: file_bytes.saturating_mul(2), samples_left: SAMPLES_MAX }
    }

    /// For one part of a stream whose end nobody knows.
    pub(super) fn of_stream() -> Self {
        Self { file_bytes: u64::MAX, bytes_left: u64::MAX, samples_left: STREAM_SAMPLES_MAX }
    }

    /// For one part of a file, whose samples lie in so many bytes; `samples_left` more of them are taken of the file.
    pub(super) fn of_part(media_bytes: u64, samples_left: u32) -> Self {
        let samples_left = samples_left.min(STREAM_SAMPLES_MAX);
        Self { file_bytes: u64::MAX, bytes_left: media_bytes, samples_left }
    }

    /// Accounts for one sample. False when it is empty or reaches beyond the end of the file: such a sample is
    /// left out, as in a recording that was cut short.
    pub(super) fn admits(&mut self, offset: u64, bytes: u64, at: &Cursor<'_>) -> Result<bool, Mp4Error> {
        let inside = offset.checked_add(bytes).is_some_and(|end| end <= self.file_bytes);
        if bytes == 0 || !inside {
            return Ok(false);
        }
        self.bytes_left = self
            .bytes_left
            .checked_sub(bytes)
            .ok_or_else(|| at.error("samples claim more bytes than the file has"))?;
        self.samples_left =
            self.samples_left.checked_sub(1).ok_or_else(|| at.error("has more samples than are taken"))?;
        Ok(true)
    }
}
