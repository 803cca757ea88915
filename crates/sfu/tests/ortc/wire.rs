//! The JSON is that of mediasoup's own types, both ways.
use crate::fixtures::{PRODUCERS, RECV, capabilities, consumable, producers, router, ssrcs};
use mediasoup_types::{rtp_parameters as theirs, scalability_modes};
use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use sfu::ortc::{ConsumerMode, generate_router_rtp_capabilities, get_consumer_rtp_parameters};
use sfu::rtp_parameters as ours;
use sfu::scalability_mode::ScalabilityMode;
use sfu::supported_rtp_capabilities;

/// What we write, they read and write the same; and we read that as what it was.
fn both_ways<Ours, Theirs>(value: &Ours)
where
    Ours: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
    Theirs: Serialize + DeserializeOwned,
{
    let written = serde_json::to_value(value).unwrap();
    let read: Theirs =
        serde_json::from_value(written.clone()).unwrap_or_else(|error| panic!("{error}: {written}"));
    let again = serde_json::to_value(read).unwrap();
    assert_eq!(again, written);
    assert_eq!(&serde_json::from_value::<Ours>(again).unwrap(), value);
}

#[test]
fn capabilities_are_written_and_read_as_mediasoup_does() {
    let mut supported = supported_rtp_capabilities();
    let is_theirs = |codec: &ours::RtpCodecCapability| codec.mime_type().as_str() != "video/H265";
    supported.codecs.retain(is_theirs);
    both_ways::<_, theirs::RtpCapabilities>(&supported);
    both_ways::<_, theirs::RtpCapabilities>(&capabilities(RECV));
    let router = generate_router_rtp_capabilities(&supported.codecs[10..24]).unwrap();
    both_ways::<_, theirs::RtpCapabilitiesFinalized>(&router);
}

#[test]
fn a_routers_capabilities_with_h265_differ_for_mediasoup_only_in_h265() {
    let mut router = router();
    let written = serde_json::to_value(&router).unwrap();
    assert!(serde_json::from_value::<theirs::RtpCapabilitiesFinalized>(written).is_err());
    router.codecs.retain(|codec| codec.mime_type().as_str() != "video/H265");
    both_ways::<_, theirs::RtpCapabilitiesFinalized>(&router);
}

#[test]
fn parameters_are_written_and_read_as_mediasoup_does() {
    for (_, parameters) in producers() {
        let (_, consumable) = consumable(&parameters);
        let consumer = get_consumer_rtp_parameters(
            &consumable,
            &capabilities(RECV),
            ConsumerMode::default(),
            &mut ssrcs(),
        );
        both_ways::<_, theirs::RtpParameters>(&parameters);
        both_ways::<_, theirs::RtpParameters>(&consumable);
        both_ways::<_, theirs::RtpParameters>(&consumer.unwrap());
    }
}

#[test]
fn what_a_browser_sends_means_the_same_to_both() {
    let sent: Value = serde_json::from_str(PRODUCERS).unwrap();
    for producer in sent.as_object().unwrap().values() {
        let parameters = &producer["rtpParameters"];
        let ours: ours::RtpParameters = serde_json::from_value(parameters.clone()).unwrap();
        let theirs: theirs::RtpParameters = serde_json::from_value(parameters.clone()).unwrap();
        assert_eq!(serde_json::to_value(ours).unwrap(), serde_json::to_value(theirs).unwrap());
    }
}

#[test]
fn what_may_be_left_out_takes_its_default() {
    let short: ours::RtpParameters = serde_json::from_value(
        json!({ "codecs": [{ "mimeType": "audio/pcmu", "payloadType": 0, "clockRate": 8000 }] }),
    )
    .unwrap();
    let long = json!({
        "codecs": [{ "mimeType": "audio/PCMU", "payloadType": 0, "clockRate": 8000, "channels": 1, "parameters": {}, "rtcpFeedback": [] }],
        "headerExtensions": [], "encodings": [], "rtcp": { "reducedSize": true },
    });
    assert_eq!(serde_json::to_value(short).unwrap(), long);
}

#[test]
fn a_codec_that_cannot_be_read_is_told_with_the_reason() {
    let error =
        |codec: Value| serde_json::from_value::<ours::RtpCodecParameters>(codec).unwrap_err().to_string();
    let codec = json!({ "mimeType": "video/VP8", "payloadType": 96, "clockRate": 90000 });
    let with = |key: &str, value: Value| {
        let mut codec = codec.clone();
        codec[key] = value;
        error(codec)
    };
    assert_eq!(with("mimeType", json!("video/VP7")), "no codec is known by the MIME type \"video/VP7\"");
    assert!(
        with("parameters", json!({ "x": -1 }))
            .contains("a codec parameter is a string or a whole number below 2^32")
    );
    assert!(with("kind", json!("audio")).contains("video/VP8 with a kind that contradicts it"));
    assert_eq!(error(json!({ "mimeType": "video/VP8", "clockRate": 90000 })), "missing field `payloadType`");
}

#[test]
fn codecs_that_are_not_known_are_left_out_of_capabilities_and_broken_ones_are_not() {
    let codec = |mime_type: &str| json!({ "kind": "video", "mimeType": mime_type, "clockRate": 90000 });
    let list = |codecs: Value| serde_json::from_value::<ours::RtpCapabilities>(json!({ "codecs": codecs }));
    let read = list(json!([codec("video/flexfec-03"), codec("video/VP8")])).unwrap();
    assert_eq!(read.codecs.len(), 1);
    assert!(list(json!([codec("VP8")])).is_err());
    assert!(list(json!([codec("audio/opus")])).is_err(), "of another kind than it says");
}

#[test]
fn feedback_that_is_not_known_is_kept_as_unknown() {
    let sent = json!({ "type": "nack", "parameter": "rpsi", "more": 1 });
    let read: ours::RtcpFeedback = serde_json::from_value(sent).unwrap();
    assert_eq!(read, ours::RtcpFeedback::Unsupported);
    both_ways::<_, theirs::RtcpFeedback>(&read);
}

proptest! {
    #[test]
    fn scalability_modes_are_read_as_mediasoup_does(text in "[LS]?[0-9]{0,3}T?[0-9]{0,3}(h|_KEY|_KEY_SHIFT|_X)?") {
        let ours = text.parse::<ScalabilityMode>().ok();
        let theirs = text.parse::<scalability_modes::ScalabilityMode>().ok();
        prop_assert_eq!(ours.is_some(), theirs.is_some());
        if let (Some(ours), Some(theirs)) = (ours, theirs) {
            prop_assert_eq!(ours.as_str(), theirs.as_str());
            prop_assert_eq!(ours.spatial_layers(), theirs.spatial_layers());
            prop_assert_eq!(ours.temporal_layers(), theirs.temporal_layers());
            prop_assert_eq!(ours.ksvc(), theirs.ksvc());
        }
    }

    #[test]
    fn feedback_is_read_as_mediasoup_does(kind in "nack|ccm|goog-remb|transport-cc|unknown|x", parameter in "|pli|fir|y") {
        let json = json!({ "type": kind, "parameter": parameter });
        let ours: ours::RtcpFeedback = serde_json::from_value(json.clone()).unwrap();
        let theirs: theirs::RtcpFeedback = serde_json::from_value(json).unwrap();
        prop_assert_eq!(serde_json::to_value(ours).unwrap(), serde_json::to_value(theirs).unwrap());
    }
}
