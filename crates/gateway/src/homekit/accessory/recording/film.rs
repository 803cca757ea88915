//! A recording as fragmented MP4: each fragment begins with a key frame and lasts as long as was asked for, or up to the next one.
//!
//! Sans-IO; owns the muxer.
use bytes::{Bytes, BytesMut};
use formats::mp4::{Mp4Error, SegmentMuxer, SegmentPart};
use media::{Track, TrackId, Unit};
use std::time::Duration;

/// Largest fragment: 64 MiB, what 16 s at 32 Mbit/s are; a stream without key frames does not end its fragments.
const FRAGMENT_BYTES_MAX: usize = 64 << 20;
/// A fragment ends at a key frame that comes at most this much too early: 100 ms, as cameras' clocks are.
const EARLY: Duration = Duration::from_millis(100);

/// A fragment is larger than any.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no key frame within {FRAGMENT_BYTES_MAX} bytes")]
pub(super) struct NoKeyFrame;

pub(super) struct Film {
    muxer: SegmentMuxer,
    video: TrackId,
    /// Ticks of the video's clock after which a fragment may end.
    ticks: i64,
    /// When the fragment began.
    begun: Option<i64>,
}

impl Film {
    /// Of these tracks; `fragment` is how long a fragment is to be.
    pub(super) fn new(tracks: &[Track], video: &Track, fragment: Duration) -> Result<Self, Mp4Error> {
        let millis = fragment.saturating_sub(EARLY).as_millis() as i64;
        let ticks = millis * i64::from(video.clock_rate) / 1_000;
        Ok(Self { muxer: SegmentMuxer::new(tracks)?, video: video.id, ticks, begun: None })
    }

    /// What it begins with.
    pub(super) fn head(&self) -> Bytes {
        self.muxer.init()
    }

    /// Takes a unit; returns the fragment that is complete with it.
    pub(super) fn push(&mut self, unit: &Unit) -> Result<Option<Bytes>, NoKeyFrame> {
        if unit.track != self.video {
            self.muxer.push(unit);
            return Ok(None);
        }
        let begun = *self.begun.get_or_insert(unit.dts);
        let is_over = unit.keyframe && unit.dts.saturating_sub(begun) >= self.ticks.max(1);
        // how long the last picture of a fragment lasts is known by the first of the next
        self.muxer.push(unit);
        if is_over {
            self.begun = Some(unit.dts);
            return Ok(self.muxer.part().map(|part| fragment(&part)));
        }
        if self.muxer.waiting_bytes() > FRAGMENT_BYTES_MAX { Err(NoKeyFrame) } else { Ok(None) }
    }

    /// What is left of it.
    pub(super) fn finish(&mut self) -> Option<Bytes> {
        self.muxer.finish(None).map(|part| fragment(&part))
    }
}

/// `moof` and `mdat`: what is before them, the time of the capture, hubs do not know.
fn fragment(part: &SegmentPart) -> Bytes {
    let head = &part.head;
    let first = head.first_chunk::<4>().map_or(0, |length| u32::from_be_bytes(*length) as usize);
    let is_time = head.get(4..8) == Some(b"prft");
    let head = head.get(if is_time { first } else { 0 }..).unwrap_or_default();
    let mut bytes = BytesMut::with_capacity(head.len() + part.data.iter().map(Bytes::len).sum::<usize>());
    bytes.extend_from_slice(head);
    part.data.iter().for_each(|data| bytes.extend_from_slice(data));
    bytes.freeze()
}
