use super::*;
use media::Fault;
use serde_json::{Value, json};

fn router(media_codecs: Value) -> Result<RtpCapabilitiesFinalized, RouterCodecsError> {
    let media_codecs: Vec<RtpCodecCapability> = serde_json::from_value(media_codecs).unwrap();
    generate_router_rtp_capabilities(&media_codecs)
}

fn payload_types(media_codecs: Value) -> Vec<u8> {
    router(media_codecs).unwrap().codecs.iter().map(|codec| codec.preferred_payload_type()).collect()
}

fn opus() -> Value {
    json!({ "kind": "audio", "mimeType": "audio/opus", "clockRate": 48000, "channels": 2 })
}

fn video(name: &str, parameters: Value) -> Value {
    json!({ "kind": "video", "mimeType": format!("video/{name}"), "clockRate": 90000, "parameters": parameters })
}

fn preferring(mut codec: Value, payload_type: u8) -> Value {
    codec["preferredPayloadType"] = json!(payload_type);
    codec
}

#[test]
fn payload_types_are_given_from_100_and_video_gets_rtx() {
    assert_eq!(
        payload_types(json!([opus(), preferring(video("VP8", json!({})), 125), video("VP9", json!({}))])),
        [100, 125, 101, 102, 103]
    );
}

#[test]
fn after_127_come_96_to_99_and_then_none() {
    assert_eq!(payload_types(json!(vec![opus(); 32]))[27..], [127, 96, 97, 98, 99]);
    assert_eq!(router(json!(vec![opus(); 33])), Err(RouterCodecsError::CannotAllocate { index: 32 }));
}

#[test]
fn a_preferred_payload_type_is_not_given_to_an_earlier_codec() {
    assert_eq!(payload_types(json!([opus(), preferring(video("VP8", json!({})), 100)])), [101, 100, 102]);
}

#[test]
fn two_codecs_that_prefer_one_payload_type_are_a_mistake_that_names_both() {
    let error = router(json!([opus(), preferring(opus(), 111), preferring(opus(), 111)])).unwrap_err();
    assert_eq!(
        error,
        RouterCodecsError::DuplicatedPreferredPayloadType { index: 2, earlier: 1, payload_type: 111 }
    );
    assert_eq!(error.fault(), Fault::Config);
}

#[test]
fn a_payload_type_that_looks_like_rtcp_is_a_mistake() {
    for payload_type in [64, 72, 95, 128, 255] {
        let error = RouterCodecsError::UnusablePayloadType { index: 0, payload_type };
        assert_eq!(router(json!([preferring(opus(), payload_type)])), Err(error));
    }
}

#[test]
fn comfort_noise_at_three_clock_rates_gets_three_payload_types() {
    let noise = |rate: u32| json!({ "kind": "audio", "mimeType": "audio/CN", "clockRate": rate });
    assert_eq!(payload_types(json!([noise(8000), noise(16000), noise(32000)])), [13, 100, 101]);
}

#[test]
fn feedback_is_the_routers_and_parameters_are_the_applications() {
    let mut codec = video("H264", json!({ "profile-level-id": "640032", "x-google-start-bitrate": 1000 }));
    codec["rtcpFeedback"] = json!([{ "type": "nack", "parameter": "rpsi" }]);
    let router = router(json!([codec])).unwrap();
    let parameters =
        json!({ "level-asymmetry-allowed": 1, "profile-level-id": "640032", "x-google-start-bitrate": 1000 });
    assert_eq!(serde_json::to_value(router.codecs[0].parameters()).unwrap(), parameters);
    assert_eq!(router.codecs[0].rtcp_feedback().len(), 5);
}

#[test]
fn h265_is_carried_with_the_parameters_that_browsers_write() {
    let parameters = json!({ "profile-id": 1, "tier-flag": 0, "level-id": 180, "tx-mode": "SRST" });
    let router = router(json!([video("H265", parameters.clone())])).unwrap();
    assert_eq!(serde_json::to_value(router.codecs[0].parameters()).unwrap(), parameters);
    assert_eq!(router.codecs[1].parameters().apt(), Some(100));
}

#[test]
fn what_is_not_carried_is_told_with_all_that_decided() {
    let mut mono = opus();
    mono["channels"] = json!(1);
    let error = router(json!([opus(), mono])).unwrap_err();
    assert!(error.to_string().starts_with("mediaCodecs[1]: audio/opus/48000/1 is not carried"), "{error}");
    assert!(matches!(
        router(json!([video("rtx", json!({ "apt": 100 }))])),
        Err(RouterCodecsError::UnsupportedCodec { .. })
    ));
}

#[test]
fn a_profile_that_nothing_could_match_is_a_mistake_at_once() {
    let error = router(json!([video("H264", json!({ "profile-level-id": "high" }))])).unwrap_err();
    assert!(matches!(error, RouterCodecsError::UnreadableProfile { index: 0, .. }));
}

#[test]
fn every_supported_codec_is_carried() {
    for codec in supported_rtp_capabilities().codecs {
        assert!(generate_router_rtp_capabilities(std::slice::from_ref(&codec)).is_ok(), "{codec:?}");
    }
}

#[test]
fn what_a_router_carries_by_default() {
    let supported = supported_rtp_capabilities();
    let codecs: Vec<String> = supported
        .codecs
        .iter()
        .map(|codec| {
            let channels = codec.channels().map_or(String::new(), |channels| format!("/{channels}"));
            let parameters = serde_json::to_string(codec.parameters()).unwrap();
            format!("{} {}{channels} {parameters}", codec.mime_type(), codec.clock_rate())
        })
        .collect();
    let extensions: Vec<String> = supported
        .header_extensions
        .iter()
        .map(|extension| {
            format!(
                "{} {:?} {:?} {}",
                extension.preferred_id, extension.kind, extension.direction, extension.uri
            )
        })
        .collect();
    let table = format!("{}\n\n{}", codecs.join("\n"), extensions.join("\n"));
    insta::assert_snapshot!(table);
}
