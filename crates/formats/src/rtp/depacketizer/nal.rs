//! H.264 and H.265.
//!
//! Sources: RFC 6184 §5 (single NAL units, STAP-A, STAP-B, FU-A, FU-B), RFC 7798 §4.4 (single, AP, FU, with DONL).
//!
//! What cameras do besides, and is taken: Annex B start codes within a payload (several NAL units, parameter sets
//! among them, sent as if they were one); parameter sets or delimiters with a timestamp or a marker of their own;
//! fragments without an end bit. NAL units are taken in the order of their packets: interleaved streams
//! (packetization-mode 2) are not put into decoding order.
use super::{Finished, VideoPayload};
use crate::bitstream::NalAssembler;
use crate::bitstream::nal::split_annexb;
use crate::rtp::cursor::Cursor;
use crate::rtp::{Packet, PayloadError};
use media::{Codec, CodecParams};

pub(super) struct Nal {
    format: Format,
    assembler: NalAssembler,
    /// The NAL unit whose fragments come in.
    fragments: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Format {
    H264,
    H265 { donl: bool },
}

/// What a payload holds, by its first bytes.
enum Structure {
    Single,
    /// Several NAL units, each with a length; `skip` bytes before the first, `between` before each other one.
    Aggregate {
        skip: usize,
        between: usize,
    },
    /// A part of one; its header is put together of the fragment's.
    Fragment {
        start: bool,
        end: bool,
        header: [u8; 2],
        skip: usize,
    },
    /// Not supported, or reserved.
    Unknown,
}

impl Format {
    fn header_bytes(self) -> usize {
        match self {
            Format::H264 => 1,
            Format::H265 { .. } => 2,
        }
    }

    fn structure(self, payload: &[u8]) -> Structure {
        match (self, payload) {
            (Format::H264, &[first, ..]) => match first & 0x1f {
                24 => Structure::Aggregate { skip: 1, between: 0 },
                25 => Structure::Aggregate { skip: 3, between: 0 },
                kind @ (28 | 29) => {
                    let Some(&fragment) = payload.get(1) else { return Structure::Unknown };
                    let start = fragment & 0x80 != 0;
                    Structure::Fragment {
                        start,
                        end: fragment & 0x40 != 0,
                        header: [first & 0xe0 | fragment & 0x1f, 0],
                        skip: if kind == 29 && start { 4 } else { 2 },
                    }
                }
                0..=23 => Structure::Single,
                _ => Structure::Unknown,
            },
            (Format::H265 { donl }, &[first, second, ..]) => match first >> 1 & 0x3f {
                48 => Structure::Aggregate { skip: 2 + 2 * usize::from(donl), between: usize::from(donl) },
                49 => {
                    let Some(&fragment) = payload.get(2) else { return Structure::Unknown };
                    let start = fragment & 0x80 != 0;
                    Structure::Fragment {
                        start,
                        end: fragment & 0x40 != 0,
                        header: [first & 0x81 | (fragment & 0x3f) << 1, second],
                        skip: if donl && start { 5 } else { 3 },
                    }
                }
                0..=47 => Structure::Single,
                _ => Structure::Unknown,
            },
            (Format::H264 | Format::H265 { .. }, _) => Structure::Unknown,
        }
    }

    /// Whether a NAL unit cannot have another of the same access unit's picture before it: the first slice, or
    /// one that never stands between slices. `rest` is what follows its header.
    ///
    /// An SEI message lost just before a first slice goes unnoticed: better a keyframe without its user data than
    /// none until the next one.
    fn is_first(self, header: u8, rest: &[u8]) -> bool {
        // Both first_mb_in_slice = 0 and first_slice_segment_in_pic_flag = 1 are a leading one.
        let first_slice = rest.first().is_some_and(|byte| byte & 0x80 != 0);
        match self {
            Format::H264 => match header & 0x1f {
                1..=5 => first_slice,
                6..=9 | 14..=18 => true,
                _ => false,
            },
            Format::H265 { .. } => match header >> 1 & 0x3f {
                0..=31 => first_slice,
                32..=35 | 39 | 41..=44 => true,
                _ => false,
            },
        }
    }
}

impl Nal {
    pub(super) fn new(codec: Codec, params: &CodecParams, h265_donl: bool) -> Self {
        let format = if codec == Codec::H265 { Format::H265 { donl: h265_donl } } else { Format::H264 };
        let assembler = NalAssembler::new(codec).with_params(params.clone());
        Self { format, assembler, fragments: Vec::new() }
    }

    /// Adds a NAL unit, or several with start codes between them.
    fn push_nal(&mut self, nal: &[u8]) {
        let Some(at) = find_start_code(nal) else { return self.assembler.push(nal) };
        let first = &nal[..at];
        let zeros = first.iter().rev().take_while(|byte| **byte == 0).count();
        self.assembler.push(&first[..at - zeros]);
        for nal in split_annexb(&nal[at..]) {
            self.assembler.push(nal);
        }
    }

    fn end_fragments(&mut self) {
        if !self.fragments.is_empty() {
            let nal = std::mem::take(&mut self.fragments);
            self.push_nal(&nal);
            self.fragments = nal;
            self.fragments.clear();
        }
    }
}

impl VideoPayload for Nal {
    fn starts_frame(&self, payload: &[u8]) -> bool {
        let header_bytes = self.format.header_bytes();
        let is_first = |nal: &[u8]| {
            let nal = if nal.starts_with(&[0, 0, 0, 1]) { &nal[4..] } else { nal };
            nal.len() > header_bytes && self.format.is_first(nal[0], &nal[header_bytes..])
        };
        match self.format.structure(payload) {
            Structure::Single => is_first(payload),
            Structure::Aggregate { skip, .. } => payload.get(skip + 2..).is_some_and(is_first),
            Structure::Fragment { start, header, skip, .. } => {
                start && payload.get(skip..).is_some_and(|rest| self.format.is_first(header[0], rest))
            }
            Structure::Unknown => false,
        }
    }

    fn push(&mut self, packet: &Packet) -> Result<(), PayloadError> {
        let header_bytes = self.format.header_bytes();
        let mut payload = Cursor::new(&packet.payload, packet.header.sequence);
        match self.format.structure(&packet.payload) {
            Structure::Single => {
                self.end_fragments();
                if let Format::H265 { donl: true } = self.format {
                    let header = payload.take(header_bytes, "NAL unit header")?;
                    payload.u16("DONL")?;
                    self.fragments.extend_from_slice(header);
                    self.fragments.extend_from_slice(payload.rest());
                    self.end_fragments();
                } else {
                    self.push_nal(&packet.payload);
                }
            }
            Structure::Aggregate { skip, between } => {
                self.end_fragments();
                payload.take(skip, "aggregation header")?;
                while !payload.is_empty() {
                    let length = payload.u16("length of an aggregated NAL unit")?;
                    let nal = payload.take(length.into(), "aggregated NAL unit")?;
                    self.push_nal(nal);
                    if !payload.is_empty() {
                        payload.take(between, "DOND")?;
                    }
                }
            }
            Structure::Fragment { start, end, header, skip } => {
                payload.take(skip, "fragment header")?;
                if start {
                    // Fragments that only lack their end bit: no packet is missing, so they are whole.
                    self.end_fragments();
                    self.fragments.extend_from_slice(&header[..header_bytes]);
                } else if self.fragments.is_empty() {
                    return Err(payload.invalid("fragment without a start", header[0].into()));
                }
                self.fragments.extend_from_slice(payload.rest());
                if end {
                    self.end_fragments();
                }
            }
            Structure::Unknown => {
                let first = packet.payload.first().copied().unwrap_or(0);
                return Err(payload.invalid("NAL unit type", first.into()));
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Finished {
        self.end_fragments();
        match self.assembler.finish() {
            Some(frame) => {
                Finished::Frame { data: frame.data, keyframe: frame.keyframe, params: frame.params }
            }
            None => Finished::Nothing,
        }
    }

    fn clear(&mut self) {
        self.fragments.clear();
        self.assembler.clear();
    }
}

/// Where `00 00 01` is. A NAL unit cannot hold it, so it is a start code wherever it stands.
fn find_start_code(data: &[u8]) -> Option<usize> {
    // Coded pictures have few zeros: most blocks are passed over with one comparison of whole vectors.
    let mut at = 0;
    for block in data.chunks(32) {
        if block.iter().fold(false, |any, byte| any | (*byte == 0)) {
            let end = data.len().min(at + block.len() + 2);
            let found = data[at..end].windows(3).position(|window| window == [0, 0, 1]);
            if let Some(found) = found {
                return Some(at + found);
            }
        }
        at += block.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_code_is_found_wherever_it_stands() {
        for length in 3..80 {
            assert_eq!(find_start_code(&vec![0; length]), None);
            for at in 0..length - 2 {
                let mut data = vec![7; length];
                data[at..at + 3].copy_from_slice(&[0, 0, 1]);
                assert_eq!(find_start_code(&data), Some(at), "{length}");
            }
        }
    }
}
