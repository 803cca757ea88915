//! A participant's WebSocket: requests in protoo's framing, and the offers that come between. Source: docs/rooms.md.
use crate::load::target::Target;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::VecDeque;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

/// A medium of another participant that is to be consumed.
pub(super) struct Offer {
    /// Of the request, for the answer.
    pub(super) id: Value,
    pub(super) parameters: Value,
    /// What its packets must say, as their sender told in `appData`.
    pub(super) tag: Option<u32>,
    pub(super) video: bool,
}

pub(super) struct Client {
    socket: WebSocketStream<TcpStream>,
    next_id: u32,
    offers: VecDeque<Value>,
}

impl Client {
    pub(super) async fn connect(target: &Target) -> Result<Self, String> {
        let stream = TcpStream::connect(target.address).await.map_err(|error| format!("connect: {error}"))?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let url = format!("ws://{}{}", target.authority, target.path);
        let (socket, _) = client_async(url, stream).await.map_err(|error| format!("WebSocket: {error}"))?;
        Ok(Self { socket, next_id: 0, offers: VecDeque::new() })
    }

    /// Asks; offers that come meanwhile are kept.
    pub(super) async fn ask(&mut self, method: &str, data: Value) -> Result<Value, String> {
        self.next_id += 1;
        let id = self.next_id;
        self.say(&json!({ "request": true, "id": id, "method": method, "data": data })).await?;
        loop {
            let mut message = self.read().await?;
            if message["response"] == true && message["id"] == id {
                return match message["ok"] == true {
                    true => Ok(message["data"].take()),
                    false => Err(format!("{method}: {}", message["errorReason"])),
                };
            }
            if message["request"] == true {
                self.offers.push_back(message);
            }
        }
    }

    /// The next medium of somebody.
    pub(super) async fn offer(&mut self) -> Result<Offer, String> {
        loop {
            let message = match self.offers.pop_front() {
                Some(offer) => offer,
                None => self.read().await?,
            };
            if message["request"] != true || message["method"] != "newConsumer" {
                continue;
            }
            let data = &message["data"];
            let tag = data["appData"]["tag"].as_u64().and_then(|tag| u32::try_from(tag).ok());
            let video = data["kind"] == "video";
            return Ok(Offer {
                id: message["id"].clone(),
                parameters: data["rtpParameters"].clone(),
                tag,
                video,
            });
        }
    }

    pub(super) async fn answer(&mut self, id: Value) -> Result<(), String> {
        self.say(&json!({ "response": true, "id": id, "ok": true, "data": {} })).await
    }

    async fn say(&mut self, message: &Value) -> Result<(), String> {
        self.socket.send(Message::text(message.to_string())).await.map_err(|error| error.to_string())
    }

    async fn read(&mut self) -> Result<Value, String> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    return serde_json::from_str(&text).map_err(|error| error.to_string());
                }
                Some(Ok(Message::Close(Some(frame)))) => {
                    return Err(format!("closed: {} {}", frame.code, frame.reason));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.to_string()),
                None => return Err("the server closed the connection".to_owned()),
            }
        }
    }
}
