//! What is whole of a recording's file, and what the file says of itself.
use crate::segment::FileFormat;
use formats::demux::DemuxEvent;
use formats::mp4::SegmentIndex;
use formats::mpegts;
use media::{MediaTime, Moment, Track, WallTime};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The box that says whose recording a file is: a UUID of ours, then the stream's name in UTF-8.
const OWN_BOX: [u8; 16] = *b"aqueduct stream\0";

/// Bytes of a packet of a transport stream.
const TS_PACKET: usize = 188;
/// The last frame of a transport stream is taken to last 40 ms.
const FRAME_MICROS: i64 = 40_000;

/// What a file says of itself.
#[derive(Clone, Debug)]
pub(crate) struct WholeFile {
    /// Bytes up to the end of its last whole part.
    pub(crate) bytes: u64,
    /// When its first frame was captured, by its own clock.
    pub(crate) from: Option<WallTime>,
    /// How much media it has.
    pub(crate) length_micros: i64,
    /// Bytes before its first media.
    pub(crate) head: u64,
    /// Codecs.
    pub(crate) tracks: String,
    /// Whose it is.
    pub(crate) stream: Option<String>,
}

/// The box for a stream's name; goes behind `ftyp`.
pub(crate) fn own_box(stream: &str) -> Vec<u8> {
    let mut data = Vec::with_capacity(24 + stream.len());
    data.extend_from_slice(&(24 + stream.len() as u32).to_be_bytes());
    data.extend_from_slice(b"uuid");
    data.extend_from_slice(&OWN_BOX);
    data.extend_from_slice(stream.as_bytes());
    data
}

/// Reads at a place of a file.
pub(crate) fn reader(file: &File) -> impl FnMut(u64, &mut [u8]) -> io::Result<usize> + '_ {
    |at, buffer| {
        let mut got = 0;
        while got < buffer.len() {
            match file.read_at(&mut buffer[got..], at + got as u64) {
                Ok(0) => break,
                Ok(read) => got += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(got)
    }
}

/// What is whole of a file; `None`: it has no media.
pub(crate) fn whole_of(file: &mut File, format: FileFormat) -> io::Result<Option<WholeFile>> {
    if format.is_ts() {
        return whole_ts(file);
    }
    let index = match SegmentIndex::read(reader(file)) {
        Ok(index) => index,
        Err(formats::mp4::IndexError::Read(error)) => return Err(error),
        Err(formats::mp4::IndexError::Broken(_)) => return Ok(None),
    };
    // By the main track: sound reaches a little into what follows.
    let main = index.main_track();
    let (Some(first), Some(last)) = (index.samples(main).first(), index.samples(main).last()) else {
        return Ok(None);
    };
    let rate = index.tracks().get(main).map_or(1, |track| track.clock_rate);
    let ticks = last.dts - first.dts + i64::from(last.ticks);
    let length = MediaTime::new(ticks, rate).as_micros();
    Ok(Some(WholeFile {
        bytes: index.bytes(),
        from: index.wall_at(index.micros_of(main, first)),
        length_micros: length,
        head: index.head().end,
        tracks: codecs_of(index.tracks()),
        stream: stream_of(file)?,
    }))
}

/// Whole packets, and the times in them. Whose it is, a transport stream does not say.
fn whole_ts(file: &mut File) -> io::Result<Option<WholeFile>> {
    let mut demuxer = mpegts::Demuxer::new();
    let mut read = reader(file);
    let (mut at, mut tracks) = (0, Vec::<Track>::new());
    let (mut first, mut last): (Option<i64>, Option<i64>) = (None, None);
    let mut buffer = vec![0; TS_PACKET * 1024];
    loop {
        let got = read(at, &mut buffer)? / TS_PACKET * TS_PACKET;
        let over = got == 0 || demuxer.push(&buffer[..got], Moment::ZERO, WallTime::default()).is_err();
        at += got as u64;
        if over {
            demuxer.finish(Moment::ZERO);
        }
        while let Some(event) = demuxer.pop() {
            match event {
                DemuxEvent::Tracks(found) => tracks = found,
                DemuxEvent::Unit(unit) => {
                    let Some(track) = tracks.get(usize::from(unit.track)) else { continue };
                    let micros = unit.dts_time(track).as_micros();
                    first = Some(first.map_or(micros, |first| first.min(micros)));
                    last = Some(last.map_or(micros, |last| last.max(micros)));
                }
                DemuxEvent::Metadata(_) | DemuxEvent::Note(_) => {}
            }
        }
        if over {
            break;
        }
    }
    let Some((first, last)) = first.zip(last) else { return Ok(None) };
    Ok(Some(WholeFile {
        bytes: at,
        from: None,
        length_micros: last - first + FRAME_MICROS,
        head: 0,
        tracks: codecs_of(&tracks),
        stream: None,
    }))
}

/// The stream's name out of the box behind `moov`.
fn stream_of(file: &File) -> io::Result<Option<String>> {
    let mut read = reader(file);
    let mut at = 0;
    // `ftyp`, and ours.
    for _ in 0..2 {
        let mut head = [0; 24];
        if read(at, &mut head)? < 24 {
            return Ok(None);
        }
        let size = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
        if &head[4..8] == b"uuid" && head[8..] == OWN_BOX {
            // A name has 255 bytes at most.
            let mut name = vec![0; (size as usize).saturating_sub(24).min(1024)];
            let got = read(at + 24, &mut name)?;
            name.truncate(got);
            return Ok(String::from_utf8(name).ok());
        }
        at += u64::from(size.max(8));
    }
    Ok(None)
}

/// `h264+aac`.
pub(crate) fn codecs_of<'a>(tracks: impl IntoIterator<Item = &'a Track>) -> String {
    let names: Vec<String> =
        tracks.into_iter().map(|track| track.codec.name().to_ascii_lowercase()).collect();
    names.join("+")
}
