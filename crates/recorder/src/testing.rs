//! For tests: a storage with many segments, made faster than by recording them.
use crate::segment::{FileFormat, Span};
use crate::storage::{StorageConfig, fill_index};
use media::WallTime;

/// Five minutes.
const LENGTH_MICROS: i64 = 300_000_000;
/// Streams that they are of.
const STREAMS: u64 = 100;

/// Fills a storage with so many closed segments of a byte, with their files.
#[doc(hidden)]
pub fn fill(config: &StorageConfig, count: u64) {
    let segment = |number: u64| {
        let (stream, place) = (number % STREAMS, (number / STREAMS) as i64);
        let from = WallTime::from_micros(1_700_000_000_000_000 + place * LENGTH_MICROS);
        let stream = format!("cam{stream}");
        let path = crate::PathTemplate::default().path(&stream, FileFormat::Fmp4, from) + ".mp4";
        (stream, path, Span { from, to: WallTime::from_micros(from.as_micros() + LENGTH_MICROS) })
    };
    fill_index(config, (0..count).map(segment));
}
