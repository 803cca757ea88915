//! An RTSP player that says what it is told to, over TCP, and counts what comes.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// What came in a while.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Frames of the picture, by their last packets.
    pub(super) pictures: usize,
    /// Packets of sound.
    pub(super) sounds: usize,
    /// What the first sender report says, in ms since 1970.
    pub(super) wall: Option<i64>,
}

pub(super) struct Reply {
    status: u16,
    head: String,
}

impl Reply {
    #[track_caller]
    pub(super) fn is(&self, status: u16) {
        assert_eq!(self.status, status, "{}", self.head);
    }

    /// A field's value; empty without it.
    pub(super) fn field(&self, name: &str) -> &str {
        let start = format!("{}:", name.to_ascii_lowercase());
        let line = self.head.lines().find(|line| line.to_ascii_lowercase().starts_with(&start));
        line.map_or("", |line| line[start.len()..].trim())
    }

    /// Where the range begins, in ms since 1970.
    #[track_caller]
    pub(super) fn clock(&self) -> i64 {
        let range = self.field("Range").strip_prefix("clock=").unwrap_or_else(|| panic!("{}", self.head));
        let start = media::WallTime::parse_clock(range.split('-').next().unwrap()).unwrap();
        start.as_micros() / 1000
    }
}

pub(super) struct Player {
    connection: TcpStream,
    url: String,
    buffer: Vec<u8>,
    cseq: u32,
    session: String,
    heard: Heard,
}

impl Player {
    /// DESCRIBE and SETUP of both tracks.
    pub(super) fn set_up(address: &str, url: &str) -> Self {
        let connection = TcpStream::connect(address).unwrap();
        connection.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let (buffer, session) = (Vec::new(), String::new());
        let mut player =
            Self { connection, url: url.to_owned(), buffer, cseq: 0, session, heard: Heard::default() };
        player.ask("DESCRIBE", &[]).is(200);
        for (track, channels) in [(0, "0-1"), (1, "2-3")] {
            player.url = format!("{url}/trackID={track}");
            let transport = format!("RTP/AVP/TCP;unicast;interleaved={channels}");
            let reply = player.ask("SETUP", &[("Transport", &transport)]);
            reply.is(200);
            player.session = reply.field("Session").split(';').next().unwrap().to_owned();
        }
        player.url = url.to_owned();
        player
    }

    /// Asks, and waits for the reply; media that comes before it is not counted.
    pub(super) fn ask(&mut self, method: &str, fields: &[(&str, &str)]) -> Reply {
        self.cseq += 1;
        let mut text = format!("{method} {} RTSP/1.0\r\nCSeq: {}\r\n", self.url, self.cseq);
        if !self.session.is_empty() {
            text.push_str(&format!("Session: {}\r\n", self.session));
        }
        for (name, value) in fields {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        self.connection.write_all(format!("{text}\r\n").as_bytes()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(reply) = self.take() {
                self.heard = Heard::default();
                return reply;
            }
            assert!(Instant::now() < deadline, "no reply to {method}");
            self.read();
        }
    }

    /// What comes in a while.
    pub(super) fn listen(&mut self, how_long: Duration) -> Heard {
        let until = Instant::now() + how_long;
        while Instant::now() < until {
            self.read();
            if let Some(reply) = self.take() {
                panic!("nobody asked: {}", reply.head);
            }
        }
        std::mem::take(&mut self.heard)
    }

    fn read(&mut self) {
        let mut bytes = [0; 16 << 10];
        match self.connection.read(&mut bytes) {
            Ok(0) => panic!("the server closed the connection"),
            Ok(count) => self.buffer.extend_from_slice(&bytes[..count]),
            Err(error) => assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)),
        }
    }

    /// Takes frames out of the buffer, up to the next reply.
    fn take(&mut self) -> Option<Reply> {
        loop {
            if self.buffer.first() == Some(&b'$') {
                let length =
                    4 + usize::from(u16::from_be_bytes([*self.buffer.get(2)?, *self.buffer.get(3)?]));
                if self.buffer.len() < length {
                    return None;
                }
                let frame: Vec<u8> = self.buffer.drain(..length).collect();
                self.hear(frame[1], &frame[4..]);
                continue;
            }
            let end = self.buffer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
            let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
            let status = head.split(' ').nth(1)?.parse().ok()?;
            let reply = Reply { status, head };
            let body: usize = reply.field("Content-Length").parse().unwrap_or(0);
            if self.buffer.len() < end + body {
                return None;
            }
            self.buffer.drain(..end + body);
            return Some(reply);
        }
    }

    fn hear(&mut self, channel: u8, packet: &[u8]) {
        match channel {
            // The marker ends a frame. Source: RFC 6184 §5.1.
            0 => self.heard.pictures += usize::from(packet[1] & 0x80 != 0),
            1 if packet[1] == 200 => {
                let ntp = u64::from_be_bytes(packet[8..16].try_into().unwrap());
                self.heard.wall.get_or_insert(media::WallTime::from_ntp(ntp).as_micros() / 1000);
            }
            2 => self.heard.sounds += 1,
            _ => {}
        }
    }
}
