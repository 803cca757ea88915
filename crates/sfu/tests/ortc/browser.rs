//! Chromium's producers and capabilities, through a router.
use crate::fixtures::{
    H265, NATIVE, RECV, capabilities, consumable, kind, producer, producers, router, ssrcs,
};
use serde_json::{Value, json};
use sfu::ortc::{
    ConsumerMode, ConsumerRtpParametersError, RtpMappingCodec, RtpParametersMappingError, can_consume,
    get_consumer_rtp_parameters, get_pipe_consumer_rtp_parameters, get_producer_rtp_parameters_mapping,
    validate_rtp_capabilities,
};
use sfu::rtp_parameters::{
    RtcpFeedback, RtpCapabilities, RtpCodecParameters, RtpHeaderExtensionUri, RtpParameters,
};
use sfu::scalability_mode::ScalabilityMode;

fn consumer(name: &str, capabilities: &RtpCapabilities, mode: ConsumerMode) -> RtpParameters {
    let (_, consumable) = consumable(&producer(name));
    get_consumer_rtp_parameters(&consumable, capabilities, mode, &mut ssrcs()).unwrap()
}

fn names(codecs: &[RtpCodecParameters]) -> Vec<String> {
    codecs.iter().map(|codec| format!("{}={}", codec.payload_type(), codec.mime_type())).collect()
}

fn has(parameters: &RtpParameters, uri: RtpHeaderExtensionUri) -> bool {
    parameters.header_extensions.iter().any(|extension| extension.uri == uri)
}

fn feedback(parameters: &RtpParameters) -> &[RtcpFeedback] {
    parameters.codecs[0].rtcp_feedback()
}

#[test]
fn every_producer_of_chromium_can_be_consumed_by_chromium() {
    for (name, parameters) in producers() {
        let (_, consumable) = consumable(&parameters);
        assert_eq!(can_consume(&consumable, &capabilities(RECV)), Ok(true), "{name}");
        let consumer = consumer(&name, &capabilities(RECV), ConsumerMode::default());
        assert_eq!(consumer.codecs[0].mime_type(), parameters.codecs[0].mime_type(), "{name}");
        assert_eq!(consumer.codecs.len(), parameters.codecs.len(), "{name}: RTX for video, none for audio");
        assert!(has(&consumer, RtpHeaderExtensionUri::Mid), "{name}");
    }
}

#[test]
fn a_simulcast_producer_becomes_one_stream_with_its_layers() {
    let consumer = consumer("vp8_simulcast", &capabilities(RECV), ConsumerMode::default());
    insta::assert_snapshot!(serde_json::to_string_pretty(&consumer).unwrap());
}

#[test]
fn a_pipe_gets_all_streams_of_a_simulcast_producer_and_the_dependency_descriptor() {
    let parameters = producer("vp8_simulcast");
    let (_, consumable) = consumable(&parameters);
    let piped =
        get_pipe_consumer_rtp_parameters(&consumable, &router(), kind(&parameters), false, &mut ssrcs());
    insta::assert_snapshot!(serde_json::to_string_pretty(&piped).unwrap());
}

#[test]
fn payload_types_are_mapped_to_the_routers_with_their_rtx() {
    let (mapping, _) = consumable(&producer("vp9_svc"));
    let pair = |payload_type, mapped_payload_type| RtpMappingCodec { payload_type, mapped_payload_type };
    assert_eq!(mapping.codecs, [pair(98, 105), pair(99, 106)], "profile 0 is the second VP9 of the router");
    assert_eq!(mapping.encodings[0].ssrc, Some(2_878_328_033));
    assert_eq!(mapping.encodings[0].mapped_ssrc, 1000);
}

#[test]
fn an_svc_producer_keeps_its_mode() {
    let consumer = consumer("vp9_svc", &capabilities(RECV), ConsumerMode::default());
    assert_eq!(consumer.encodings[0].scalability_mode, ScalabilityMode::L3T3Key);
}

#[test]
fn without_rtx_there_is_neither_rtx_nor_nack() {
    let mode = ConsumerMode { enable_rtx: false, ..ConsumerMode::default() };
    let consumer = consumer("h264", &capabilities(RECV), mode);
    assert_eq!(names(&consumer.codecs), ["107=video/H264"]);
    assert_eq!(consumer.encodings[0].rtx, None);
    assert!(!feedback(&consumer).contains(&RtcpFeedback::Nack));
}

#[test]
fn the_senders_estimate_of_the_bandwidth_is_preferred_then_the_receivers_then_none() {
    let with = |uris: &[&str], enable_bwe| {
        let mut capabilities: Value = serde_json::from_str(RECV).unwrap();
        let extensions = capabilities["headerExtensions"].as_array_mut().unwrap();
        extensions
            .retain(|extension| uris.iter().any(|uri| extension["uri"].as_str().unwrap().contains(uri)));
        let capabilities = serde_json::from_value(capabilities).unwrap();
        let consumer =
            consumer("h264", &capabilities, ConsumerMode { enable_bwe, ..ConsumerMode::default() });
        let estimates = [RtcpFeedback::TransportCc, RtcpFeedback::GoogRemb];
        estimates.into_iter().filter(|estimate| feedback(&consumer).contains(estimate)).collect::<Vec<_>>()
    };
    assert_eq!(with(&["transport-wide-cc", "abs-send-time"], true), [RtcpFeedback::TransportCc]);
    assert_eq!(with(&["abs-send-time"], true), [RtcpFeedback::GoogRemb]);
    assert_eq!(with(&["mid"], true), []);
    assert_eq!(with(&["transport-wide-cc", "abs-send-time"], false), []);
}

#[test]
fn feedback_that_the_router_does_not_answer_is_left_out() {
    let mut theirs: Value = serde_json::from_str(RECV).unwrap();
    for codec in theirs["codecs"].as_array_mut().unwrap() {
        codec["rtcpFeedback"].as_array_mut().unwrap().push(json!({ "type": "nack", "parameter": "rpsi" }));
    }
    let consumer = consumer("h264", &serde_json::from_value(theirs).unwrap(), ConsumerMode::default());
    assert!(!feedback(&consumer).contains(&RtcpFeedback::Unsupported), "{:?}", feedback(&consumer));
}

#[test]
fn two_codecs_that_the_router_knows_as_one_are_consumed_as_one() {
    let mut parameters = serde_json::to_value(producer("h264")).unwrap();
    let mut higher = parameters["codecs"][0].clone();
    higher["payloadType"] = json!(120);
    higher["parameters"]["profile-level-id"] = json!("42e034");
    parameters["codecs"].as_array_mut().unwrap().push(higher);
    let (mapping, consumable) = consumable(&serde_json::from_value(parameters).unwrap());
    assert_eq!(mapping.payload_type(120), Some(107));
    assert_eq!(names(&consumable.codecs), ["107=video/H264", "108=video/rtx"]);
}

#[test]
fn rtx_of_another_codec_is_no_rtx_of_this_one() {
    let mut theirs: Value = serde_json::from_str(RECV).unwrap();
    theirs["codecs"].as_array_mut().unwrap().retain(|codec| codec["parameters"]["apt"] != 107);
    let consumer = consumer("h264", &serde_json::from_value(theirs).unwrap(), ConsumerMode::default());
    assert_eq!(names(&consumer.codecs), ["107=video/H264"]);
}

#[test]
fn capture_times_are_announced_only_when_the_producer_sends_them() {
    let mut parameters = producer("opus");
    assert!(has(&consumable(&parameters).1, RtpHeaderExtensionUri::AbsCaptureTime));
    parameters.header_extensions.retain(|extension| extension.uri != RtpHeaderExtensionUri::AbsCaptureTime);
    assert!(!has(&consumable(&parameters).1, RtpHeaderExtensionUri::AbsCaptureTime));
}

#[test]
fn what_chromium_lists_and_we_do_not_know_is_no_error() {
    let native = capabilities(NATIVE);
    assert_eq!(validate_rtp_capabilities(&native), Ok(()));
    let listed: Value = serde_json::from_str(NATIVE).unwrap();
    assert_eq!(listed["headerExtensions"].as_array().unwrap().len(), 17);
    assert_eq!(
        native.header_extensions.len(),
        12,
        "five are unknown: toffset, colours, timing, content, layers"
    );
}

#[test]
fn a_codec_of_another_profile_is_not_the_routers() {
    let mut parameters: Value = serde_json::to_value(producer("h264")).unwrap();
    parameters["codecs"][0]["parameters"]["profile-level-id"] = json!("4d001f");
    let parameters: RtpParameters = serde_json::from_value(parameters).unwrap();
    let error = get_producer_rtp_parameters_mapping(&parameters, &router(), &mut ssrcs()).unwrap_err();
    assert!(
        matches!(error, RtpParametersMappingError::UnsupportedCodec { payload_type: 108, .. }),
        "{error}"
    );
}

#[test]
fn h265_goes_from_a_producer_to_a_consumer_of_another_level() {
    let fixture: Value = serde_json::from_str(H265).unwrap();
    let (_, consumable) = consumable(&serde_json::from_value(fixture["producer"].clone()).unwrap());
    let theirs: RtpCapabilities = serde_json::from_value(fixture["capabilities"].clone()).unwrap();
    let consumer =
        get_consumer_rtp_parameters(&consumable, &theirs, ConsumerMode::default(), &mut ssrcs()).unwrap();
    assert_eq!(names(&consumer.codecs), ["111=video/H265", "112=video/rtx"]);
    assert_eq!(consumer.codecs[0].parameters().number("level-id"), Some(180), "the producer's own");
}

#[test]
fn who_cannot_decode_h265_is_told_so() {
    let fixture: Value = serde_json::from_str(H265).unwrap();
    let (_, consumable) = consumable(&serde_json::from_value(fixture["producer"].clone()).unwrap());
    assert_eq!(can_consume(&consumable, &capabilities(RECV)), Ok(false));
    let refused =
        get_consumer_rtp_parameters(&consumable, &capabilities(RECV), ConsumerMode::default(), &mut ssrcs());
    assert_eq!(refused, Err(ConsumerRtpParametersError::NoCompatibleMediaCodecs));
}
