//! Frames of made-up H.264 at an exact rate.
use bytes::{BufMut, Bytes, BytesMut};
use media::{Codec, CodecParams, Moment, Track, Unit, WallTime};
use std::time::Duration;

/// Parameter sets of x264, Baseline, 1920x1080, 4:2:0.
const SPS: &[u8] = &[
    0x67, 0x42, 0xc0, 0x28, 0xda, 0x01, 0xe0, 0x08, 0x9f, 0x97, 0x01, 0x10, 0x00, 0x00, 0x3e, 0x90, 0x00,
    0x0e, 0xa6, 0x00, 0xf1, 0x83, 0x2a,
];
const PPS: &[u8] = &[0x68, 0xce, 0x0f, 0xc8];
/// A key frame is as large as this many others; real ones are 4 to 12 times as large.
const KEY_WEIGHT: u64 = 5;
/// NAL header and the first bits of a slice: first macroblock 0, I or P.
const KEY_START: [u8; 3] = [0x65, 0x88, 0x84];
const OTHER_START: [u8; 3] = [0x41, 0x9a, 0x24];
/// Digits of a frame's number.
const DIGITS: usize = 10;
/// Noise that pictures are cut from: 1 MiB.
const NOISE_BYTES: usize = 1 << 20;

/// The track that the frames belong to.
pub fn track() -> Track {
    let params = CodecParams::H264 { sps: Bytes::from_static(SPS), pps: vec![Bytes::from_static(PPS)] };
    Track::video(0, Codec::H264, params)
}

/// Rates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// Bits a second.
    pub bits_per_second: u64,
    /// Frames a second; not zero.
    pub fps: u32,
    /// Frames from one key frame to the next; not zero.
    pub gop: u32,
}

/// Makes one frame after another. A clone costs nothing and starts where this one is.
#[derive(Clone, Debug)]
pub struct Frames {
    shape: Shape,
    noise: Bytes,
    number: u64,
}

impl Frames {
    /// Starts with number 0, a key frame.
    pub fn new(shape: Shape) -> Self {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let noise = (0..NOISE_BYTES).map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            // No zeros: nothing looks like a start code, so nothing needs to be escaped.
            (state as u8).max(1)
        });
        Self { shape, noise: noise.collect(), number: 0 }
    }

    /// When the next frame is due, after the first.
    pub fn next_at(&self) -> Duration {
        Duration::from_nanos(self.number * 1_000_000_000 / u64::from(self.shape.fps))
    }

    /// The next frame.
    pub fn next_unit(&mut self) -> Unit {
        let Shape { bits_per_second, fps, gop } = self.shape;
        let keyframe = self.number.is_multiple_of(gop.into());
        let group_bytes = bits_per_second * u64::from(gop) / u64::from(fps) / 8;
        let other_bytes = group_bytes / (u64::from(gop) - 1 + KEY_WEIGHT);
        let bytes = (if keyframe { other_bytes * KEY_WEIGHT } else { other_bytes }) as usize;
        let bytes = bytes.clamp(4 + 3 + DIGITS, NOISE_BYTES);
        let mut data = BytesMut::with_capacity(bytes);
        data.put_u32((bytes - 4) as u32);
        data.put_slice(if keyframe { &KEY_START } else { &OTHER_START });
        data.put_slice(format!("{:0DIGITS$}", self.number % 10_u64.pow(DIGITS as u32)).as_bytes());
        let rest = bytes - data.len();
        // Another part for each frame, so that no two are alike.
        let at = (self.number as usize).wrapping_mul(7_919) % (NOISE_BYTES - rest).max(1);
        data.put_slice(&self.noise[at..at + rest]);
        let ticks = (self.number * 90_000 / u64::from(fps)) as i64;
        self.number += 1;
        Unit {
            track: 0,
            pts: ticks,
            dts: ticks,
            arrival: Moment::ZERO,
            wall: WallTime::default(),
            keyframe,
            discontinuity: false,
            data: data.freeze(),
        }
    }
}

/// The number that a frame of [`Frames`] says; `None` for any other.
pub fn number(unit: &Unit) -> Option<u64> {
    number_in(&unit.data)
}

/// The same, of the frame's bytes.
pub(crate) fn number_in(data: &[u8]) -> Option<u64> {
    std::str::from_utf8(data.get(7..7 + DIGITS)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use formats::bitstream::h264;

    #[test]
    fn the_rate_is_what_was_asked_for_and_the_frames_are_numbered() {
        let mut frames = Frames::new(Shape { bits_per_second: 4_000_000, fps: 25, gop: 50 });
        let mut bytes = 0;
        for expected in 0..500 {
            assert_eq!(frames.next_at(), Duration::from_millis(40 * expected));
            let unit = frames.next_unit();
            assert_eq!(unit.keyframe, expected % 50 == 0);
            assert_eq!(unit.pts, 3_600 * expected as i64);
            assert_eq!(number(&unit), Some(expected));
            bytes += unit.data.len();
        }
        let rate = bytes * 8 / 20;
        assert!((3_980_000..=4_000_000).contains(&rate), "{rate}");
    }

    #[test]
    fn the_parameter_sets_are_read_as_full_hd() {
        let info = h264::parse_sps(SPS).unwrap();
        assert_eq!((info.width, info.height), (1920, 1080));
    }
}
