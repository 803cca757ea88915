//! Checks of what comes from outside, before anything is derived from it, and the defaults it may leave open.
use super::red::repeated_codec;
use super::{
    CODEC_PARAMETERS_MAX, CODECS_MAX, ENCODINGS_MAX, HEADER_EXTENSIONS_MAX, ID_BYTES_MAX,
    RtpCapabilitiesError, RtpParametersError,
};
use crate::rtp_parameters::{
    RtcpFeedback, RtpCapabilities, RtpCodecParametersParameters, RtpCodecParametersParametersValue as Value,
    RtpEncodingParameters, RtpParameters,
};
use std::collections::BTreeSet;

/// Highest payload type: it has seven bits (RFC 3550 §5.1).
const PAYLOAD_TYPE_MAX: u8 = 127;

/// Checks an endpoint's capabilities.
///
/// # Errors
/// The first thing that is wrong.
pub fn validate_rtp_capabilities(capabilities: &RtpCapabilities) -> Result<(), RtpCapabilitiesError> {
    limit("codecs", capabilities.codecs.len(), CODECS_MAX)?;
    limit("headerExtensions", capabilities.header_extensions.len(), HEADER_EXTENSIONS_MAX)?;
    for (index, codec) in capabilities.codecs.iter().enumerate() {
        check_codec(index, codec.preferred_payload_type(), codec.parameters())?;
    }
    for (index, extension) in capabilities.header_extensions.iter().enumerate() {
        check_extension_id(index, extension.preferred_id)?;
    }
    Ok(())
}

/// Checks a producer's parameters.
///
/// mediasoup leaves most of this to its worker, which refuses it later or not at all.
///
/// # Errors
/// The first thing that is wrong.
pub fn validate_rtp_parameters(parameters: &RtpParameters) -> Result<(), RtpParametersError> {
    limit("codecs", parameters.codecs.len(), CODECS_MAX)?;
    limit("headerExtensions", parameters.header_extensions.len(), HEADER_EXTENSIONS_MAX)?;
    limit("encodings", parameters.encodings.len(), ENCODINGS_MAX)?;
    if let Some(mid) = &parameters.mid {
        check_id("mid", mid)?;
    }
    check_codecs(parameters)?;
    let mut ids = BTreeSet::new();
    for (index, extension) in parameters.header_extensions.iter().enumerate() {
        let id = extension.id;
        check_extension_id(index, id)?;
        if !ids.insert(id) {
            return Err(RtpParametersError::DuplicatedHeaderExtensionId { index, id });
        }
    }
    check_encodings(parameters)
}

fn check_codecs(parameters: &RtpParameters) -> Result<(), RtpParametersError> {
    let Some(first) = parameters.codecs.iter().find(|codec| !codec.is_rtx()) else {
        return Err(RtpParametersError::NoMediaCodec);
    };
    let mut payload_types = BTreeSet::new();
    let mut has_red = false;
    for (index, codec) in parameters.codecs.iter().enumerate() {
        let payload_type = codec.payload_type();
        check_codec(index, Some(payload_type), codec.parameters())?;
        if codec.kind() != first.kind() {
            return Err(RtpParametersError::MixedKinds { index });
        }
        if !payload_types.insert(payload_type) {
            return Err(RtpParametersError::DuplicatedPayloadType { index, payload_type });
        }
        let retransmits = codec.parameters().apt();
        if codec.is_rtx() && !retransmits.is_some_and(|apt| is_media_codec(parameters, apt)) {
            return Err(RtpParametersError::RtxWithoutCodec { index });
        }
        if codec.mime_type().is_red() {
            if repeated_codec(codec, &parameters.codecs).is_none() {
                return Err(RtpParametersError::RedWithoutCodec { index });
            }
            if std::mem::replace(&mut has_red, true) {
                return Err(RtpParametersError::SecondRed { index });
            }
        }
    }
    Ok(())
}

fn check_encodings(parameters: &RtpParameters) -> Result<(), RtpParametersError> {
    let (mut ssrcs, mut rids) = (BTreeSet::new(), BTreeSet::new());
    let several = parameters.encodings.len() > 1;
    for (index, encoding) in parameters.encodings.iter().enumerate() {
        if several && encoding.ssrc.is_none() && encoding.rid.is_none() {
            return Err(RtpParametersError::AnonymousEncoding { index });
        }
        for ssrc in encoding.ssrc.into_iter().chain(encoding.rtx.map(|rtx| rtx.ssrc)) {
            if !ssrcs.insert(ssrc) {
                return Err(RtpParametersError::DuplicatedSsrc { index, ssrc });
            }
        }
        if let Some(rid) = &encoding.rid {
            check_id(&format!("encodings[{index}].rid"), rid)?;
            if !rids.insert(rid) {
                return Err(RtpParametersError::DuplicatedRid { index });
            }
        }
        if let Some(payload_type) = encoding.codec_payload_type
            && !is_media_codec(parameters, payload_type)
        {
            return Err(RtpParametersError::EncodingWithoutCodec { index, payload_type });
        }
    }
    Ok(())
}

fn is_media_codec(parameters: &RtpParameters, payload_type: u8) -> bool {
    parameters.codecs.iter().any(|codec| !codec.is_rtx() && codec.payload_type() == payload_type)
}

fn check_codec(
    index: usize,
    payload_type: Option<u8>,
    parameters: &RtpCodecParametersParameters,
) -> Result<(), RtpCapabilitiesError> {
    limit(&format!("codecs[{index}].parameters"), parameters.iter().len(), CODEC_PARAMETERS_MAX)?;
    if let Some(payload_type) = payload_type.filter(|payload_type| *payload_type > PAYLOAD_TYPE_MAX) {
        return Err(RtpCapabilitiesError::InvalidPayloadType { index, payload_type });
    }
    let apt = match parameters.get("apt") {
        None => return Ok(()),
        Some(Value::Number(number)) if *number <= PAYLOAD_TYPE_MAX.into() => return Ok(()),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::String(text)) => format!("{text:?}"),
    };
    Err(RtpCapabilitiesError::InvalidAptParameter { index, apt })
}

fn check_extension_id(index: usize, id: u16) -> Result<(), RtpCapabilitiesError> {
    match id {
        1..=255 => Ok(()),
        _ => Err(RtpCapabilitiesError::InvalidHeaderExtensionId { index, id }),
    }
}

fn check_id(what: &str, id: &str) -> Result<(), RtpParametersError> {
    match id.len() {
        1..=ID_BYTES_MAX => Ok(()),
        bytes => Err(RtpParametersError::InvalidId { what: what.into(), bytes }),
    }
}

fn limit(what: &str, count: usize, max: usize) -> Result<(), RtpCapabilitiesError> {
    if count <= max { Ok(()) } else { Err(RtpCapabilitiesError::TooMany { what: what.into(), count, max }) }
}

/// Fills in what a producer may leave open: without encodings it sends one stream. Other defaults are taken when
/// JSON is read.
pub fn normalize_rtp_parameters(parameters: &mut RtpParameters) {
    if parameters.encodings.is_empty() {
        parameters.encodings.push(RtpEncodingParameters::default());
    }
}

/// Takes out all that serves estimating the bandwidth, for a transport that does not.
pub fn disable_bwe_in_rtp_parameters(parameters: &mut RtpParameters) {
    parameters.header_extensions.retain(|extension| !extension.uri.is_for_bandwidth());
    for codec in &mut parameters.codecs {
        codec.rtcp_feedback_mut().retain(|feedback| !is_for_bandwidth(*feedback));
    }
}

/// Whether the feedback only serves estimating the bandwidth.
pub(super) fn is_for_bandwidth(feedback: RtcpFeedback) -> bool {
    matches!(feedback, RtcpFeedback::GoogRemb | RtcpFeedback::TransportCc)
}

#[cfg(test)]
mod tests;
