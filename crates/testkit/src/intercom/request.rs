//! Reads the requests of a connection.
use protocols::isapi::client::Ask;
use std::io;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

/// Longest head: 16 KiB.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// A request without its body.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) uri: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body_bytes: u64,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Method and path with query.
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.method, self.uri)
    }

    /// What it is about, and for which channel.
    pub(super) fn ask(&self) -> Option<(Ask, usize)> {
        let path = self.uri.split('?').next().unwrap_or_default();
        let rest = path.strip_prefix("/ISAPI/System/TwoWayAudio/channels")?;
        if rest.is_empty() {
            return (self.method == "GET").then_some((Ask::List, 0));
        }
        let (channel, what) = rest.strip_prefix('/')?.split_once('/')?;
        let ask = match (self.method.as_str(), what) {
            ("PUT", "open") => Ask::Open,
            ("PUT", "audioData") => Ask::Audio,
            ("PUT", "close") => Ask::Close,
            _ => return None,
        };
        Some((ask, channel.parse().ok()?))
    }
}

/// Bytes of a connection that were read and not yet used.
#[derive(Debug, Default)]
pub(super) struct Input {
    pub(super) waiting: Vec<u8>,
}

impl Input {
    /// Reads more; false at the end.
    pub(super) async fn read(&mut self, stream: &mut TcpStream) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        let length = stream.read(&mut buffer).await?;
        self.waiting.extend_from_slice(&buffer[..length]);
        Ok(length > 0)
    }

    /// The next request; `None` at the end.
    pub(super) async fn request(&mut self, stream: &mut TcpStream) -> io::Result<Option<Request>> {
        let end = loop {
            if let Some(at) = self.waiting.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if self.waiting.len() > HEAD_BYTES_MAX || !self.read(stream).await? {
                return Ok(None);
            }
        };
        let head: Vec<u8> = self.waiting.drain(..end).collect();
        Ok(parse(&String::from_utf8_lossy(&head)))
    }

    /// Passes over the body of a request.
    pub(super) async fn skip(&mut self, stream: &mut TcpStream, bytes: u64) -> io::Result<()> {
        let mut left = bytes;
        loop {
            let have = left.min(self.waiting.len() as u64);
            self.waiting.drain(..have as usize);
            left -= have;
            if left == 0 || !self.read(stream).await? {
                return Ok(());
            }
        }
    }
}

fn parse(head: &str) -> Option<Request> {
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, uri) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("Content-Length"));
    let body_bytes = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    Some(Request { method, uri, headers, body_bytes })
}
