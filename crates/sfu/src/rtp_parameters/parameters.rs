//! RTP parameters: what a producer sends, or a consumer is sent.
use super::codec::RawCodec;
use super::header_extension::known_parameters;
use super::{
    MediaKind, MimeType, MimeTypeAudio, MimeTypeVideo, RtcpFeedback, RtpCodecParametersParameters,
    RtpHeaderExtensionParameters,
};
use crate::scalability_mode::ScalabilityMode;
use serde::{Deserialize, Deserializer, Serialize, de};
use std::num::{NonZeroU8, NonZeroU32};

/// One producer's or consumer's media: its codecs, streams and numbers.
#[derive(Debug, Default, Clone, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RtpParameters {
    /// Which media section of the transport it is, RFC 8843.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mid: Option<String>,
    /// Codecs, RTX among them. The first that is no RTX is in use.
    pub codecs: Vec<RtpCodecParameters>,
    /// Header extensions. Those that we do not know are left out when JSON is read. Default none.
    #[serde(default, deserialize_with = "known_parameters")]
    pub header_extensions: Vec<RtpHeaderExtensionParameters>,
    /// Streams, several for simulcast. Default none, which a producer makes one.
    #[serde(default)]
    pub encodings: Vec<RtpEncodingParameters>,
    /// RTCP.
    #[serde(default)]
    pub rtcp: RtcpParameters,
    /// Which `MediaStream` and track it is, RFC 8830.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub msid: Option<String>,
}

/// A codec in use.
#[derive(Debug, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize)]
#[serde(untagged)]
pub enum RtpCodecParameters {
    /// An audio codec.
    #[serde(rename_all = "camelCase")]
    Audio {
        /// Which codec.
        mime_type: MimeTypeAudio,
        /// Its payload type in packets, unique within the parameters.
        payload_type: u8,
        /// Clock rate in hertz.
        clock_rate: NonZeroU32,
        /// Channels. Default 1.
        channels: NonZeroU8,
        /// Codec parameters. Default none.
        parameters: RtpCodecParametersParameters,
        /// RTCP feedback. Default none.
        rtcp_feedback: Vec<RtcpFeedback>,
    },
    /// A video codec.
    #[serde(rename_all = "camelCase")]
    Video {
        /// Which codec.
        mime_type: MimeTypeVideo,
        /// Its payload type in packets, unique within the parameters.
        payload_type: u8,
        /// Clock rate in hertz.
        clock_rate: NonZeroU32,
        /// Codec parameters. Default none.
        parameters: RtpCodecParametersParameters,
        /// RTCP feedback. Default none.
        rtcp_feedback: Vec<RtcpFeedback>,
    },
}

impl RtpCodecParameters {
    /// Which codec.
    pub fn mime_type(&self) -> MimeType {
        match self {
            Self::Audio { mime_type, .. } => MimeType::Audio(*mime_type),
            Self::Video { mime_type, .. } => MimeType::Video(*mime_type),
        }
    }

    /// Audio or video.
    pub fn kind(&self) -> MediaKind {
        self.mime_type().kind()
    }

    /// Whether it is retransmission.
    pub fn is_rtx(&self) -> bool {
        self.mime_type().is_rtx()
    }

    /// Its payload type in packets.
    pub fn payload_type(&self) -> u8 {
        let (Self::Audio { payload_type, .. } | Self::Video { payload_type, .. }) = self;
        *payload_type
    }

    /// Clock rate in hertz.
    pub fn clock_rate(&self) -> NonZeroU32 {
        let (Self::Audio { clock_rate, .. } | Self::Video { clock_rate, .. }) = self;
        *clock_rate
    }

    /// Channels, of an audio codec.
    pub fn channels(&self) -> Option<NonZeroU8> {
        match self {
            Self::Audio { channels, .. } => Some(*channels),
            Self::Video { .. } => None,
        }
    }

    /// Codec parameters.
    pub fn parameters(&self) -> &RtpCodecParametersParameters {
        let (Self::Audio { parameters, .. } | Self::Video { parameters, .. }) = self;
        parameters
    }

    /// RTCP feedback.
    pub fn rtcp_feedback(&self) -> &[RtcpFeedback] {
        let (Self::Audio { rtcp_feedback, .. } | Self::Video { rtcp_feedback, .. }) = self;
        rtcp_feedback
    }

    /// RTCP feedback, to change it.
    pub fn rtcp_feedback_mut(&mut self) -> &mut Vec<RtcpFeedback> {
        let (Self::Audio { rtcp_feedback, .. } | Self::Video { rtcp_feedback, .. }) = self;
        rtcp_feedback
    }
}

impl<'de> Deserialize<'de> for RtpCodecParameters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawCodec::deserialize(deserializer)?;
        let codec = raw.codec().map_err(de::Error::custom)?;
        let channels = raw.channels();
        let RawCodec { payload_type, clock_rate, parameters, rtcp_feedback, .. } = raw;
        let payload_type = payload_type.ok_or_else(|| de::Error::missing_field("payloadType"))?;
        Ok(match codec {
            MimeType::Audio(mime_type) => {
                Self::Audio { mime_type, payload_type, clock_rate, channels, parameters, rtcp_feedback }
            }
            MimeType::Video(mime_type) => {
                Self::Video { mime_type, payload_type, clock_rate, parameters, rtcp_feedback }
            }
        })
    }
}

/// The stream that retransmits another.
#[derive(Debug, Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Deserialize, Serialize)]
pub struct RtpEncodingParametersRtx {
    /// Its SSRC.
    pub ssrc: u32,
}

/// One stream, and the one that retransmits it.
#[derive(Debug, Default, Clone, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RtpEncodingParameters {
    /// SSRC of the media.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssrc: Option<u32>,
    /// Id of the simulcast stream (RFC 8852), unique within the parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rid: Option<String>,
    /// The codec it uses; the first codec where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec_payload_type: Option<u8>,
    /// The stream that retransmits it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtx: Option<RtpEncodingParametersRtx>,
    /// Whether it may fall silent without being dead (discontinuous transmission). Default false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dtx: Option<bool>,
    /// Its layers.
    #[serde(default, skip_serializing_if = "ScalabilityMode::is_none")]
    pub scalability_mode: ScalabilityMode,
    /// Most bits a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bitrate: Option<u64>,
}

/// RTCP of one producer or consumer.
#[derive(Debug, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RtcpParameters {
    /// The canonical name in SDES; streams that share one are to be played in sync.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cname: Option<String>,
    /// Whether RTCP may be reduced-size (RFC 5506). Default true.
    #[serde(default = "reduced_size_default")]
    pub reduced_size: bool,
}

fn reduced_size_default() -> bool {
    true
}

impl Default for RtcpParameters {
    fn default() -> Self {
        Self { cname: None, reduced_size: reduced_size_default() }
    }
}
