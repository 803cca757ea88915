//! Recorded dialogues, for tests.
use super::fuzz;
use super::message::Method;
use std::path::Path;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    Client,
    Server,
}

/// One message or frame of a dialogue.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) side: Side,
    pub(super) bytes: Vec<u8>,
}

impl Step {
    /// The method of a request.
    pub(super) fn method(&self) -> Option<Method> {
        let text = std::str::from_utf8(&self.bytes).ok().filter(|_| self.side == Side::Client)?;
        text.contains("RTSP/1.0\r\n").then(|| Method::parse(text.split(' ').next().unwrap()))
    }
}

/// Reads a dialogue; see `fixtures/rtsp/README.md` for its form.
pub(super) fn load(name: &str) -> Vec<Step> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/rtsp").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut steps: Vec<Step> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        let side = match line.as_bytes()[0] {
            b'C' => Side::Client,
            b'S' => Side::Server,
            _ => continue,
        };
        let rest = &line[3..];
        if line.as_bytes()[1] == b'$' {
            let byte = |at: usize| u8::from_str_radix(&rest[at..at + 2], 16).unwrap();
            steps.push(Step { side, bytes: (0..rest.len()).step_by(2).map(byte).collect() });
            open = false;
            continue;
        }
        let bytes = rest.replace("\\r", "\r").replace("\\n", "\n").into_bytes();
        let starts = rest.contains("RTSP/1.0");
        match steps.last_mut().filter(|last| open && !starts && last.side == side) {
            Some(last) => last.bytes.extend(bytes),
            None => steps.push(Step { side, bytes }),
        }
        open = true;
    }
    steps
}

pub(super) const PLAYS: [&str; 4] = [
    "ffprobe-5.1-plays-gstreamer-1.22.txt",
    "ffmpeg-5.1-plays-gstreamer-1.22-digest.txt",
    "ffmpeg-5.1-plays-gstreamer-1.22-basic.txt",
    "gstreamer-1.22-plays-gstreamer-1.22-digest.txt",
];
pub(super) const PLAYS_UDP: &str = "ffmpeg-5.1-plays-gstreamer-1.22-udp.txt";
pub(super) const PUBLISHES: &str = "ffmpeg-5.1-publishes-to-gstreamer-1.22-digest.txt";

/// A sequence that is the same in every run.
pub(super) struct XorShift(pub(super) u64);

impl XorShift {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

/// Bytes with some flipped, cut out, doubled or replaced by what a parser may stumble over.
fn mutate(bytes: &mut Vec<u8>, random: &mut XorShift) {
    const PIECES: [&[u8]; 12] = [
        b"$",
        b"$\x00\xff\xff",
        b"\r\n\r\n",
        b"\n",
        b"RTSP/1.0 200 OK\r\n",
        b"Content-Length: 9999999999999999999\r\n",
        b"Content-Length: 70000\r\n",
        b"Transport: RTP/AVP/TCP;interleaved=255-255\r\n",
        b"CSeq: \r\n",
        b"=\"\\",
        b"\xc3",
        b"SETUP * RTSP/1.0\r\n\r\n",
    ];
    for _ in 0..=random.below(6) {
        let at = random.below(bytes.len() + 1);
        match random.below(5) {
            0 if at < bytes.len() => bytes[at] = random.below(256) as u8,
            1 => {
                let end = (at + random.below(40)).min(bytes.len());
                bytes.drain(at..end);
            }
            2 => {
                let end = (at + random.below(200)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            3 => bytes.truncate(bytes.len() - random.below(bytes.len() / 2 + 1)),
            _ => {
                let piece = PIECES[random.below(PIECES.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
        }
    }
}

#[test]
fn mutated_dialogues_make_nobody_panic() {
    let mut random = XorShift(0x2545_f491_4f6c_dd1d);
    for name in PLAYS.into_iter().chain([PLAYS_UDP, PUBLISHES]) {
        let steps = load(name);
        for side in [Side::Client, Side::Server] {
            // Without the recorded session's id, which would be refused with 454 from the second SETUP on.
            let own = |step: &Step| match step.method() {
                Some(_) => {
                    let text = String::from_utf8_lossy(&step.bytes).into_owned();
                    let lines = text.split_inclusive('\n').filter(|line| !line.starts_with("Session:"));
                    lines.collect::<String>().into_bytes()
                }
                None => step.bytes.clone(),
            };
            let whole: Vec<u8> = steps.iter().filter(|step| step.side == side).flat_map(own).collect();
            for _ in 0..150 {
                let mut bytes = whole.clone();
                mutate(&mut bytes, &mut random);
                let mut input = vec![random.below(256) as u8, random.below(256) as u8];
                input.extend(bytes);
                fuzz::framer(&input);
                fuzz::client(&input);
                fuzz::server(&input);
            }
        }
    }
}
