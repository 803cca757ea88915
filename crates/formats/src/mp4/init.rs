//! The initialization segment: `ftyp` and a `moov` without samples, whose `mvex` announces fragments.
//!
//! Source: ISO/IEC 14496-12 §8 (movie structure), §8.8 (movie fragments).
use super::boxes::BoxWriter;
use super::entry::Entry;
use bytes::Bytes;
use media::{MediaTime, Track, rescale};

/// Ticks a second of the movie header; only edit lists are counted in it.
const MOVIE_TIMESCALE: u32 = 1_000;
/// The unity matrix, as every header has it (§8.2.2).
pub(super) const MATRIX: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];

/// "und", three letters of five bits.
pub(super) const LANGUAGE_UNKNOWN: u16 = 0x55c4;

/// One track on its way into a file.
pub(super) struct Carried<'a> {
    pub(super) track: &'a Track,
    pub(super) entry: &'a Entry,
    /// The track's number in the file, from 1.
    pub(super) number: u32,
}

/// Writes `ftyp` and `moov`. With `start` (on the line of the fragments) an edit list makes it the zero of what
/// a player shows.
pub(super) fn write_init(tracks: &[Carried<'_>], start: Option<MediaTime>) -> Bytes {
    let mut w = BoxWriter::with_capacity(1024);
    w.boxed(b"ftyp", |w| {
        w.bytes(b"iso6");
        w.u32(0);
        w.bytes(b"iso6mp41dash");
    });
    w.boxed(b"moov", |w| {
        w.full(b"mvhd", 0, 0, |w| {
            w.zeros(8);
            w.u32(MOVIE_TIMESCALE);
            w.u32(0);
            w.u32(0x1_0000);
            w.u16(0x100);
            w.zeros(10);
            MATRIX.iter().for_each(|&value| w.u32(value));
            w.zeros(24);
            w.u32(tracks.len() as u32 + 1);
        });
        tracks.iter().for_each(|carried| trak(w, carried, start));
        w.boxed(b"mvex", |w| {
            for carried in tracks {
                w.full(b"trex", 0, 0, |w| {
                    w.u32(carried.number);
                    w.u32(1);
                    w.zeros(12);
                });
            }
        });
    });
    w.into_vec().into()
}

fn trak(w: &mut BoxWriter, carried: &Carried<'_>, start: Option<MediaTime>) {
    let Carried { track, entry, number } = *carried;
    let video = track.codec.is_video();
    w.boxed(b"trak", |w| {
        // Flags: enabled, and part of the movie.
        w.full(b"tkhd", 0, 3, |w| {
            w.zeros(8);
            w.u32(number);
            w.zeros(4 + 4 + 8);
            w.u16(0);
            w.u16(if video { 0 } else { 1 });
            w.u16(if video { 0 } else { 0x100 });
            w.u16(0);
            MATRIX.iter().for_each(|&value| w.u32(value));
            w.u32(u32::from(entry.width) << 16);
            w.u32(u32::from(entry.height) << 16);
        });
        if let Some(start) = start {
            w.boxed(b"edts", |w| {
                w.full(b"elst", 1, 0, |w| {
                    w.u32(1);
                    w.u64(0);
                    w.i64(rescale(start.ticks, start.rate, track.clock_rate));
                    w.u32(0x1_0000);
                });
            });
        }
        w.boxed(b"mdia", |w| {
            w.full(b"mdhd", 0, 0, |w| {
                w.zeros(8);
                w.u32(track.clock_rate);
                w.u32(0);
                w.u16(LANGUAGE_UNKNOWN);
                w.u16(0);
            });
            handler(w, video);
            w.boxed(b"minf", |w| {
                media_kind(w, video);
                w.boxed(b"stbl", |w| {
                    w.full(b"stsd", 0, 0, |w| {
                        w.u32(1);
                        w.bytes(&entry.bytes);
                    });
                    w.full(b"stts", 0, 0, |w| w.u32(0));
                    w.full(b"stsc", 0, 0, |w| w.u32(0));
                    w.full(b"stsz", 0, 0, |w| w.zeros(8));
                    w.full(b"stco", 0, 0, |w| w.u32(0));
                });
            });
        });
    });
}

/// Whether a track is pictures or sound.
pub(super) fn handler(w: &mut BoxWriter, video: bool) {
    w.full(b"hdlr", 0, 0, |w| {
        w.zeros(4);
        w.bytes(if video { b"vide" } else { b"soun" });
        w.zeros(12);
        w.bytes(b"Aqueduct\0");
    });
}

/// What the kind of media has of its own, and that it is in this file.
pub(super) fn media_kind(w: &mut BoxWriter, video: bool) {
    if video {
        w.full(b"vmhd", 0, 1, |w| w.zeros(8));
    } else {
        w.full(b"smhd", 0, 0, |w| w.zeros(4));
    }
    w.boxed(b"dinf", |w| {
        w.full(b"dref", 0, 0, |w| {
            w.u32(1);
            w.full(b"url ", 0, 1, |_| ());
        });
    });
}
