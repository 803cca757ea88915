//! A reader over RTSP with interleaved RTP: order, gaps, content.
//!
//! Source: RFC 2326 §10; RFC 3550 §5.1. Asks for every media section of the description; no authentication.
use super::content::Checksum;
use super::http::{field, status};
use super::watch::{Client, Order, Watch};

/// Longest answer: 64 KiB.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Bytes of a `$` frame's header and of the RTP header in it.
const HEADERS: usize = 4 + 12;

/// `Describing` → `SettingUp` once for each section → `Starting` → `Playing`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Describing,
    SettingUp(usize),
    Starting,
    Playing,
}

#[derive(Clone, Copy)]
enum Stage {
    /// The start of a `$` frame or of an answer.
    Start,
    Answer,
    AnswerBody {
        left: usize,
    },
    Media {
        track: usize,
        left: usize,
    },
    Skip {
        left: usize,
    },
}

/// One track's packets.
#[derive(Default)]
struct Track {
    next: Option<u16>,
    timestamp: Option<u32>,
    sum: Option<Checksum>,
    /// A packet of this frame is missing: there is nothing to compare.
    torn: bool,
}

/// A client that plays.
pub(super) struct Rtsp {
    url: String,
    state: State,
    stage: Stage,
    cseq: u32,
    session: String,
    controls: Vec<String>,
    head: Vec<u8>,
    tracks: Vec<Track>,
}

impl Rtsp {
    pub(super) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            state: State::Describing,
            stage: Stage::Start,
            cseq: 0,
            session: String::new(),
            controls: Vec::new(),
            head: Vec::with_capacity(HEADERS),
            tracks: Vec::new(),
        }
    }

    fn request(&mut self, method: &str, url: &str, fields: &str, out: &mut Vec<u8>) {
        self.cseq += 1;
        let session =
            if self.session.is_empty() { String::new() } else { format!("Session: {}\r\n", self.session) };
        let cseq = self.cseq;
        let text = format!(
            "{method} {url} RTSP/1.0\r\nCSeq: {cseq}\r\nUser-Agent: aqueduct-load\r\n{session}{fields}\r\n"
        );
        out.extend_from_slice(text.as_bytes());
    }

    fn set_up(&mut self, index: usize, out: &mut Vec<u8>) {
        let url = self.controls[index].clone();
        let channel = 2 * index;
        let transport = format!("Transport: RTP/AVP/TCP;unicast;interleaved={channel}-{}\r\n", channel + 1);
        self.state = State::SettingUp(index);
        self.request("SETUP", &url, &transport, out);
    }

    /// The answer in `head` is whole; its body begins at `body`.
    fn answered(&mut self, body: usize, out: &mut Vec<u8>) -> Result<(), String> {
        let text = String::from_utf8_lossy(&self.head[..body]).into_owned();
        if status(&text) != Some(200) {
            return Err(format!("the answer is {}", text.lines().next().unwrap_or_default()));
        }
        match self.state {
            State::Describing => {
                let base = field(&text, "Content-Base").unwrap_or(&self.url).to_owned();
                self.controls = controls(&base, &String::from_utf8_lossy(&self.head[body..]));
                if self.controls.is_empty() || self.controls.len() > 8 {
                    return Err(format!("the description has {} tracks", self.controls.len()));
                }
                self.tracks = self.controls.iter().map(|_| Track::default()).collect();
                self.set_up(0, out);
            }
            State::SettingUp(index) => {
                if let Some(session) = field(&text, "Session") {
                    self.session = session.split(';').next().unwrap_or_default().trim().to_owned();
                }
                if index + 1 < self.controls.len() {
                    self.set_up(index + 1, out);
                } else {
                    self.state = State::Starting;
                    let url = self.url.clone();
                    self.request("PLAY", &url, "Range: npt=0.000-\r\n", out);
                }
            }
            State::Starting => self.state = State::Playing,
            State::Playing => {}
        }
        Ok(())
    }

    /// The headers in `head` are whole: a packet of `length` bytes begins.
    fn packet(&mut self, length: usize, watch: &mut Watch) -> Stage {
        let left = length - 12;
        let index = usize::from(self.head[1] / 2);
        let Some(track) = self.tracks.get_mut(index) else { return Stage::Skip { left } };
        let sequence = u16::from_be_bytes([self.head[6], self.head[7]]);
        let timestamp = u32::from_be_bytes([self.head[8], self.head[9], self.head[10], self.head[11]]);
        watch.packet();
        let step = sequence.wrapping_sub(track.next.unwrap_or(sequence)) as i16;
        if step < 0 {
            watch.disorder();
            return Stage::Skip { left };
        }
        track.next = Some(sequence.wrapping_add(1));
        track.torn |= step > 0;
        watch.gap(step.unsigned_abs().into());
        if track.timestamp != Some(timestamp) {
            let before = track.timestamp.replace(timestamp);
            if let (Some(before), Some(sum), false) = (before, track.sum.take(), track.torn) {
                watch.frame_ended(index as u8, before.into(), sum);
            }
            track.torn = step > 0;
            track.sum = watch.frame(index as u8, timestamp.into(), Order::Any);
        }
        Stage::Media { track: index, left }
    }

    fn start_of_frame(&mut self, watch: &mut Watch) -> Option<Stage> {
        if self.head.first() != Some(&b'$') {
            return Some(Stage::Answer);
        }
        let [_, channel, high, low, ..] = self.head[..] else { return None };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if channel % 2 == 1 || length < 12 {
            return Some(Stage::Skip { left: length });
        }
        (self.head.len() == HEADERS).then(|| self.packet(length, watch))
    }
}

/// The URL of each media section's `a=control`. Source: RFC 2326 §C.1.1.
fn controls(base: &str, sdp: &str) -> Vec<String> {
    let sections = sdp.split("\nm=").skip(1);
    sections
        .map(|section| {
            let control =
                section.lines().find_map(|line| line.trim().strip_prefix("a=control:")).unwrap_or("*");
            match control {
                "*" => base.to_owned(),
                absolute if absolute.contains("://") => absolute.to_owned(),
                relative => format!("{}/{relative}", base.trim_end_matches('/')),
            }
        })
        .collect()
}

impl Client for Rtsp {
    fn start(&mut self, out: &mut Vec<u8>) {
        let url = self.url.clone();
        self.request("DESCRIBE", &url, "Accept: application/sdp\r\n", out);
    }

    fn push(&mut self, mut bytes: &[u8], watch: &mut Watch, out: &mut Vec<u8>) -> Result<(), String> {
        while !bytes.is_empty() {
            match self.stage {
                Stage::Start => {
                    self.head.push(bytes[0]);
                    bytes = &bytes[1..];
                    if let Some(stage) = self.start_of_frame(watch) {
                        if !matches!(stage, Stage::Answer) {
                            self.head.clear();
                        } else if self.head[0] != b'R' {
                            return Err(format!(
                                "byte {:#04x} begins neither an RTP packet nor an answer",
                                self.head[0]
                            ));
                        }
                        self.stage = if let Stage::Skip { left: 0 } = stage { Stage::Start } else { stage };
                    }
                }
                Stage::Answer => {
                    self.head.push(bytes[0]);
                    bytes = &bytes[1..];
                    if self.head.ends_with(b"\r\n\r\n") {
                        let head = String::from_utf8_lossy(&self.head);
                        let left =
                            field(&head, "content-length").map_or(Ok(0), str::parse).unwrap_or(usize::MAX);
                        if left > ANSWER_BYTES_MAX {
                            return Err(format!("an answer of {left} bytes"));
                        }
                        self.stage = Stage::AnswerBody { left };
                    } else if self.head.len() > ANSWER_BYTES_MAX {
                        return Err("an answer without end".to_owned());
                    }
                }
                Stage::AnswerBody { left } => {
                    let (now, rest) = bytes.split_at(left.min(bytes.len()));
                    self.head.extend_from_slice(now);
                    bytes = rest;
                    self.stage = Stage::AnswerBody { left: left - now.len() };
                }
                Stage::Media { track, left } => {
                    let (now, rest) = bytes.split_at(left.min(bytes.len()));
                    watch.payload(now);
                    if let Some(sum) = self.tracks.get_mut(track).and_then(|track| track.sum.as_mut()) {
                        sum.push(now);
                    }
                    bytes = rest;
                    let left = left - now.len();
                    self.stage = if left == 0 { Stage::Start } else { Stage::Media { track, left } };
                }
                Stage::Skip { left } => {
                    let take = left.min(bytes.len());
                    bytes = &bytes[take..];
                    self.stage = if left == take { Stage::Start } else { Stage::Skip { left: left - take } };
                }
            }
            if let Stage::AnswerBody { left: 0 } = self.stage {
                let body = self.head.windows(4).position(|end| end == b"\r\n\r\n").map_or(0, |at| at + 4);
                self.answered(body, out)?;
                self.head.clear();
                self.stage = Stage::Start;
            }
        }
        Ok(())
    }

    fn keep_alive(&mut self, out: &mut Vec<u8>) {
        if self.state == State::Playing {
            let url = self.url.clone();
            self.request("OPTIONS", &url, "", out);
        }
    }
}
