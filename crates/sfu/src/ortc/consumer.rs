//! What one endpoint, or another router, gets of a producer.
use super::family::Codec;
use super::producer::is_sent;
use super::red::repeated_codec;
use super::validate::{is_for_bandwidth, validate_rtp_capabilities};
use super::{ConsumerRtpParametersError, RtpCapabilitiesError};
use crate::rtp_parameters::{
    MediaKind, RtcpFeedback, RtpCapabilities, RtpCapabilitiesFinalized, RtpCodecCapability,
    RtpCodecParameters, RtpEncodingParameters, RtpEncodingParametersRtx, RtpHeaderExtension,
    RtpHeaderExtensionParameters, RtpHeaderExtensionUri, RtpParameters,
};
use crate::scalability_mode::ScalabilityMode;

/// How a consumer is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsumerMode {
    /// All the producer's streams as they are, instead of one made of them.
    pub pipe: bool,
    /// Lost packets are sent again, in a stream of their own.
    pub enable_rtx: bool,
    /// The transport estimates the bandwidth.
    pub enable_bwe: bool,
}

impl Default for ConsumerMode {
    /// One stream, with retransmission and bandwidth estimation.
    fn default() -> Self {
        Self { pipe: false, enable_rtx: true, enable_bwe: true }
    }
}

/// Whether an endpoint with these capabilities can receive at least one of the producer's codecs.
///
/// # Errors
/// The capabilities are not well formed.
pub fn can_consume(
    consumable: &RtpParameters,
    capabilities: &RtpCapabilities,
) -> Result<bool, RtpCapabilitiesError> {
    validate_rtp_capabilities(capabilities)?;
    let is_media = |codec: &RtpCodecParameters| !codec.is_rtx() && !codec.mime_type().is_red();
    Ok(consumable.codecs.iter().any(|codec| is_media(codec) && find(codec, capabilities).is_some()))
}

fn find<'a>(codec: &RtpCodecParameters, capabilities: &'a RtpCapabilities) -> Option<&'a RtpCodecCapability> {
    capabilities.codecs.iter().find(|theirs| Codec::from(*theirs).matches(codec.into()))
}

/// The parameters of one consumer: the codecs, feedback and header extensions that both sides have, and one stream
/// (or all of them, for a pipe).
///
/// RTX is used for a codec when the endpoint lists RTX *for that codec*; mediasoup is content with any RTX.
/// RED is used by who lists it and the codec that it repeats; all others get that codec alone.
/// Feedback that the router does not answer is left out; mediasoup passes it on as `unknown`.
///
/// # Errors
/// The capabilities are not well formed, or have none of the codecs.
pub fn get_consumer_rtp_parameters(
    consumable: &RtpParameters,
    capabilities: &RtpCapabilities,
    mode: ConsumerMode,
    ssrcs: &mut dyn FnMut() -> u32,
) -> Result<RtpParameters, ConsumerRtpParametersError> {
    validate_rtp_capabilities(capabilities)?;
    let mut codecs = common_codecs(consumable, capabilities, mode);
    if codecs.is_empty() {
        return Err(ConsumerRtpParametersError::NoCompatibleMediaCodecs);
    }
    let header_extensions = common_extensions(consumable, capabilities, mode);
    keep_one_bandwidth_feedback(&mut codecs, &header_extensions);
    let rtx = codecs.iter().any(RtpCodecParameters::is_rtx);
    let encodings = if mode.pipe {
        all_streams(&consumable.encodings, rtx, ssrcs)
    } else {
        vec![one_stream(&consumable.encodings, rtx, ssrcs)]
    };
    Ok(RtpParameters {
        mid: None,
        codecs,
        header_extensions,
        encodings,
        rtcp: consumable.rtcp.clone(),
        msid: consumable.msid.clone(),
    })
}

/// The codecs that both sides have, each followed by its RTX where both have that.
fn common_codecs(
    consumable: &RtpParameters,
    capabilities: &RtpCapabilities,
    mode: ConsumerMode,
) -> Vec<RtpCodecParameters> {
    let mut codecs = Vec::new();
    for codec in consumable.codecs.iter().filter(|codec| !codec.is_rtx()) {
        let Some(theirs) = find(codec, capabilities) else { continue };
        let answered = codec.rtcp_feedback();
        let mut common = codec.clone();
        *common.rtcp_feedback_mut() = theirs
            .rtcp_feedback()
            .iter()
            .filter(|feedback| answered.contains(feedback))
            .filter(|feedback| mode.enable_rtx || **feedback != RtcpFeedback::Nack)
            .copied()
            .collect();
        codecs.push(common);
        if mode.enable_rtx && retransmits(capabilities, theirs) {
            let apt = Some(codec.payload_type());
            let rtx = consumable.codecs.iter().find(|rtx| rtx.is_rtx() && rtx.parameters().apt() == apt);
            codecs.extend(rtx.cloned());
        }
    }
    drop_red_alone(codecs)
}

/// Without RED whose repeated codec is not among the codecs.
fn drop_red_alone(codecs: Vec<RtpCodecParameters>) -> Vec<RtpCodecParameters> {
    let is_alone =
        |codec: &RtpCodecParameters| codec.mime_type().is_red() && repeated_codec(codec, &codecs).is_none();
    codecs.iter().filter(|codec| !is_alone(codec)).cloned().collect()
}

/// The header extensions that both sides have, with one id. The kind is left aside: `mediasoup-client` lists an
/// extension of both kinds once, and of `mid` that is the video's.
fn common_extensions(
    consumable: &RtpParameters,
    capabilities: &RtpCapabilities,
    mode: ConsumerMode,
) -> Vec<RtpHeaderExtensionParameters> {
    let is_theirs = |ours: &RtpHeaderExtensionParameters| {
        let same = |theirs: &RtpHeaderExtension| theirs.preferred_id == ours.id && theirs.uri == ours.uri;
        capabilities.header_extensions.iter().any(same)
    };
    let ours = consumable.header_extensions.iter();
    ours.filter(|ours| mode.enable_bwe || !ours.uri.is_for_bandwidth())
        .filter(|ours| is_theirs(ours))
        .cloned()
        .collect()
}

/// Whether the endpoint lists RTX for this codec of its own. Where it gives no numbers, any RTX of the kind will do.
fn retransmits(capabilities: &RtpCapabilities, codec: &RtpCodecCapability) -> bool {
    capabilities.codecs.iter().filter(|rtx| rtx.is_rtx() && rtx.kind() == codec.kind()).any(|rtx| {
        match (rtx.parameters().apt(), codec.preferred_payload_type()) {
            (Some(apt), Some(payload_type)) => apt == payload_type,
            (Some(_) | None, Some(_) | None) => true,
        }
    })
}

/// The bandwidth is estimated by one side: the sender's estimate is preferred, the receiver's comes next.
fn keep_one_bandwidth_feedback(
    codecs: &mut [RtpCodecParameters],
    extensions: &[RtpHeaderExtensionParameters],
) {
    let has = |uri| extensions.iter().any(|extension| extension.uri == uri);
    let kept = if has(RtpHeaderExtensionUri::TransportWideCcDraft01) {
        Some(RtcpFeedback::TransportCc)
    } else if has(RtpHeaderExtensionUri::AbsSendTime) {
        Some(RtcpFeedback::GoogRemb)
    } else {
        None
    };
    for codec in codecs {
        codec.rtcp_feedback_mut().retain(|feedback| !is_for_bandwidth(*feedback) || Some(*feedback) == kept);
    }
}

fn all_streams(
    encodings: &[RtpEncodingParameters],
    rtx: bool,
    ssrcs: &mut dyn FnMut() -> u32,
) -> Vec<RtpEncodingParameters> {
    encodings
        .iter()
        .map(|encoding| RtpEncodingParameters {
            ssrc: Some(ssrcs()),
            rtx: rtx.then(|| RtpEncodingParametersRtx { ssrc: ssrcs() }),
            ..encoding.clone()
        })
        .collect()
}

/// One stream made of all: simulcast streams become its spatial layers, and it may be as fast as the fastest.
fn one_stream(
    encodings: &[RtpEncodingParameters],
    rtx: bool,
    ssrcs: &mut dyn FnMut() -> u32,
) -> RtpEncodingParameters {
    // all encodings of a producer are taken to have one mode, as browsers do it
    let mode = encodings.first().map(|encoding| encoding.scalability_mode.clone()).unwrap_or_default();
    let scalability_mode = match encodings.len() {
        0 | 1 => mode,
        streams => format!("L{streams}T{}", mode.temporal_layers()).parse().unwrap_or(ScalabilityMode::None),
    };
    RtpEncodingParameters {
        ssrc: Some(ssrcs()),
        rtx: rtx.then(|| RtpEncodingParametersRtx { ssrc: ssrcs() }),
        scalability_mode,
        max_bitrate: encodings.iter().filter_map(|encoding| encoding.max_bitrate).max(),
        ..RtpEncodingParameters::default()
    }
}

/// The parameters of a consumer that another router gets through a pipe: all streams, and all that can be said of
/// them but the `mid` and what serves estimating the bandwidth, which a pipe does not.
pub fn get_pipe_consumer_rtp_parameters(
    consumable: &RtpParameters,
    router: &RtpCapabilitiesFinalized,
    kind: MediaKind,
    enable_rtx: bool,
    ssrcs: &mut dyn FnMut() -> u32,
) -> RtpParameters {
    let mut codecs: Vec<RtpCodecParameters> =
        consumable.codecs.iter().filter(|codec| enable_rtx || !codec.is_rtx()).cloned().collect();
    for codec in &mut codecs {
        let kept = |feedback: RtcpFeedback| {
            !is_for_bandwidth(feedback) && (enable_rtx || feedback != RtcpFeedback::Nack)
        };
        codec.rtcp_feedback_mut().retain(|feedback| kept(*feedback));
    }
    RtpParameters {
        mid: None,
        codecs,
        header_extensions: pipe_extensions(consumable, router, kind),
        encodings: all_streams(&consumable.encodings, enable_rtx, ssrcs),
        rtcp: consumable.rtcp.clone(),
        msid: consumable.msid.clone(),
    }
}

fn pipe_extensions(
    consumable: &RtpParameters,
    router: &RtpCapabilitiesFinalized,
    kind: MediaKind,
) -> Vec<RtpHeaderExtensionParameters> {
    // The next router picks layers, so it needs the descriptor, which endpoints are not sent.
    let descriptor = router
        .header_extensions
        .iter()
        .filter(|extension| extension.kind == kind && !is_sent(extension.direction))
        .filter(|extension| extension.uri == RtpHeaderExtensionUri::DependencyDescriptor)
        .map(|extension| RtpHeaderExtensionParameters {
            uri: extension.uri,
            id: extension.preferred_id,
            encrypt: extension.preferred_encrypt,
        });
    let mut extensions: Vec<_> = consumable
        .header_extensions
        .iter()
        .filter(|extension| extension.uri != RtpHeaderExtensionUri::Mid && !extension.uri.is_for_bandwidth())
        .cloned()
        .chain(descriptor)
        .collect();
    extensions.sort_by_key(|extension| extension.id);
    extensions
}
