//! Tracks: one elementary stream each, with a codec and a clock.
use crate::{Codec, Kind};
use bytes::Bytes;
use std::sync::Arc;

/// A track's number within its stream: its index in [`Tracks`].
pub type TrackId = u8;

/// Every track of a stream, in order: `tracks[i].id == i`. Shared, since each reader and rendition looks at it.
pub type Tracks = Arc<[Track]>;

/// One elementary stream of a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Track {
    /// Index of this track in its stream.
    pub id: TrackId,
    /// What it is coded with.
    pub codec: Codec,
    /// Ticks a second of its units' times: 90,000 for video, the sample rate for audio (8,000 for G.722).
    pub clock_rate: u32,
    /// Channels of sound; 0 for video.
    pub channels: u8,
    /// What a decoder must know before the first unit.
    pub params: CodecParams,
}

impl Track {
    /// A video track with a clock of 90 kHz.
    pub const fn video(id: TrackId, codec: Codec, params: CodecParams) -> Self {
        Self { id, codec, clock_rate: 90_000, channels: 0, params }
    }

    /// An audio track.
    pub const fn audio(
        id: TrackId,
        codec: Codec,
        clock_rate: u32,
        channels: u8,
        params: CodecParams,
    ) -> Self {
        Self { id, codec, clock_rate, channels, params }
    }

    /// Video or audio.
    pub const fn kind(&self) -> Kind {
        self.codec.kind()
    }
}

/// What a decoder must know before the first unit. Parameter sets are NAL units without start code or length;
/// they are *only* here, never in the units.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum CodecParams {
    /// Nothing, or nothing known yet.
    #[default]
    None,
    /// H.264 parameter sets.
    H264 {
        /// Sequence parameter set NAL unit.
        sps: Bytes,
        /// Picture parameter set NAL units, at least one.
        pps: Vec<Bytes>,
    },
    /// H.265 parameter sets.
    H265 {
        /// Video parameter set NAL unit.
        vps: Bytes,
        /// Sequence parameter set NAL unit.
        sps: Bytes,
        /// Picture parameter set NAL units, at least one.
        pps: Vec<Bytes>,
    },
    /// AV1: the sequence header OBU, with its header and size field.
    Av1 {
        /// The OBU.
        sequence_header: Bytes,
    },
    /// VP9, as in `vpcC`.
    Vp9 {
        /// Profile 0 to 3.
        profile: u8,
        /// Level times ten, such as 31; 0 when unknown.
        level: u8,
        /// Bits a sample: 8, 10 or 12.
        bit_depth: u8,
    },
    /// AAC: the AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1).
    Aac {
        /// The AudioSpecificConfig.
        config: Bytes,
    },
}
