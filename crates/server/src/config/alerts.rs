//! Alerts, and the webhooks that carry them.
use super::values::{Interval, SecretText, SecretUrl, Size, Texts, not_zero};
use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// When trouble is an alert.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
#[garde(allow_unvalidated)]
pub struct AlertsSection {
    /// `source_down`: a source that somebody wants has not been live for this long. 0: never.
    pub source_down: Interval,
    /// `track_missing`: a track is silent for this long while the rest of its source comes. 0: never.
    pub track_missing: Interval,
    /// `flapping`: a source turned from live to not live this often within `flapping_within`. 0: never.
    pub flapping_turns: usize,
    /// The time for those turns; the alert ends when it was calm for as long.
    #[garde(custom(not_zero))]
    pub flapping_within: Interval,
    /// `frozen`: no key frame came for this long. 0: never.
    pub keyframe_gap: Interval,
    /// `frozen`: key frames were the same to the byte for this long. 0: never.
    pub still: Interval,
    /// `clock_drift`: a source's clock runs off ours by more than so many millionths; 1,000 are 60 ms a minute. 0: never.
    #[garde(range(max = 1_000_000))]
    pub drift_ppm: u32,
}

impl Default for AlertsSection {
    fn default() -> Self {
        let limits = hub::AlertLimits::default();
        Self {
            source_down: Interval(limits.source_down),
            track_missing: Interval(limits.track_missing),
            flapping_turns: limits.flapping_turns,
            flapping_within: Interval(limits.flapping_within),
            keyframe_gap: Interval(limits.keyframe_gap),
            still: Interval(limits.still),
            drift_ppm: limits.drift_ppm,
        }
    }
}

impl AlertsSection {
    /// As the hub takes them.
    pub fn limits(&self) -> hub::AlertLimits {
        hub::AlertLimits {
            source_down: self.source_down.0,
            track_missing: self.track_missing.0,
            flapping_turns: self.flapping_turns,
            flapping_within: self.flapping_within.0,
            keyframe_gap: self.keyframe_gap.0,
            still: self.still.0,
            drift_ppm: self.drift_ppm,
        }
    }
}

/// Webhooks.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
#[garde(allow_unvalidated)]
pub struct HooksSection {
    /// The receivers, each with `url` (`https://host/path`; who may read this file may know it), `secret` (`whsec_` and what
    /// `openssl rand -base64 32` says, which signs what is sent; two of them with a space between while one takes over from
    /// the other; none: nothing is signed), `events` (`alert.*` unless said otherwise; also `stream.state`, `source.*`, `*`),
    /// `timeout` (15s) and `headers`, such as `{Authorization: Bearer abc}`.
    #[garde(dive)]
    pub targets: Vec<HookSection>,
    /// A file for events that could not be delivered, a JSON object a line. `""`: they go into the log.
    pub dead_letter: String,
    /// Largest such file. A full one is put aside as `….1`, in place of the one that was.
    #[garde(custom(file_size))]
    pub dead_letter_max: Size,
}

/// Smallest file that makes sense: 64 KiB, some hundred events.
const FILE_BYTES_MIN: u64 = 64 << 10;

fn file_size(size: &Size, _: &()) -> garde::Result {
    if size.0 >= FILE_BYTES_MIN { Ok(()) } else { Err(garde::Error::new("must be at least 64KiB")) }
}

impl Default for HooksSection {
    fn default() -> Self {
        Self { targets: Vec::new(), dead_letter: String::new(), dead_letter_max: Size(10 << 20) }
    }
}

/// One receiver.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
#[garde(allow_unvalidated)]
pub struct HookSection {
    /// Where events go.
    pub url: SecretUrl,
    /// Signs what is sent.
    #[serde(skip_serializing_if = "SecretText::is_empty")]
    pub secret: SecretText,
    /// Which events: types such as `stream.state`, or beginnings such as `alert.*`.
    pub events: Texts,
    /// Longest wait for an answer.
    #[garde(custom(not_zero))]
    pub timeout: Interval,
    /// Further header fields.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, SecretText>,
}

impl Default for HookSection {
    fn default() -> Self {
        Self {
            url: SecretUrl::default(),
            secret: SecretText::default(),
            events: Texts(vec!["alert.*".to_owned()]),
            // What Standard Webhooks recommends is 15 to 30 s.
            timeout: Interval::seconds(15),
            headers: BTreeMap::new(),
        }
    }
}

impl HookSection {
    /// As the API takes it.
    pub fn hook(&self) -> api::HookConfig {
        let headers = self.headers.iter().map(|(name, value)| (name.clone(), value.0.clone()));
        api::HookConfig {
            url: self.url.0.clone(),
            secret: self.secret.0.clone(),
            events: self.events.0.clone(),
            timeout: self.timeout.0,
            headers: headers.collect(),
            body: api::HookBody::Event,
        }
    }
}

impl HooksSection {
    /// As the API takes them.
    pub fn hooks(&self) -> api::HooksConfig {
        api::HooksConfig {
            targets: self.targets.iter().map(HookSection::hook).collect(),
            dead_letter: Some(self.dead_letter.as_str()).filter(|path| !path.is_empty()).map(Into::into),
            dead_letter_bytes_max: self.dead_letter_max.0,
        }
    }
}
