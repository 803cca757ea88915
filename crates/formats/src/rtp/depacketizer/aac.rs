//! AAC: RFC 3640 (`MPEG4-GENERIC`) and RFC 6416 / RFC 3016 (`MP4A-LATM` with the configuration in the SDP).
use super::{AacPayload, AudioPayload, DepacketizerOptions, Frame, audio_frame};
use crate::bitstream::audio_frame_ticks;
use crate::rtp::cursor::Cursor;
use crate::rtp::{Packet, PayloadError, SetupError};
use media::{Track, rescale};
use std::collections::VecDeque;

/// Largest access unit put together of fragments: 64 KiB. `sizelength` is 13 in practice, which ends at 8 KiB.
const ACCESS_UNIT_BYTES_MAX: usize = 64 << 10;

pub(super) fn depacketizer(
    track: &Track,
    options: DepacketizerOptions,
) -> Result<Box<dyn AudioPayload + Send>, SetupError> {
    let ticks = audio_frame_ticks(track, &[]).unwrap_or(1024).into();
    let clock = Clock { ticks, rate: track.clock_rate, rtp_rate: options.rtp_clock_rate };
    match options.aac {
        AacPayload::Generic { size_length, index_length, index_delta_length } => {
            let bits = [size_length, index_length, index_delta_length];
            // The index lengths may be anything while each packet has one unit; 32 bits are more than any need.
            if bits.iter().any(|bits| *bits > 32) {
                return Err(SetupError::AuHeader { size_length, index_length, index_delta_length });
            }
            Ok(Box::new(Generic { bits: bits.map(u32::from), clock, fragment: None }))
        }
        AacPayload::Latm => Ok(Box::new(Latm { clock, element: Vec::new(), rtp_time: 0 })),
    }
}

/// How long an access unit lasts.
struct Clock {
    ticks: i64,
    rate: u32,
    rtp_rate: u32,
}

impl Clock {
    fn after(&self, units: u32, start: u32) -> u32 {
        start.wrapping_add(rescale(self.ticks * i64::from(units), self.rate, self.rtp_rate) as u32)
    }
}

/// Cameras that keep the ADTS header though RTP has none. A raw access unit cannot begin with twelve ones: that
/// would be an empty one with bits behind its end.
fn without_adts(unit: &[u8]) -> &[u8] {
    let [0xff, second, _, b3, b4, b5, ..] = *unit else { return unit };
    let length = usize::from(b3 & 3) << 11 | usize::from(b4) << 3 | usize::from(b5 >> 5);
    let header = if second & 1 == 1 { 7 } else { 9 };
    if second & 0xf6 == 0xf0 && length == unit.len() && length > header { &unit[header..] } else { unit }
}

struct Generic {
    /// `sizelength`, `indexlength`, `indexdeltalength`.
    bits: [u32; 3],
    clock: Clock,
    fragment: Option<Fragment>,
}

/// An access unit of which some bytes are there.
struct Fragment {
    rtp_time: u32,
    size: usize,
    data: Vec<u8>,
}

impl AudioPayload for Generic {
    fn push(&mut self, packet: &Packet, out: &mut VecDeque<Frame>) -> Result<bool, PayloadError> {
        let mut payload = Cursor::new(&packet.payload, packet.header.sequence);
        let rtp_time = packet.header.timestamp;
        let given_up = self.fragment.take_if(|fragment| fragment.rtp_time != rtp_time).is_some();
        let [size_bits, index_bits, delta_bits] = self.bits;
        if size_bits == 0 {
            out.push_back(audio_frame(without_adts(payload.rest()), rtp_time));
            return Ok(false);
        }
        let header_bits = u32::from(payload.u16("length of the AU headers")?);
        let headers = payload.take(header_bits.div_ceil(8) as usize, "AU headers")?;
        let mut headers = Bits { data: headers, at: 0, end: header_bits };
        let mut units = 0;
        let mut position = 0;
        while let Some(size) = headers.read(size_bits) {
            // Without interleaving the deltas are zero: each unit follows the one before.
            let delta = headers.read(if units == 0 { index_bits } else { delta_bits }).unwrap_or(0);
            position += if units == 0 { 0 } else { delta.min(0xffff) + 1 };
            let size = size as usize;
            let time = self.clock.after(position, rtp_time);
            if size > payload.remaining() {
                if units > 0 || size > ACCESS_UNIT_BYTES_MAX {
                    return Err(payload.truncated("access unit"));
                }
                self.push_fragment(payload, Fragment { rtp_time, size, data: Vec::new() }, out)?;
                return Ok(given_up);
            }
            if self.fragment.is_some() {
                return Err(payload.truncated("access unit before this packet"));
            }
            let unit = payload.take(size, "access unit")?;
            if !unit.is_empty() {
                out.push_back(audio_frame(without_adts(unit), time));
            }
            units += 1;
        }
        Ok(given_up)
    }

    fn clear(&mut self) -> bool {
        self.fragment.take().is_some()
    }
}

impl Generic {
    fn push_fragment(
        &mut self,
        mut payload: Cursor<'_>,
        start: Fragment,
        out: &mut VecDeque<Frame>,
    ) -> Result<(), PayloadError> {
        let (rtp_time, size) = (start.rtp_time, start.size);
        let fragment = self.fragment.get_or_insert(start);
        if (fragment.rtp_time, fragment.size) != (rtp_time, size) {
            return Err(payload.truncated("access unit before this packet"));
        }
        fragment.data.extend_from_slice(payload.rest());
        if fragment.data.len() > size {
            return Err(payload.invalid("length of the fragments", fragment.data.len() as u32));
        }
        if fragment.data.len() == size {
            out.push_back(audio_frame(without_adts(&fragment.data), rtp_time));
            self.fragment = None;
        }
        Ok(())
    }
}

struct Bits<'a> {
    data: &'a [u8],
    at: u32,
    end: u32,
}

impl Bits<'_> {
    fn read(&mut self, count: u32) -> Option<u32> {
        if self.end - self.at < count {
            return None;
        }
        let mut value = 0u64;
        for at in self.at..self.at + count {
            let byte = self.data.get(at as usize / 8)?;
            value = value << 1 | u64::from(byte >> (7 - at % 8) & 1);
        }
        self.at += count;
        u32::try_from(value).ok()
    }
}

/// One audioMuxElement without StreamMuxConfig, over one or several packets up to the marker.
struct Latm {
    clock: Clock,
    element: Vec<u8>,
    rtp_time: u32,
}

impl AudioPayload for Latm {
    fn push(&mut self, packet: &Packet, out: &mut VecDeque<Frame>) -> Result<bool, PayloadError> {
        let sequence = packet.header.sequence;
        let given_up = self.rtp_time != packet.header.timestamp && self.clear();
        self.rtp_time = packet.header.timestamp;
        if self.element.len() + packet.payload.len() > ACCESS_UNIT_BYTES_MAX {
            return Err(PayloadError::FrameTooLarge { sequence, limit: ACCESS_UNIT_BYTES_MAX });
        }
        self.element.extend_from_slice(&packet.payload);
        if !packet.header.marker {
            return Ok(given_up);
        }
        let element = std::mem::take(&mut self.element);
        let mut payload = Cursor::new(&element, sequence);
        let mut units = 0;
        while !payload.is_empty() {
            let mut length = 0;
            loop {
                let byte = payload.u8("PayloadLengthInfo")?;
                length += usize::from(byte);
                if byte != 255 {
                    break;
                }
            }
            let unit = payload.take(length, "access unit")?;
            if !unit.is_empty() {
                out.push_back(audio_frame(unit, self.clock.after(units, self.rtp_time)));
            }
            units += 1;
        }
        Ok(given_up)
    }

    fn clear(&mut self) -> bool {
        let any = !self.element.is_empty();
        self.element.clear();
        any
    }
}
