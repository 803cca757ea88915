//! MPEG audio, layers I to III. Source: RFC 2250 §3.5 (header), ISO/IEC 11172-3 §2.4.2.3 (frames).
use super::{AudioPayload, Frame, audio_frame};
use crate::bitstream::mp3::parse_header;
use crate::rtp::cursor::Cursor;
use crate::rtp::{Packet, PayloadError};
use media::rescale;
use std::collections::VecDeque;

pub(super) struct Mp3 {
    rtp_clock_rate: u32,
    /// The frame under way and its time.
    fragment: Vec<u8>,
    rtp_time: u32,
}

impl Mp3 {
    pub(super) fn new(rtp_clock_rate: u32) -> Self {
        Self { rtp_clock_rate, fragment: Vec::new(), rtp_time: 0 }
    }
}

impl AudioPayload for Mp3 {
    fn push(&mut self, packet: &Packet, out: &mut VecDeque<Frame>) -> Result<bool, PayloadError> {
        let mut payload = Cursor::new(&packet.payload, packet.header.sequence);
        payload.u16("MPEG audio header")?;
        let offset = usize::from(payload.u16("MPEG audio header")?);
        if offset != 0 {
            if offset != self.fragment.len() {
                return Err(payload.invalid("fragment offset", offset as u32));
            }
            self.fragment.extend_from_slice(payload.rest());
            let length = parse_header(&self.fragment).map_or(0, |header| header.frame_bytes);
            if self.fragment.len() > length {
                return Err(payload.invalid("fragment end", self.fragment.len() as u32));
            }
            if self.fragment.len() == length {
                out.push_back(audio_frame(&self.fragment, self.rtp_time));
                self.fragment.clear();
            }
            return Ok(false);
        }
        let given_up = self.clear();
        let mut samples = 0;
        while !payload.is_empty() {
            let at = payload.at();
            let Ok(header) = parse_header(&packet.payload[at..]) else {
                return Err(payload.invalid("MPEG audio frame header", 0));
            };
            let ticks = rescale(samples, header.sample_rate, self.rtp_clock_rate);
            let rtp_time = packet.header.timestamp.wrapping_add(ticks as u32);
            if payload.remaining() < header.frame_bytes {
                self.fragment.extend_from_slice(payload.rest());
                self.rtp_time = rtp_time;
                break;
            }
            out.push_back(audio_frame(payload.take(header.frame_bytes, "MPEG audio frame")?, rtp_time));
            samples += i64::from(header.samples);
        }
        Ok(given_up)
    }

    fn clear(&mut self) -> bool {
        let any = !self.fragment.is_empty();
        self.fragment.clear();
        any
    }
}
