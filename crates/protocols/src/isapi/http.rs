//! Reads the one reply to a request over HTTP, also from servers that leave out its length.
//!
//! Source: RFC 9112. Owns the bytes of one reply. Forgives bare line feeds; skips interim replies. Everything is bounded
//! in bytes; the caller bounds it in time.
use crate::rtsp::Headers;
use media::Fault;

/// Longest head of a reply: 16 KiB. Devices' heads stay below 1 KiB, challenges among them.
pub const HEAD_BYTES_MAX: usize = 16 << 10;

/// Longest body of a reply: 256 KiB. A recorder with 256 channels of 700 bytes each needs 180.
pub const BODY_BYTES_MAX: usize = 256 << 10;

/// Longest line that says how long a chunk is: 1 KiB. Nobody uses its extensions.
const CHUNK_LINE_BYTES_MAX: usize = 1 << 10;

/// Why a reply cannot be understood.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReplyError {
    /// The first line is none of HTTP.
    #[error("\"{line}\" is no status line")]
    NotHttp {
        /// How it starts.
        line: String,
    },
    /// A head without end.
    #[error("its head is longer than {HEAD_BYTES_MAX} bytes")]
    HeadTooLong,
    /// A body without end.
    #[error("its body is longer than {BODY_BYTES_MAX} bytes")]
    BodyTooLong,
    /// A chunk that says no length.
    #[error("\"{line}\" is no length of a chunk")]
    Chunk {
        /// How the line starts.
        line: String,
    },
    /// The connection ended before the reply did.
    #[error("it ends in the middle")]
    Truncated,
    /// What it says is none of ISAPI.
    #[error("{what}")]
    Xml {
        /// What is wrong.
        what: String,
    },
}

impl ReplyError {
    /// The peer's, always.
    pub const fn fault(&self) -> Fault {
        Fault::Peer
    }
}

/// A reply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) reason: String,
    pub(super) headers: Headers,
    pub(super) body: Vec<u8>,
    /// Another request may follow on the connection.
    pub(super) persists: bool,
}

/// `Head` → `Length`, `ChunkLine` ⇄ `Chunk` → `Trailer`, or `UntilEnd` → `Done`. `Done` is final.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    Head,
    Length(usize),
    ChunkLine,
    Chunk(usize),
    Trailer,
    UntilEnd,
    Done,
}

/// Reads one reply.
#[derive(Debug)]
pub(super) struct ReplyReader {
    buffer: Vec<u8>,
    part: Part,
    reply: Option<Reply>,
    /// The caller wants no body of a success: what follows the head is not part of the reply.
    head_only: bool,
}

impl ReplyReader {
    /// `head_only`: a success is complete with its head.
    pub(super) const fn new(head_only: bool) -> Self {
        Self { buffer: Vec::new(), part: Part::Head, reply: None, head_only }
    }

    /// Whether there is a reply whose end nothing but silence or the end of the connection can tell.
    pub(super) fn is_open_ended(&self) -> bool {
        self.part == Part::UntilEnd
    }

    /// Takes bytes; returns the reply when it is complete.
    pub(super) fn handle_input(&mut self, data: &[u8]) -> Result<Option<Reply>, ReplyError> {
        self.buffer.extend_from_slice(data);
        while self.step()? {}
        Ok(if self.part == Part::Done { self.reply.take() } else { None })
    }

    /// Nothing more comes, or nothing more is waited for.
    pub(super) fn finish(&mut self) -> Result<Reply, ReplyError> {
        if !self.is_open_ended() {
            return Err(ReplyError::Truncated);
        }
        self.part = Part::Done;
        self.reply.take().ok_or(ReplyError::Truncated)
    }

    /// One part further; false when more bytes are needed, or none.
    fn step(&mut self) -> Result<bool, ReplyError> {
        match self.part {
            Part::Done => return Ok(false),
            Part::Head => {
                let Some(end) = head_end(&self.buffer) else {
                    if self.buffer.len() > HEAD_BYTES_MAX {
                        return Err(ReplyError::HeadTooLong);
                    }
                    return Ok(false);
                };
                let head: Vec<u8> = self.buffer.drain(..end).collect();
                self.take_head(&String::from_utf8_lossy(&head))?;
            }
            Part::Length(length) => {
                if self.buffer.len() < length {
                    return Ok(false);
                }
                self.take_body(length)?;
                self.part = Part::Done;
            }
            Part::ChunkLine | Part::Trailer => {
                let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') else {
                    if self.buffer.len() > CHUNK_LINE_BYTES_MAX {
                        return Err(ReplyError::Chunk { line: shown(&self.buffer) });
                    }
                    return Ok(false);
                };
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                self.take_line(&line)?;
            }
            Part::Chunk(length) => {
                // The line's end belongs to the chunk.
                if self.buffer.len() < length + 1 {
                    return Ok(false);
                }
                if self.buffer[length] == b'\r' && self.buffer.len() < length + 2 {
                    return Ok(false);
                }
                self.take_body(length)?;
                let end = if self.buffer.first() == Some(&b'\r') { 2 } else { 1 };
                self.buffer.drain(..end);
                self.part = Part::ChunkLine;
            }
            Part::UntilEnd => {
                if self.buffer.is_empty() {
                    return Ok(false);
                }
                self.take_body(self.buffer.len())?;
            }
        }
        Ok(true)
    }

    fn take_head(&mut self, head: &str) -> Result<(), ReplyError> {
        let mut lines = head.lines();
        let first = lines.next().unwrap_or_default();
        let (version, status, reason) =
            status_line(first).ok_or_else(|| ReplyError::NotHttp { line: shown(first.as_bytes()) })?;
        let mut headers = Headers::new();
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            headers.push(name.trim(), value.trim());
        }
        if (100..200).contains(&status) {
            return Ok(());
        }
        let says = |name, word: &str| {
            let mut values = headers.all(name).flat_map(|value| value.split(','));
            values.any(|value| value.trim().eq_ignore_ascii_case(word))
        };
        let (chunked, close, keeps) = (
            says("Transfer-Encoding", "chunked"),
            says("Connection", "close"),
            says("Connection", "keep-alive"),
        );
        let length = headers.get("Content-Length").map(|value| value.trim().parse::<usize>().ok());
        let has_no_body = matches!(status, 204 | 304) || (self.head_only && (200..300).contains(&status));
        self.part = match length {
            _ if has_no_body => Part::Done,
            _ if chunked => Part::ChunkLine,
            Some(Some(length)) if length > BODY_BYTES_MAX => return Err(ReplyError::BodyTooLong),
            Some(Some(length)) => Part::Length(length),
            Some(None) | None => Part::UntilEnd,
        };
        let persists = !close && (keeps || version != "HTTP/1.0") && self.part != Part::UntilEnd;
        let reason = reason.to_owned();
        self.reply = Some(Reply { status, reason, headers, body: Vec::new(), persists });
        Ok(())
    }

    fn take_line(&mut self, line: &[u8]) -> Result<(), ReplyError> {
        let text = String::from_utf8_lossy(line);
        let text = text.trim();
        if self.part == Part::Trailer {
            if text.is_empty() {
                self.part = Part::Done;
            }
            return Ok(());
        }
        let digits = text.split(';').next().unwrap_or_default().trim();
        let length = usize::from_str_radix(digits, 16)
            .map_err(|_| ReplyError::Chunk { line: shown(text.as_bytes()) })?;
        if length > BODY_BYTES_MAX {
            return Err(ReplyError::BodyTooLong);
        }
        self.part = if length == 0 { Part::Trailer } else { Part::Chunk(length) };
        Ok(())
    }

    fn take_body(&mut self, length: usize) -> Result<(), ReplyError> {
        let Some(reply) = &mut self.reply else { return Ok(()) };
        if reply.body.len() + length > BODY_BYTES_MAX {
            return Err(ReplyError::BodyTooLong);
        }
        reply.body.extend(self.buffer.drain(..length));
        Ok(())
    }
}

/// Behind the first empty line.
fn head_end(buffer: &[u8]) -> Option<usize> {
    let limit = &buffer[..buffer.len().min(HEAD_BYTES_MAX)];
    limit.iter().enumerate().filter(|(_, byte)| **byte == b'\n').find_map(|(at, _)| {
        match limit.get(at + 1..) {
            Some([b'\n', ..]) => Some(at + 2),
            Some([b'\r', b'\n', ..]) => Some(at + 3),
            Some(_) | None => None,
        }
    })
}

fn status_line(line: &str) -> Option<(&str, u16, &str)> {
    let (version, rest) = line.trim().split_once(' ')?;
    if !version.starts_with("HTTP/1.") {
        return None;
    }
    let (status, reason) = rest.trim_start().split_once(' ').unwrap_or((rest.trim_start(), ""));
    let status: u16 = status.parse().ok().filter(|status| (100..1000).contains(status))?;
    Some((version, status, reason.trim()))
}

/// The start of what a peer sent, as it may stand in an error.
fn shown(bytes: &[u8]) -> String {
    let start = &bytes[..bytes.len().min(40)];
    String::from_utf8_lossy(start).chars().map(|c| if c.is_control() { '.' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a reply in pieces of so many bytes; behind it the connection ends.
    fn read(text: &str, piece: usize, head_only: bool) -> Result<Reply, ReplyError> {
        let mut reader = ReplyReader::new(head_only);
        for bytes in text.as_bytes().chunks(piece) {
            if let Some(reply) = reader.handle_input(bytes)? {
                return Ok(reply);
            }
        }
        reader.finish()
    }

    #[test]
    fn a_reply_is_read_in_every_form_and_in_every_piece() {
        for (text, status, body, persists) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, "abc", true),
            ("HTTP/1.1 200 OK\r\nconnection: Close\r\ncontent-length:3\r\n\r\nabc", 200, "abc", false),
            ("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, "abc", false),
            ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", 200, "", true),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "x", true),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\nA: b\r\n\r\n",
                200,
                "abc",
                true,
            ),
            ("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n3\nabc\n0\n\n", 200, "abc", true),
            ("HTTP/1.1 403 Forbidden\r\n\r\nno", 403, "no", false),
            ("HTTP/1.1 204 No Content\r\n\r\n", 204, "", true),
            ("HTTP/1.1 500\nContent-Length: x\n\nwhy", 500, "why", false),
        ] {
            for piece in [1, 2, 7, 1_000] {
                let reply = read(text, piece, false).unwrap_or_else(|error| panic!("{text:?}: {error}"));
                let got = (reply.status, String::from_utf8(reply.body).unwrap(), reply.persists);
                assert_eq!(got, (status, body.to_owned(), persists), "{text:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn a_success_whose_body_nobody_wants_is_complete_with_its_head() {
        let reply = read("HTTP/1.1 200 OK\r\n\r\n", 1, true).unwrap();
        assert_eq!((reply.status, reply.body.len()), (200, 0));
        let refusal = read("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", 1, true).unwrap();
        assert_eq!(refusal.body, b"no");
    }

    #[test]
    fn what_has_no_end_or_no_sense_is_an_error() {
        let long = "a".repeat(HEAD_BYTES_MAX + 1);
        for (text, error) in [
            ("RTSP/1.0 200 OK\r\n\r\n".to_owned(), ReplyError::NotHttp { line: "RTSP/1.0 200 OK".into() }),
            (long, ReplyError::HeadTooLong),
            ("HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n".to_owned(), ReplyError::BodyTooLong),
            (format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(BODY_BYTES_MAX + 1)), ReplyError::BodyTooLong),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_owned(),
                ReplyError::Chunk { line: "zz".into() },
            ),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab".to_owned(), ReplyError::Truncated),
            (String::new(), ReplyError::Truncated),
        ] {
            assert_eq!(read(&text, 1_000, false).unwrap_err(), error, "{text:.60}");
        }
    }
}
