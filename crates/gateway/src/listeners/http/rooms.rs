//! `/api/rooms/ws?room=NAME`: the WebSocket of one participant. All that is said belongs to [`rooms`]; here are the socket, pings,
//! and how a token is shown. Protocol: docs/rooms.md.
use super::body::Answer;
use super::query::Query;
use super::{Call, text, websocket};
use ::http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use ::http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use ::rooms::token::Secret;
use ::rooms::{Ending, Output, RoomName, Session, Shown};
use futures_util::{SinkExt, StreamExt};
use hyper::body::Incoming;
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use websocket::Socket;

/// Where it is.
pub(super) const PATH: &str = "/api/rooms/ws";
/// What a subprotocol that is a token begins with.
const BEARER: &str = "bearer.";
/// A ping goes out this often: proxies close what is silent for 60 s.
const PING_EVERY: Duration = Duration::from_secs(20);
/// Pings without a sign of life: 3, which is a minute.
const SILENT_PINGS_MAX: u32 = 3;
/// How long a message may wait for the peer to take it: 15 s, as elsewhere.
const SEND_MAX: Duration = Duration::from_secs(15);
/// How long a goodbye may take.
const CLOSE_MAX: Duration = Duration::from_secs(1);

/// Answers the upgrade, once the token is right; a wrong one gets an answer that says so.
pub(super) async fn answer(call: Call, request: Request<Incoming>) -> Response<Answer> {
    let refuse = |status: StatusCode, why: String| text(status, why).map(Answer::from);
    let Some(service) = call.shared.rooms.clone() else {
        return refuse(StatusCode::NOT_FOUND, "rooms are off: set rooms.listen".to_owned());
    };
    if !websocket::is_wanted(&request) {
        return refuse(StatusCode::BAD_REQUEST, "this is a WebSocket: ask for an upgrade".to_owned());
    }
    let query = Query::of(request.uri());
    let name: RoomName = match query.get("room").unwrap_or_default().parse() {
        Ok(name) => name,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, format!("room: {error}")),
    };
    let offered = Offered::of(request.headers());
    if offered.any && offered.chosen.is_none() {
        let why = "offer a subprotocol besides the token, such as protoo: browsers want one to be chosen";
        return refuse(StatusCode::BAD_REQUEST, why.to_owned());
    }
    let keyless = service.config().keys.is_empty();
    let shown = match bearer(request.headers()).or(offered.token) {
        Some(token) => Shown::Token(token),
        None if keyless && call.shared.guard.is_local(request.headers(), call.peer) => Shown::Local,
        None if keyless => {
            let why = "without rooms.keys only this machine joins, asked by address or as localhost";
            return refuse(StatusCode::FORBIDDEN, why.to_owned());
        }
        None => Shown::Later,
    };
    let session = match service.connect(name, shown, call.peer.to_string()).await {
        Ok(session) => session,
        Err(refusal) => {
            let status = StatusCode::from_u16(refusal.code).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            return refuse(status, refusal.reason);
        }
    };
    let mut response = websocket::accept(&call, request, move |socket| run(socket, session));
    if let Some(chosen) = offered.chosen {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, chosen);
    }
    response
}

/// What a client offers as subprotocols. Source: RFC 6455 §11.3.4.
struct Offered {
    any: bool,
    /// The first that is no token.
    chosen: Option<HeaderValue>,
    token: Option<Secret>,
}

impl Offered {
    fn of(headers: &HeaderMap) -> Self {
        let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
        let all: Vec<&str> =
            values.flat_map(|value| value.split(',')).map(str::trim).filter(|one| !one.is_empty()).collect();
        let chosen = all.iter().find(|one| !one.starts_with(BEARER));
        Self {
            any: !all.is_empty(),
            chosen: chosen.and_then(|one| HeaderValue::from_str(one).ok()),
            token: all.iter().find_map(|one| one.strip_prefix(BEARER)).map(Secret::new),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let token = value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("bearer "))?;
    Some(Secret::new(token.trim()))
}

async fn run(mut socket: Socket, mut session: Session) {
    let mut pings = tokio::time::interval_at(tokio::time::Instant::now() + PING_EVERY, PING_EVERY);
    let mut silent = 0;
    let ending = loop {
        tokio::select! {
            // first: what the peer wants next is not to overtake what it is told
            biased;
            output = session.next() => match output {
                Output::Text(said) => match send(&mut socket, &mut session, Message::text(said)).await {
                    Sent::Done => {}
                    Sent::Cut(ending) => break Some(ending),
                    Sent::Failed => break None,
                },
                Output::Close(ending) => break Some(ending),
            },
            message = socket.next() => {
                silent = 0;
                match message {
                    Some(Ok(Message::Text(heard))) => session.handle_text(&heard).await,
                    Some(Ok(Message::Binary(_))) => session.handle_binary(),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => break None,
                    Some(Ok(_)) => {}
                }
            }
            _ = pings.tick() => {
                silent += 1;
                if silent > SILENT_PINGS_MAX {
                    break None;
                }
                match send(&mut socket, &mut session, Message::Ping(bytes::Bytes::new())).await {
                    Sent::Done => {}
                    Sent::Cut(ending) => break Some(ending),
                    Sent::Failed => break None,
                }
            }
        }
    };
    // the room is told before the goodbye, which may wait for the peer
    drop(session);
    let frame =
        ending.map(|ending| CloseFrame { code: ending.code().into(), reason: ending.reason().into() });
    // the peer may be gone: then there is nobody to say goodbye to
    let _ = tokio::time::timeout(CLOSE_MAX, socket.close(frame)).await;
}

enum Sent {
    Done,
    /// The room does not wait for the peer any more.
    Cut(Ending),
    /// The peer is gone, or takes nothing.
    Failed,
}

async fn send(socket: &mut Socket, session: &mut Session, message: Message) -> Sent {
    tokio::select! {
        sent = tokio::time::timeout(SEND_MAX, socket.send(message)) => match sent {
            Ok(Ok(())) => Sent::Done,
            Ok(Err(_)) | Err(_) => Sent::Failed,
        },
        ending = session.cut() => Sent::Cut(ending),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: ::http::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn a_token_among_the_subprotocols_is_taken_and_another_one_is_chosen() {
        let offered = Offered::of(&headers(SEC_WEBSOCKET_PROTOCOL, "bearer.a.b.c, protoo"));
        assert!(offered.token == Some(Secret::new("a.b.c")) && offered.chosen.unwrap() == "protoo");
        let offered = Offered::of(&headers(SEC_WEBSOCKET_PROTOCOL, "bearer.a.b.c"));
        assert!(offered.any && offered.chosen.is_none());
        let offered = Offered::of(&HeaderMap::new());
        assert!(!offered.any && offered.token.is_none());
        assert!(bearer(&headers(AUTHORIZATION, "Bearer a.b.c")) == Some(Secret::new("a.b.c")));
        assert!(bearer(&headers(AUTHORIZATION, "Basic YTpi")).is_none());
    }
}
