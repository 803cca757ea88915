//! The two tables that tell which packets carry what: programmes (PAT) and the streams of one (PMT).
//!
//! Source: ISO/IEC 13818-1 §2.4.4.3, §2.4.4.8, table 2-34; the registration authority of SMPTE for format identifiers.
use super::section::CHECKSUM_BYTES;
use media::Kind;

/// Bytes of a section before its content: head, number, version, two counters.
const HEAD_BYTES: usize = 8;
const TABLE_PROGRAMS: u8 = 0;
const TABLE_STREAMS: u8 = 2;
const DESCRIPTOR_REGISTRATION: u8 = 0x05;
const DESCRIPTOR_EXTENSION: u8 = 0x7f;
/// Opus audio descriptor, within the extension descriptor.
const EXTENSION_OPUS: u8 = 0x80;

/// A programme and where its map is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Program {
    pub(super) number: u16,
    pub(super) map_pid: u16,
}

/// One elementary stream of a programme.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Stream {
    pub(super) pid: u16,
    pub(super) coding: Coding,
}

/// What an elementary stream is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Coding {
    H264,
    H265,
    /// AAC with ADTS headers.
    Adts,
    /// AAC in LATM.
    Latm,
    /// MPEG audio.
    Mpeg,
    Opus {
        channels: u8,
    },
    Pcma,
    Pcmu,
    G722,
    /// Media that is not carried.
    Unsupported {
        kind: Option<Kind>,
        name: String,
    },
    /// No media: subtitles, tables, marks for advertisements.
    Ignored,
}

impl Coding {
    /// Picture or sound, for what is carried.
    pub(super) const fn kind(&self) -> Option<Kind> {
        match self {
            Coding::H264 | Coding::H265 => Some(Kind::Video),
            Coding::Adts
            | Coding::Latm
            | Coding::Mpeg
            | Coding::Opus { .. }
            | Coding::Pcma
            | Coding::Pcmu
            | Coding::G722 => Some(Kind::Audio),
            Coding::Unsupported { .. } | Coding::Ignored => None,
        }
    }
}

/// Reads a section of the PAT: the programmes, without the network's own table.
pub(super) fn programs(section: &[u8]) -> Option<Vec<Program>> {
    let entries = content(section, TABLE_PROGRAMS)?;
    let program = |entry: &[u8]| match *entry {
        [n1, n0, p1, p0] if (n1, n0) != (0, 0) => Some(Program {
            number: u16::from_be_bytes([n1, n0]),
            map_pid: u16::from_be_bytes([p1 & 0x1f, p0]),
        }),
        _ => None,
    };
    Some(entries.chunks_exact(4).filter_map(program).collect())
}

/// Reads a section of the PMT of this programme.
pub(super) fn streams(section: &[u8], program: u16) -> Option<Vec<Stream>> {
    let content = content(section, TABLE_STREAMS)?;
    if section[3..5] != program.to_be_bytes() {
        return None;
    }
    let (descriptors, mut rest) = descriptors(content.get(2..)?)?;
    // HDMV says for the whole programme that its private stream types are those of Blu-ray.
    let blu_ray = registration(descriptors) == Some(*b"HDMV");
    let mut streams = Vec::new();
    while let Some((&[stream_type, p1, p0], after)) = rest.split_first_chunk() {
        let (descriptors, after) = self::descriptors(after)?;
        rest = after;
        let pid = u16::from_be_bytes([p1 & 0x1f, p0]);
        streams.push(Stream { pid, coding: coding(stream_type, descriptors, blu_ray) });
    }
    Some(streams)
}

/// What is between head and checksum; `None` for another table, or one that does not apply yet.
fn content(section: &[u8], table: u8) -> Option<&[u8]> {
    let applies = section.get(5)? & 1 == 1;
    if section[0] != table || !applies {
        return None;
    }
    section.get(HEAD_BYTES..section.len().checked_sub(CHECKSUM_BYTES)?)
}

/// A list of descriptors with its length before it, and what follows.
fn descriptors(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[high, low], rest) = data.split_first_chunk()?;
    rest.split_at_checked(u16::from_be_bytes([high & 0x0f, low]).into())
}

/// The content of the first descriptor of this tag.
fn descriptor(mut list: &[u8], tag: u8) -> Option<&[u8]> {
    while let Some((&[this, length], rest)) = list.split_first_chunk() {
        let (content, after) = rest.split_at_checked(length.into())?;
        if this == tag {
            return Some(content);
        }
        list = after;
    }
    None
}

fn registration(list: &[u8]) -> Option<[u8; 4]> {
    descriptor(list, DESCRIPTOR_REGISTRATION)?.first_chunk().copied()
}

fn coding(stream_type: u8, descriptors: &[u8], blu_ray: bool) -> Coding {
    let unsupported = |kind, name: &str| Coding::Unsupported { kind, name: name.into() };
    let (video, audio) = (Some(Kind::Video), Some(Kind::Audio));
    match stream_type {
        0x03 | 0x04 => Coding::Mpeg,
        0x06 => private(descriptors),
        0x0f => Coding::Adts,
        0x11 => Coding::Latm,
        0x1b => Coding::H264,
        0x24 => Coding::H265,
        0x90 if !blu_ray => Coding::Pcma,
        0x91 if !blu_ray => Coding::Pcmu,
        0x92 if !blu_ray => Coding::G722,
        0x9c => Coding::Opus { channels: 2 },
        0x01 => unsupported(video, "MPEG-1"),
        0x02 => unsupported(video, "MPEG-2"),
        0x10 => unsupported(video, "MPEG-4 visual"),
        0x1c => unsupported(audio, "MPEG-4 audio without framing"),
        0x21 => unsupported(video, "JPEG 2000"),
        0x33 => unsupported(video, "H.266"),
        0x42 | 0xd2 => unsupported(video, "AVS"),
        0xd1 => unsupported(video, "Dirac"),
        0xea => unsupported(video, "VC-1"),
        0x81 => unsupported(audio, "AC-3"),
        0x82 | 0x85 | 0x86 if blu_ray => unsupported(audio, "DTS"),
        0x83 if blu_ray => unsupported(audio, "TrueHD"),
        0x84 | 0x87 => unsupported(audio, "E-AC-3"),
        0x93 if !blu_ray => unsupported(audio, "G.723"),
        0x99 if !blu_ray => unsupported(audio, "G.729"),
        // Sections, metadata, SCTE 35, graphics of Blu-ray.
        0x05 | 0x08..=0x0e | 0x12..=0x1a | 0x82 | 0x86 => Coding::Ignored,
        0x90..=0x92 => Coding::Ignored,
        other => unsupported(None, &format!("of stream type {other:#04x}")),
    }
}

/// Private data says with descriptors what it is.
fn private(descriptors: &[u8]) -> Coding {
    let unsupported = |name: &str| Coding::Unsupported { kind: Some(Kind::Audio), name: name.into() };
    match registration(descriptors).as_ref() {
        Some(b"Opus") => {
            let extension = descriptor(descriptors, DESCRIPTOR_EXTENSION);
            let channels = match extension {
                // Zero is dual mono; above eight follow mappings that nobody here can play.
                Some(&[EXTENSION_OPUS, channels @ 1..=8, ..]) => channels,
                Some(_) | None => 2,
            };
            return Coding::Opus { channels };
        }
        Some(b"HEVC") => return Coding::H265,
        Some(b"AC-3") => return unsupported("AC-3"),
        Some(b"EAC3") => return unsupported("E-AC-3"),
        Some(b"AV01") => return Coding::Unsupported { kind: Some(Kind::Video), name: "AV1".into() },
        Some(_) | None => {}
    }
    let has = |tag| descriptor(descriptors, tag).is_some();
    match () {
        () if has(0x6a) => unsupported("AC-3"),
        () if has(0x7a) => unsupported("E-AC-3"),
        () if has(0x7b) => unsupported("DTS"),
        // Teletext, subtitles, VBI, synchronised data.
        () if [0x45, 0x46, 0x56, 0x59].into_iter().any(has) => Coding::Ignored,
        () => Coding::Unsupported { kind: None, name: "of private data that says nothing of itself".into() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(table: u8, number: u16, content: &[u8]) -> Vec<u8> {
        let [n1, n0] = number.to_be_bytes();
        let length = (content.len() + HEAD_BYTES - 3 + CHECKSUM_BYTES) as u8;
        [&[table, 0xb0, length, n1, n0, 0xc1, 0, 0][..], content, &[0; CHECKSUM_BYTES]].concat()
    }

    #[test]
    fn the_network_is_no_programme() {
        let section = section(TABLE_PROGRAMS, 1, &[0, 0, 0xe0, 0x10, 0, 7, 0xf0, 0x01]);
        assert_eq!(programs(&section), Some(vec![Program { number: 7, map_pid: 0x1001 }]));
        let mut next = section;
        next[5] &= !1;
        assert_eq!(programs(&next), None, "it does not apply yet");
    }

    #[test]
    fn streams_are_known_by_type_and_by_descriptor() {
        let opus = b"\x05\x04Opus\x7f\x02\x80\x01";
        let mut content = vec![0xe1, 0, 0xf0, 0];
        for (stream_type, pid, descriptors) in [
            (0x1b, 0x100u16, &b""[..]),
            (0x06, 0x101, opus),
            (0x06, 0x102, b"\x05\x04HEVC"),
            (0x06, 0x103, b"\x56\x00"),
            (0x06, 0x104, b""),
            (0x90, 0x105, b""),
            (0x81, 0x106, b""),
        ] {
            let [p1, p0] = pid.to_be_bytes();
            content.extend_from_slice(&[stream_type, 0xe0 | p1, p0, 0xf0, descriptors.len() as u8]);
            content.extend_from_slice(descriptors);
        }
        let read = streams(&section(TABLE_STREAMS, 3, &content), 3).unwrap();
        let codings: Vec<Coding> = read.into_iter().map(|stream| stream.coding).collect();
        assert_eq!(codings[..4], [Coding::H264, Coding::Opus { channels: 1 }, Coding::H265, Coding::Ignored]);
        assert!(matches!(codings[4], Coding::Unsupported { kind: None, .. }));
        assert_eq!(codings[5], Coding::Pcma);
        assert_eq!(codings[6].kind(), None);
        assert_eq!(streams(&section(TABLE_STREAMS, 3, &content), 4), None, "another programme's");
        assert_eq!(streams(&section(TABLE_STREAMS, 3, &content[..6]), 3), Some(vec![]));
    }

    #[test]
    fn private_types_mean_something_else_on_blu_ray() {
        let content = b"\xe1\x00\xf0\x06\x05\x04HDMV\x90\xe1\x00\xf0\x00\x83\xe1\x01\xf0\x00";
        let read = streams(&section(TABLE_STREAMS, 1, content), 1).unwrap();
        assert_eq!(read[0].coding, Coding::Ignored);
        assert!(matches!(&read[1].coding, Coding::Unsupported { name, .. } if name == "TrueHD"));
    }
}
