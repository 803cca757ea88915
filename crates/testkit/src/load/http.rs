//! Media over HTTP/1.1 and WebSocket: what surrounds the body, taken off without keeping it.
//!
//! Source: RFC 9112 §6, §7.1; RFC 6455 §5.
use super::watch::{Client, Sink, Watch};

/// Longest head of an answer: 16 KiB.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// Longest message that a socket carries besides media, such as which codecs there are: 64 KiB.
const TEXT_BYTES_MAX: usize = 64 << 10;
/// What a browser says it plays.
const MSE_CODECS: &str = "avc1.640029,avc1.64002A,avc1.640033,hvc1.1.6.L153.B0,mp4a.40.2,mp4a.40.5,flac,opus";

enum Stage {
    Head,
    /// To the end of the connection.
    Plain,
    ChunkSize,
    Chunk {
        left: usize,
    },
    /// The line end after a chunk.
    ChunkEnd {
        left: usize,
    },
}

/// `GET` whose answer is media until the end.
pub(super) struct Get<S> {
    request: String,
    stage: Stage,
    line: Vec<u8>,
    body: S,
}

impl<S: Sink> Get<S> {
    pub(super) fn new(host: &str, path: &str, body: S) -> Self {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: aqueduct-load\r\n\r\n");
        Self { request, stage: Stage::Head, line: Vec::new(), body }
    }

    fn head(&mut self) -> Result<Stage, String> {
        let head = String::from_utf8_lossy(&self.line);
        if status(&head) != Some(200) {
            return Err(format!("the answer is {}", head.lines().next().unwrap_or_default()));
        }
        let chunked =
            field(&head, "transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
        Ok(if chunked { Stage::ChunkSize } else { Stage::Plain })
    }
}

/// The status of an answer.
pub(super) fn status(head: &str) -> Option<u16> {
    head.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// A field of a head.
pub(super) fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    fields.find(|(this, _)| this.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// Appends to `line` until it ends with `end`; true once it does.
fn collect(line: &mut Vec<u8>, bytes: &mut &[u8], end: &[u8]) -> Result<bool, String> {
    while let Some((first, rest)) = bytes.split_first() {
        line.push(*first);
        *bytes = rest;
        if line.ends_with(end) {
            return Ok(true);
        }
        if line.len() > HEAD_BYTES_MAX {
            return Err(format!("a head of more than {HEAD_BYTES_MAX} bytes"));
        }
    }
    Ok(false)
}

impl<S: Sink> Client for Get<S> {
    fn start(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.request.as_bytes());
    }

    fn push(&mut self, mut bytes: &[u8], watch: &mut Watch, _: &mut Vec<u8>) -> Result<(), String> {
        while !bytes.is_empty() {
            match self.stage {
                Stage::Head => {
                    if collect(&mut self.line, &mut bytes, b"\r\n\r\n")? {
                        self.stage = self.head()?;
                        self.line.clear();
                    }
                }
                Stage::Plain => return self.body.push(bytes, watch),
                Stage::ChunkSize => {
                    if collect(&mut self.line, &mut bytes, b"\r\n")? {
                        let text = String::from_utf8_lossy(&self.line);
                        let text = text.split(';').next().unwrap_or_default().trim();
                        let left = usize::from_str_radix(text, 16)
                            .map_err(|_| format!("a chunk of size {text:?}"))?;
                        if left == 0 {
                            return Err("the body ended".to_owned());
                        }
                        self.line.clear();
                        self.stage = Stage::Chunk { left };
                    }
                }
                Stage::Chunk { left } => {
                    let (now, rest) = bytes.split_at(left.min(bytes.len()));
                    self.body.push(now, watch)?;
                    bytes = rest;
                    let left = left - now.len();
                    self.stage = if left == 0 { Stage::ChunkEnd { left: 2 } } else { Stage::Chunk { left } };
                }
                Stage::ChunkEnd { left } => {
                    let wanted = if left == 2 { b'\r' } else { b'\n' };
                    if bytes[0] != wanted {
                        return Err("a chunk that is longer than its size".to_owned());
                    }
                    bytes = &bytes[1..];
                    self.stage = if left == 1 { Stage::ChunkSize } else { Stage::ChunkEnd { left: 1 } };
                }
            }
        }
        Ok(())
    }

    fn keep_alive(&mut self, _: &mut Vec<u8>) {}
}

enum Frame {
    Head,
    Media { left: u64 },
    Text { left: u64, opcode: u8 },
}

/// fMP4 over WebSocket, asked for as browsers do.
pub(super) struct Mse<S> {
    request: String,
    open: bool,
    frame: Frame,
    head: Vec<u8>,
    body: S,
}

mod opcode {
    pub(super) const CONTINUATION: u8 = 0;
    pub(super) const TEXT: u8 = 1;
    pub(super) const BINARY: u8 = 2;
    pub(super) const CLOSE: u8 = 8;
    pub(super) const PING: u8 = 9;
    pub(super) const PONG: u8 = 10;
}

impl<S: Sink> Mse<S> {
    pub(super) fn new(host: &str, path: &str, body: S) -> Self {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        Self { request, open: false, frame: Frame::Head, head: Vec::new(), body }
    }

    /// Length and kind of the frame whose header is in `head`, once it is whole.
    fn frame(&self) -> Result<Option<Frame>, String> {
        let [first, second, rest @ ..] = self.head.as_slice() else { return Ok(None) };
        if second & 0x80 != 0 {
            return Err("a WebSocket frame from the server is masked".to_owned());
        }
        let left = match second {
            126 => rest.first_chunk().map(|length| u64::from(u16::from_be_bytes(*length))),
            127 => rest.first_chunk().map(|length| u64::from_be_bytes(*length)),
            length => Some((*length).into()),
        };
        let Some(left) = left else { return Ok(None) };
        match first & 0x0f {
            opcode::BINARY | opcode::CONTINUATION => Ok(Some(Frame::Media { left })),
            _ if left > TEXT_BYTES_MAX as u64 => Err(format!("a text of {left} bytes")),
            opcode => Ok(Some(Frame::Text { left, opcode })),
        }
    }

    fn message(&mut self, opcode: u8, out: &mut Vec<u8>) -> Result<(), String> {
        let text = String::from_utf8_lossy(&self.head);
        match opcode {
            opcode::TEXT if text.contains("\"error\"") => Err(text.trim().to_owned()),
            opcode::CLOSE => Err("the server closed the socket".to_owned()),
            opcode::PING => {
                write_frame(out, opcode::PONG, &self.head);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// A frame from client to server. The mask must be there, and is zero: nobody is to be protected from us.
fn write_frame(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    out.push(0x80 | opcode);
    match payload.len() {
        length @ 0..=125 => out.push(0x80 | length as u8),
        length => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(length.min(usize::from(u16::MAX)) as u16).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&payload[..payload.len().min(usize::from(u16::MAX))]);
}

impl<S: Sink> Client for Mse<S> {
    fn start(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.request.as_bytes());
    }

    fn push(&mut self, mut bytes: &[u8], watch: &mut Watch, out: &mut Vec<u8>) -> Result<(), String> {
        if !self.open {
            if !collect(&mut self.head, &mut bytes, b"\r\n\r\n")? {
                return Ok(());
            }
            let head = String::from_utf8_lossy(&self.head);
            if status(&head) != Some(101) {
                return Err(format!("the answer is {}", head.lines().next().unwrap_or_default()));
            }
            self.head.clear();
            self.open = true;
            let wish = serde_json::json!({ "type": "mse", "value": MSE_CODECS }).to_string();
            write_frame(out, opcode::TEXT, wish.as_bytes());
        }
        while !bytes.is_empty() {
            match self.frame {
                Frame::Head => {
                    self.head.push(bytes[0]);
                    bytes = &bytes[1..];
                    let Some(frame) = self.frame()? else { continue };
                    self.head.clear();
                    self.frame = frame;
                }
                Frame::Media { left } => {
                    let take = left.min(bytes.len() as u64);
                    let (now, rest) = bytes.split_at(take as usize);
                    self.body.push(now, watch)?;
                    bytes = rest;
                    self.frame = Frame::Media { left: left - take };
                }
                Frame::Text { left, opcode } => {
                    let take = left.min(bytes.len() as u64);
                    let (now, rest) = bytes.split_at(take as usize);
                    self.head.extend_from_slice(now);
                    bytes = rest;
                    self.frame = Frame::Text { left: left - take, opcode };
                }
            }
            match self.frame {
                Frame::Media { left: 0 } => self.frame = Frame::Head,
                Frame::Text { left: 0, opcode } => {
                    self.message(opcode, out)?;
                    self.head.clear();
                    self.frame = Frame::Head;
                }
                Frame::Head | Frame::Media { .. } | Frame::Text { .. } => {}
            }
        }
        Ok(())
    }

    fn keep_alive(&mut self, _: &mut Vec<u8>) {}
}
