//! `/api/ws`: one socket that signals WebRTC and carries fMP4 for MSE. Text frames are `{"type":…,"value":…}`.
//!
//! Source: go2rtc's WebSocket API as its clients use it. Ours besides: `{"type":"talk","value":"on"}` when a talk button is
//! pressed and `"off"` when it is let go. Who sends that is told `talk` with `open`, `waiting N` or `closed`, and an error
//! `talk: …` with who talks instead; nobody else is, since clients may take unknown types for faults.
use super::body::Answer;
use super::query::Query;
use super::{Call, Shared, full, mse, past, text};
use crate::talker::{Button, TalkControl, TalkState, talk_line};
use crate::webrtc::SessionId;
use ::http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use ::http::{HeaderValue, Request, Response, StatusCode};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hub::{Deed, EndReason, Item, PeerInfo, Reader, View, Worker};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use media::StreamName;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// Longest message taken from a peer: 256 KiB, the longest offer.
const MESSAGE_BYTES_MAX: usize = 256 << 10;
/// What is read at once: 4 KiB. The library would clear 128 KiB at each look otherwise.
const READ_BUFFER_BYTES: usize = 4 << 10;
/// How often the policy for slow readers is asked while a write waits.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// How long an answer may wait for the peer to take it. 15 s, as long as a reader may stall.
const SAY_MAX: Duration = Duration::from_secs(15);

pub(super) type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// True when the request asks to become a WebSocket.
pub(super) fn is_wanted<B>(request: &Request<B>) -> bool {
    let upgrade = request.headers().get(UPGRADE).and_then(|value| value.to_str().ok());
    upgrade.is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
        && request.headers().contains_key(SEC_WEBSOCKET_KEY)
}

/// Answers the upgrade and runs `serve` with the socket, as an owner of its own on this worker.
pub(super) fn accept<F, Fut>(call: &Call, request: Request<Incoming>, serve: F) -> Response<Answer>
where
    F: FnOnce(Socket) -> Fut + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let Some(key) = request.headers().get(SEC_WEBSOCKET_KEY).cloned() else {
        return text(StatusCode::BAD_REQUEST, "this is a WebSocket: ask for an upgrade").map(Answer::from);
    };
    let mut response = Response::new(Answer::from(full("")));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    let upgrade = hyper::upgrade::on(request);
    call.worker.spawn(format!("websocket {}", call.peer), async move {
        let Ok(upgraded) = upgrade.await else { return };
        // The peer says little, and what is sent is whole: large buffers would only be cleared and copied.
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(MESSAGE_BYTES_MAX));
        let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config));
        serve(socket.await).await;
    });
    response
}

/// Sends a reader's chunks, one binary message each, until either side ends. What the peer says is not listened to.
pub(super) async fn pour(mut socket: Socket, _view: View, mut reader: Reader) {
    let why = loop {
        tokio::select! {
            item = reader.next() => match item {
                Item::Ended(reason) => break reason.to_string(),
                item @ (Item::Header(_) | Item::Chunk(_)) => {
                    if let Err(why) = send_item(&mut socket, &mut reader, &item).await {
                        break why;
                    }
                }
            },
            message = socket.next() => match message {
                Some(Ok(Message::Close(_))) | None => break "the peer closed the connection".to_owned(),
                Some(Err(error)) => break error.to_string(),
                Some(Ok(_)) => {}
            },
        }
    };
    close(socket).await;
    reader.leave(why);
}

/// Sends one item; asks the policy for slow readers while that waits. An error is why the reader ends.
async fn send_item(socket: &mut Socket, reader: &mut Reader, item: &Item) -> Result<(), String> {
    let bytes = match item {
        Item::Header(header) => header.clone(),
        Item::Chunk(chunk) => match chunk.parts.as_slice() {
            [single] => single.clone(),
            parts => Bytes::from(parts.concat()),
        },
        Item::Ended(_) => return Ok(()),
    };
    reader.progressed(hub::now());
    let send = socket.send(Message::Binary(bytes));
    tokio::pin!(send);
    loop {
        tokio::select! {
            sent = &mut send => {
                reader.progressed(hub::now());
                return sent.map_err(|e: Error| e.to_string());
            }
            () = tokio::time::sleep(CHECK_EVERY) => {
                if let Some(reason) = reader.check(hub::now()) {
                    return Err(reason.to_string());
                }
            }
        }
    }
}

async fn close(mut socket: Socket) {
    // The peer may be gone: then there is nobody to say goodbye to.
    let _ = tokio::time::timeout(CHECK_EVERY, socket.close(None)).await;
}

/// `GET /api/ws?src=NAME` or `?dst=NAME`.
pub(super) async fn answer(call: Call, query: &Query, request: Request<Incoming>) -> Response<Answer> {
    let publishes = query.get("dst").is_some();
    let name = match query.stream(if publishes { "dst" } else { "src" }) {
        Ok(name) => name,
        Err(why) => return text(StatusCode::BAD_REQUEST, why).map(Answer::from),
    };
    let name = match if publishes { Ok(name) } else { past(&call.worker, name, query).await } {
        Ok(name) => name,
        Err(refusal) => return refusal,
    };
    let signalling = Signalling {
        peer: call.peer_info("webrtc", request.headers()),
        worker: call.worker.clone(),
        shared: call.shared.clone(),
        may_talk: call
            .shared
            .guard
            .may(&request, call.peer, Deed::Publish)
            .map_err(|denied| denied.to_string()),
        name,
        publishes,
        session: None,
        talk: None,
        has_button: false,
        early: Vec::new(),
        playing: None,
    };
    accept(&call, request, move |socket| signalling.run(socket))
}

struct Signalling {
    worker: Worker,
    shared: Arc<Shared>,
    peer: PeerInfo,
    name: StreamName,
    publishes: bool,
    /// Whether the peer may talk to the stream, or why not.
    may_talk: Result<(), String>,
    session: Option<SessionId>,
    /// The session's talk, as long as that may come about.
    talk: Option<TalkControl>,
    /// The peer spoke of its talk button, and so wants to know how talking goes.
    has_button: bool,
    /// Candidates that came before the answer.
    early: Vec<String>,
    playing: Option<(View, Reader)>,
}

/// Most candidates kept before an offer comes: 64. Browsers have a dozen.
const EARLY_MAX: usize = 64;

impl Signalling {
    async fn run(mut self, mut socket: Socket) {
        let why = loop {
            let item = async {
                match &mut self.playing {
                    Some((_, reader)) => reader.next().await,
                    None => std::future::pending().await,
                }
            };
            let talk = async {
                match &mut self.talk {
                    Some(talk) if self.has_button => talk.changed().await,
                    Some(_) | None => std::future::pending().await,
                }
            };
            tokio::select! {
                state = talk => if self.tell_talk(&mut socket, state).await.is_err() {
                    break EndReason::Failed("the peer closed the connection".into());
                },
                item = item => match item {
                    Item::Ended(reason) => break reason,
                    item @ (Item::Header(_) | Item::Chunk(_)) => {
                        let Some((_, reader)) = &mut self.playing else { continue };
                        if let Err(why) = send_item(&mut socket, reader, &item).await {
                            break EndReason::Failed(why);
                        }
                    }
                },
                message = socket.next() => match message {
                    Some(Ok(Message::Text(message))) => {
                        if self.hear(&mut socket, &message).await.is_err() {
                            break EndReason::Failed("the peer closed the connection".into());
                        }
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => {
                        break EndReason::Failed("the peer closed the connection".into());
                    }
                    Some(Ok(_)) => {}
                },
            }
        };
        close(socket).await;
        if let Some((_, reader)) = self.playing.take() {
            reader.leave(why.to_string());
        }
        // A WebRTC session goes on: clients close this socket once it plays.
    }

    async fn hear(&mut self, socket: &mut Socket, text: &str) -> Result<(), Error> {
        // Unknown types and broken JSON are met with silence, as clients expect.
        let Ok(message) = serde_json::from_str::<Value>(text) else { return Ok(()) };
        let kind = message.get("type").and_then(Value::as_str).unwrap_or_default();
        let value = message.get("value").unwrap_or(&Value::Null);
        match kind {
            "webrtc/offer" => {
                let sdp = value.as_str().unwrap_or_default();
                match self.negotiate(sdp).await {
                    Ok(answer) => say(socket, "webrtc/answer", Value::String(answer)).await,
                    Err(why) => say_error(socket, "webrtc/offer", &why).await,
                }
            }
            "webrtc" => {
                let sdp = value.get("sdp").and_then(Value::as_str).unwrap_or_default();
                match self.negotiate(sdp).await {
                    Ok(answer) => say(socket, "webrtc", json!({ "type": "answer", "sdp": answer })).await,
                    Err(why) => say_error(socket, "webrtc", &why).await,
                }
            }
            "webrtc/candidate" => {
                let text = value.as_str().or_else(|| value.get("candidate").and_then(Value::as_str));
                self.candidate(text.unwrap_or_default()).await;
                Ok(())
            }
            "talk" => match self.press(value.as_str().unwrap_or_default()) {
                Ok(()) => Ok(()),
                Err(why) => say_error(socket, "talk", &why).await,
            },
            "mse" => match self.play(value.as_str().unwrap_or_default()).await {
                Ok(mime) => say(socket, "mse", Value::String(mime)).await,
                Err(why) => say_error(socket, "mse", &why).await,
            },
            _ => Ok(()),
        }
    }

    async fn negotiate(&mut self, offer: &str) -> Result<String, String> {
        let handle = self.shared.webrtc.clone().ok_or("WebRTC is switched off (webrtc.listen)")?;
        let made = if self.publishes {
            handle.publish(&self.name, offer, self.peer.clone()).await
        } else {
            let (control, line) = talk_line();
            let talk = self.may_talk.is_ok().then_some(line);
            self.talk = Some(control);
            handle.play(&self.name, offer, self.peer.clone(), talk).await
        };
        let (id, answer) = made.map_err(|error| {
            let missing = matches!(error, crate::webrtc::Error::Open(hub::OpenError::NotFound(_)));
            // In the words that clients know.
            if missing { "stream not found".to_owned() } else { error.to_string() }
        })?;
        self.session = Some(id);
        for candidate in std::mem::take(&mut self.early) {
            self.candidate(&candidate).await;
        }
        Ok(answer)
    }

    /// The talk button of our own page: `on` or `off`.
    fn press(&mut self, value: &str) -> Result<(), String> {
        self.has_button = true;
        self.may_talk.clone()?;
        let talk = self.talk.as_ref().ok_or("there is no WebRTC session that could carry it")?;
        match value {
            "on" => talk.press(Button::Down),
            "off" => talk.press(Button::Up),
            _ => {}
        }
        Ok(())
    }

    async fn tell_talk(&mut self, socket: &mut Socket, state: Option<TalkState>) -> Result<(), Error> {
        match state {
            Some(TalkState::Silent) => say(socket, "talk", Value::String("closed".into())).await,
            Some(TalkState::Open) => say(socket, "talk", Value::String("open".into())).await,
            Some(TalkState::Waiting(ahead)) => {
                say(socket, "talk", Value::String(format!("waiting {ahead}"))).await
            }
            Some(TalkState::Refused(why)) => say_error(socket, "talk", &why).await,
            None => {
                self.talk = None;
                say_error(socket, "talk", "this session carries no talk").await
            }
        }
    }

    async fn candidate(&mut self, text: &str) {
        // An empty one means that there are no more.
        if text.is_empty() {
            return;
        }
        match (&self.session, &self.shared.webrtc) {
            // The session may have ended meanwhile: then nobody needs the candidate.
            (Some(id), Some(handle)) => drop(handle.add_candidate(*id, text).await),
            (None, _) if self.early.len() < EARLY_MAX => self.early.push(text.to_owned()),
            (None | Some(_), _) => {}
        }
    }

    async fn play(&mut self, takes: &str) -> Result<String, String> {
        let peer = PeerInfo { protocol: "mse", ..self.peer.clone() };
        let (mime, view, reader) = mse::open(&self.worker, &self.name, takes, peer).await?;
        self.playing = Some((view, reader));
        Ok(mime)
    }
}

async fn say(socket: &mut Socket, kind: &str, value: Value) -> Result<(), Error> {
    let mut text = json!({ "type": kind, "value": value }).to_string();
    text.push('\n');
    let said = tokio::time::timeout(SAY_MAX, socket.send(Message::text(text))).await;
    said.unwrap_or(Err(Error::ConnectionClosed))
}

/// `{"type":"error","value":"mse: stream not found"}`: the value starts with the request's type.
async fn say_error(socket: &mut Socket, kind: &str, why: &str) -> Result<(), Error> {
    say(socket, "error", Value::String(format!("{kind}: {why}"))).await
}
