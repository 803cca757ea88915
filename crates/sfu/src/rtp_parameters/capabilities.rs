//! RTP capabilities: what an endpoint or a router can receive.
use super::codec::RawCodec;
use super::header_extension::known_capabilities;
use super::{
    MediaKind, MimeType, MimeTypeAudio, MimeTypeVideo, RtcpFeedback, RtpCodecParametersParameters,
    RtpHeaderExtension,
};
use serde::{Deserialize, Deserializer, Serialize, de};
use std::num::{NonZeroU8, NonZeroU32};

/// What an endpoint can receive.
#[derive(Debug, Default, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RtpCapabilities {
    /// Codecs, RTX among them. Those that we do not know are left out when JSON is read.
    #[serde(default, deserialize_with = "known_codecs")]
    pub codecs: Vec<RtpCodecCapability>,
    /// Header extensions. Those that we do not know are left out when JSON is read.
    #[serde(default, deserialize_with = "known_capabilities")]
    pub header_extensions: Vec<RtpHeaderExtension>,
}

/// What a router carries: every codec has its payload type.
#[derive(Debug, Default, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RtpCapabilitiesFinalized {
    /// Codecs, each video codec followed by its RTX.
    pub codecs: Vec<RtpCodecCapabilityFinalized>,
    /// Header extensions.
    pub header_extensions: Vec<RtpHeaderExtension>,
}

impl From<RtpCapabilitiesFinalized> for RtpCapabilities {
    fn from(finalized: RtpCapabilitiesFinalized) -> Self {
        Self {
            codecs: finalized.codecs.into_iter().map(RtpCodecCapability::from).collect(),
            header_extensions: finalized.header_extensions,
        }
    }
}

/// A codec that an endpoint can receive, or that an application wants a router to carry.
#[derive(Debug, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum RtpCodecCapability {
    /// An audio codec.
    #[serde(rename_all = "camelCase")]
    Audio {
        /// Which codec.
        mime_type: MimeTypeAudio,
        /// The payload type it would like to have.
        #[serde(skip_serializing_if = "Option::is_none")]
        preferred_payload_type: Option<u8>,
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
        /// The payload type it would like to have.
        #[serde(skip_serializing_if = "Option::is_none")]
        preferred_payload_type: Option<u8>,
        /// Clock rate in hertz.
        clock_rate: NonZeroU32,
        /// Codec parameters. Default none.
        parameters: RtpCodecParametersParameters,
        /// RTCP feedback. Default none.
        rtcp_feedback: Vec<RtcpFeedback>,
    },
}

/// A codec that a router carries.
#[derive(Debug, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum RtpCodecCapabilityFinalized {
    /// An audio codec.
    #[serde(rename_all = "camelCase")]
    Audio {
        /// Which codec.
        mime_type: MimeTypeAudio,
        /// Its payload type in this router.
        preferred_payload_type: u8,
        /// Clock rate in hertz.
        clock_rate: NonZeroU32,
        /// Channels.
        channels: NonZeroU8,
        /// Codec parameters.
        parameters: RtpCodecParametersParameters,
        /// RTCP feedback.
        rtcp_feedback: Vec<RtcpFeedback>,
    },
    /// A video codec.
    #[serde(rename_all = "camelCase")]
    Video {
        /// Which codec.
        mime_type: MimeTypeVideo,
        /// Its payload type in this router.
        preferred_payload_type: u8,
        /// Clock rate in hertz.
        clock_rate: NonZeroU32,
        /// Codec parameters.
        parameters: RtpCodecParametersParameters,
        /// RTCP feedback.
        rtcp_feedback: Vec<RtcpFeedback>,
    },
}

/// Getters that the two enums share; only the payload type differs.
macro_rules! getters {
    ($type:ident, $payload_type:ty) => {
        impl $type {
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

            /// The preferred payload type.
            pub fn preferred_payload_type(&self) -> $payload_type {
                let (Self::Audio { preferred_payload_type, .. } | Self::Video { preferred_payload_type, .. }) =
                    self;
                *preferred_payload_type
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

            /// Codec parameters, to change them.
            pub fn parameters_mut(&mut self) -> &mut RtpCodecParametersParameters {
                let (Self::Audio { parameters, .. } | Self::Video { parameters, .. }) = self;
                parameters
            }

            /// RTCP feedback.
            pub fn rtcp_feedback(&self) -> &[RtcpFeedback] {
                let (Self::Audio { rtcp_feedback, .. } | Self::Video { rtcp_feedback, .. }) = self;
                rtcp_feedback
            }
        }
    };
}

getters!(RtpCodecCapability, Option<u8>);
getters!(RtpCodecCapabilityFinalized, u8);

impl RtpCodecCapability {
    /// The same codec with a payload type of its own.
    pub fn finalized(self, preferred_payload_type: u8) -> RtpCodecCapabilityFinalized {
        match self {
            Self::Audio {
                mime_type,
                preferred_payload_type: _,
                clock_rate,
                channels,
                parameters,
                rtcp_feedback,
            } => RtpCodecCapabilityFinalized::Audio {
                mime_type,
                preferred_payload_type,
                clock_rate,
                channels,
                parameters,
                rtcp_feedback,
            },
            Self::Video { mime_type, preferred_payload_type: _, clock_rate, parameters, rtcp_feedback } => {
                RtpCodecCapabilityFinalized::Video {
                    mime_type,
                    preferred_payload_type,
                    clock_rate,
                    parameters,
                    rtcp_feedback,
                }
            }
        }
    }
}

impl From<RtpCodecCapabilityFinalized> for RtpCodecCapability {
    fn from(finalized: RtpCodecCapabilityFinalized) -> Self {
        match finalized {
            RtpCodecCapabilityFinalized::Audio {
                mime_type,
                preferred_payload_type,
                clock_rate,
                channels,
                parameters,
                rtcp_feedback,
            } => Self::Audio {
                mime_type,
                preferred_payload_type: Some(preferred_payload_type),
                clock_rate,
                channels,
                parameters,
                rtcp_feedback,
            },
            RtpCodecCapabilityFinalized::Video {
                mime_type,
                preferred_payload_type,
                clock_rate,
                parameters,
                rtcp_feedback,
            } => Self::Video {
                mime_type,
                preferred_payload_type: Some(preferred_payload_type),
                clock_rate,
                parameters,
                rtcp_feedback,
            },
        }
    }
}

fn capability(raw: RawCodec, codec: MimeType) -> RtpCodecCapability {
    let channels = raw.channels();
    let RawCodec { preferred_payload_type, clock_rate, parameters, rtcp_feedback, .. } = raw;
    match codec {
        MimeType::Audio(mime_type) => RtpCodecCapability::Audio {
            mime_type,
            preferred_payload_type,
            clock_rate,
            channels,
            parameters,
            rtcp_feedback,
        },
        MimeType::Video(mime_type) => RtpCodecCapability::Video {
            mime_type,
            preferred_payload_type,
            clock_rate,
            parameters,
            rtcp_feedback,
        },
    }
}

fn known_codecs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<RtpCodecCapability>, D::Error> {
    let mut known = Vec::new();
    for raw in Vec::<RawCodec>::deserialize(deserializer)? {
        if !raw.is_unknown() {
            let codec = raw.codec().map_err(de::Error::custom)?;
            known.push(capability(raw, codec));
        }
    }
    Ok(known)
}

impl<'de> Deserialize<'de> for RtpCodecCapability {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawCodec::deserialize(deserializer)?;
        let codec = raw.codec().map_err(de::Error::custom)?;
        Ok(capability(raw, codec))
    }
}

impl<'de> Deserialize<'de> for RtpCodecCapabilityFinalized {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let codec = RtpCodecCapability::deserialize(deserializer)?;
        let payload_type =
            codec.preferred_payload_type().ok_or_else(|| de::Error::missing_field("preferredPayloadType"))?;
        Ok(codec.finalized(payload_type))
    }
}
