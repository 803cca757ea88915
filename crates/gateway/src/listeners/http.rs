//! HTTP: media over HTTP and WebSocket here, on the workers; everything else goes to the control thread.
//!
//! Source: go2rtc's API as its clients use it (`/api/stream`, `/api/stream.flv`, `/api/stream.mp4`, `/api/frame.mp4`, `/api/ws`,
//! `/api/webrtc`), WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep); `/api/rooms/ws` is ours (docs/rooms.md).
mod body;
mod flv;
mod guard;
mod mp4;
mod mse;
mod query;
mod rooms;
mod upload;
mod webrtc;
mod websocket;

pub use body::{Body, BodyError};

use super::{Listeners, StartError, bind_tcp};
use crate::config::GatewayConfig;
use crate::net::accept::{self, Stream};
use crate::net::tcp::Watch;
use crate::net::tls;
use crate::webrtc as rtc;
use ::http::{Method, Request, Response, StatusCode};
use body::{Answer, Live};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use guard::Guard;
use http_body_util::{BodyExt, Full};
use hub::{AttachError, Deed, Hub, OpenError, PastError, Reader, View, Wants, Worker};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use media::{Moment, StreamName, Tracks};
use query::Query;
use std::cell::RefCell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

/// A client has this long to send its request's head: slow ones hold a connection for nothing.
const HEAD_MAX: Duration = Duration::from_secs(30);
/// How often the policy for slow readers is asked.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// Longest user agent kept for reports, in characters.
const USER_AGENT_MAX: usize = 200;

/// Answers what is no media: the control API and the web page. Set by the server; runs on the control thread.
pub type Control = Arc<dyn Fn(Request<Body>) -> BoxFuture<'static, Response<Body>> + Send + Sync>;

/// What every connection shares. Immutable.
pub(crate) struct Shared {
    pub(crate) config: Arc<GatewayConfig>,
    pub(crate) guard: Guard,
    control: Control,
    /// WebRTC sessions; `None` when switched off.
    pub(crate) webrtc: Option<rtc::Handle>,
    /// Conferences; `None` when switched off.
    rooms: Option<::rooms::Rooms>,
}

/// What answers behind HTTP.
pub(super) struct Behind {
    pub(super) control: Control,
    pub(super) webrtc: Option<rtc::Handle>,
    pub(super) rooms: Option<::rooms::Rooms>,
}

/// Who sent a request, for control: an extension of the request.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

pub(super) fn start(
    listeners: &mut Listeners,
    hub: &Hub,
    config: &Arc<GatewayConfig>,
    behind: Behind,
) -> Result<(), StartError> {
    let http = &config.http;
    let plain = bind_tcp(http.listen, "api.listen", &mut listeners.addresses.http)?;
    let secure = bind_tcp(http.tls_listen, "api.tls_listen", &mut listeners.addresses.https)?;
    let guard = Guard::new(http);
    let Behind { control, webrtc, rooms } = behind;
    let shared = Arc::new(Shared { config: config.clone(), guard, control, webrtc, rooms });
    let serve = move |worker: Worker, stream: Stream, peer: SocketAddr| {
        connection(worker, stream, peer, shared.clone())
    };
    if let Some(listener) = plain {
        listeners.spawn(accept::run(hub.clone(), listener, None, "http", serve.clone()));
    }
    if let Some(listener) = secure {
        let tls = tls::server_config(&config.tls)?;
        listeners.spawn(accept::run(hub.clone(), listener, Some(tls), "https", serve));
    }
    Ok(())
}

async fn connection(worker: Worker, stream: Stream, peer: SocketAddr, shared: Arc<Shared>) {
    let transport = stream.transport();
    let playing = Playing::default();
    let watch = stream.watch();
    let service = service_fn(|request: Request<Incoming>| {
        let (worker, shared, playing) = (worker.clone(), shared.clone(), playing.clone());
        let call = Call { worker, peer, transport, shared, playing, watch: watch.clone() };
        async move { Ok::<_, Infallible>(call.answer(request).await) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::select! {
        served = served => if let Err(error) = served {
            tracing::debug!(%peer, %error, "HTTP connection");
        },
        () = too_slow(&playing) => {}
    }
}

/// The stream that a connection's answer carries now, if it does. The answer alone keeps it: when that has ended, the
/// connection may go on.
type Playing = Rc<RefCell<Weak<RefCell<Live>>>>;

/// Returns when the reader of a connection is to be ended for slowness.
async fn too_slow(playing: &Playing) {
    loop {
        tokio::time::sleep(CHECK_EVERY).await;
        let now = hub::now();
        let live = playing.borrow().upgrade();
        let ends = live.and_then(|live| live.borrow_mut().check(now));
        if ends.is_some() {
            return;
        }
    }
}

/// One request with everything it needs.
pub(crate) struct Call {
    pub(crate) worker: Worker,
    pub(crate) peer: SocketAddr,
    pub(crate) transport: &'static str,
    pub(crate) shared: Arc<Shared>,
    playing: Playing,
    /// Of the connection that it came by.
    watch: Watch,
}

impl Call {
    async fn answer(self, request: Request<Incoming>) -> Response<Answer> {
        let origin = match self.shared.guard.origin(&request) {
            Ok(origin) => origin,
            Err(refusal) => return refusal.map(Answer::from),
        };
        let base = &self.shared.config.http.base_path;
        let Some(path) = request.uri().path().strip_prefix(base.as_str()).map(str::to_owned) else {
            return text(StatusCode::NOT_FOUND, format!("every path here starts with {base}"))
                .map(Answer::from);
        };
        let asks = request.headers().contains_key("access-control-request-method");
        if asks && request.method() == Method::OPTIONS {
            return origin.preflight().map(Answer::from);
        }
        let mut response = if path == rooms::PATH {
            // its token says who may, in place of the API's credentials
            rooms::answer(self, request).await
        } else if is_media(&path) {
            match self.shared.guard.access(&request, self.peer, deed(&path, &request)) {
                Ok(()) => self.media(&path, request).await,
                Err(refusal) => refusal.map(Answer::from),
            }
        } else {
            match self.shared.guard.host(request.headers(), self.peer) {
                Ok(()) => self.control(request).await.map(Answer::from),
                Err(refusal) => refusal.map(Answer::from),
            }
        };
        origin.mark(&mut response);
        response
    }

    async fn media(self, path: &str, request: Request<Incoming>) -> Response<Answer> {
        let query = Query::of(request.uri());
        match (request.method(), path) {
            (&Method::POST | &Method::PUT, path) if upload::takes(path) => {
                upload::answer(self, &query, path, request).await
            }
            (&Method::GET, "/api/stream.flv") => flv::answer(self, &query, request).await,
            (&Method::GET | &Method::HEAD, "/api/stream.mp4") => mp4::stream(self, &query, &request).await,
            (&Method::GET | &Method::HEAD, "/api/frame.mp4") => mp4::frame(self, &query, &request).await,
            (&Method::GET, "/api/ws") => websocket::answer(self, &query, request).await,
            (_, "/api/webrtc") => webrtc::answer(self, &query, request).await,
            (method, path) => text(StatusCode::METHOD_NOT_ALLOWED, format!("{path} does not take {method}"))
                .map(Answer::from),
        }
    }

    async fn control(self, request: Request<Incoming>) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        parts.extensions.insert(Peer(self.peer));
        let body = body.map_err(|e| Box::new(e) as BodyError).boxed_unsync();
        (self.shared.control)(Request::from_parts(parts, body)).await
    }

    /// Who this is, for reports.
    pub(crate) fn peer_info(&self, protocol: &'static str, headers: &::http::HeaderMap) -> hub::PeerInfo {
        let agent = headers.get(::http::header::USER_AGENT).and_then(|value| value.to_str().ok());
        hub::PeerInfo {
            protocol,
            transport: self.transport,
            remote: self.peer.to_string(),
            user_agent: agent.unwrap_or_default().chars().take(USER_AGENT_MAX).collect(),
        }
    }

    /// Answers with a stream, until it ends or `until`.
    fn live(self, view: View, reader: Reader, kind: ::http::HeaderValue, until: Moment) -> Response<Answer> {
        let live = Live::new(view, reader, until);
        *self.playing.borrow_mut() = Rc::downgrade(&live);
        let mut response = Response::new(Answer::Live(live));
        let headers = response.headers_mut();
        headers.insert("content-type", kind);
        headers.insert("cache-control", ::http::HeaderValue::from_static("no-store"));
        response
    }
}

/// Opens the stream that the query names for a reader with these wishes, and waits for its tracks; an error is the answer to give.
async fn open(call: &Call, query: &Query, wants: Wants) -> Result<(View, Tracks), Response<Answer>> {
    let refuse = |status, why: String| text(status, why).map(Answer::from);
    let name = query.stream("src").map_err(|why| refuse(StatusCode::BAD_REQUEST, why))?;
    let name = past(&call.worker, name, query).await?;
    let view = call.worker.open_for(&name, wants).await.map_err(|error| match error {
        OpenError::NotFound(_) => refuse(StatusCode::NOT_FOUND, error.to_string()),
        OpenError::Shutdown => refuse(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    })?;
    let tracks = view.ready().await.map_err(|e| refuse(StatusCode::SERVICE_UNAVAILABLE, e.to_string()))?;
    Ok((view, tracks))
}

/// The stream that a query about `name` means: that one, or its past.
async fn past(worker: &Worker, name: StreamName, query: &Query) -> Result<StreamName, Response<Answer>> {
    query.past(worker, name).await.map_err(|error| {
        let status = match error {
            PastError::Wrong(_) => StatusCode::BAD_REQUEST,
            PastError::Nothing(_) => StatusCode::NOT_FOUND,
            PastError::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        text(status, error.to_string()).map(Answer::from)
    })
}

/// The answer when a reader could not attach.
fn unsuitable(error: &AttachError) -> Response<Answer> {
    let status = match error {
        AttachError::Unsuitable(_) => StatusCode::NOT_ACCEPTABLE,
        AttachError::Ended(_) | AttachError::Full(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    text(status, error.to_string()).map(Answer::from)
}

/// Paths answered on the workers.
fn is_media(path: &str) -> bool {
    let known = ["/api/stream.mp4", "/api/frame.mp4", "/api/ws", "/api/webrtc"];
    known.contains(&path) || upload::takes(path)
}

/// Publishing for what brings media, or names a stream to bring it into; else watching.
fn deed<B>(path: &str, request: &Request<B>) -> Deed {
    let brings = upload::takes(path) && matches!(*request.method(), Method::POST | Method::PUT);
    let names = matches!(path, "/api/webrtc" | "/api/ws") && Query::of(request.uri()).get("dst").is_some();
    if brings || names { Deed::Publish } else { Deed::Read }
}

/// A plain text answer, as go2rtc gives it: with a line feed at the end.
pub(crate) fn text(status: StatusCode, message: impl Into<String>) -> Response<Body> {
    let mut message = message.into();
    message.push('\n');
    let mut response = Response::new(full(message));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert("content-type", ::http::HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert("x-content-type-options", ::http::HeaderValue::from_static("nosniff"));
    response
}

/// A body of these bytes.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn to_bring_media_is_publishing_whatever_the_query_says() {
        let deed = |method: &str, uri: &str| {
            let request = Request::builder().method(method).uri(uri).body(()).unwrap();
            assert!(is_media(request.uri().path()), "{uri}");
            deed(request.uri().path(), &request)
        };
        for (method, uri, expected) in [
            ("POST", "/api/stream?dst=x", Deed::Publish),
            ("PUT", "/api/stream.ts", Deed::Publish),
            ("POST", "/api/stream.flv?src=x", Deed::Publish),
            ("GET", "/api/stream.flv?src=x&dst=x", Deed::Read),
            ("POST", "/api/webrtc?src=x", Deed::Read),
            ("POST", "/api/webrtc?dst=x", Deed::Publish),
        ] {
            assert_eq!(deed(method, uri), expected, "{method} {uri}");
        }
    }
}
