//! A client over RTMP: plays and judges what comes, or publishes.
//!
//! Source: Adobe RTMP 1.0 §5.2, §7.2. The plain handshake; no authentication.
use super::chunks::{self, Chunks, Message};
use super::watch::{Client, Watch};
use formats::amf0::{self, Value};

/// Bytes of a handshake packet. Source: §5.2.3.
const HANDSHAKE: usize = 1536;
/// Our chunks: 4 MiB, so a frame is one.
const CHUNK_BYTES: usize = 4 << 20;
/// Answers 1 and 2 belong to these commands.
const CONNECT: f64 = 1.0;
const CREATE_STREAM: f64 = 2.0;

mod kind {
    pub(super) const SET_CHUNK_SIZE: u8 = 1;
    pub(super) const ACKNOWLEDGEMENT: u8 = 3;
    pub(super) const USER_CONTROL: u8 = 4;
    pub(super) const WINDOW: u8 = 5;
    pub(super) const COMMAND: u8 = 20;
}

/// What a client wants of the stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wish {
    Play,
    Publish,
}

/// `Shaking` → `Connecting` → `Creating` → `Asking` → `Running`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Shaking,
    Connecting,
    Creating,
    Asking,
    Running,
}

/// A client of one stream.
pub(super) struct Rtmp {
    wish: Wish,
    app: String,
    tc_url: String,
    name: String,
    state: State,
    shake: Vec<u8>,
    chunks: Chunks,
    /// The stream's number at the server.
    stream: u32,
    received: u64,
    acknowledged: u64,
    window: u64,
}

impl Rtmp {
    /// `path` is `app/name` without the first slash.
    pub(super) fn new(wish: Wish, authority: &str, path: &str) -> Self {
        let (app, name) = path.rsplit_once('/').unwrap_or(("", path));
        Self {
            wish,
            app: app.to_owned(),
            tc_url: format!("rtmp://{authority}/{app}"),
            name: name.to_owned(),
            state: State::Shaking,
            shake: Vec::new(),
            chunks: Chunks::new(),
            stream: 1,
            received: 0,
            acknowledged: 0,
            window: 2_500_000,
        }
    }

    /// The server agreed.
    pub(super) fn is_running(&self) -> bool {
        self.state == State::Running
    }

    /// Appends a frame to what is sent.
    pub(super) fn send(&self, kind: u8, time: u32, body: &[u8], out: &mut Vec<u8>) {
        chunks::write(out, 6, kind, self.stream, time, body, CHUNK_BYTES);
    }

    fn command(&self, stream: u32, values: &[Value], out: &mut Vec<u8>) {
        chunks::write(out, 3, kind::COMMAND, stream, 0, &amf0::encode(values), CHUNK_BYTES);
    }

    fn connect(&mut self, out: &mut Vec<u8>) {
        self.state = State::Connecting;
        chunks::write(out, 2, kind::SET_CHUNK_SIZE, 0, 0, &(CHUNK_BYTES as u32).to_be_bytes(), 128);
        let object = Value::object([
            ("app", self.app.as_str().into()),
            ("type", "nonprivate".into()),
            ("flashVer", "FMLE/3.0 (compatible; aqueduct-load)".into()),
            ("tcUrl", self.tc_url.as_str().into()),
        ]);
        self.command(0, &["connect".into(), CONNECT.into(), object], out);
    }

    fn answered(&mut self, values: &[Value], out: &mut Vec<u8>) -> Result<(), String> {
        let name = values.first().and_then(Value::as_str).unwrap_or_default();
        let number = values.get(1).and_then(Value::as_number);
        let code =
            values.get(3).and_then(|info| info.get("code")).and_then(Value::as_str).unwrap_or_default();
        match (name, self.state) {
            ("_error", _) => Err(format!("the server refused: {code} {:?}", values.get(3))),
            ("_result", State::Connecting) if number == Some(CONNECT) => {
                self.state = State::Creating;
                self.command(0, &["createStream".into(), CREATE_STREAM.into(), Value::Null], out);
                Ok(())
            }
            ("_result", State::Creating) if number == Some(CREATE_STREAM) => {
                self.stream = values.get(3).and_then(Value::as_number).unwrap_or(1.0) as u32;
                self.state = State::Asking;
                let name = Value::from(self.name.as_str());
                match self.wish {
                    Wish::Play => {
                        self.command(self.stream, &["play".into(), 3.0.into(), Value::Null, name], out);
                    }
                    Wish::Publish => {
                        let values = ["publish".into(), 3.0.into(), Value::Null, name, "live".into()];
                        self.command(self.stream, &values, out);
                    }
                }
                Ok(())
            }
            ("onStatus", _) if matches!(code, "NetStream.Play.Start" | "NetStream.Publish.Start") => {
                self.state = State::Running;
                Ok(())
            }
            ("onStatus", _) => match code {
                "NetStream.Play.Reset" | "NetStream.Data.Start" | "NetStream.Play.PublishNotify" => Ok(()),
                _ => Err(format!("the server says {code}")),
            },
            (_, _) => Ok(()),
        }
    }

    fn message(&mut self, message: &Message, out: &mut Vec<u8>) -> Result<(), String> {
        let number = message.body.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
        match (message.kind, number) {
            (kind::SET_CHUNK_SIZE, Some(size @ 1..=0x7fff_ffff)) => {
                self.chunks.size = size as usize;
                Ok(())
            }
            (kind::SET_CHUNK_SIZE, size) => Err(format!("chunks of {size:?} bytes")),
            (kind::WINDOW, Some(window @ 1..)) => {
                self.window = window.into();
                Ok(())
            }
            // A ping wants its time back. Source: §7.1.7.
            (kind::USER_CONTROL, Some(_)) if message.body.starts_with(&[0, 6]) => {
                let mut pong = message.body.clone();
                pong[1] = 7;
                chunks::write(out, 2, kind::USER_CONTROL, 0, 0, &pong, CHUNK_BYTES);
                Ok(())
            }
            (kind::COMMAND, _) => {
                let values = amf0::Reader::new(&message.body).rest();
                self.answered(&values, out)
            }
            (_, _) => Ok(()),
        }
    }
}

impl Client for Rtmp {
    fn start(&mut self, out: &mut Vec<u8>) {
        out.push(3);
        // The server's copy of it is not looked at, so any bytes do.
        out.resize(out.len() + HANDSHAKE, 0);
    }

    fn push(&mut self, mut bytes: &[u8], watch: &mut Watch, out: &mut Vec<u8>) -> Result<(), String> {
        self.received += bytes.len() as u64;
        if self.state == State::Shaking {
            let take = (1 + 2 * HANDSHAKE - self.shake.len()).min(bytes.len());
            self.shake.extend_from_slice(&bytes[..take]);
            bytes = &bytes[take..];
            if self.shake.len() < 1 + 2 * HANDSHAKE {
                return Ok(());
            }
            if self.shake[0] != 3 {
                return Err(format!("RTMP version {}", self.shake[0]));
            }
            out.extend_from_slice(&self.shake[1..=HANDSHAKE]);
            self.shake = Vec::new();
            self.connect(out);
        }
        while !bytes.is_empty() {
            bytes = self.chunks.push(bytes, watch)?;
            for message in std::mem::take(&mut self.chunks.messages) {
                self.message(&message, out)?;
            }
        }
        if self.received - self.acknowledged >= self.window / 2 {
            self.acknowledged = self.received;
            let number = (self.received as u32).to_be_bytes();
            chunks::write(out, 2, kind::ACKNOWLEDGEMENT, 0, 0, &number, CHUNK_BYTES);
        }
        Ok(())
    }

    fn keep_alive(&mut self, _: &mut Vec<u8>) {}
}
