//! `/api/webrtc`: WHEP and WHIP, and go2rtc's JSON form.
//!
//! Source: RFC 9725 (WHIP), draft-ietf-wish-whep, RFC 8840 (trickle fragments).
use super::body::Answer;
use super::query::Query;
use super::{Call, full, past, text};
use crate::talker::talk_line;
use crate::webrtc::{Error, Handle, SessionId};
use ::http::header::CONTENT_TYPE;
use ::http::{HeaderValue, Method, Request, Response, StatusCode};
use base64::Engine as _;
use http_body_util::{BodyExt, Limited};
use hub::Deed;
use hyper::body::Incoming;
use std::time::Duration;

/// Longest offer: 256 KiB. Browsers with every codec and a data channel send 10 KiB.
const OFFER_BYTES_MAX: usize = 256 << 10;

/// A client has this long to send its body: slow ones hold a connection for nothing.
const BODY_WAIT: Duration = Duration::from_secs(10);

/// How the offer came, and so how the answer goes.
enum Form {
    /// `application/json`: `{"type":"offer","sdp":…}`.
    Json,
    /// `application/sdp`: WHEP or WHIP.
    Sdp,
    /// `application/x-www-form-urlencoded`: `data=` and base64.
    Base64,
    /// Anything else: the SDP as it is.
    Raw,
}

pub(super) async fn answer(call: Call, query: &Query, request: Request<Incoming>) -> Response<Answer> {
    let Some(handle) = call.shared.webrtc.clone() else {
        return text(StatusCode::NOT_FOUND, "WebRTC is switched off (webrtc.listen)").map(Answer::from);
    };
    match *request.method() {
        Method::POST => offer(&call, &handle, query, request).await,
        Method::DELETE => match session(query) {
            Ok(id) => done(handle.close(id).await, StatusCode::OK),
            Err(refusal) => refusal,
        },
        Method::PATCH => match session(query) {
            Ok(id) => trickle(&handle, id, request).await,
            Err(refusal) => refusal,
        },
        _ => text(StatusCode::METHOD_NOT_ALLOWED, "POST an offer, PATCH candidates or DELETE a session")
            .map(Answer::from),
    }
}

fn session(query: &Query) -> Result<SessionId, Response<Answer>> {
    let id = query.get("id").and_then(|id| id.parse().ok());
    id.ok_or_else(|| {
        text(StatusCode::BAD_REQUEST, "the query needs id=…, as the Location of the session gave it")
            .map(Answer::from)
    })
}

fn done(result: Result<(), Error>, status: StatusCode) -> Response<Answer> {
    match result {
        Ok(()) => {
            let mut response = Response::new(Answer::from(full("")));
            *response.status_mut() = status;
            response
        }
        Err(error) => refusal(&error),
    }
}

async fn body(request: Request<Incoming>) -> Result<String, Response<Answer>> {
    let collected = Limited::new(request.into_body(), OFFER_BYTES_MAX).collect();
    let Ok(collected) = tokio::time::timeout(BODY_WAIT, collected).await else {
        return Err(text(StatusCode::REQUEST_TIMEOUT, "the body did not come in time").map(Answer::from));
    };
    let bytes = collected.map_err(|_| {
        text(StatusCode::PAYLOAD_TOO_LARGE, format!("an offer has at most {OFFER_BYTES_MAX} bytes"))
            .map(Answer::from)
    })?;
    String::from_utf8(bytes.to_bytes().to_vec())
        .map_err(|_| text(StatusCode::BAD_REQUEST, "the body is no UTF-8 text").map(Answer::from))
}

async fn offer(call: &Call, handle: &Handle, query: &Query, request: Request<Incoming>) -> Response<Answer> {
    let publishes = query.get("dst").is_some();
    let name = match query.stream(if publishes { "dst" } else { "src" }) {
        Ok(name) => name,
        Err(why) => return text(StatusCode::BAD_REQUEST, why).map(Answer::from),
    };
    let name = match if publishes { Ok(name) } else { past(&call.worker, name, query).await } {
        Ok(name) => name,
        Err(refusal) => return refusal,
    };
    let form = form(&request);
    let peer = call.peer_info("webrtc", request.headers());
    // Nobody hears here how talking goes, so the other end of the line is not kept.
    let talk = call.shared.guard.may(&request, call.peer, Deed::Publish).is_ok().then(|| talk_line().1);
    let body = match body(request).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let offer = match sdp(&form, &body) {
        Ok(offer) => offer,
        Err(why) => return text(StatusCode::BAD_REQUEST, why).map(Answer::from),
    };
    let made = if publishes {
        handle.publish(&name, &offer, peer).await
    } else {
        handle.play(&name, &offer, peer, talk).await
    };
    match made {
        Ok((id, answer)) => created(&form, publishes, id, answer),
        Err(error) => refusal(&error),
    }
}

fn form(request: &Request<Incoming>) -> Form {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match kind.split(';').next().unwrap_or_default().trim() {
        "application/json" => Form::Json,
        "application/sdp" => Form::Sdp,
        "application/x-www-form-urlencoded" => Form::Base64,
        _ => Form::Raw,
    }
}

fn sdp(form: &Form, body: &str) -> Result<String, String> {
    match form {
        Form::Json => {
            let value: serde_json::Value =
                serde_json::from_str(body).map_err(|e| format!("the body is no JSON: {e}"))?;
            let sdp = value.get("sdp").and_then(serde_json::Value::as_str);
            sdp.map(str::to_owned).ok_or_else(|| "the JSON needs a text \"sdp\"".to_owned())
        }
        Form::Base64 => {
            let data = url::form_urlencoded::parse(body.as_bytes()).find(|(key, _)| key == "data");
            let data = data.ok_or_else(|| "the form needs data=…".to_owned())?.1;
            let decoded = base64::engine::general_purpose::STANDARD.decode(data.as_bytes());
            let decoded = decoded.map_err(|e| format!("data is no base64: {e}"))?;
            String::from_utf8(decoded).map_err(|_| "data is no UTF-8 text".to_owned())
        }
        Form::Sdp | Form::Raw => Ok(body.to_owned()),
    }
}

fn created(form: &Form, publishes: bool, id: SessionId, answer: String) -> Response<Answer> {
    let (status, kind, body) = match form {
        Form::Json => {
            let json = serde_json::json!({ "type": "answer", "sdp": answer });
            (StatusCode::OK, "application/json", json.to_string())
        }
        Form::Sdp => (StatusCode::CREATED, "application/sdp", answer),
        Form::Base64 => {
            let encoded = base64::engine::general_purpose::STANDARD.encode(answer);
            (StatusCode::OK, "text/plain", encoded)
        }
        Form::Raw => {
            (if publishes { StatusCode::CREATED } else { StatusCode::OK }, "application/sdp", answer)
        }
    };
    let mut response = Response::new(Answer::from(full(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    // Relative to /api/: a base path in front does not matter.
    if let Ok(location) = HeaderValue::from_str(&format!("webrtc?id={id}")) {
        headers.insert("location", location);
    }
    response
}

/// Candidates come as an SDP fragment; each `a=candidate:` line is one.
async fn trickle(handle: &Handle, id: SessionId, request: Request<Incoming>) -> Response<Answer> {
    let fragment = match body(request).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    for line in fragment.lines().filter_map(|line| line.trim().strip_prefix("a=")) {
        if line.starts_with("candidate:")
            && let Err(error) = handle.add_candidate(id, line).await
        {
            return refusal(&error);
        }
    }
    done(Ok(()), StatusCode::NO_CONTENT)
}

/// The answer to what went wrong.
fn refusal(error: &Error) -> Response<Answer> {
    let status = match error {
        Error::Open(hub::OpenError::NotFound(_)) => {
            return text(StatusCode::NOT_FOUND, "stream not found").map(Answer::from);
        }
        Error::NoSession => StatusCode::NOT_FOUND,
        Error::Session(error) if error.fault() == media::Fault::Peer => StatusCode::NOT_ACCEPTABLE,
        Error::Session(_) => StatusCode::INTERNAL_SERVER_ERROR,
        Error::Publish(_) => StatusCode::CONFLICT,
        Error::NotReady(_) | Error::TooMany(_) | Error::Shutdown | Error::Open(hub::OpenError::Shutdown) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    text(status, error.to_string()).map(Answer::from)
}
