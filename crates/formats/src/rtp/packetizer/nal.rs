//! H.264 and H.265: single NAL units, fragments, and the parameter sets in front of each keyframe.
//!
//! Sources: RFC 6184 §5.6 to §5.8 (packetization-mode 1), RFC 7798 §4.4.
use super::Writer;
use crate::rtp::PacketizeError;
use media::{Codec, CodecParams, Unit};

/// STAP-A of H.264 and AP of H.265.
const STAP_A: u8 = 24;
const AGGREGATE_H265: u8 = 48;
/// FU-A of H.264 and FU of H.265.
const FU_A: u8 = 28;
const FRAGMENT_H265: u8 = 49;

/// One stream of either codec.
pub(super) struct Nal {
    codec: Codec,
    params: Vec<bytes::Bytes>,
}

impl Nal {
    pub(super) fn h264() -> Self {
        Self { codec: Codec::H264, params: Vec::new() }
    }

    pub(super) fn h265() -> Self {
        Self { codec: Codec::H265, params: Vec::new() }
    }

    fn header_bytes(&self) -> usize {
        if self.codec == Codec::H265 { 2 } else { 1 }
    }

    pub(super) fn set_params(&mut self, params: &CodecParams) {
        self.params.clear();
        match params {
            CodecParams::H264 { sps, pps } => {
                self.params.push(sps.clone());
                self.params.extend_from_slice(pps);
            }
            CodecParams::H265 { vps, sps, pps } => {
                self.params.extend([vps.clone(), sps.clone()]);
                self.params.extend_from_slice(pps);
            }
            CodecParams::None
            | CodecParams::Av1 { .. }
            | CodecParams::Vp9 { .. }
            | CodecParams::Aac { .. } => {}
        }
        let header_bytes = self.header_bytes();
        self.params.retain(|nal| nal.len() > header_bytes);
    }

    pub(super) fn write(&mut self, unit: &Unit, writer: &mut Writer<'_>) -> Result<(), PacketizeError> {
        if unit.keyframe {
            self.write_params(writer);
        }
        let data: &[u8] = &unit.data;
        let malformed = |at| PacketizeError::Malformed { codec: self.codec, part: "NAL unit length", at };
        let mut at = 0;
        while at < data.len() {
            let (prefix, rest) = data[at..].split_first_chunk().ok_or(malformed(at))?;
            let length = u32::from_be_bytes(*prefix) as usize;
            let nal = rest.get(..length).ok_or(malformed(at))?;
            if !nal.is_empty() {
                self.write_nal(nal, writer);
            }
            at += 4 + length;
        }
        writer.mark_last();
        Ok(())
    }

    fn write_params(&self, writer: &mut Writer<'_>) {
        let header_bytes = self.header_bytes();
        let together = header_bytes + self.params.iter().map(|nal| 2 + nal.len()).sum::<usize>();
        if self.params.len() < 2 || together > writer.room {
            for nal in &self.params {
                self.write_nal(nal, writer);
            }
            return;
        }
        writer.open(false);
        if self.codec == Codec::H265 {
            // Layer 0, temporal id 1 of the field, as parameter sets have it.
            writer.extend(&[AGGREGATE_H265 << 1, 1]);
        } else {
            let importance = self.params.iter().map(|nal| nal[0] & 0x60).max().unwrap_or(0x60);
            writer.extend(&[importance | STAP_A]);
        }
        for nal in &self.params {
            writer.extend(&(nal.len() as u16).to_be_bytes());
            writer.extend(nal);
        }
        writer.close();
    }

    fn write_nal(&self, nal: &[u8], writer: &mut Writer<'_>) {
        if nal.len() <= writer.room {
            writer.packet(false, &[nal]);
            return;
        }
        let (header, mut rest) = nal.split_at(self.header_bytes());
        let mut start = 0x80;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(writer.room - header.len() - 1));
            let flags = start | u8::from(after.is_empty()) << 6;
            match *header {
                [first, second] => {
                    let head = [first & 0x81 | FRAGMENT_H265 << 1, second, flags | first >> 1 & 0x3f];
                    writer.packet(false, &[&head, piece]);
                }
                [first, ..] => {
                    writer.packet(false, &[&[first & 0xe0 | FU_A, flags | first & 0x1f], piece]);
                }
                [] => {}
            }
            start = 0;
            rest = after;
        }
    }
}
