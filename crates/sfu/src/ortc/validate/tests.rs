use super::*;
use media::Fault;
use serde_json::{Value, json};

/// A producer that is fine, as JSON, so that each test breaks one thing of it.
fn fine() -> Value {
    json!({
        "mid": "1",
        "codecs": [
            { "mimeType": "video/VP8", "payloadType": 96, "clockRate": 90000 },
            { "mimeType": "video/rtx", "payloadType": 97, "clockRate": 90000, "parameters": { "apt": 96 } },
        ],
        "headerExtensions": [{ "uri": "urn:ietf:params:rtp-hdrext:sdes:mid", "id": 4 }],
        "encodings": [{ "rid": "a", "rtx": { "ssrc": 2 } }, { "rid": "b", "ssrc": 3, "codecPayloadType": 96 }],
        "rtcp": { "cname": "somebody" },
    })
}

fn with(pointer: &str, value: Value) -> Result<(), RtpParametersError> {
    let mut parameters = fine();
    *parameters.pointer_mut(pointer).unwrap() = value;
    validate_rtp_parameters(&serde_json::from_value(parameters).unwrap())
}

#[test]
fn a_producer_as_browsers_send_it_is_fine() {
    assert_eq!(validate_rtp_parameters(&serde_json::from_value(fine()).unwrap()), Ok(()));
}

#[test]
fn each_thing_that_can_be_wrong_is_told_with_its_place() {
    use RtpCapabilitiesError as Caps;
    use RtpParametersError as Error;
    let cases = [
        ("/codecs", json!([]), Error::NoMediaCodec),
        ("/codecs/0/mimeType", json!("audio/opus"), Error::MixedKinds { index: 1 }),
        ("/codecs/1/payloadType", json!(96), Error::DuplicatedPayloadType { index: 1, payload_type: 96 }),
        ("/codecs/1/parameters/apt", json!(97), Error::RtxWithoutCodec { index: 1 }),
        ("/codecs/1/parameters", json!({}), Error::RtxWithoutCodec { index: 1 }),
        (
            "/codecs/1/payloadType",
            json!(128),
            Caps::InvalidPayloadType { index: 1, payload_type: 128 }.into(),
        ),
        (
            "/codecs/1/parameters/apt",
            json!("96"),
            Caps::InvalidAptParameter { index: 1, apt: "\"96\"".into() }.into(),
        ),
        ("/headerExtensions/0/id", json!(0), Caps::InvalidHeaderExtensionId { index: 0, id: 0 }.into()),
        ("/encodings/0", json!({}), Error::AnonymousEncoding { index: 0 }),
        ("/encodings/1/ssrc", json!(2), Error::DuplicatedSsrc { index: 1, ssrc: 2 }),
        ("/encodings/1/rid", json!("a"), Error::DuplicatedRid { index: 1 }),
        (
            "/encodings/1/codecPayloadType",
            json!(97),
            Error::EncodingWithoutCodec { index: 1, payload_type: 97 },
        ),
        ("/encodings/1/rid", json!(""), Error::InvalidId { what: "encodings[1].rid".into(), bytes: 0 }),
        ("/mid", json!("m".repeat(256)), Error::InvalidId { what: "mid".into(), bytes: 256 }),
    ];
    for (pointer, value, error) in cases {
        assert_eq!(with(pointer, value.clone()), Err(error.clone()), "{pointer} = {value}");
        assert_eq!(error.fault(), Fault::Peer);
    }
}

#[test]
fn two_header_extensions_need_two_ids() {
    let extension = json!({ "uri": "urn:3gpp:video-orientation", "id": 4 });
    let list = json!([fine()["headerExtensions"][0], extension]);
    let error = RtpParametersError::DuplicatedHeaderExtensionId { index: 1, id: 4 };
    assert_eq!(with("/headerExtensions", list), Err(error));
}

#[test]
fn lists_have_limits() {
    let encodings: Vec<Value> = (0..=ENCODINGS_MAX).map(|ssrc| json!({ "ssrc": ssrc })).collect();
    let error = with("/encodings", json!(encodings)).unwrap_err();
    assert_eq!(error.to_string(), "encodings has 17 entries; 16 is the limit");
}

#[test]
fn without_encodings_one_stream_is_sent() {
    let mut parameters: RtpParameters = serde_json::from_value(fine()).unwrap();
    parameters.encodings.clear();
    normalize_rtp_parameters(&mut parameters);
    assert_eq!(parameters.encodings, [RtpEncodingParameters::default()]);
}

#[test]
fn without_bandwidth_estimation_nothing_of_it_is_left() {
    let mut parameters = fine();
    parameters["codecs"][0]["rtcpFeedback"] = json!([{ "type": "goog-remb" }, { "type": "nack" }]);
    parameters["headerExtensions"][0]["uri"] =
        json!("http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time");
    let mut parameters: RtpParameters = serde_json::from_value(parameters).unwrap();
    disable_bwe_in_rtp_parameters(&mut parameters);
    assert_eq!(parameters.header_extensions, []);
    assert_eq!(parameters.codecs[0].rtcp_feedback(), [RtcpFeedback::Nack]);
}
