//! A producer's media in the router's numbers.
use super::RtpParametersMappingError;
use super::family::Codec;
use super::red::{renamed, repeated_codec};
use crate::rtp_parameters::{
    MediaKind, RtcpParameters, RtpCapabilitiesFinalized, RtpCodecCapabilityFinalized, RtpCodecParameters,
    RtpCodecParametersParameters, RtpEncodingParameters, RtpHeaderExtensionDirection,
    RtpHeaderExtensionParameters, RtpHeaderExtensionUri, RtpParameters,
};
use serde::{Deserialize, Serialize};

/// One codec's payload types.
#[derive(Debug, Default, Copy, Clone, Ord, PartialOrd, Eq, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RtpMappingCodec {
    /// With the producer.
    pub payload_type: u8,
    /// In the router.
    pub mapped_payload_type: u8,
}

/// One stream's names.
#[derive(Debug, Default, Clone, Ord, PartialOrd, Eq, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RtpMappingEncoding {
    /// SSRC with the producer, where it says one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssrc: Option<u32>,
    /// Id with the producer, where it says one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rid: Option<String>,
    /// SSRC in the router.
    pub mapped_ssrc: u32,
}

/// A producer's numbers, and the router's for the same things.
#[derive(Debug, Default, Clone, Ord, PartialOrd, Eq, PartialEq, Deserialize, Serialize)]
pub struct RtpMapping {
    /// Codecs, in the producer's order.
    pub codecs: Vec<RtpMappingCodec>,
    /// Streams, in the producer's order.
    pub encodings: Vec<RtpMappingEncoding>,
}

impl RtpMapping {
    /// The router's payload type for one of the producer's.
    pub fn payload_type(&self, payload_type: u8) -> Option<u8> {
        let codec = self.codecs.iter().find(|codec| codec.payload_type == payload_type)?;
        Some(codec.mapped_payload_type)
    }
}

/// Finds each of a producer's codecs in the router's capabilities, and gives each of its streams an SSRC.
///
/// The parameters are taken to be [valid](super::validate_rtp_parameters).
///
/// # Errors
/// The router lacks a codec, or RTX of one.
pub fn get_producer_rtp_parameters_mapping(
    parameters: &RtpParameters,
    router: &RtpCapabilitiesFinalized,
    ssrcs: &mut dyn FnMut() -> u32,
) -> Result<RtpMapping, RtpParametersMappingError> {
    let codec = |codec: &RtpCodecParameters| {
        let mapped =
            if codec.is_rtx() { find_rtx(codec, parameters, router) } else { find_media(codec, router) };
        Ok(RtpMappingCodec {
            payload_type: codec.payload_type(),
            mapped_payload_type: mapped?.preferred_payload_type(),
        })
    };
    let mut encoding = |encoding: &RtpEncodingParameters| RtpMappingEncoding {
        ssrc: encoding.ssrc,
        rid: encoding.rid.clone(),
        mapped_ssrc: ssrcs(),
    };
    Ok(RtpMapping {
        codecs: parameters.codecs.iter().map(codec).collect::<Result<_, _>>()?,
        encodings: parameters.encodings.iter().map(&mut encoding).collect(),
    })
}

fn find_media<'a>(
    codec: &RtpCodecParameters,
    router: &'a RtpCapabilitiesFinalized,
) -> Result<&'a RtpCodecCapabilityFinalized, RtpParametersMappingError> {
    let carried = router.codecs.iter().find(|carried| Codec::from(*carried).matches(codec.into()));
    carried.ok_or_else(|| RtpParametersMappingError::UnsupportedCodec {
        mime_type: codec.mime_type(),
        payload_type: codec.payload_type(),
    })
}

fn find_rtx<'a>(
    rtx: &RtpCodecParameters,
    parameters: &RtpParameters,
    router: &'a RtpCapabilitiesFinalized,
) -> Result<&'a RtpCodecCapabilityFinalized, RtpParametersMappingError> {
    let apt = rtx.parameters().apt();
    let media = parameters.codecs.iter().find(|media| !media.is_rtx() && Some(media.payload_type()) == apt);
    let media = media
        .ok_or(RtpParametersMappingError::MissingMediaCodecForRtx { payload_type: rtx.payload_type() })?;
    let preferred_payload_type = find_media(media, router)?.preferred_payload_type();
    rtx_of(router, preferred_payload_type)
        .ok_or(RtpParametersMappingError::UnsupportedRtxCodec { preferred_payload_type })
}

fn rtx_of(router: &RtpCapabilitiesFinalized, payload_type: u8) -> Option<&RtpCodecCapabilityFinalized> {
    router.codecs.iter().find(|codec| codec.is_rtx() && codec.parameters().apt() == Some(payload_type))
}

/// What there is to consume of a producer: its codecs and streams in the router's numbers, each codec with the
/// router's RTX and feedback, and the header extensions that a router sends. RED names the router's payload type of the
/// codec that it repeats, as `{ "": "100/100" }`.
///
/// Two of the producer's codecs that the router knows as one appear once; mediasoup lists them twice with one
/// payload type.
///
/// # Errors
/// The mapping is not of these parameters and this router.
pub fn get_consumable_rtp_parameters(
    kind: MediaKind,
    parameters: &RtpParameters,
    router: &RtpCapabilitiesFinalized,
    mapping: &RtpMapping,
) -> Result<RtpParameters, RtpParametersMappingError> {
    let mut codecs: Vec<RtpCodecParameters> = Vec::new();
    for codec in parameters.codecs.iter().filter(|codec| !codec.is_rtx()) {
        let payload_type = codec.payload_type();
        let carried = mapping
            .payload_type(payload_type)
            .and_then(|mapped| {
                router.codecs.iter().find(|carried| carried.preferred_payload_type() == mapped)
            })
            .ok_or(RtpParametersMappingError::ForeignMapping { payload_type })?;
        if codecs.iter().any(|earlier| earlier.payload_type() == carried.preferred_payload_type()) {
            continue;
        }
        if codec.mime_type().is_red() {
            let repeated = repeated_codec(codec, &parameters.codecs).map(RtpCodecParameters::payload_type);
            let mapped = repeated.and_then(|repeated| mapping.payload_type(repeated));
            let mapped = mapped.ok_or(RtpParametersMappingError::ForeignMapping { payload_type })?;
            codecs.push(in_use(carried, &renamed(codec.parameters(), mapped)));
            continue;
        }
        codecs.push(in_use(carried, codec.parameters()));
        let rtx = rtx_of(router, carried.preferred_payload_type());
        codecs.extend(rtx.map(|rtx| in_use(rtx, rtx.parameters())));
    }
    let encodings = parameters.encodings.iter().zip(&mapping.encodings);
    Ok(RtpParameters {
        mid: None,
        codecs,
        header_extensions: consumable_extensions(kind, parameters, router),
        encodings: encodings
            .map(|(encoding, mapped)| RtpEncodingParameters {
                ssrc: Some(mapped.mapped_ssrc),
                rid: None,
                rtx: None,
                codec_payload_type: None,
                ..encoding.clone()
            })
            .collect(),
        rtcp: RtcpParameters { cname: parameters.rtcp.cname.clone(), reduced_size: true },
        msid: parameters.msid.clone(),
    })
}

/// A router's codec with the parameters that a producer gave it.
fn in_use(
    carried: &RtpCodecCapabilityFinalized,
    parameters: &RtpCodecParametersParameters,
) -> RtpCodecParameters {
    match carried.clone() {
        RtpCodecCapabilityFinalized::Audio {
            mime_type,
            preferred_payload_type,
            clock_rate,
            channels,
            parameters: _,
            rtcp_feedback,
        } => RtpCodecParameters::Audio {
            mime_type,
            payload_type: preferred_payload_type,
            clock_rate,
            channels,
            parameters: parameters.clone(),
            rtcp_feedback,
        },
        RtpCodecCapabilityFinalized::Video {
            mime_type,
            preferred_payload_type,
            clock_rate,
            parameters: _,
            rtcp_feedback,
        } => RtpCodecParameters::Video {
            mime_type,
            payload_type: preferred_payload_type,
            clock_rate,
            parameters: parameters.clone(),
            rtcp_feedback,
        },
    }
}

fn consumable_extensions(
    kind: MediaKind,
    parameters: &RtpParameters,
    router: &RtpCapabilitiesFinalized,
) -> Vec<RtpHeaderExtensionParameters> {
    // capture times are the producer's own: who does not send them has none to pass on
    let capture_time =
        parameters.header_extensions.iter().any(|used| used.uri == RtpHeaderExtensionUri::AbsCaptureTime);
    router
        .header_extensions
        .iter()
        .filter(|extension| extension.kind == kind && is_sent(extension.direction))
        .filter(|extension| capture_time || extension.uri != RtpHeaderExtensionUri::AbsCaptureTime)
        .map(|extension| RtpHeaderExtensionParameters {
            uri: extension.uri,
            id: extension.preferred_id,
            encrypt: extension.preferred_encrypt,
        })
        .collect()
}

/// Whether a router sends an extension of that direction.
pub(super) fn is_sent(direction: RtpHeaderExtensionDirection) -> bool {
    matches!(direction, RtpHeaderExtensionDirection::SendRecv | RtpHeaderExtensionDirection::SendOnly)
}
