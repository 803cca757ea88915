//! RTMP chunks as they come: messages put together without keeping media.
//!
//! Source: Adobe RTMP 1.0 §5.3.
use super::tag::{AUDIO, Body, VIDEO};
use super::watch::Watch;

/// Size of a chunk until the peer says otherwise. Source: §5.4.1.
const CHUNK_BYTES_DEFAULT: usize = 128;
/// Longest message that is no media: 1 MiB.
const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// Longest header of a chunk: 3 bytes of number, 11 of message, 4 of time.
const HEADER_MAX: usize = 18;
/// A time that stands after the header instead of in it.
const EXTENDED: u32 = 0x00ff_ffff;

/// A message that is no media.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Message {
    pub(super) kind: u8,
    pub(super) body: Vec<u8>,
}

#[derive(Default)]
struct Stream {
    number: u32,
    time: u32,
    step: u32,
    extended: bool,
    length: usize,
    kind: u8,
    /// Bytes of the message under way that have not come.
    left: usize,
    media: Body,
    other: Vec<u8>,
}

/// Reads chunks.
pub(super) struct Chunks {
    /// Longest chunk the peer sends; set by its message 1.
    pub(super) size: usize,
    streams: Vec<Stream>,
    head: Vec<u8>,
    /// The stream whose chunk is under way, and how much of it is missing.
    current: Option<(usize, usize)>,
    pub(super) messages: Vec<Message>,
}

/// A header, read.
struct Header {
    format: u8,
    number: u32,
    fields: [u8; 11],
    extended: Option<u32>,
}

impl Chunks {
    pub(super) fn new() -> Self {
        let size = CHUNK_BYTES_DEFAULT;
        Self {
            size,
            streams: Vec::new(),
            head: Vec::with_capacity(HEADER_MAX),
            current: None,
            messages: Vec::new(),
        }
    }

    fn index(&mut self, number: u32) -> usize {
        match self.streams.iter().position(|stream| stream.number == number) {
            Some(index) => index,
            None => {
                self.streams.push(Stream { number, ..Stream::default() });
                self.streams.len() - 1
            }
        }
    }

    /// The header in `head`, once it is whole.
    fn header(&self) -> Option<Header> {
        let (first, rest) = self.head.split_first()?;
        let format = first >> 6;
        let (number, rest) = match first & 0x3f {
            0 => (64 + u32::from(*rest.first()?), &rest[1..]),
            1 => (64 + u32::from(*rest.first()?) + 256 * u32::from(*rest.get(1)?), &rest[2..]),
            number => (number.into(), rest),
        };
        let length = [11, 7, 3, 0][usize::from(format)];
        let mut fields = [0; 11];
        fields[..length].copy_from_slice(rest.get(..length)?);
        let is_extended = match format {
            3 => self.streams.iter().any(|stream| stream.number == number && stream.extended),
            _ => u32::from_be_bytes([0, fields[0], fields[1], fields[2]]) == EXTENDED,
        };
        let extended =
            if is_extended { Some(u32::from_be_bytes(*rest[length..].first_chunk()?)) } else { None };
        Some(Header { format, number, fields, extended })
    }

    fn begin(&mut self, header: &Header) -> Result<(), String> {
        let index = self.index(header.number);
        let size = self.size;
        let stream = &mut self.streams[index];
        let goes_on = stream.left > 0;
        if goes_on && header.format != 3 {
            return Err("a message begins before the one before it has ended".to_owned());
        }
        if !goes_on {
            let [t2, t1, t0, l2, l1, l0, kind, ..] = header.fields;
            let time = header.extended.unwrap_or(u32::from_be_bytes([0, t2, t1, t0]));
            if header.format < 3 {
                stream.extended = header.extended.is_some();
                stream.step = time;
            }
            if header.format < 2 {
                stream.length = u32::from_be_bytes([0, l2, l1, l0]) as usize;
                stream.kind = kind;
            }
            stream.time = if header.format == 0 { time } else { stream.time.wrapping_add(stream.step) };
            stream.left = stream.length;
            match stream.kind {
                AUDIO | VIDEO => stream.media = Body::new(stream.kind, stream.time),
                kind if stream.length > MESSAGE_BYTES_MAX => {
                    return Err(format!("a message of type {kind} and {} bytes", stream.length));
                }
                _ => stream.other.clear(),
            }
        }
        self.current = Some((index, stream.left.min(size)));
        Ok(())
    }

    /// Takes bytes up to the end of a message that is no media: it may change how the rest is to be read. Returns
    /// what is left.
    pub(super) fn push<'a>(&mut self, mut bytes: &'a [u8], watch: &mut Watch) -> Result<&'a [u8], String> {
        while !bytes.is_empty() {
            let Some((index, left)) = self.current else {
                self.head.push(bytes[0]);
                bytes = &bytes[1..];
                if let Some(header) = self.header() {
                    self.head.clear();
                    self.begin(&header)?;
                    if self.end_of_chunk(watch) {
                        return Ok(bytes);
                    }
                }
                continue;
            };
            let (now, rest) = bytes.split_at(left.min(bytes.len()));
            bytes = rest;
            let stream = &mut self.streams[index];
            stream.left -= now.len();
            match stream.kind {
                AUDIO | VIDEO => stream.media.push(now, watch),
                _ => stream.other.extend_from_slice(now),
            }
            self.current = Some((index, left - now.len()));
            if self.end_of_chunk(watch) {
                return Ok(bytes);
            }
        }
        Ok(bytes)
    }

    /// Closes what is complete; true if that is a message that is no media.
    fn end_of_chunk(&mut self, watch: &mut Watch) -> bool {
        let Some((index, 0)) = self.current else { return false };
        self.current = None;
        let stream = &mut self.streams[index];
        if stream.left > 0 {
            return false;
        }
        match stream.kind {
            AUDIO | VIDEO => {
                stream.media.end(watch);
                false
            }
            kind => {
                self.messages.push(Message { kind, body: std::mem::take(&mut stream.other) });
                true
            }
        }
    }
}

/// Appends a message, cut into chunks of `size`.
pub(super) fn write(
    out: &mut Vec<u8>,
    chunk_stream: u8,
    kind: u8,
    stream: u32,
    time: u32,
    body: &[u8],
    size: usize,
) {
    out.push(chunk_stream);
    let shown = time.min(EXTENDED).to_be_bytes();
    out.extend_from_slice(&shown[1..]);
    out.extend_from_slice(&(body.len() as u32).to_be_bytes()[1..]);
    out.push(kind);
    out.extend_from_slice(&stream.to_le_bytes());
    for (index, chunk) in body.chunks(size).enumerate() {
        if index > 0 {
            out.push(0xc0 | chunk_stream);
        }
        if time >= EXTENDED {
            out.extend_from_slice(&time.to_be_bytes());
        }
        out.extend_from_slice(chunk);
    }
}
