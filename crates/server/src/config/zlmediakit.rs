//! The section `zlmediakit`: its API's secret, and its hooks.
use super::values::{SecretText, SecretUrl};
use api::{HookBody, HookConfig, RecordHook, RecordHookKind, ZlmediakitConfig};
use garde::Validate;
use hub::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Longest wait for a receiver's answer: 10 s. Source: ZLMediaKit's `hook.timeoutSec`.
const TIMEOUT: Duration = Duration::from_secs(10);

/// ZLMediaKit's own example, which everybody knows (CVE-2024-27488).
const KNOWN_SECRET: &str = "035c73f7-bb6b-4889-a715-d9eb2d1925cc";

/// ZLMediaKit's API.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
#[garde(allow_unvalidated)]
pub struct ZlmediakitSection {
    /// What callers say as `secret`: whoever says it may record, delete recordings and start sources, from any address.
    /// `""`: that API is off.
    #[garde(custom(not_known))]
    pub secret: SecretText,
    /// The virtual host that all streams are told to be of; whatever callers say means this one.
    pub vhost: String,
    /// What receivers of the hooks know this server by.
    pub media_server_id: String,
    /// Who is told of recorded files, as `http://host/path`. What a receiver does not take is tried again as with `hooks`, and
    /// is written to `hooks.dead_letter` in the end.
    pub hooks: ZlmediakitHooks,
    /// What ffmpeg makes of sources of `addFFmpegSource`, by `ffmpeg_cmd_key`: options of `ffmpeg:` URLs, such as
    /// `{copy: "#video=copy#audio=copy"}`. Without a key, `ffmpeg.cmd` counts: `#video=h264#audio=aac`, unless it says otherwise.
    pub ffmpeg_cmd: BTreeMap<String, String>,
}

/// Receivers of ZLMediaKit's hooks.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct ZlmediakitHooks {
    /// Told of each MP4 file that was closed, fragmented or not. `""`: nobody.
    pub on_record_mp4: SecretUrl,
    /// Told of each file of MPEG-TS that was closed, and of each segment of a playlist. `""`: nobody.
    pub on_record_ts: SecretUrl,
}

fn not_known(secret: &SecretText, _: &()) -> garde::Result {
    match secret.0.expose() {
        KNOWN_SECRET => {
            Err(garde::Error::new("is ZLMediaKit's own example, which everybody knows: make up another"))
        }
        _ => Ok(()),
    }
}

impl Default for ZlmediakitSection {
    fn default() -> Self {
        Self {
            secret: SecretText::default(),
            vhost: "__defaultVhost__".to_owned(),
            media_server_id: "aqueduct".to_owned(),
            hooks: ZlmediakitHooks::default(),
            ffmpeg_cmd: BTreeMap::new(),
        }
    }
}

impl ZlmediakitSection {
    /// As the API takes it.
    pub fn config(&self) -> ZlmediakitConfig {
        ZlmediakitConfig {
            secret: Some(self.secret.0.clone()).filter(|_| !self.secret.is_empty()),
            vhost: self.vhost.clone(),
            ffmpeg_cmd: self.ffmpeg_cmd.clone(),
        }
    }

    /// The hooks that somebody receives, with their keys.
    pub fn hooks(&self) -> Vec<(&'static str, HookConfig)> {
        let all = [
            ("on_record_mp4", &self.hooks.on_record_mp4, RecordHookKind::Mp4),
            ("on_record_ts", &self.hooks.on_record_ts, RecordHookKind::Ts),
        ];
        let given = all.into_iter().filter(|(_, url, _)| !url.0.expose().is_empty());
        given.map(|(key, url, kind)| (key, self.hook(&url.0, kind))).collect()
    }

    fn hook(&self, url: &Secret, kind: RecordHookKind) -> HookConfig {
        let (media_server_id, vhost) = (self.media_server_id.clone(), self.vhost.clone());
        HookConfig {
            url: url.clone(),
            secret: Secret::new(""),
            events: vec!["segment.closed".to_owned()],
            timeout: TIMEOUT,
            headers: vec![("X-VHOST".to_owned(), Secret::new(&vhost))],
            body: HookBody::Zlmediakit(RecordHook { kind, media_server_id, vhost }),
        }
    }
}
