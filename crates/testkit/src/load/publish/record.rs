//! A publisher over RTSP: ANNOUNCE, SETUP, RECORD, then RTP in the same connection.
//!
//! Source: RFC 2326 §10.3, §10.11, §10.12. No authentication.
use super::super::http::{field, status};
use super::super::watch::{Client, Watch};
use super::{Publisher, track};
use formats::rtp::{PacketBatch, Packetizer, PacketizerOptions};
use formats::sdp::{SdpSpec, write};
use media::Unit;

/// Longest answer: 16 KiB.
const ANSWER_BYTES_MAX: usize = 16 << 10;
/// Longest packet, as ffmpeg makes them.
const PACKET_BYTES: usize = 1_400;

/// `Announcing` → `SettingUp` → `Starting` → `Recording`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Announcing,
    SettingUp,
    Starting,
    Recording,
}

/// A client that records one track.
pub(super) struct Record {
    url: String,
    state: State,
    cseq: u32,
    session: String,
    answer: Vec<u8>,
    packetizer: Packetizer,
    batch: PacketBatch,
}

impl Record {
    pub(super) fn new(url: &str) -> Result<Self, String> {
        let options = PacketizerOptions {
            payload_type: 96,
            ssrc: 0x6c6f_6164,
            first_sequence: 1,
            timestamp_offset: 0,
            packet_bytes_max: PACKET_BYTES,
            interleaved_channel: Some(0),
            rtp_clock_rate: 90_000,
        };
        let packetizer = Packetizer::new(&track(), options).map_err(|error| error.to_string())?;
        Ok(Self {
            url: url.to_owned(),
            state: State::Announcing,
            cseq: 0,
            session: String::new(),
            answer: Vec::new(),
            packetizer,
            batch: PacketBatch::new(),
        })
    }

    fn request(&mut self, method: &str, url: &str, fields: &str, body: &str, out: &mut Vec<u8>) {
        self.cseq += 1;
        let session =
            if self.session.is_empty() { String::new() } else { format!("Session: {}\r\n", self.session) };
        let cseq = self.cseq;
        let text = format!("{method} {url} RTSP/1.0\r\nCSeq: {cseq}\r\n{session}{fields}\r\n{body}");
        out.extend_from_slice(text.as_bytes());
    }

    fn answered(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        let text = String::from_utf8_lossy(&self.answer).into_owned();
        if status(&text) != Some(200) {
            return Err(format!("the answer is {}", text.lines().next().unwrap_or_default()));
        }
        if let Some(session) = field(&text, "Session") {
            self.session = session.split(';').next().unwrap_or_default().trim().to_owned();
        }
        let url = self.url.clone();
        match self.state {
            State::Announcing => {
                self.state = State::SettingUp;
                let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record\r\n";
                self.request("SETUP", &format!("{url}/streamid=0"), transport, "", out);
            }
            State::SettingUp => {
                self.state = State::Starting;
                self.request("RECORD", &url, "Range: npt=0.000-\r\n", "", out);
            }
            State::Starting => self.state = State::Recording,
            State::Recording => {}
        }
        Ok(())
    }
}

impl Client for Record {
    fn start(&mut self, out: &mut Vec<u8>) {
        let tracks = [track()];
        let sdp = write(&SdpSpec::announce("load", &tracks));
        let fields = format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n", sdp.len());
        let url = self.url.clone();
        self.request("ANNOUNCE", &url, &fields, &sdp, out);
    }

    /// Answers have no body here, and reports that come once it records are not read.
    fn push(&mut self, bytes: &[u8], _: &mut Watch, out: &mut Vec<u8>) -> Result<(), String> {
        for byte in bytes {
            if self.state == State::Recording {
                return Ok(());
            }
            self.answer.push(*byte);
            if self.answer.ends_with(b"\r\n\r\n") {
                self.answered(out)?;
                self.answer.clear();
            } else if self.answer.len() > ANSWER_BYTES_MAX {
                return Err("an answer without end".to_owned());
            }
        }
        Ok(())
    }

    fn keep_alive(&mut self, _: &mut Vec<u8>) {}
}

impl Publisher for Record {
    fn is_running(&self) -> bool {
        self.state == State::Recording
    }

    fn write(&mut self, unit: &Unit, out: &mut Vec<u8>) -> Result<(), String> {
        self.packetizer.push(unit, &mut self.batch).map_err(|error| error.to_string())?;
        out.extend_from_slice(&self.batch.freeze().data);
        Ok(())
    }
}
