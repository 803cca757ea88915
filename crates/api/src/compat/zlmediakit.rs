//! ZLMediaKit's control API as far as it records: `/index/api/…` as WVP-GB28181-pro, AKStream and scripts call it.
//!
//! Source: observed shapes of ZLMediaKit of August 2026; docs/recording-zlmediakit.md says what differs on purpose. It is
//! on only with a `zlmediakit.secret`, which every call must say: that secret, and no user name, lets a call pass.
mod auth;
mod envelope;
mod ffmpeg;
mod fields;
mod files;
mod hooks;
mod media;
mod name;
mod place;
mod record;

pub use hooks::{RecordHook, RecordHookKind};

use crate::answer;
use crate::shared::Shared;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use envelope::{Answered, Failure, object};
use ffmpeg::Sources;
use fields::Fields;
use http::{Method, StatusCode};
use hub::Secret;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What ffmpeg makes of a source when the caller names no command: what ZLMediaKit's own template does.
const COMMAND: &str = "#video=h264#audio=aac";
/// The name that ZLMediaKit's own template goes by.
const COMMAND_KEY: &str = "ffmpeg.cmd";

/// How this API is set up.
#[derive(Clone, Debug, Default)]
pub struct ZlmediakitConfig {
    /// What callers must say as `secret`. `None`: the API is off.
    pub secret: Option<Secret>,
    /// The virtual host that all streams are of.
    pub vhost: String,
    /// What ffmpeg makes of a source, by `ffmpeg_cmd_key`: options of an `ffmpeg:` URL, such as `#video=copy`.
    pub ffmpeg_cmd: BTreeMap<String, String>,
}

impl ZlmediakitConfig {
    /// The options of a command; `None`: there is no such command.
    fn command(&self, key: &str) -> Option<&str> {
        let known = self.ffmpeg_cmd.get(if key.is_empty() { COMMAND_KEY } else { key }).map(String::as_str);
        known.or_else(|| matches!(key, "" | COMMAND_KEY).then_some(COMMAND))
    }
}

/// What lives between two calls.
pub(crate) struct Zlmediakit {
    config: ZlmediakitConfig,
    sources: Sources,
}

impl Zlmediakit {
    pub(crate) fn new(config: ZlmediakitConfig) -> Self {
        Self { config, sources: Sources::default() }
    }
}

/// Every call that is answered, in the order that `getApiList` tells.
const CALLS: [&str; 13] = [
    "getApiList",
    "version",
    "getMediaList",
    "isMediaOnline",
    "addFFmpegSource",
    "delFFmpegSource",
    "listFFmpegSource",
    "startRecord",
    "stopRecord",
    "isRecording",
    "startRecordTask",
    "getMP4RecordFile",
    "deleteRecordDirectory",
];

/// Answers one call.
pub(crate) async fn call(
    State(shared): State<Arc<Shared>>,
    Path(call): Path<String>,
    request: Request,
) -> Response {
    let Some(secret) = &shared.zlmediakit.config.secret else {
        let why = "ZLMediaKit's API is off: the setting zlmediakit.secret switches it on";
        return answer::text(StatusCode::NOT_FOUND, why);
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD | Method::POST) {
        return answer::text(StatusCode::METHOD_NOT_ALLOWED, "calls are made by GET or POST");
    }
    let host = fields::host(&request);
    let fields = match Fields::read(request).await {
        Ok(fields) => fields,
        Err(failure) => return envelope::answer(Err(failure)),
    };
    if !auth::is_right(secret, fields.get("secret")) {
        return auth::denied();
    }
    if !CALLS.contains(&call.as_str()) {
        let why = format_args!("there is no call {call:?} here: getApiList tells those that there are");
        return answer::text(StatusCode::NOT_FOUND, why);
    }
    envelope::answer(dispatch(&shared, &call, &fields, &host).await)
}

async fn dispatch(shared: &Arc<Shared>, call: &str, fields: &Fields, host: &str) -> Answered {
    match call {
        "getApiList" => {
            let paths: Vec<String> = CALLS.iter().map(|call| format!("/index/api/{call}")).collect();
            object(json!({ "data": paths }))
        }
        "version" => object(json!({
            "data": { "branchName": "aqueduct", "buildTime": "", "commitHash": shared.version },
        })),
        "getMediaList" => media::list(shared, fields).await,
        "isMediaOnline" => media::is_online(shared, fields).await,
        "addFFmpegSource" => ffmpeg::add(shared, fields, host).await,
        "delFFmpegSource" => ffmpeg::delete(shared, fields).await,
        "listFFmpegSource" => ffmpeg::list(shared).await,
        "startRecord" => record::start(shared, fields).await,
        "stopRecord" => record::stop(shared, fields).await,
        "isRecording" => record::is_recording(shared, fields).await,
        "startRecordTask" => record::start_task(shared, fields).await,
        "getMP4RecordFile" => files::list(shared, fields).await,
        "deleteRecordDirectory" => files::delete(shared, fields).await,
        _ => Err(Failure::not_found("there is no such call")),
    }
}
