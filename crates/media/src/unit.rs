//! Units: what a stream carries.
use crate::{MediaTime, Moment, Track, TrackId, WallTime};
use bytes::Bytes;

/// One frame (access unit) of one track, with its times. Cheap to clone: the data is shared.
///
/// What `data` holds, by codec:
/// - H.264, H.265: NAL units, each with a 4-byte big-endian length; no parameter sets (they are in the track), no
///   access unit delimiters, no filler.
/// - AV1: the OBUs of one temporal unit, each with its size field; no temporal delimiter; the sequence header may stay.
/// - VP8, VP9: the frame. VP9 superframes stay whole.
/// - MJPEG: a complete JPEG file.
/// - AAC: one raw access unit without ADTS. Opus: one packet. MP3: one frame with its header.
/// - G.711, G.722: samples. L16: samples, big-endian, channels interleaved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unit {
    /// The track it belongs to.
    pub track: TrackId,
    /// When to show it, in ticks of the track's clock, on the time line that all tracks of the stream share.
    pub pts: i64,
    /// When to decode it, in the same ticks; never above `pts` and strictly rising within a track.
    pub dts: i64,
    /// When its last byte arrived here.
    pub arrival: Moment,
    /// When it was captured, as well as is known: from RTCP sender reports or the container, else the arrival.
    pub wall: WallTime,
    /// A reader may start here: an IDR or other random access picture; true for all audio.
    pub keyframe: bool,
    /// The unit does not follow the one before: loss, a jump of the clock, a new encoder.
    pub discontinuity: bool,
    /// The frame.
    pub data: Bytes,
}

impl Unit {
    /// The decoding time with its rate.
    pub const fn dts_time(&self, track: &Track) -> MediaTime {
        MediaTime::new(self.dts, track.clock_rate)
    }

    /// The presentation time with its rate.
    pub const fn pts_time(&self, track: &Track) -> MediaTime {
        MediaTime::new(self.pts, track.clock_rate)
    }
}
