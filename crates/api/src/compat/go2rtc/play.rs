//! Play to camera: `POST /api/streams?dst=&src=` and `POST /api/ffmpeg`. A source is played once into the talk stream of
//! a stream, and heard at its device.
//!
//! Source: observed behaviour of go2rtc 1.9.14. An empty `src` ends what is played.
use super::streams::shown;
use crate::answer;
use crate::auth::Viewer;
use crate::params::Params;
use crate::shared::Shared;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use hub::PlayError;
use media::StreamName;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::sync::Arc;

/// Why nothing is played.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("")]
    NoSuchStream,
    #[error("streams: {0} has no device to talk to; see `talk` in the configuration")]
    NoDevice(StreamName),
    #[error("streams: source from insecure producer")]
    Insecure,
    #[error("{0}")]
    Play(#[from] PlayError),
}

impl Refusal {
    fn answer(&self) -> Response {
        let status = match self {
            Refusal::NoSuchStream | Refusal::Play(PlayError::Open(_)) => StatusCode::NOT_FOUND,
            Refusal::NoDevice(_) | Refusal::Insecure => StatusCode::BAD_REQUEST,
            Refusal::Play(PlayError::Source(_) | PlayError::Publish(_) | PlayError::Nothing) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        answer::text(status, self)
    }
}

/// `POST /api/streams`: with `dst`, a stream of ours, plays `src` to its device.
pub(crate) async fn streams(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    params: Params,
) -> Response {
    let Some(dst) = params.given("dst") else { return answer::text(StatusCode::BAD_REQUEST, "") };
    let src = params.given("src").unwrap_or_default();
    let known = async |name: &str| match StreamName::new(name) {
        Ok(name) => shared.hub.has(&name).await,
        Err(_) => false,
    };
    if !known(dst).await && known(src).await {
        let message = "streams: pushing streams out to other servers is not supported yet";
        return answer::text(StatusCode::NOT_IMPLEMENTED, message);
    }
    to_device(&shared, viewer.owner, dst, src).await
}

/// `POST /api/ffmpeg`: plays a file, a live source or a text to a stream's device.
pub(crate) async fn ffmpeg(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    params: Params,
) -> Response {
    let dst = params.get("dst").unwrap_or_default();
    let Some(src) = ffmpeg_source(&params) else { return answer::text(StatusCode::BAD_REQUEST, "") };
    match to_device(&shared, viewer.owner, dst, &src).await {
        played if played.status() == StatusCode::OK => answer::empty(),
        refused => refused,
    }
}

/// The source that go2rtc makes of the parameters. A text is escaped: it can be nothing but a text.
fn ffmpeg_source(params: &Params) -> Option<String> {
    let escape = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    // What would be read as a further option is none of a file's name.
    let plain =
        |name: &str| Some(name.to_owned()).filter(|name| !name.contains(['#', ' ', '\t', '\n', '\r']));
    if let Some(file) = params.given("file") {
        return plain(file).map(|file| format!("ffmpeg:{file}#audio=auto#input=file"));
    }
    if let Some(live) = params.given("live") {
        return plain(live).map(|live| format!("ffmpeg:{live}#audio=auto"));
    }
    let text = params.given("text")?;
    let voice = params.given("voice").map(|voice| format!("&voice={}", escape(voice))).unwrap_or_default();
    Some(format!("ffmpeg:tts?text={}{voice}#audio=auto", escape(text)))
}

async fn to_device(shared: &Shared, owner: bool, dst: &str, src: &str) -> Response {
    match play(shared, dst, src).await {
        Ok(name) => shown(shared, &name, owner, answer::json).await,
        Err(refusal) => refusal.answer(),
    }
}

/// Plays into the stream's talk stream, or into the talk stream that is named itself.
async fn play(shared: &Shared, dst: &str, src: &str) -> Result<StreamName, Refusal> {
    let name = StreamName::new(dst).map_err(|_| Refusal::NoSuchStream)?;
    let report = shared.hub.report(&name).await.ok_or(Refusal::NoSuchStream)?;
    let talk = match report.talk {
        Some(talk) => talk,
        None if report.outputs.is_empty() => return Err(Refusal::NoDevice(name)),
        None => name.clone(),
    };
    if crate::insecure::is_insecure(src) {
        return Err(Refusal::Insecure);
    }
    if src.is_empty() {
        shared.hub.stop_play(&talk).await;
    } else {
        shared.hub.play(&talk, src).await?;
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sources_are_those_of_go2rtc_with_the_text_escaped() {
        for (query, source) in [
            ("file=/media/bell.mp3", Some("ffmpeg:/media/bell.mp3#audio=auto#input=file")),
            ("live=http://h/radio", Some("ffmpeg:http://h/radio#audio=auto")),
            (
                "text=It%27s%20me%23raw=-y&voice=a%26b",
                Some("ffmpeg:tts?text=It%27s%20me%23raw%3D%2Dy&voice=a%26b#audio=auto"),
            ),
            ("file=a%20-i%20b", None),
            ("", None),
        ] {
            assert_eq!(ffmpeg_source(&Params::of(query)).as_deref(), source, "{query}");
        }
    }
}
