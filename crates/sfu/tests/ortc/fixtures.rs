//! The fixtures, parsed, and one producer's way through a router in one call.
use serde_json::Value;
use sfu::ortc::{
    self, RtpMapping, generate_router_rtp_capabilities, get_consumable_rtp_parameters,
    get_producer_rtp_parameters_mapping,
};
use sfu::rtp_parameters::{MediaKind, RtpCapabilities, RtpCapabilitiesFinalized, RtpParameters};

pub(crate) const MEDIA_CODECS: &str = include_str!("../fixtures/media_codecs.json");
pub(crate) const RECV: &str = include_str!("../fixtures/chromium-156/recv_capabilities.json");
pub(crate) const NATIVE: &str = include_str!("../fixtures/chromium-156/native_capabilities.json");
pub(crate) const PRODUCERS: &str = include_str!("../fixtures/chromium-156/producers.json");
pub(crate) const H265: &str = include_str!("../fixtures/h265.json");

/// SSRCs 1000, 1001 and so on.
pub(crate) fn ssrcs() -> impl FnMut() -> u32 {
    let mut next = 1000..;
    move || next.next().unwrap()
}

pub(crate) fn router() -> RtpCapabilitiesFinalized {
    let media_codecs: Vec<_> = serde_json::from_str(MEDIA_CODECS).unwrap();
    generate_router_rtp_capabilities(&media_codecs).unwrap()
}

pub(crate) fn capabilities(json: &str) -> RtpCapabilities {
    serde_json::from_str(json).unwrap()
}

/// One producer of Chromium, by its name in the file.
pub(crate) fn producer(name: &str) -> RtpParameters {
    let producers: Value = serde_json::from_str(PRODUCERS).unwrap();
    serde_json::from_value(producers[name]["rtpParameters"].clone()).unwrap()
}

pub(crate) fn producers() -> Vec<(String, RtpParameters)> {
    let producers: Value = serde_json::from_str(PRODUCERS).unwrap();
    producers.as_object().unwrap().keys().map(|name| (name.clone(), producer(name))).collect()
}

pub(crate) fn kind(parameters: &RtpParameters) -> MediaKind {
    parameters.codecs[0].kind()
}

pub(crate) fn consumable(parameters: &RtpParameters) -> (RtpMapping, RtpParameters) {
    ortc::validate_rtp_parameters(parameters).unwrap();
    let router = router();
    let mapping = get_producer_rtp_parameters_mapping(parameters, &router, &mut ssrcs()).unwrap();
    let consumable = get_consumable_rtp_parameters(kind(parameters), parameters, &router, &mapping).unwrap();
    (mapping, consumable)
}
