//! RED (RFC 2198) beside Opus: who gets it, and under which numbers.
use crate::fixtures::{NATIVE, RECV, capabilities, ssrcs};
use mediasoup_types::rtp_parameters as theirs;
use serde_json::{Value, json};
use sfu::ortc::{
    ConsumerMode, ConsumerRtpParametersError, RtpMappingCodec, RtpParametersError, RtpParametersMappingError,
    can_consume, generate_router_rtp_capabilities, get_consumable_rtp_parameters,
    get_consumer_rtp_parameters, get_pipe_consumer_rtp_parameters, get_producer_rtp_parameters_mapping,
    validate_rtp_parameters,
};
use sfu::rtp_parameters::{MediaKind, RtpCapabilities, RtpCapabilitiesFinalized, RtpParameters};

fn router(names: &[&str]) -> RtpCapabilitiesFinalized {
    let codec = |name: &&str| json!({ "kind": "audio", "mimeType": name, "clockRate": 48000, "channels": 2 });
    let codecs: Value = names.iter().map(codec).collect();
    generate_router_rtp_capabilities(&serde_json::from_value::<Vec<_>>(codecs).unwrap()).unwrap()
}

fn codec(name: &str, payload_type: u8, parameters: Value) -> Value {
    json!({
        "mimeType": name, "payloadType": payload_type, "clockRate": 48000, "channels": 2, "parameters": parameters,
    })
}

fn producer(codecs: Value) -> RtpParameters {
    serde_json::from_value(json!({ "codecs": codecs, "encodings": [{ "ssrc": 1 }] })).unwrap()
}

/// As `mediasoup-client` reads Chromium's SDP.
fn chromiums() -> RtpParameters {
    let opus = json!({ "minptime": 10, "useinbandfec": 1 });
    producer(json!([codec("audio/red", 63, json!({ "111/111": "" })), codec("audio/opus", 111, opus)]))
}

fn consumable(parameters: &RtpParameters) -> RtpParameters {
    validate_rtp_parameters(parameters).unwrap();
    let router = router(&["audio/opus", "audio/red"]);
    let mapping = get_producer_rtp_parameters_mapping(parameters, &router, &mut ssrcs()).unwrap();
    get_consumable_rtp_parameters(MediaKind::Audio, parameters, &router, &mapping).unwrap()
}

/// Names, payload types and parameters.
fn codecs(parameters: &RtpParameters) -> Vec<(&'static str, u8, Value)> {
    let codecs = parameters.codecs.iter();
    codecs
        .map(|codec| {
            let parameters = serde_json::to_value(codec.parameters()).unwrap();
            (codec.mime_type().as_str(), codec.payload_type(), parameters)
        })
        .collect()
}

fn only(name: &str) -> RtpCapabilities {
    let mut capabilities = capabilities(NATIVE);
    capabilities.codecs.retain(|codec| codec.mime_type().as_str() == name);
    capabilities
}

fn consumer(capabilities: &RtpCapabilities) -> Result<RtpParameters, ConsumerRtpParametersError> {
    get_consumer_rtp_parameters(
        &consumable(&chromiums()),
        capabilities,
        ConsumerMode::default(),
        &mut ssrcs(),
    )
}

#[test]
fn red_names_opus_by_the_routers_payload_type_in_the_form_that_chromium_takes_from_mediasoup_client() {
    let router = router(&["audio/opus", "audio/red"]);
    let mapping = get_producer_rtp_parameters_mapping(&chromiums(), &router, &mut ssrcs()).unwrap();
    let pair = |payload_type, mapped_payload_type| RtpMappingCodec { payload_type, mapped_payload_type };
    assert_eq!(mapping.codecs, [pair(63, 101), pair(111, 100)]);
    let opus = json!({ "minptime": 10, "useinbandfec": 1 });
    let both = [("audio/red", 101, json!({ "": "100/100" })), ("audio/opus", 100, opus)];
    assert_eq!(codecs(&consumable(&chromiums())), both);
    let consumer = consumer(&capabilities(NATIVE)).unwrap();
    assert_eq!(codecs(&consumer), both);
    assert_eq!(consumer.encodings.len(), 1);
    let written = serde_json::to_value(&consumer).unwrap();
    let read: theirs::RtpParameters = serde_json::from_value(written.clone()).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), written, "mediasoup's types have room for it");
}

#[test]
fn a_pipe_carries_red_and_the_next_router_reads_what_this_one_wrote() {
    let router = router(&["audio/red", "audio/opus"]);
    let piped = get_pipe_consumer_rtp_parameters(
        &consumable(&chromiums()),
        &router,
        MediaKind::Audio,
        false,
        &mut ssrcs(),
    );
    validate_rtp_parameters(&piped).unwrap();
    let mapping = get_producer_rtp_parameters_mapping(&piped, &router, &mut ssrcs()).unwrap();
    let there = get_consumable_rtp_parameters(MediaKind::Audio, &piped, &router, &mapping).unwrap();
    assert_eq!(codecs(&there)[0], ("audio/red", 100, json!({ "": "101/101" })));
}

#[test]
fn who_has_not_both_gets_opus_alone_or_nothing() {
    let alone = consumer(&capabilities(RECV)).unwrap();
    assert_eq!(codecs(&alone).iter().map(|codec| codec.0).collect::<Vec<_>>(), ["audio/opus"]);
    assert_eq!(codecs(&consumer(&only("audio/opus")).unwrap()).len(), 1);
    assert_eq!(consumer(&only("audio/red")), Err(ConsumerRtpParametersError::NoCompatibleMediaCodecs));
    assert_eq!(can_consume(&consumable(&chromiums()), &only("audio/red")), Ok(false));
    assert_eq!(can_consume(&consumable(&chromiums()), &only("audio/opus")), Ok(true));
}

#[test]
fn red_may_come_behind_opus_and_need_not_name_it() {
    let consumable =
        consumable(&producer(json!([codec("audio/opus", 96, json!({})), codec("audio/red", 97, json!({}))])));
    let both = [("audio/opus", 100, json!({})), ("audio/red", 101, json!({ "": "100/100" }))];
    assert_eq!(codecs(&consumable), both);
}

#[test]
fn red_that_repeats_nothing_is_refused() {
    let opus = || codec("audio/opus", 111, json!({}));
    let red = |parameters| codec("audio/red", 63, parameters);
    let pcmu = json!({ "mimeType": "audio/PCMU", "payloadType": 0, "clockRate": 8000 });
    let cases = [
        (json!([red(json!({}))]), RtpParametersError::RedWithoutCodec { index: 0 }),
        (json!([pcmu, red(json!({}))]), RtpParametersError::RedWithoutCodec { index: 1 }),
        (json!([opus(), red(json!({ "110/110": "" }))]), RtpParametersError::RedWithoutCodec { index: 1 }),
        (
            json!([red(json!({ "": "111/0" })), opus(), pcmu]),
            RtpParametersError::RedWithoutCodec { index: 0 },
        ),
        (json!([red(json!({ "": "63/63" })), opus()]), RtpParametersError::RedWithoutCodec { index: 0 }),
        (
            json!([red(json!({})), opus(), codec("audio/red", 64, json!({}))]),
            RtpParametersError::SecondRed { index: 2 },
        ),
    ];
    for (codecs, error) in cases {
        assert_eq!(validate_rtp_parameters(&producer(codecs.clone())), Err(error.clone()), "{codecs}");
        assert_eq!(error.fault(), media::Fault::Peer);
    }
    let text = RtpParametersError::RedWithoutCodec { index: 0 }.to_string();
    assert!(text.ends_with(r#"like { "": "111/111" }"#), "{text}");
}

#[test]
fn a_router_without_red_refuses_it_and_so_does_one_without_opus() {
    for (names, missing) in [(["audio/opus"], 63), (["audio/red"], 111)] {
        let error =
            get_producer_rtp_parameters_mapping(&chromiums(), &router(&names), &mut ssrcs()).unwrap_err();
        assert!(
            matches!(error, RtpParametersMappingError::UnsupportedCodec { payload_type, .. } if payload_type == missing),
            "{error}"
        );
    }
}
