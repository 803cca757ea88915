//! What is whole of a recording's file, and what the file says of itself.
use crate::segment::FileFormat;
use formats::mp4::SegmentIndex;
use media::{Track, WallTime};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The box that says whose recording a file is: a UUID of ours, then the stream's name in UTF-8.
const OWN_BOX: [u8; 16] = *b"aqueduct stream\0";

/// What a file says of itself.
#[derive(Clone, Debug)]
pub(crate) struct WholeFile {
    /// Bytes up to the end of its last whole part.
    pub(crate) bytes: u64,
    /// When its first frame was captured, by its own clock.
    pub(crate) from: Option<WallTime>,
    /// How much media it has.
    pub(crate) length_micros: i64,
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
        return Ok(None);
    }
    let index = match SegmentIndex::read(reader(file)) {
        Ok(index) => index,
        Err(formats::mp4::IndexError::Read(error)) => return Err(error),
        Err(formats::mp4::IndexError::Broken(_)) => return Ok(None),
    };
    let Some(length) = index.first_micros().zip(index.end_micros()).map(|(first, end)| end - first) else {
        return Ok(None);
    };
    Ok(Some(WholeFile {
        bytes: index.bytes(),
        from: index.begins(),
        length_micros: length,
        tracks: codecs_of(index.tracks()),
        stream: stream_of(file)?,
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
