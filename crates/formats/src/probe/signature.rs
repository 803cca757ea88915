//! What each container begins with.
use super::Container;
use super::nals;
use crate::bitstream::aac::{adts, latm};
use crate::bitstream::mp3;
use crate::mpegts::find_sync;

/// Frames of sound in a row that make a stream: 3. The headers of ADTS and MPEG audio begin with eleven set bits, which
/// are in noise once in 2 KiB; those of the two after it must be where the first one says.
const FRAMES_CONFIRMING: usize = 3;
/// Bytes of an ID3 tag's head. Source: ID3v2.4 §3.1.
const ID3_BYTES: usize = 10;
/// Longest boundary line of a multipart stream, as in its demuxer.
const BOUNDARY_BYTES_MAX: usize = 210;

/// What a signature says of a beginning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Guess {
    Yes(Container),
    /// More bytes are needed to tell.
    Maybe,
    No,
}

pub(super) type Signature = fn(head: &[u8], at_end: bool) -> Guess;

/// In the order in which they are believed: those by their first bytes before those that may begin anywhere.
pub(super) const SIGNATURES: &[Signature] =
    &[flv, wav, au, mjpeg, multipart, mp4, annex_b, adts, mpeg_audio, loas, id3, mpegts];

/// Heads of samples.
pub(super) const SAMPLES: &[Signature] = &[wav, au];

/// FLV 10.1 §E.2.
fn flv(head: &[u8], _at_end: bool) -> Guess {
    prefix(head, b"FLV", Container::Flv)
}

/// RIFF, and RF64 for long ones (EBU Tech 3306). AVI is RIFF as well.
fn wav(head: &[u8], _at_end: bool) -> Guess {
    match head.get(8..) {
        _ if !b"RIFF".starts_with(first(head, 4)) && !b"RF64".starts_with(first(head, 4)) => Guess::No,
        None => Guess::Maybe,
        Some(rest) => prefix(rest, b"WAVE", Container::Wav),
    }
}

/// Sun's `.au`.
fn au(head: &[u8], _at_end: bool) -> Guess {
    prefix(head, b".snd", Container::Au)
}

/// ITU-T T.81 §B.1: start of image, then another marker.
fn mjpeg(head: &[u8], _at_end: bool) -> Guess {
    prefix(head, &[0xff, 0xd8, 0xff], Container::Mjpeg)
}

/// RFC 2046 §5.1.1: a boundary line, perhaps behind line ends.
fn multipart(head: &[u8], _at_end: bool) -> Guess {
    let start = head.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(head.len());
    let line = &head[start..];
    if start > 4 || !b"--".starts_with(first(line, 2)) {
        return Guess::No;
    }
    match line.iter().position(|byte| !matches!(byte, b' '..=b'~')) {
        None if line.len() <= BOUNDARY_BYTES_MAX => Guess::Maybe,
        Some(end) if end > 2 && matches!(line[end], b'\r' | b'\n') => Guess::Yes(Container::MultipartMjpeg),
        None | Some(_) => Guess::No,
    }
}

/// ISO/IEC 14496-12 §4.2: a box that streams and files begin with, of a believable length.
fn mp4(head: &[u8], _at_end: bool) -> Guess {
    let Some(name) = head.get(4..8) else {
        // No box that begins a stream has more than 16 MiB.
        return if head.first().is_none_or(|&first| first == 0) { Guess::Maybe } else { Guess::No };
    };
    match name {
        b"ftyp" | b"styp" | b"moov" | b"moof" | b"sidx" | b"emsg" | b"prft" | b"free" | b"skip" | b"wide" => {
            Guess::Yes(Container::Fmp4)
        }
        _ => Guess::No,
    }
}

/// ITU-T H.264 and H.265 Annex B.
fn annex_b(head: &[u8], at_end: bool) -> Guess {
    nals::codec(head, at_end)
}

/// ISO/IEC 14496-3 §1.A.2.
fn adts(head: &[u8], at_end: bool) -> Guess {
    let length = |data: &[u8]| adts::parse(data).ok().map(|header| header.frame_bytes);
    frames(head, at_end, adts::HEADER_BYTES, length, Container::Adts)
}

/// ISO/IEC 11172-3 §2.4.1.3.
fn mpeg_audio(head: &[u8], at_end: bool) -> Guess {
    let length = |data: &[u8]| mp3::parse_header(data).ok().map(|header| header.frame_bytes);
    frames(head, at_end, mp3::HEADER_BYTES, length, Container::MpegAudio)
}

/// ISO/IEC 14496-3 §1.7.2.
fn loas(head: &[u8], at_end: bool) -> Guess {
    let length = |data: &[u8]| latm::loas_frame_bytes(data).ok();
    frames(head, at_end, latm::LOAS_HEADER_BYTES, length, Container::Loas)
}

/// A tag of texts and pictures before sound. Source: ID3v2.4 §3.1.
fn id3(head: &[u8], at_end: bool) -> Guess {
    if !b"ID3".starts_with(first(head, 3)) {
        return Guess::No;
    }
    let Some(&[_, _, _, _, _, _, a, b, c, d]) = head.first_chunk::<ID3_BYTES>() else { return Guess::Maybe };
    let size = [a, b, c, d].iter().fold(0, |size, byte| size << 7 | usize::from(byte & 0x7f));
    match head.get(ID3_BYTES + size..) {
        // One with a large picture: what most often follows.
        None if at_end => Guess::Yes(Container::MpegAudio),
        None => Guess::Maybe,
        Some(sound) => match adts(sound, at_end) {
            Guess::No => mpeg_audio(sound, at_end),
            guess @ (Guess::Yes(_) | Guess::Maybe) => guess,
        },
    }
}

/// ISO/IEC 13818-1 §2.4.3.2: packets that begin alike, from anywhere on.
fn mpegts(head: &[u8], at_end: bool) -> Guess {
    match find_sync(head, false) {
        Some(_) => Guess::Yes(Container::MpegTs),
        // At the end fewer packets are enough, but then the first byte must be right: one in 256 is so by chance.
        None if at_end && find_sync(head, true).is_some_and(|(at, _)| at == 0) => {
            Guess::Yes(Container::MpegTs)
        }
        None if head.first().is_none_or(|&first| first == 0x47) => Guess::Maybe,
        None => Guess::No,
    }
}

/// Fixed bytes at the start.
fn prefix(head: &[u8], magic: &[u8], container: Container) -> Guess {
    if head.starts_with(magic) {
        Guess::Yes(container)
    } else if magic.starts_with(head) {
        Guess::Maybe
    } else {
        Guess::No
    }
}

/// Frames whose headers say where the next one is. A stream that ends early needs one only.
fn frames(
    head: &[u8],
    at_end: bool,
    header_bytes: usize,
    length: impl Fn(&[u8]) -> Option<usize>,
    container: Container,
) -> Guess {
    let mut rest = head;
    for number in 0..FRAMES_CONFIRMING {
        if rest.len() < header_bytes {
            let enough = at_end && number > 0;
            return if enough { Guess::Yes(container) } else { Guess::Maybe };
        }
        match length(rest) {
            Some(bytes) if bytes >= header_bytes => rest = rest.get(bytes..).unwrap_or_default(),
            Some(_) | None => return Guess::No,
        }
    }
    Guess::Yes(container)
}

fn first(data: &[u8], count: usize) -> &[u8] {
    &data[..data.len().min(count)]
}
