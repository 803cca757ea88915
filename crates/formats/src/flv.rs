//! FLV: what RTMP carries in its messages, and HTTP-FLV in its byte stream.
//!
//! Sources: Adobe "Video File Format 10.1" annex E; Veovera "Enhanced RTMP (V2)". H.265 as codec id 12 is a
//! convention of Chinese cameras and servers that no standard has.
//!
//! - [`TagReader`]: a byte stream → [`Tag`]s.
//! - [`Demuxer`]: tags or RTMP messages → tracks and units.
//! - [`Muxer`]: units → [`Message`]s, and from them tags.
mod audio;
mod demuxer;
mod error;
mod muxer;
mod packet;
mod tag;
mod tag_reader;
mod video;

pub use demuxer::{Demuxer, Metadata, fuzz_flv};
pub use error::FlvError;
pub use muxer::{LeftOut, Message, Muxer, MuxerOptions};
pub use tag::{Tag, TagKind};
pub use tag_reader::TagReader;

use media::Codec;

/// A codec's name in enhanced FLV, big-endian ASCII.
type FourCc = [u8; 4];

/// FourCC of a codec. Source: Enhanced RTMP v2, `VideoFourCc` and `AudioFourCc`.
const fn four_cc_of(codec: Codec) -> Option<FourCc> {
    match codec {
        Codec::H264 => Some(*b"avc1"),
        Codec::H265 => Some(*b"hvc1"),
        Codec::Av1 => Some(*b"av01"),
        Codec::Vp8 => Some(*b"vp08"),
        Codec::Vp9 => Some(*b"vp09"),
        Codec::Aac => Some(*b"mp4a"),
        Codec::Opus => Some(*b"Opus"),
        Codec::Mp3 => Some(*b".mp3"),
        Codec::Mjpeg | Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::L16 => None,
    }
}

/// The codec of a FourCC; `None` for those that no stream of ours carries (`vvc1`, `ac-3`, `ec-3`, `fLaC`).
fn codec_of(four_cc: FourCc) -> Option<Codec> {
    Codec::all().find(|&codec| four_cc_of(codec) == Some(four_cc))
}

/// Numbers of the codecs from before FourCCs. Source: FLV 10.1 §E.4.2.1, §E.4.3.1.
mod legacy {
    pub(super) const VIDEO_AVC: u8 = 7;
    pub(super) const VIDEO_HEVC: u8 = 12;
    pub(super) const AUDIO_MP3: u8 = 2;
    pub(super) const AUDIO_PCMA: u8 = 7;
    pub(super) const AUDIO_PCMU: u8 = 8;
    pub(super) const AUDIO_EX_HEADER: u8 = 9;
    pub(super) const AUDIO_AAC: u8 = 10;
    pub(super) const AUDIO_MP3_8K: u8 = 14;
}
