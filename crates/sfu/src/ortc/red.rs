//! RED and the codec that it repeats: how parameters say which that is.
//!
//! In SDP it is `a=fmtp:63 111/111` (RFC 2198 §5), a value without a name, which parameters in JSON cannot have. Two
//! forms are read: that of `mediasoup-client`, which takes it for a name, `{ "111/111": "" }`; and ours, where the name
//! is empty, `{ "": "111/111" }`. We write the second. The reason: `mediasoup-client` writes a parameter as
//! `name=value`, and Chromium (tried with 156) takes `=111/111` for what it is; of `111/111=` or of no `fmtp` at all
//! it negotiates RED away, and what then came as RED would not be heard. Without parameters it is the codec of the
//! same clock and channels.
use crate::payload::RED_BLOCKS_MAX;
use crate::rtp_parameters::{
    RtpCodecParameters, RtpCodecParametersParameters, RtpCodecParametersParametersValue as Value,
};
use std::borrow::Cow;

/// The name under which the list is written.
const NAMELESS: &str = "";

/// The codec that `red` repeats; `None` when its parameters name none of these codecs, or several, or it is not there.
pub(crate) fn repeated_codec<'a>(
    red: &RtpCodecParameters,
    codecs: &'a [RtpCodecParameters],
) -> Option<&'a RtpCodecParameters> {
    let fits = |codec: &&RtpCodecParameters| {
        let is_media = !codec.is_rtx() && !codec.mime_type().is_red();
        is_media && codec.clock_rate() == red.clock_rate() && codec.channels() == red.channels()
    };
    let mut fitting = codecs.iter().filter(fits);
    let Some(list) = list(red.parameters()) else { return fitting.next() };
    let mut named = list.split('/').map(|payload_type| payload_type.parse::<u8>().ok());
    let first = named.next()??;
    if named.any(|other| other != Some(first)) {
        return None;
    }
    fitting.find(|codec| codec.payload_type() == first)
}

/// RED's parameters for a repeated codec of this payload type. As many times as it was named: that is how many pieces
/// a packet has, as far as its sender knows.
pub(super) fn renamed(
    parameters: &RtpCodecParametersParameters,
    payload_type: u8,
) -> RtpCodecParametersParameters {
    let times = list(parameters).map_or(0, |list| list.split('/').count());
    let list = vec![payload_type.to_string(); times.clamp(2, RED_BLOCKS_MAX.into())].join("/");
    let others = parameters.clone().into_iter().filter(|(key, _)| key != NAMELESS && !is_list(key));
    let mut renamed: RtpCodecParametersParameters = others.collect();
    renamed.insert(NAMELESS, list);
    renamed
}

/// The payload types that parameters name, with slashes between.
fn list(parameters: &RtpCodecParametersParameters) -> Option<Cow<'_, str>> {
    match parameters.get(NAMELESS) {
        Some(Value::String(list)) => Some(list.as_ref().into()),
        Some(Value::Number(one)) => Some(one.to_string().into()),
        None => parameters.iter().map(|(key, _)| key).find(|key| is_list(key)).map(Cow::from),
    }
}

fn is_list(key: &str) -> bool {
    key.split('/').all(|payload_type| payload_type.parse::<u8>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn codecs(red: Value) -> Vec<RtpCodecParameters> {
        let red = json!({
            "mimeType": "audio/red", "payloadType": 63, "clockRate": 48000, "channels": 2, "parameters": red,
        });
        let codecs = json!([
            red,
            { "mimeType": "audio/PCMU", "payloadType": 0, "clockRate": 8000 },
            { "mimeType": "audio/opus", "payloadType": 111, "clockRate": 48000, "channels": 2 },
            { "mimeType": "audio/opus", "payloadType": 112, "clockRate": 48000, "channels": 2 },
        ]);
        serde_json::from_value(codecs).unwrap()
    }

    fn repeated(red: Value) -> Option<u8> {
        let codecs = codecs(red);
        repeated_codec(&codecs[0], &codecs).map(RtpCodecParameters::payload_type)
    }

    #[test]
    fn the_repeated_codec_is_named_in_either_form_or_is_the_one_that_fits() {
        assert_eq!(repeated(json!({ "112/112": "" })), Some(112));
        assert_eq!(repeated(json!({ "": "112/112/112" })), Some(112));
        assert_eq!(repeated(json!({ "": 112 })), Some(112), "as sdp-transform reads a list of one");
        assert_eq!(repeated(json!({ "112": "" })), Some(112));
        assert_eq!(repeated(json!({})), Some(111));
        assert_eq!(repeated(json!({ "x": 1 })), Some(111));
    }

    #[test]
    fn what_names_two_codecs_or_none_of_these_or_no_number_repeats_nothing() {
        for red in ["111/112", "63/63", "0/0", "96/96", "111/", "/", "300/300", "opus", ""] {
            assert_eq!(repeated(json!({ "": red })), None, "{red:?}");
        }
        assert_eq!(repeated(json!({ "111/112": "" })), None);
    }

    #[test]
    fn the_list_is_written_without_a_name_and_for_the_payload_type_there() {
        let written = |red: Value| {
            let codecs = codecs(red);
            serde_json::to_value(renamed(codecs[0].parameters(), 100)).unwrap()
        };
        assert_eq!(written(json!({})), json!({ "": "100/100" }));
        assert_eq!(written(json!({ "111/111/111": "", "x": 1 })), json!({ "": "100/100/100", "x": 1 }));
        let long = written(json!({ "": vec!["111"; 1000].join("/") }));
        assert_eq!(long[""].as_str().unwrap().split('/').count(), usize::from(RED_BLOCKS_MAX));
    }
}
