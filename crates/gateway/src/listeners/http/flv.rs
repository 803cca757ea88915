//! HTTP-FLV, and FLV over WebSocket (one binary message a tag) when the request asks for an upgrade.
use super::body::Answer;
use super::query::Query;
use super::{Call, open, websocket};
use crate::renditions::flv;
use ::http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use media::Moment;

pub(super) async fn answer(call: Call, query: &Query, request: Request<Incoming>) -> Response<Answer> {
    let (view, tracks) = match open(&call, query, flv::wants()).await {
        Ok(open) => open,
        Err(refusal) => return refusal,
    };
    let format = flv::format(&flv::carried(&tracks));
    if websocket::is_wanted(&request) {
        let peer = call.peer_info("ws-flv", request.headers());
        return match view.reader(format, peer) {
            Ok(reader) => {
                websocket::accept(&call, request, move |socket| websocket::pour(socket, view, reader))
            }
            Err(error) => super::unsuitable(&error),
        };
    }
    match view.reader(format, call.peer_info("flv", request.headers())) {
        Ok(reader) => call.live(view, reader, HeaderValue::from_static("video/x-flv"), Moment::FAR_FUTURE),
        Err(error) => super::unsuitable(&error),
    }
}
