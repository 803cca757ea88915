//! `POST` or `PUT /api/stream?dst=NAME`: a byte stream published until its body ends, which is when the answer comes.
//!
//! Source: go2rtc's ingest, with `/api/stream.flv`, `.ts` and `.mjpeg` for a container by name; RFC 9110 §10.1.1 (`Expect`: the
//! answer may come before the body). What was made of the body is in [`pour`]; who sends it is in [`sender`].
mod call;
mod over;
mod pour;
mod sender;

use super::body::Answer;
use super::query::Query;
use super::{Call, full, text};
use ::http::header::{CONNECTION, CONTENT_TYPE, EXPECT};
use ::http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use formats::pcm::{RawAudio, RawError};
use formats::probe::{Container, Prober};
use hub::PublishError;
use hyper::body::Incoming;
use over::Over;
use pour::Pour;
use sender::Sender;
use tokio::sync::oneshot;

/// Paths that take a byte stream, and the containers that they take: all, where none is named.
static PATHS: [(&str, &[Container]); 4] = [
    ("/api/stream", &[]),
    ("/api/stream.flv", &[Container::Flv]),
    ("/api/stream.ts", &[Container::MpegTs]),
    ("/api/stream.mjpeg", &[Container::Mjpeg, Container::MultipartMjpeg]),
];

/// True for paths that take a byte stream.
pub(super) fn takes(path: &str) -> bool {
    PATHS.iter().any(|(known, _)| *known == path)
}

pub(super) async fn answer(
    call: Call,
    query: &Query,
    path: &str,
    request: Request<Incoming>,
) -> Response<Answer> {
    let (parts, body) = request.into_parts();
    let mut body = Some(body);
    match upload(&call, query, path, &parts.headers, &mut body).await {
        Ok(()) => Response::new(Answer::from(full(""))),
        Err((status, why)) => {
            if let Some(body) = body.filter(|_| !expects(&parts.headers)) {
                call.worker.spawn(format!("rest of an upload from {}", call.peer), sender::discard(body));
            }
            let mut response = text(status, why).map(Answer::from);
            // The rest of the body is worth nothing to anybody.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            response
        }
    }
}

/// Takes the body, or leaves it where it is not even looked at.
async fn upload(
    call: &Call,
    query: &Query,
    path: &str,
    headers: &HeaderMap,
    body: &mut Option<Incoming>,
) -> Result<(), (StatusCode, String)> {
    let name = query.stream("dst").map_err(|why| (StatusCode::BAD_REQUEST, why))?;
    let containers =
        PATHS.iter().find(|(known, _)| *known == path).map_or(&[][..], |(_, containers)| *containers);
    let prober = prober(headers).map_err(|error| (StatusCode::UNSUPPORTED_MEDIA_TYPE, error.to_string()))?;
    let hub = call.worker.hub();
    let Some(report) = hub.report(&name).await else {
        return Err((StatusCode::NOT_FOUND, hub::OpenError::NotFound(name).to_string()));
    };
    let peer = call.peer_info("http", headers);
    let publisher = hub.publish(&name, peer, Some(call.worker.id())).await.map_err(|error| {
        let talk = report.talk.as_ref().filter(|_| matches!(error, PublishError::HasSources(_)));
        let hint =
            talk.map(|talk| format!("; sound for its loudspeaker goes into {talk}")).unwrap_or_default();
        (status_of(&error), format!("{error}{hint}"))
    })?;
    let Some(body) = body.take() else {
        return Err((StatusCode::BAD_REQUEST, "there is no body".into()));
    };
    let (asker, heard) = oneshot::channel();
    let sender = Sender::new(body, call.watch.clone(), asker, expects(headers));
    let mut pour = Pour::new(&call.worker, name.clone(), publisher, sender, prober);
    pour.only(containers);
    pour.speaks(!report.outputs.is_empty());
    // An owner of its own: what was sent whole is played to its end, also when its sender does not wait for the answer.
    call.worker.spawn(format!("upload into {name} from {}", call.peer), pour.run());
    match heard.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Over::Refused(status, why))) => Err((status, why)),
        // Nobody hears this: the sender has left.
        Ok(Err(Over::Left)) => Err((StatusCode::BAD_REQUEST, "the body ended before its end".into())),
        Err(_) => {
            Err((StatusCode::INTERNAL_SERVER_ERROR, "it failed inside (see the event owner.panicked)".into()))
        }
    }
}

/// The sender waits for the word to send: to read its body would be that word.
fn expects(headers: &HeaderMap) -> bool {
    headers.contains_key(EXPECT)
}

/// What the bytes may be: whatever they look like, unless the content type says that they are bare samples.
fn prober(headers: &HeaderMap) -> Result<Prober, RawError> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    RawAudio::from_content_type(kind).map_or(Ok(Prober::new()), |raw| raw.map(Prober::samples))
}

fn status_of(error: &PublishError) -> StatusCode {
    match error {
        PublishError::Busy { .. } | PublishError::Crowded { .. } | PublishError::HasSources(_) => {
            StatusCode::CONFLICT
        }
        PublishError::TooMany(_) | PublishError::Ended => StatusCode::SERVICE_UNAVAILABLE,
    }
}
