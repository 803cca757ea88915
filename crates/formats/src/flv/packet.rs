//! What one audio or video tag says, and the header that both have in enhanced FLV.
//!
//! Source: Enhanced RTMP v2, `ExAudioTagHeader`, `ExVideoTagHeader`: modifiers (ModEx) and multitrack are laid out
//! alike in both.
use super::{FourCc, codec_of};
use crate::demux::Note;
use bytes::{Buf, Bytes};
use media::{Codec, Kind};

/// What one tag says about track 0.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Packet {
    /// A sequence header: what a decoder must know first.
    Config { codec: Codec, data: Bytes },
    /// A frame.
    Frame(Frame),
    /// The end of a sequence, silence, a command or metadata: nothing for a stream.
    Nothing,
    /// Nothing for us, but worth a word.
    Skipped(Note),
}

/// One coded frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Frame {
    pub(super) codec: Codec,
    pub(super) keyframe: bool,
    /// Presentation minus decoding time.
    pub(super) composition_ms: i32,
    /// Below a millisecond, to add to the tag's time.
    pub(super) nanos: u32,
    /// As the legacy header says; 0 when it says nothing.
    pub(super) channels: u8,
    pub(super) data: Bytes,
}

/// Numbers that differ between audio and video.
pub(super) struct Numbers {
    pub(super) kind: Kind,
    pub(super) multitrack: u8,
}

/// A modifier follows, in audio and video.
pub(super) const MOD_EX: u8 = 7;
/// Modifier with nanoseconds.
const TIMESTAMP_OFFSET_NANO: u8 = 0;
const ONE_TRACK: u8 = 0;
const MANY_TRACKS_MANY_CODECS: u8 = 2;

/// Reads modifiers; gives the packet type behind them and the nanoseconds.
pub(super) fn modifiers(data: &mut Bytes, first_type: u8) -> Option<(u8, u32)> {
    let mut packet_type = first_type;
    let mut nanos = 0;
    while packet_type == MOD_EX {
        let mut size = usize::from(data.try_get_u8().ok()?) + 1;
        if size == 256 {
            size = usize::from(data.try_get_u16().ok()?) + 1;
        }
        let modifier = take(data, size)?;
        let types = data.try_get_u8().ok()?;
        packet_type = types & 0x0f;
        if let (TIMESTAMP_OFFSET_NANO, Some(&[n2, n1, n0])) = (types >> 4, modifier.first_chunk()) {
            nanos = u32::from_be_bytes([0, n2, n1, n0]).min(999_999);
        }
    }
    Some((packet_type, nanos))
}

/// Track 0 of an enhanced packet.
pub(super) struct Body {
    pub(super) packet_type: u8,
    pub(super) four_cc: FourCc,
    pub(super) data: Bytes,
}

/// Reads the FourCC and, with multitrack, goes to track 0. `Err` is the note when track 0 is not there.
pub(super) fn body(mut data: Bytes, packet_type: u8, numbers: &Numbers) -> Option<Result<Body, Note>> {
    if packet_type != numbers.multitrack {
        let four_cc = four_cc(&mut data)?;
        return Some(Ok(Body { packet_type, four_cc, data }));
    }
    let types = data.try_get_u8().ok()?;
    let (multitrack, packet_type) = (types >> 4, types & 0x0f);
    let mut shared = [0; 4];
    if multitrack != MANY_TRACKS_MANY_CODECS {
        shared = four_cc(&mut data)?;
    }
    let mut other = None;
    while data.has_remaining() {
        let four_cc = if multitrack == MANY_TRACKS_MANY_CODECS { four_cc(&mut data)? } else { shared };
        let id = data.try_get_u8().ok()?;
        let track = if multitrack == ONE_TRACK {
            std::mem::take(&mut data)
        } else {
            let [s2, s1, s0] = *take(&mut data, 3)?.first_chunk()?;
            take(&mut data, u32::from_be_bytes([0, s2, s1, s0]) as usize)?
        };
        if id == 0 {
            return Some(Ok(Body { packet_type, four_cc, data: track }));
        }
        other = Some(id);
    }
    other.map(|id| Err(Note::OtherTracks { kind: numbers.kind, id }))
}

/// The codec of a FourCC, or the note that it is not supported.
pub(super) fn supported(four_cc: FourCc, kind: Kind) -> Result<Codec, Note> {
    codec_of(four_cc).filter(|codec| codec.kind() == kind).ok_or_else(|| Note::Unsupported {
        kind: Some(kind),
        codec: String::from_utf8_lossy(&four_cc).escape_default().to_string(),
    })
}

/// Splits `length` bytes off the front.
pub(super) fn take(data: &mut Bytes, length: usize) -> Option<Bytes> {
    (data.len() >= length).then(|| data.split_to(length))
}

fn four_cc(data: &mut Bytes) -> Option<FourCc> {
    take(data, 4)?.first_chunk().copied()
}
