//! `GET /api/ffmpeg/hardware`: which engines of the machine code pictures.
//!
//! Source: go2rtc 1.9.14: `name` is `OK` or `ERROR`, `url` what to write. Here `info` says why not, and what was tried once is
//! not tried again.
use crate::answer;
use crate::shared::Shared;
use axum::extract::State;
use axum::response::Response;
use futures_util::future::BoxFuture;
use serde::Serialize;
use std::sync::Arc;

/// Asks which engines there are, and has them tried. The API does not see who tries them: the server tells it.
pub type AskEngines = Arc<dyn Fn() -> BoxFuture<'static, Vec<EngineFacts>> + Send + Sync>;

/// An engine and what came of trying it.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineFacts {
    /// The codec it was tried for: `h264`, `h265`.
    pub codec: &'static str,
    /// Its name, such as `vaapi`.
    pub engine: &'static str,
    /// Why it does not work; `None`: it does.
    pub error: Option<String>,
}

#[derive(Serialize)]
struct Sources {
    sources: Vec<Source>,
}

#[derive(Serialize)]
struct Source {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    info: Option<String>,
    url: String,
}

impl From<EngineFacts> for Source {
    fn from(facts: EngineFacts) -> Self {
        let EngineFacts { codec, engine, error } = facts;
        let name = if error.is_none() { "OK" } else { "ERROR" };
        Self { name, info: error, url: format!("ffmpeg:...#video={codec}#hardware={engine}") }
    }
}

pub(crate) async fn get(State(shared): State<Arc<Shared>>) -> Response {
    let sources = (shared.engines)().await.into_iter().map(Source::from).collect();
    answer::json(&Sources { sources })
}
