//! One track on its way into a room: RTP headers of its own, and sender reports.
//!
//! Source: RFC 3550 §5.1 (headers), §6.4.1 (sender reports). Owns the sequence number and the counters.
use bytes::{Bytes, BytesMut};
use formats::rtp::rtcp::{SenderStats, write_sender_report};
use formats::rtp::{HEADER_BYTES, Header};
use hub::Chunk;
use media::{Moment, WallTime, rescale};
use rooms::Numbers;

/// Nanoseconds a second.
const NANOS: u32 = 1_000_000_000;

/// One track.
pub(super) struct Lane {
    numbers: Numbers,
    clock_rate: u32,
    sequence: u16,
    sent: SenderStats,
}

/// Where the clocks of all tracks stand: zero of the stream's time line on ours, in nanoseconds. One for all tracks of a
/// stream, so that they stay together.
#[derive(Default)]
pub(super) struct Line {
    zero: Option<i64>,
}

impl Line {
    /// A chunk that was made just now: whatever comes earliest after its time tells best.
    pub(super) fn note(&mut self, chunk: &Chunk, clock_rate: u32, now: Moment) {
        let zero = nanos(now) - rescale(chunk.pts, clock_rate, NANOS);
        self.zero = Some(self.zero.map_or(zero, |before| before.min(zero)));
    }
}

fn nanos(now: Moment) -> i64 {
    i64::try_from(now.as_nanos()).unwrap_or(i64::MAX)
}

impl Lane {
    pub(super) fn new(numbers: Numbers, clock_rate: u32) -> Self {
        Self { numbers, clock_rate, sequence: rand::random(), sent: SenderStats::new() }
    }

    pub(super) const fn clock_rate(&self) -> u32 {
        self.clock_rate
    }

    pub(super) const fn ssrc(&self) -> u32 {
        self.numbers.ssrc
    }

    /// The packets of a chunk: those it has, with our numbers in their headers, or one with all of it. They share one
    /// copy, since the chunk's own bytes are other readers' as well.
    pub(super) fn packets(&mut self, chunk: &Chunk) -> Vec<Bytes> {
        let Some(part) = chunk.parts.first() else { return Vec::new() };
        if chunk.packet_ends.is_empty() {
            let header = Header {
                marker: false,
                payload_type: self.numbers.payload_type,
                sequence: self.next_sequence(),
                timestamp: chunk.pts as u32,
                ssrc: self.numbers.ssrc,
            };
            self.sent.handle_sent(1, part.len());
            return vec![[&header.to_bytes()[..], part].concat().into()];
        }
        let mut data = BytesMut::from(&part[..]);
        let mut start = 0;
        for end in &chunk.packet_ends {
            let end = *end as usize;
            if let Some(packet) = data.get_mut(start..end).filter(|packet| packet.len() > HEADER_BYTES) {
                packet[1] = packet[1] & 0x80 | self.numbers.payload_type;
                packet[2..4].copy_from_slice(&self.next_sequence().to_be_bytes());
                packet[8..12].copy_from_slice(&self.numbers.ssrc.to_be_bytes());
                self.sent.handle_sent(1, packet.len() - HEADER_BYTES);
            }
            start = end;
        }
        let data = data.freeze();
        let mut start = 0;
        let cut = |end: &u32| {
            let range = start..(*end as usize).min(data.len());
            start = range.end;
            data.slice(range)
        };
        chunk.packet_ends.iter().map(cut).filter(|packet| packet.len() > HEADER_BYTES).collect()
    }

    /// A sender report of now; none before anything was sent.
    pub(super) fn report(&self, line: &Line, cname: &str, now: Moment, wall: WallTime) -> Option<Bytes> {
        let zero = line.zero.filter(|_| self.sent != SenderStats::new())?;
        let shown = rescale(nanos(now) - zero, NANOS, self.clock_rate);
        let mut compound = Vec::with_capacity(64);
        write_sender_report(&self.sent.report(self.numbers.ssrc, wall, shown as u32), cname, &mut compound);
        Some(compound.into())
    }

    fn next_sequence(&mut self) -> u16 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use formats::rtp::Packet;
    use formats::rtp::rtcp::{self, Message};
    use media::Unit;

    const NUMBERS: Numbers = Numbers { ssrc: 7, payload_type: 96 };

    fn unit(pts: i64, data: &[u8]) -> Unit {
        Unit {
            track: 0,
            pts,
            dts: pts,
            arrival: Moment::ZERO,
            wall: WallTime::default(),
            keyframe: true,
            discontinuity: false,
            data: Bytes::copy_from_slice(data),
        }
    }

    #[test]
    fn packets_get_our_numbers_and_keep_their_times_and_markers() {
        let mut lane = Lane::new(NUMBERS, 90_000);
        let one = |marker, payload: &[u8]| {
            let header = Header { marker, payload_type: 33, sequence: 9, timestamp: 3_000, ssrc: 0 };
            [&header.to_bytes()[..], payload].concat()
        };
        let data = [one(false, b"one"), one(true, b"two2")].concat();
        let chunk = Chunk::packets(&unit(3_000, b""), data.into(), Box::new([15, 31]));
        let packets: Vec<Packet> =
            lane.packets(&chunk).into_iter().map(|packet| Packet::parse(packet).unwrap()).collect();
        let first = packets[0].header.sequence;
        for (packet, (marker, payload)) in packets.iter().zip([(false, &b"one"[..]), (true, b"two2")]) {
            assert_eq!((packet.header.marker, &packet.payload[..]), (marker, payload));
            let header = packet.header;
            assert_eq!((header.ssrc, header.payload_type, header.timestamp), (7, 96, 3_000));
        }
        assert_eq!(packets[1].header.sequence, first.wrapping_add(1));
        // and a chunk that is no packet becomes one
        let sound = lane.packets(&Chunk::new(&unit(960, b""), [Bytes::from_static(b"opus")]));
        let packet = Packet::parse(sound[0].clone()).unwrap();
        assert_eq!((packet.header.sequence, packet.header.timestamp), (first.wrapping_add(2), 960));
        assert_eq!(packet.payload, &b"opus"[..]);
    }

    #[test]
    fn reports_of_all_tracks_tell_one_time_line() {
        let (mut video, mut sound) = (Lane::new(NUMBERS, 90_000), Lane::new(NUMBERS, 48_000));
        let mut line = Line::default();
        let (now, wall) = (Moment::from_millis(5_000), WallTime::from_micros(1_800_000_000_000_000));
        assert_eq!(video.report(&line, "cam", now, wall), None);
        // at 5 s the picture of 2 s comes, and late by 300 ms the sound of the same time
        let picture = Chunk::new(&unit(2 * 90_000, b""), [Bytes::from_static(b"x")]);
        let voice = Chunk::new(&unit(2 * 48_000, b""), [Bytes::from_static(b"x")]);
        line.note(&picture, 90_000, now);
        video.packets(&picture);
        sound.packets(&voice);
        line.note(&voice, 48_000, now + std::time::Duration::from_millis(300));
        let shown = |lane: &Lane, at: Moment| {
            let compound = lane.report(&line, "cam", at, wall).unwrap();
            let Message::SenderReport(report) = rtcp::parse(&compound).unwrap().swap_remove(0) else {
                panic!()
            };
            report.rtp_time
        };
        let at = now + std::time::Duration::from_secs(1);
        assert_eq!((shown(&video, at), shown(&sound, at)), (3 * 90_000, 3 * 48_000));
    }
}
