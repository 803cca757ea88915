//! Reads requests, or responses and events, from a connection's plain text.
//!
//! Source: RFC 9112 §6 and §7 (how long a body is). Owns the bytes of the message that is not complete. Bodies have a length or
//! come in chunks, as hap-nodejs sends all of its own; a response with neither has none, as aiohomekit takes it.
use super::{Incoming, Method, Request, Response};
use crate::rtsp::Headers;
use bytes::{Buf as _, BytesMut};
use media::Fault;

/// Longest head: 16 KiB. Apple's controllers read up to 40 characteristics at once, in 500 bytes.
pub const HEAD_BYTES_MAX: usize = 16 << 10;
/// Longest body of a request: 64 KiB. A set-up of streams has 400 bytes.
pub const BODY_BYTES_MAX_ACCESSORY: usize = 64 << 10;
/// Longest body of a response: 8 MiB. A bridge of 150 accessories takes 1 MiB, a picture of 4K as JPEG up to 4.
pub const BODY_BYTES_MAX_CONTROLLER: usize = 8 << 20;
/// Longest line that says how long a chunk is: 256 bytes. Nobody uses its extensions.
const CHUNK_LINE_BYTES_MAX: usize = 256;

/// Why a connection's bytes are no messages. All of them are final.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HttpError {
    /// The first line is none.
    #[error("\"{line}\" starts no message")]
    FirstLine {
        /// How it starts.
        line: String,
    },
    /// A head without end.
    #[error("a head is longer than {HEAD_BYTES_MAX} bytes")]
    HeadTooLong,
    /// A line of a head without a colon, or a head that is no text.
    #[error("\"{line}\" is no field")]
    Field {
        /// How it starts.
        line: String,
    },
    /// Lengths that are none, or contradict each other.
    #[error("the length of a body is \"{value}\"")]
    Length {
        /// What is said.
        value: String,
    },
    /// A body longer than any.
    #[error("a body is longer than {max} bytes")]
    BodyTooLong {
        /// The longest.
        max: usize,
    },
    /// A chunk that says no length, or is longer than it says.
    #[error("\"{line}\" is no chunk")]
    Chunk {
        /// How it starts.
        line: String,
    },
}

impl HttpError {
    /// The peer's, always.
    pub const fn fault(&self) -> Fault {
        Fault::Peer
    }
}

/// `Head` → `Length`, or `ChunkLine` → `Chunk` → … → `Trailer` → `Head`; each error leads to `Failed`, which is final.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Head,
    Length(usize),
    ChunkLine,
    Chunk(usize),
    Trailer,
    Failed(HttpError),
}

/// Reads one direction of a connection.
#[derive(Debug)]
pub struct Reader {
    buffer: BytesMut,
    part: Part,
    message: Option<Incoming>,
    requests: bool,
    body_bytes_max: usize,
}

impl Reader {
    /// Reads what controllers send.
    pub fn of_accessory() -> Self {
        Self::new(true, BODY_BYTES_MAX_ACCESSORY)
    }

    /// Reads what an accessory sends.
    pub fn of_controller() -> Self {
        Self::new(false, BODY_BYTES_MAX_CONTROLLER)
    }

    fn new(requests: bool, body_bytes_max: usize) -> Self {
        Self { buffer: BytesMut::new(), part: Part::Head, message: None, requests, body_bytes_max }
    }

    /// Takes bytes; then [`Reader::poll_output`] until there is nothing more. What is kept then is part of one message.
    pub fn handle_input(&mut self, data: &[u8]) {
        if !matches!(self.part, Part::Failed(_)) {
            self.buffer.extend_from_slice(data);
        }
    }

    /// Bytes that belong to no complete message; on a connection that becomes enciphered there must be none.
    pub fn pending_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// The next complete message.
    ///
    /// # Errors
    /// The bytes are none, now and for ever.
    pub fn poll_output(&mut self) -> Result<Option<Incoming>, HttpError> {
        loop {
            match self.step() {
                Ok(true) if self.part == Part::Head && self.message.is_some() => {
                    return Ok(self.message.take());
                }
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(error) => {
                    self.part = Part::Failed(error.clone());
                    self.buffer = BytesMut::new();
                    return Err(error);
                }
            }
        }
    }

    /// One part further; false when more bytes are needed.
    fn step(&mut self) -> Result<bool, HttpError> {
        match self.part.clone() {
            Part::Failed(error) => Err(error),
            Part::Head => {
                let end = self.buffer.windows(4).take(HEAD_BYTES_MAX).position(|four| four == b"\r\n\r\n");
                let Some(end) = end else {
                    return if self.buffer.len() > HEAD_BYTES_MAX {
                        Err(HttpError::HeadTooLong)
                    } else {
                        Ok(false)
                    };
                };
                let head = self.buffer.split_to(end + 4);
                let head = std::str::from_utf8(&head[..end])
                    .map_err(|_| HttpError::Field { line: shown(&String::from_utf8_lossy(&head)) })?;
                self.take_head(head)?;
                Ok(true)
            }
            Part::Length(length) => {
                if self.buffer.len() < length {
                    return Ok(false);
                }
                self.take_body(length)?;
                self.part = Part::Head;
                Ok(true)
            }
            Part::ChunkLine => {
                let Some(line) = self.take_line()? else { return Ok(false) };
                let digits = line.split(';').next().unwrap_or_default().trim();
                let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
                let length = usize::from_str_radix(digits, 16).ok().filter(|_| is_number);
                let length = length.ok_or_else(|| HttpError::Chunk { line: shown(&line) })?;
                if length > self.body_bytes_max {
                    return Err(HttpError::BodyTooLong { max: self.body_bytes_max });
                }
                self.part = if length == 0 { Part::Trailer } else { Part::Chunk(length) };
                Ok(true)
            }
            Part::Chunk(length) => {
                if self.buffer.len() < length + 2 {
                    return Ok(false);
                }
                self.take_body(length)?;
                let end = self.buffer.split_to(2);
                if end[..] != b"\r\n"[..] {
                    return Err(HttpError::Chunk { line: shown(&String::from_utf8_lossy(&end)) });
                }
                self.part = Part::ChunkLine;
                Ok(true)
            }
            Part::Trailer => {
                let Some(line) = self.take_line()? else { return Ok(false) };
                if line.is_empty() {
                    self.part = Part::Head;
                }
                Ok(true)
            }
        }
    }

    fn take_line(&mut self) -> Result<Option<String>, HttpError> {
        let Some(end) = self.buffer.windows(2).position(|two| two == b"\r\n") else {
            if self.buffer.len() > CHUNK_LINE_BYTES_MAX {
                return Err(HttpError::Chunk { line: shown(&String::from_utf8_lossy(&self.buffer)) });
            }
            return Ok(None);
        };
        let line = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        self.buffer.advance(end + 2);
        Ok(Some(line))
    }

    fn take_body(&mut self, length: usize) -> Result<(), HttpError> {
        let part = self.buffer.split_to(length);
        let body = match &mut self.message {
            Some(Incoming::Request(request)) => &mut request.body,
            Some(Incoming::Response(response) | Incoming::Event(response)) => &mut response.body,
            None => return Ok(()),
        };
        if body.len() + length > self.body_bytes_max {
            return Err(HttpError::BodyTooLong { max: self.body_bytes_max });
        }
        body.extend_from_slice(&part);
        Ok(())
    }

    fn take_head(&mut self, head: &str) -> Result<(), HttpError> {
        // Empty lines before a message are forgiven: RFC 9112 §2.2.
        let mut lines = head.trim_start_matches("\r\n").split("\r\n");
        let first = lines.next().unwrap_or_default();
        let refused = || HttpError::FirstLine { line: shown(first) };
        let mut headers = Headers::new();
        for line in lines {
            let (name, value) = line.split_once(':').ok_or_else(|| HttpError::Field { line: shown(line) })?;
            headers.push(name.trim(), value.trim());
        }
        let length = body_length(&headers)?;
        let words: Vec<&str> = first.splitn(3, ' ').collect();
        let (message, has_body) = if self.requests {
            let [method, target, "HTTP/1.1" | "HTTP/1.0"] = words[..] else { return Err(refused()) };
            let methods = [Method::Get, Method::Put, Method::Post];
            let method = methods.into_iter().find(|known| known.as_str() == method).ok_or_else(refused)?;
            (
                Incoming::Request(Request { method, target: target.to_owned(), headers, body: Vec::new() }),
                true,
            )
        } else {
            let (version, status) = (words[0], words.get(1).and_then(|status| status.parse::<u16>().ok()));
            let status = status.filter(|status| (100..1000).contains(status)).ok_or_else(refused)?;
            let response = Response { status, headers, body: Vec::new() };
            match version {
                // An interim response is none.
                "HTTP/1.1" | "HTTP/1.0" if status < 200 => return Ok(()),
                "HTTP/1.1" | "HTTP/1.0" => (Incoming::Response(response), !matches!(status, 204 | 304)),
                "EVENT/1.0" => (Incoming::Event(response), true),
                _ => return Err(refused()),
            }
        };
        self.message = Some(message);
        self.part = match length {
            _ if !has_body => Part::Head,
            Some(Length::Chunks) => Part::ChunkLine,
            Some(Length::Bytes(length)) if length > self.body_bytes_max => {
                return Err(HttpError::BodyTooLong { max: self.body_bytes_max });
            }
            Some(Length::Bytes(0)) | None => Part::Head,
            Some(Length::Bytes(length)) => Part::Length(length),
        };
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Length {
    Bytes(usize),
    Chunks,
}

/// Both, or two that differ, would let two readers of one connection see two messages.
fn body_length(headers: &Headers) -> Result<Option<Length>, HttpError> {
    let mut length = None;
    for value in headers.all("Content-Length") {
        let refused = || HttpError::Length { value: shown(value) };
        if value.is_empty() || !value.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(refused());
        }
        let bytes = Length::Bytes(value.parse().map_err(|_| refused())?);
        if length.is_some_and(|other| other != bytes) {
            return Err(refused());
        }
        length = Some(bytes);
    }
    for value in headers.all("Transfer-Encoding") {
        if !value.eq_ignore_ascii_case("chunked") || length.is_some() {
            return Err(HttpError::Length { value: shown(value) });
        }
        length = Some(Length::Chunks);
    }
    Ok(length)
}

/// The start of a line, for errors.
fn shown(line: &str) -> String {
    line.lines().next().unwrap_or_default().chars().take(60).collect()
}

#[cfg(test)]
mod tests;
