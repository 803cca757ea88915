//! What holds for any router, any endpoint and any JSON.
use crate::fixtures::{
    H265, MEDIA_CODECS, NATIVE, PRODUCERS, RECV, consumable, kind, producers, router, ssrcs,
};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use sfu::ortc::{
    ConsumerMode, RtpMapping, can_consume, generate_router_rtp_capabilities, get_consumable_rtp_parameters,
    get_consumer_rtp_parameters, get_pipe_consumer_rtp_parameters, get_producer_rtp_parameters_mapping,
    normalize_rtp_parameters, validate_rtp_capabilities, validate_rtp_parameters,
};
use sfu::rtp_parameters::{RtpCapabilities, RtpCapabilitiesFinalized, RtpCodecCapability, RtpParameters};
use sfu::supported_rtp_capabilities;

fn modes() -> impl Strategy<Value = ConsumerMode> {
    any::<(bool, bool, bool)>().prop_map(|(pipe, enable_rtx, enable_bwe)| ConsumerMode {
        pipe,
        enable_rtx,
        enable_bwe,
    })
}

/// Some of the supported codecs, some with a payload type that they prefer.
fn media_codecs() -> impl Strategy<Value = Vec<RtpCodecCapability>> {
    let supported = supported_rtp_capabilities().codecs;
    let codec = (any::<Index>(), proptest::option::weighted(0.3, 96_u8..=127)).prop_map(
        move |(index, payload_type)| {
            let mut codec = serde_json::to_value(index.get(&supported)).unwrap();
            codec["preferredPayloadType"] = json!(payload_type);
            serde_json::from_value(codec).unwrap()
        },
    );
    proptest::collection::vec(codec, 0..12)
}

/// Some of the router's capabilities, in any order.
fn subset_of_router() -> impl Strategy<Value = RtpCapabilities> {
    let all = RtpCapabilities::from(router());
    let (codecs, extensions) = (all.codecs.len(), all.header_extensions.len());
    (
        proptest::sample::subsequence(all.codecs, 0..=codecs).prop_shuffle(),
        proptest::sample::subsequence(all.header_extensions, 0..=extensions),
    )
        .prop_map(|(codecs, header_extensions)| RtpCapabilities { codecs, header_extensions })
}

proptest! {
    #[test]
    fn a_routers_payload_types_are_unique_and_each_video_codec_has_its_rtx(codecs in media_codecs()) {
        let Ok(router) = generate_router_rtp_capabilities(&codecs) else { return Ok(()) };
        let mut payload_types: Vec<u8> = router.codecs.iter().map(|codec| codec.preferred_payload_type()).collect();
        payload_types.sort_unstable();
        payload_types.dedup();
        prop_assert_eq!(payload_types.len(), router.codecs.len());
        for pair in router.codecs.windows(2) {
            if pair[1].is_rtx() {
                prop_assert_eq!(pair[1].parameters().apt(), Some(pair[0].preferred_payload_type()));
            }
        }
    }

    #[test]
    fn a_router_made_of_a_routers_codecs_is_the_same_router(codecs in media_codecs()) {
        let Ok(router) = generate_router_rtp_capabilities(&codecs) else { return Ok(()) };
        // RTX cannot be asked for, so its payload types are given anew; all others are kept
        let asked: Vec<RtpCodecCapability> =
            router.codecs.iter().filter(|codec| !codec.is_rtx()).cloned().map(Into::into).collect();
        let again = generate_router_rtp_capabilities(&asked).unwrap();
        let media = |router: &RtpCapabilitiesFinalized| -> Vec<_> {
            router.codecs.iter().filter(|codec| !codec.is_rtx()).cloned().collect()
        };
        prop_assert_eq!(media(&again), media(&router));
        prop_assert_eq!(again.codecs.len(), router.codecs.len());
    }

    #[test]
    fn a_consumer_gets_only_what_the_router_and_it_have(theirs in subset_of_router(), mode in modes()) {
        let router = router();
        for (_, parameters) in producers() {
            let (_, consumable) = consumable(&parameters);
            let consumer = get_consumer_rtp_parameters(&consumable, &theirs, mode, &mut ssrcs());
            prop_assert_eq!(consumer.is_ok(), can_consume(&consumable, &theirs).unwrap());
            let Ok(consumer) = consumer else { continue };
            prop_assert!(!consumer.codecs[0].is_rtx());
            for codec in &consumer.codecs {
                let same = |payload_type, mime_type| payload_type == codec.payload_type() && mime_type == codec.mime_type();
                prop_assert!(router.codecs.iter().any(|ours| same(ours.preferred_payload_type(), ours.mime_type())));
                prop_assert!(theirs.codecs.iter().any(|ours| ours.mime_type() == codec.mime_type()));
            }
            prop_assert!(consumer.header_extensions.iter().all(|extension| consumable.header_extensions.contains(extension)));
            let rtx = consumer.codecs.iter().any(|codec| codec.is_rtx());
            prop_assert!(consumer.encodings.iter().all(|encoding| encoding.rtx.is_some() == rtx && encoding.ssrc.is_some()));
            prop_assert_eq!(validate_rtp_parameters(&consumer), Ok(()));
        }
    }

    #[test]
    fn negotiating_again_with_what_was_negotiated_changes_nothing(theirs in subset_of_router(), mode in modes()) {
        for (_, parameters) in producers() {
            let (_, consumable) = consumable(&parameters);
            let Ok(once) = get_consumer_rtp_parameters(&consumable, &theirs, mode, &mut ssrcs()) else { continue };
            let negotiated = as_capabilities(&once);
            let twice = get_consumer_rtp_parameters(&consumable, &negotiated, mode, &mut ssrcs()).unwrap();
            prop_assert_eq!(twice, once);
        }
    }

    #[test]
    fn no_json_makes_it_panic(spoilt in proptest::collection::vec(any::<(Index, Index)>(), 0..6), of in any::<Index>(), mode in modes()) {
        let h265: Value = serde_json::from_str(H265).unwrap();
        let producers: Value = serde_json::from_str(PRODUCERS).unwrap();
        let mut all: Vec<Value> = producers.as_object().unwrap().values().map(|one| one["rtpParameters"].clone()).collect();
        all.push(h265["producer"].clone());
        let parameters = spoil(of.get(&all).clone(), &spoilt);
        let capabilities = [RECV, NATIVE].map(|json| spoil(serde_json::from_str(json).unwrap(), &spoilt));
        let media_codecs = spoil(serde_json::from_str(MEDIA_CODECS).unwrap(), &spoilt);
        run(media_codecs, parameters, capabilities, mode);
    }
}

/// Everything, whether or not it was found valid.
fn run(media_codecs: Value, parameters: Value, capabilities: [Value; 2], mode: ConsumerMode) {
    let media_codecs: Vec<RtpCodecCapability> = serde_json::from_value(media_codecs).unwrap_or_default();
    let router = generate_router_rtp_capabilities(&media_codecs).unwrap_or_else(|_| router());
    let Ok(mut parameters) = serde_json::from_value::<RtpParameters>(parameters) else { return };
    let _ = validate_rtp_parameters(&parameters);
    normalize_rtp_parameters(&mut parameters);
    let mapping = get_producer_rtp_parameters_mapping(&parameters, &router, &mut ssrcs());
    if parameters.codecs.is_empty() {
        return;
    }
    let kind = kind(&parameters);
    for mapping in [mapping.unwrap_or_default(), RtpMapping::default()] {
        let consumable = get_consumable_rtp_parameters(kind, &parameters, &router, &mapping);
        for consumable in [consumable.unwrap_or_default(), parameters.clone()] {
            for theirs in &capabilities {
                let Ok(theirs) = serde_json::from_value::<RtpCapabilities>(theirs.clone()) else { continue };
                let valid = validate_rtp_capabilities(&theirs).is_ok();
                assert_eq!(can_consume(&consumable, &theirs).is_ok(), valid);
                let _ = get_consumer_rtp_parameters(&consumable, &theirs, mode, &mut ssrcs());
            }
            let _ =
                get_pipe_consumer_rtp_parameters(&consumable, &router, kind, mode.enable_rtx, &mut ssrcs());
        }
    }
}

/// Puts something else at some places of the JSON.
fn spoil(mut json: Value, places: &[(Index, Index)]) -> Value {
    let others = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(15),
        json!(96),
        json!(108),
        json!(255),
        json!(256),
        json!(u32::MAX),
        json!(u64::MAX),
        json!(""),
        json!("audio/opus"),
        json!("video/rtx"),
        json!("video/H265"),
        json!("é"),
        json!("L99T99"),
        json!("640032"),
        json!([]),
        json!({}),
        json!({ "apt": 96 }),
        json!([[]]),
        json!([{}]),
    ];
    for (place, other) in places {
        let mut pointers = Vec::new();
        collect(&json, String::new(), &mut pointers);
        if let Some(value) = json.pointer_mut(place.get::<String>(&pointers)) {
            *value = other.get(&others).clone();
        }
    }
    json
}

fn collect(json: &Value, at: String, pointers: &mut Vec<String>) {
    match json {
        Value::Array(list) => {
            list.iter()
                .enumerate()
                .for_each(|(index, value)| collect(value, format!("{at}/{index}"), pointers));
        }
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            let key = key.replace('~', "~0").replace('/', "~1");
            collect(value, format!("{at}/{key}"), pointers);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    pointers.push(at);
}

/// A consumer's parameters as the capabilities of an endpoint that has just these.
fn as_capabilities(parameters: &RtpParameters) -> RtpCapabilities {
    let kind = kind(parameters);
    let codec = |codec: &sfu::rtp_parameters::RtpCodecParameters| {
        let mut json = serde_json::to_value(codec).unwrap();
        json["preferredPayloadType"] = json["payloadType"].take();
        json["kind"] = json!(kind);
        json.as_object_mut().unwrap().remove("payloadType");
        json
    };
    let extension = |extension: &sfu::rtp_parameters::RtpHeaderExtensionParameters| json!({ "kind": kind, "uri": extension.uri, "preferredId": extension.id });
    let codecs: Vec<Value> = parameters.codecs.iter().map(codec).collect();
    let extensions: Vec<Value> = parameters.header_extensions.iter().map(extension).collect();
    serde_json::from_value(json!({ "codecs": codecs, "headerExtensions": extensions })).unwrap()
}
