//! AV1. Source: RTP Payload Format For AV1 (AOM), §4.4 and §4.5; AV1 bitstream specification §5.3 (OBU header).
use super::Writer;
use crate::rtp::PacketizeError;
use media::{Codec, CodecParams, Unit};
use smallvec::SmallVec;

/// OBU types that are not sent: temporal delimiter and tile list (payload format §5).
const TEMPORAL_DELIMITER: u8 = 2;
const TILE_LIST: u8 = 8;
const SEQUENCE_HEADER: u8 = 1;

#[derive(Default)]
pub(super) struct Av1 {
    sequence_header: bytes::Bytes,
}

/// An OBU without its size field: header, extension, and what follows.
struct Obu<'a> {
    head: SmallVec<[u8; 2]>,
    body: &'a [u8],
}

impl Obu<'_> {
    fn len(&self) -> usize {
        self.head.len() + self.body.len()
    }

    fn kind(&self) -> u8 {
        self.head[0] >> 3 & 15
    }

    /// Appends the bytes from `from` to `to`.
    fn write(&self, from: usize, to: usize, writer: &mut Writer<'_>) {
        let head = self.head.len();
        writer.extend(&self.head[from.min(head)..to.min(head)]);
        writer.extend(&self.body[from.saturating_sub(head)..to.saturating_sub(head)]);
    }
}

/// A piece of an OBU in the packet that is being planned.
struct Element {
    obu: usize,
    from: usize,
    to: usize,
}

impl Av1 {
    pub(super) fn set_params(&mut self, params: &CodecParams) {
        if let CodecParams::Av1 { sequence_header } = params {
            self.sequence_header = sequence_header.clone();
        }
    }

    pub(super) fn write(&mut self, unit: &Unit, writer: &mut Writer<'_>) -> Result<(), PacketizeError> {
        let mut obus = SmallVec::new();
        read_obus(&unit.data, &mut obus)?;
        let mut new_sequence = obus.iter().any(|obu| obu.kind() == SEQUENCE_HEADER);
        if unit.keyframe && !new_sequence && !self.sequence_header.is_empty() {
            let mut first = SmallVec::new();
            read_obus(&self.sequence_header, &mut first)?;
            first.extend(obus);
            obus = first;
            new_sequence = true;
        }
        obus.retain(|obu| !matches!(obu.kind(), TEMPORAL_DELIMITER | TILE_LIST));
        // N only where a decoder can start.
        write_packets(&obus, new_sequence && unit.keyframe, writer);
        Ok(())
    }
}

fn write_packets(obus: &[Obu<'_>], new_sequence: bool, writer: &mut Writer<'_>) {
    let mut elements: SmallVec<[Element; 8]> = SmallVec::new();
    let mut next = 0;
    let mut within = 0;
    let mut first_packet = true;
    while next < obus.len() {
        let continues = within != 0;
        elements.clear();
        let mut room = writer.room - 1;
        while let Some(obu) = obus.get(next) {
            let left = obu.len() - within;
            // A length field before each; the last of up to three does without, which only makes it shorter.
            let field = leb128_bytes(left.min(room));
            if room < field + 1 {
                break;
            }
            let taken = left.min(room - field);
            elements.push(Element { obu: next, from: within, to: within + taken });
            room -= field + taken;
            if taken < left {
                within += taken;
                break;
            }
            within = 0;
            next += 1;
        }
        let last = next == obus.len();
        let count = if elements.len() <= 3 { elements.len() as u8 } else { 0 };
        let flags = u8::from(continues) << 7
            | u8::from(within != 0) << 6
            | count << 4
            | u8::from(first_packet && new_sequence) << 3;
        writer.open(last);
        writer.extend(&[flags]);
        for (index, element) in elements.iter().enumerate() {
            if count == 0 || index + 1 < elements.len() {
                write_leb128(element.to - element.from, writer);
            }
            obus[element.obu].write(element.from, element.to, writer);
        }
        writer.close();
        first_packet = false;
    }
}

fn read_obus<'a>(data: &'a [u8], obus: &mut SmallVec<[Obu<'a>; 8]>) -> Result<(), PacketizeError> {
    let mut at = 0;
    while let Some(&header) = data.get(at) {
        let malformed = PacketizeError::Malformed { codec: Codec::Av1, part: "OBU", at };
        let has_extension = header & 4 != 0;
        let mut head: SmallVec<[u8; 2]> = SmallVec::new();
        head.push(header & !2);
        at += 1;
        if has_extension {
            head.push(*data.get(at).ok_or(malformed)?);
            at += 1;
        }
        let mut length = data.len() - at;
        if header & 2 != 0 {
            length = 0;
            for shift in 0.. {
                let byte = *data.get(at).filter(|_| shift < 5).ok_or(malformed)?;
                at += 1;
                length |= usize::from(byte & 0x7f) << (7 * shift);
                if byte & 0x80 == 0 {
                    break;
                }
            }
        }
        let end = at.checked_add(length).ok_or(malformed)?;
        obus.push(Obu { head, body: data.get(at..end).ok_or(malformed)? });
        at = end;
    }
    Ok(())
}

fn leb128_bytes(value: usize) -> usize {
    (usize::BITS - value.leading_zeros()).div_ceil(7).max(1) as usize
}

fn write_leb128(mut value: usize, writer: &mut Writer<'_>) {
    loop {
        let more = value >> 7 != 0;
        writer.extend(&[(value & 0x7f) as u8 | u8::from(more) << 7]);
        value >>= 7;
        if !more {
            return;
        }
    }
}
