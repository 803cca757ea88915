//! One medium on its way to a controller, or a voice on its way to an accessory: packets with its numbers, and reports that tie them to the clock.
//!
//! Source: RFC 3550 §5.1, §6.4.1; RFC 7587 with HomeKit's exception that Opus ticks at its sample rate.
use bytes::Bytes;
use formats::rtp::rtcp::{SenderStats, write_sender_report};
use formats::rtp::{HEADER_BYTES, Header, Packets};
use media::{Moment, WallTime, rescale};
use std::time::Duration;

/// The name of all that we send.
const CNAME: &str = "aqueduct";
/// Reports come at most and at least so often, whatever the other side asks for: 500 ms and 5 s. Phones ask for half a second
/// for video and five for sound.
const REPORT_EVERY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));
/// The first number is below this, so that nobody takes the second round for the first (RFC 3711 §3.3.1).
const FIRST_SEQUENCE_MASK: u16 = 0x7fff;

/// What a lane is made of.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct LaneOptions {
    pub(crate) ssrc: u32,
    pub(crate) payload_type: u8,
    /// Of the RTP timestamps.
    pub(crate) clock_rate: u32,
    /// As the other side asks.
    pub(crate) report_every_s: f32,
}

/// One SSRC that we send.
#[derive(Debug)]
pub(crate) struct Lane {
    options: LaneOptions,
    every: Duration,
    sequence: u16,
    offset: u32,
    sent: SenderStats,
    /// Where the RTP clock stood when something live arrived.
    anchor: Option<(u32, Moment)>,
    report_at: Moment,
}

impl Lane {
    pub(crate) fn new(options: LaneOptions, now: Moment) -> Self {
        let (least, most) = REPORT_EVERY;
        let asked = Duration::try_from_secs_f32(options.report_every_s).unwrap_or(most);
        Self {
            options,
            every: asked.clamp(least, most),
            sequence: rand::random::<u16>() & FIRST_SEQUENCE_MASK,
            offset: rand::random(),
            sent: SenderStats::new(),
            anchor: None,
            report_at: now,
        }
    }

    /// The packets of a frame that is shown at `ticks` of a clock of `rate`; each payload with whether it is the frame's last.
    pub(crate) fn packets<'a>(
        &mut self,
        ticks: i64,
        rate: u32,
        payloads: impl Iterator<Item = (&'a [u8], bool)>,
    ) -> Packets {
        let timestamp = self.timestamp(ticks, rate);
        let (mut data, mut ends, mut bytes) = (Vec::new(), Vec::new(), 0);
        for (payload, marker) in payloads {
            let header = Header {
                marker,
                payload_type: self.options.payload_type,
                sequence: self.sequence,
                timestamp,
                ssrc: self.options.ssrc,
            };
            self.sequence = self.sequence.wrapping_add(1);
            data.reserve(HEADER_BYTES + payload.len());
            data.extend_from_slice(&header.to_bytes());
            data.extend_from_slice(payload);
            ends.push(u32::try_from(data.len()).unwrap_or(u32::MAX));
            bytes += payload.len();
        }
        self.sent.handle_sent(ends.len(), bytes);
        Packets { data: data.into(), ends: ends.into(), interleaved: false }
    }

    /// Something that is shown at `ticks` has just arrived.
    pub(crate) fn anchor(&mut self, ticks: i64, rate: u32, arrival: Moment) {
        self.anchor = Some((self.timestamp(ticks, rate), arrival));
    }

    /// When the next report is due.
    pub(crate) fn due(&self) -> Moment {
        if self.anchor.is_some() { self.report_at } else { Moment::FAR_FUTURE }
    }

    /// The report that is due, if one is.
    pub(crate) fn report(&mut self, now: Moment, wall: WallTime) -> Option<Bytes> {
        let (at, arrival) = self.anchor.filter(|_| now >= self.report_at)?;
        self.report_at = now + self.every;
        let since = now.since(arrival).as_micros();
        let ticks = since * u128::from(self.options.clock_rate) / 1_000_000;
        let report = self.sent.report(self.options.ssrc, wall, at.wrapping_add(ticks as u32));
        let mut packet = Vec::with_capacity(64);
        write_sender_report(&report, CNAME, &mut packet);
        Some(packet.into())
    }

    fn timestamp(&self, ticks: i64, rate: u32) -> u32 {
        self.offset.wrapping_add(rescale(ticks, rate, self.options.clock_rate) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use formats::rtp::Packet;
    use formats::rtp::rtcp::{Message, parse};

    fn lane(clock_rate: u32) -> Lane {
        Lane::new(LaneOptions { ssrc: 3, payload_type: 99, clock_rate, report_every_s: 0.1 }, Moment::ZERO)
    }

    #[test]
    fn packets_follow_each_other_with_the_time_of_their_frame() {
        let mut lane = lane(24_000);
        let first = lane.packets(0, 48_000, [(&[1, 2][..], false), (&[3][..], true)].into_iter());
        let second = lane.packets(960, 48_000, [(&[4][..], true)].into_iter());
        let packets: Vec<Packet> = first
            .iter()
            .chain(second.iter())
            .map(|one| Packet::parse(one.to_vec().into()).unwrap())
            .collect();
        let header = packets[0].header;
        assert_eq!((header.ssrc, header.payload_type, header.sequence & 0x8000), (3, 99, 0));
        let rest: Vec<_> = packets
            .iter()
            .map(|packet| {
                let sequence = packet.header.sequence.wrapping_sub(header.sequence);
                (sequence, packet.header.timestamp.wrapping_sub(header.timestamp), packet.header.marker)
            })
            .collect();
        assert_eq!(rest, [(0, 0, false), (1, 0, true), (2, 480, true)]);
    }

    #[test]
    fn reports_say_where_the_clock_stands_now_and_not_before_there_is_one() {
        let mut lane = lane(90_000);
        let wall = WallTime::from_micros(1_000_000);
        assert_eq!((lane.due(), lane.report(Moment::from_millis(10), wall)), (Moment::FAR_FUTURE, None));
        let packets = lane.packets(9_000, 90_000, std::iter::once((&[0; 10][..], true)));
        let sent = Packet::parse(packets.data).unwrap().header;
        lane.anchor(9_000, 90_000, Moment::from_millis(100));
        let report = lane.report(Moment::from_millis(140), wall).unwrap();
        let Message::SenderReport(report) = &parse(&report).unwrap()[0] else { panic!() };
        assert_eq!((report.ssrc, report.packets, report.octets), (3, 1, 10));
        assert_eq!(report.rtp_time.wrapping_sub(sent.timestamp), 40 * 90);
        // half a second is the least
        assert_eq!(lane.due(), Moment::from_millis(640));
        assert_eq!(lane.report(Moment::from_millis(639), wall), None);
    }
}
