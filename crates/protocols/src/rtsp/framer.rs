//! Cuts a connection's bytes into requests, responses and interleaved frames, also with what cameras get wrong.
//!
//! Source: RFC 2326 §4, §10.12. Owns the receive buffer. Forgives: bare line feeds, blank lines before a message,
//! folded and colonless lines, a body longer or shorter than `Content-Length`, an SDP without one, and garbage
//! between frames, after which it looks for the next frame or message that makes sense.
use super::message::{Headers, Method, Request, Response, leading_number};
use bytes::{Buf as _, Bytes, BytesMut};
use media::Fault;

/// Longest head: 16 KiB. The largest seen from real peers is below 3 KiB.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Longest body: 256 KiB. An SDP with many tracks and long parameter sets stays below 20 KiB.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
/// Most garbage in one run: 256 KiB, four of the longest frames. After that the peer speaks something else.
pub const GARBAGE_BYTES_MAX: u64 = 256 * 1024;
/// Longest method name: 20 bytes; the longest known one has 13.
const METHOD_BYTES_MAX: usize = 20;
/// Highest channel believed in while searching: 31, sixteen tracks.
const CHANNEL_PLAUSIBLE_MAX: u8 = 31;

/// What came in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Incoming {
    /// The peer asks.
    Request(Request),
    /// The peer answers.
    Response(Response),
    /// Media or RTCP between the messages. The data shares the receive buffer.
    Interleaved {
        /// The channel.
        channel: u8,
        /// One packet.
        data: Bytes,
    },
}

/// Why the bytes make no sense. The position counts from the first byte of the connection.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FrameError {
    /// A head without end.
    #[error("RTSP head at byte {at} is longer than {HEAD_BYTES_MAX} bytes")]
    HeadTooLong {
        /// Where it starts.
        at: u64,
    },
    /// A body that is too long.
    #[error("RTSP body of {length} bytes (CSeq {cseq:?}) at byte {at} is longer than {BODY_BYTES_MAX}")]
    BodyTooLong {
        /// Where the message starts.
        at: u64,
        /// What `Content-Length` says.
        length: u64,
        /// The message's sequence number.
        cseq: Option<u32>,
    },
    /// Neither message nor frame for too long.
    #[error("no RTSP in {bytes} bytes before byte {at}")]
    Garbage {
        /// Where the search ended.
        at: u64,
        /// How much was skipped in a row.
        bytes: u64,
    },
    /// More came than is being taken.
    #[error("{bytes} bytes wait at byte {at} behind an unanswered request")]
    Overflow {
        /// Where the waiting bytes start.
        at: u64,
        /// How many they are.
        bytes: usize,
    },
}

impl FrameError {
    /// The peer's, always.
    pub const fn fault(&self) -> Fault {
        Fault::Peer
    }
}

/// What the buffer starts with.
enum Start {
    Frame,
    Message,
    /// Too few bytes to tell.
    Unknown,
    Garbage,
}

/// A head whose body is still to come.
#[derive(Debug)]
struct Head {
    message: Incoming,
    /// None: an SDP of unknown length, complete when something else follows or nothing does for a while.
    body: Option<usize>,
}

/// Cuts bytes into [`Incoming`]. `Synced` → `Searching` at garbage → `Synced` at the next thing that makes sense.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: BytesMut,
    /// Bytes taken from the buffer so far.
    position: u64,
    /// Bytes of the buffer known to hold no end of a head.
    scanned: usize,
    head: Option<Head>,
    searching: bool,
    skipped_run: u64,
    skipped_total: u64,
}

impl Framer {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// The receive buffer: append what the socket gives.
    pub fn buffer_mut(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Appends bytes.
    pub fn handle_input(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
    }

    /// Bytes received and not yet taken.
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// Bytes taken so far.
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Bytes thrown away because they made no sense.
    pub const fn skipped(&self) -> u64 {
        self.skipped_total
    }

    /// The next thing, if it is complete.
    pub fn poll(&mut self) -> Result<Option<Incoming>, FrameError> {
        loop {
            if self.head.is_some() {
                return Ok(self.take_body(false));
            }
            if self.searching && !self.search()? {
                return Ok(None);
            }
            match self.classify() {
                Start::Unknown => return Ok(None),
                Start::Garbage => {
                    self.searching = true;
                    self.skip(1)?;
                }
                Start::Frame => {
                    let Some(frame) = self.take_frame() else { return Ok(None) };
                    self.skipped_run = 0;
                    return Ok(Some(frame));
                }
                Start::Message => {
                    let Some(end) = self.head_end() else {
                        if self.buffer.len() > HEAD_BYTES_MAX {
                            return Err(FrameError::HeadTooLong { at: self.position });
                        }
                        return Ok(None);
                    };
                    self.take_head(end)?;
                }
            }
        }
    }

    /// Gives up waiting for the rest of a body and takes it as it is. For peers whose `Content-Length` is too
    /// large, when they have been silent for a while.
    pub fn take_incomplete(&mut self) -> Option<Incoming> {
        self.take_body(true)
    }

    /// True while a head waits for its body.
    pub const fn is_mid_message(&self) -> bool {
        self.head.is_some()
    }

    fn take(&mut self, bytes: usize) -> BytesMut {
        self.position += bytes as u64;
        self.scanned = 0;
        self.buffer.split_to(bytes)
    }

    fn skip(&mut self, bytes: usize) -> Result<(), FrameError> {
        self.buffer.advance(bytes);
        self.position += bytes as u64;
        self.scanned = 0;
        self.skipped_run += bytes as u64;
        self.skipped_total += bytes as u64;
        if self.skipped_run > GARBAGE_BYTES_MAX {
            return Err(FrameError::Garbage { at: self.position, bytes: self.skipped_run });
        }
        Ok(())
    }

    fn classify(&mut self) -> Start {
        let blank = self.buffer.iter().take_while(|byte| matches!(byte, b'\r' | b'\n' | 0)).count();
        if blank > 0 {
            self.take(blank);
        }
        classify(&self.buffer)
    }

    fn take_frame(&mut self) -> Option<Incoming> {
        let header = self.buffer.get(..4)?;
        let (channel, length) = (header[1], usize::from(u16::from_be_bytes([header[2], header[3]])));
        if self.buffer.len() < 4 + length {
            return None;
        }
        let mut frame = self.take(4 + length);
        frame.advance(4);
        Some(Incoming::Interleaved { channel, data: frame.freeze() })
    }

    /// The end of the head at the start of the buffer: behind the first empty line.
    fn head_end(&mut self) -> Option<usize> {
        let from = self.scanned.saturating_sub(3);
        let limit = self.buffer.len().min(HEAD_BYTES_MAX);
        for at in from..limit {
            if self.buffer[at] != b'\n' {
                continue;
            }
            match self.buffer.get(at + 1..) {
                Some([b'\n', ..]) => return Some(at + 2),
                Some([b'\r', b'\n', ..]) => return Some(at + 3),
                Some(_) | None => {}
            }
        }
        self.scanned = limit;
        None
    }

    fn take_head(&mut self, end: usize) -> Result<(), FrameError> {
        let at = self.position;
        let text = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        let Some(message) = parse_head(&text) else {
            self.searching = true;
            return self.skip(1);
        };
        let headers = match &message {
            Incoming::Request(request) => &request.headers,
            Incoming::Response(response) => &response.headers,
            Incoming::Interleaved { .. } => return Ok(()),
        };
        let is_sdp = headers.get("Content-Type").is_some_and(|kind| kind.contains("sdp"));
        let body = match headers.all("Content-Length").find_map(leading_number::<u64>) {
            Some(length) if length > BODY_BYTES_MAX as u64 => {
                let cseq = headers.get("CSeq").and_then(leading_number);
                return Err(FrameError::BodyTooLong { at, length, cseq });
            }
            Some(length) => Some(length as usize),
            None if is_sdp && matches!(message, Incoming::Response(_)) => None,
            None => Some(0),
        };
        self.take(end);
        self.searching = false;
        self.skipped_run = 0;
        self.head = Some(Head { message, body });
        Ok(())
    }

    fn take_body(&mut self, force: bool) -> Option<Incoming> {
        let head = self.head.as_ref()?;
        // Only responses are searched: the length of a request's body is taken at its word, so that no client can
        // make a server search the same bytes again and again.
        let is_response = matches!(head.message, Incoming::Response(_));
        let next = || next_message(&self.buffer).filter(|_| is_response);
        let length = match head.body {
            Some(length) if self.buffer.len() >= length => {
                // Too long a length would swallow the next message.
                next_message(&self.buffer[..length]).filter(|_| is_response).unwrap_or(length)
            }
            Some(_) if force => next().unwrap_or(self.buffer.len()),
            Some(_) => next()?,
            None if force => next().unwrap_or(self.buffer.len().min(BODY_BYTES_MAX)),
            None if self.buffer.len() > BODY_BYTES_MAX => BODY_BYTES_MAX,
            None => next()?,
        };
        let body = self.take(length).freeze();
        let mut message = self.head.take()?.message;
        match &mut message {
            Incoming::Request(request) => request.body = body,
            Incoming::Response(response) => response.body = body,
            Incoming::Interleaved { .. } => {}
        }
        Some(message)
    }

    /// Throws bytes away up to the next thing that makes sense. False: nothing does yet.
    fn search(&mut self) -> Result<bool, FrameError> {
        let mut at = 0;
        while at < self.buffer.len() {
            match plausible(&self.buffer[at..]) {
                Some(true) => {
                    self.skip(at)?;
                    self.searching = false;
                    return Ok(true);
                }
                Some(false) => at += 1,
                // It may be one, when more comes.
                None => break,
            }
        }
        self.skip(at)?;
        Ok(false)
    }
}

fn classify(buffer: &[u8]) -> Start {
    match buffer.first() {
        None => return Start::Unknown,
        Some(b'$') => return Start::Frame,
        Some(_) => {}
    }
    let word = buffer
        .iter()
        .take_while(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'/' | b'.' | b'0'..=b'9'));
    let word = word.count();
    match buffer.get(word) {
        Some(b' ' | b'\t') if word > 0 && word <= METHOD_BYTES_MAX => {}
        None if word <= METHOD_BYTES_MAX => return Start::Unknown,
        Some(_) | None => return Start::Garbage,
    }
    if !buffer[0].is_ascii_alphabetic() {
        return Start::Garbage;
    }
    let line = buffer.iter().position(|byte| *byte == b'\n');
    let text = &buffer[..line.unwrap_or(buffer.len()).min(HEAD_BYTES_MAX)];
    if text.iter().any(|byte| *byte < b' ' && !matches!(byte, b'\r' | b'\t')) {
        return Start::Garbage;
    }
    let spoken =
        buffer.starts_with(b"RTSP/") || line.is_none() || text.windows(5).any(|part| part == b"RTSP/");
    if spoken { Start::Message } else { Start::Garbage }
}

/// Whether a search may end here: `None` when more bytes must come to tell.
fn plausible(buffer: &[u8]) -> Option<bool> {
    match buffer {
        [b'$', rest @ ..] => {
            let [channel, high, low, first, ..] = rest else { return None };
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            // RTP and RTCP are version 2, and no packet is shorter than an empty receiver report.
            if *channel > CHANNEL_PLAUSIBLE_MAX || length < 8 || first >> 6 != 2 {
                return Some(false);
            }
            // What follows must make sense too, so its first bytes are waited for.
            match buffer.get(4 + length)? {
                b'$' | b'\r' | b'\n' => Some(true),
                _ => plausible(&buffer[4 + length..]),
            }
        }
        [b'R', ..] => starts(buffer, b"RTSP/1.0 "),
        [b'A'..=b'Z', ..] => known_method(buffer),
        [..] => Some(false),
    }
}

fn starts(buffer: &[u8], with: &[u8]) -> Option<bool> {
    let shared = buffer.len().min(with.len());
    match buffer[..shared] == with[..shared] {
        true if shared < with.len() => None,
        same => Some(same),
    }
}

fn known_method(buffer: &[u8]) -> Option<bool> {
    let word =
        buffer.iter().take(METHOD_BYTES_MAX).take_while(|b| b.is_ascii_uppercase() || **b == b'_').count();
    let name = std::str::from_utf8(&buffer[..word]).unwrap_or_default();
    match buffer.get(word) {
        None if word < METHOD_BYTES_MAX => None,
        Some(b' ') => Some(!matches!(Method::parse(name), Method::Other(_))),
        Some(_) | None => Some(false),
    }
}

/// Where within a body a response starts at the beginning of a line. No SDP has such a line.
fn next_message(buffer: &[u8]) -> Option<usize> {
    const START: &[u8] = b"RTSP/1.0 ";
    let at = buffer.windows(START.len()).position(|part| part == START)?;
    (at == 0 || buffer[at - 1] == b'\n').then_some(at)
}

fn parse_head(text: &str) -> Option<Incoming> {
    let mut lines = text.split('\n').map(|line| line.trim_end_matches('\r'));
    let start = lines.next()?.trim();
    let mut headers = Headers::new();
    for line in lines {
        if line.starts_with([' ', '\t']) {
            if let Some(value) = headers.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            headers.push(name.trim(), value.trim());
        }
    }
    let (first, rest) = start.split_once([' ', '\t'])?;
    let rest = rest.trim();
    if first.len() >= 5 && first[..5].eq_ignore_ascii_case("RTSP/") {
        let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let status = code.parse().ok().filter(|status| (100..1000).contains(status))?;
        return Some(Incoming::Response(Response {
            status,
            reason: reason.trim().to_owned(),
            headers,
            body: Bytes::new(),
        }));
    }
    // A URL may hold raw blanks: the version is the last word.
    let (uri, version) = rest.rsplit_once([' ', '\t'])?;
    if !version.starts_with("RTSP/") {
        return None;
    }
    let (method, uri) = (Method::parse(first), uri.trim().to_owned());
    Some(Incoming::Request(Request { method, uri, headers, body: Bytes::new() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(input: &[u8], step: usize) -> (Vec<Incoming>, Framer) {
        let mut framer = Framer::new();
        let mut all = Vec::new();
        for part in input.chunks(step) {
            framer.handle_input(part);
            while let Some(one) = framer.poll().unwrap() {
                all.push(one);
            }
        }
        (all, framer)
    }

    fn frame(channel: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![b'$', channel];
        bytes.extend_from_slice(&(payload.len() as u16).to_be_bytes());
        bytes.extend_from_slice(payload);
        bytes
    }

    fn response(reply: &Incoming) -> &Response {
        match reply {
            Incoming::Response(response) => response,
            Incoming::Request(_) | Incoming::Interleaved { .. } => panic!("{reply:?}"),
        }
    }

    const RTP: [u8; 14] = [0x80, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xaa, 0xbb];

    #[test]
    fn messages_and_frames_come_apart_in_every_split() {
        let mut input = b"RTSP/1.0 200 OK\r\nCSeq: 3\r\nContent-Length: 5\r\n\r\nv=0\r\n".to_vec();
        input.extend(frame(0, &RTP));
        input.extend(b"OPTIONS rtsp://h/a RTSP/1.0\r\nCSeq: 9\r\n\r\n");
        input.extend(frame(1, b""));
        for step in 1..input.len() {
            let (all, framer) = feed(&input, step);
            assert_eq!(all.len(), 4, "step {step}: {all:?}");
            assert_eq!((response(&all[0]).cseq(), &response(&all[0]).body[..]), (Some(3), &b"v=0\r\n"[..]));
            assert_eq!(all[1], Incoming::Interleaved { channel: 0, data: Bytes::from_static(&RTP) });
            let Incoming::Request(request) = &all[2] else { panic!("{:?}", all[2]) };
            assert_eq!(
                (&request.method, request.uri.as_str(), request.cseq()),
                (&Method::Options, "rtsp://h/a", Some(9))
            );
            assert_eq!((framer.buffered(), framer.skipped()), (0, 0));
            assert_eq!(framer.position(), input.len() as u64);
        }
    }

    #[test]
    fn frames_share_the_receive_buffer() {
        let mut framer = Framer::new();
        framer.buffer_mut().extend_from_slice(&frame(2, &RTP));
        let at = framer.buffer_mut().as_ptr() as usize;
        let Some(Incoming::Interleaved { data, .. }) = framer.poll().unwrap() else { panic!() };
        assert_eq!(data.as_ptr() as usize, at + 4);
    }

    #[test]
    fn bare_line_feeds_blank_lines_and_odd_fields_are_understood() {
        let input = b"\r\n\n\0RTSP/1.0 200\nCSEQ :  4 \nno colon\nX-Long: a\n  b\nSession:1\n\n";
        for step in [1, 7, input.len()] {
            let (all, framer) = feed(input, step);
            let reply = response(&all[0]);
            assert_eq!((reply.status, reply.cseq(), reply.reason.as_str()), (200, Some(4), ""));
            assert_eq!((reply.headers.get("x-long"), reply.headers.get("SESSION")), (Some("a b"), Some("1")));
            assert_eq!(framer.skipped(), 0);
        }
    }

    #[test]
    fn garbage_between_frames_costs_only_itself() {
        for garbage in
            [&b"\xff\x00\x11"[..], b"$$\x63\x00", b"some text $ without sense", &[0x24, 0, 0, 40, 0x80, 1]]
        {
            let mut input = frame(0, &RTP);
            // Not in step with the frames: the first byte tells.
            input.push(0xee);
            input.extend(garbage);
            input.extend(frame(1, &RTP));
            input.extend(frame(0, &RTP));
            input.extend(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n");
            for step in [1, 5, input.len()] {
                let (all, _) = feed(&input, step);
                assert_eq!(response(all.last().unwrap()).cseq(), Some(1), "{garbage:?}");
                assert!(all.len() >= 3, "{garbage:?} step {step}: {all:?}");
            }
        }
    }

    #[test]
    fn a_body_shorter_than_its_length_ends_at_the_next_response() {
        let input = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 30\r\n\r\nv=0\r\nRTSP/1.0 200 OK\r\nCSeq: 2\r\n\r\n";
        for step in [1, 11, input.len()] {
            let (all, _) = feed(input, step);
            assert_eq!(&response(&all[0]).body[..], b"v=0\r\n", "step {step}");
            assert_eq!(response(&all[1]).cseq(), Some(2));
        }
    }

    #[test]
    fn a_requests_body_is_taken_at_its_word() {
        let input = b"ANNOUNCE a RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 15\r\n\r\nv=0\r\nRTSP/1.0 x";
        for step in [1, input.len()] {
            let (all, _) = feed(input, step);
            let [Incoming::Request(request)] = &all[..] else { panic!("{all:?}") };
            assert_eq!(&request.body[..], b"v=0\r\nRTSP/1.0 x");
        }
    }

    #[test]
    fn a_body_longer_than_its_length_costs_only_its_rest() {
        let input = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 3\r\n\r\nv=0\r\no=x\r\n\r\nRTSP/1.0 200 OK\r\nCSeq: 2\r\n\r\n";
        let (all, framer) = feed(input, 4);
        assert_eq!((&response(&all[0]).body[..], response(&all[1]).cseq()), (&b"v=0"[..], Some(2)));
        assert_eq!(framer.skipped(), 7);
    }

    #[test]
    fn a_silent_peers_unfinished_body_can_be_taken() {
        for length in ["", "Content-Length: 99\r\n"] {
            let input =
                format!("RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Type: application/sdp\r\n{length}\r\nv=0\r\n");
            let (all, mut framer) = feed(input.as_bytes(), 3);
            assert_eq!((all.len(), framer.is_mid_message()), (0, true));
            let taken = framer.take_incomplete().unwrap();
            assert_eq!(&response(&taken).body[..], b"v=0\r\n");
            assert_eq!(framer.take_incomplete(), None);
        }
    }

    #[test]
    fn limits_hold_and_name_the_place() {
        let mut framer = Framer::new();
        framer.handle_input(&frame(0, &RTP));
        framer.handle_input(b"OPTIONS * RTSP/1.0\r\nX: ");
        framer.handle_input(&vec![b'x'; HEAD_BYTES_MAX]);
        assert!(framer.poll().unwrap().is_some());
        assert_eq!(framer.poll(), Err(FrameError::HeadTooLong { at: 18 }));

        let mut framer = Framer::new();
        framer.handle_input(b"ANNOUNCE a RTSP/1.0\r\nCSeq: 7\r\nContent-Length: 999999\r\n\r\n");
        assert_eq!(framer.poll(), Err(FrameError::BodyTooLong { at: 0, length: 999_999, cseq: Some(7) }));

        let mut framer = Framer::new();
        framer.handle_input(&vec![0xff; GARBAGE_BYTES_MAX as usize + 1]);
        assert!(matches!(framer.poll(), Err(FrameError::Garbage { .. })));
    }
}
