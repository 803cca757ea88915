//! What goes into reports: counted per packet.
//!
//! Sources: RFC 3550 §6.4, §A.1, §A.3, §A.8.
use super::{ReportBlock, SenderReport};
use crate::rtp::Header;
use media::{MediaTime, Moment, WallTime};

/// Counts what was sent of one source.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SenderStats {
    packets: u32,
    octets: u32,
}

impl SenderStats {
    /// Nothing sent yet.
    pub const fn new() -> Self {
        Self { packets: 0, octets: 0 }
    }

    /// Counts `packets` packets with `payload_bytes` bytes of payload together. Both counters wrap, as they do in
    /// reports.
    pub const fn handle_sent(&mut self, packets: usize, payload_bytes: usize) {
        self.packets = self.packets.wrapping_add(packets as u32);
        self.octets = self.octets.wrapping_add(payload_bytes as u32);
    }

    /// The report of this moment: `rtp_time` is what the source's RTP clock shows at `wall`.
    pub fn report(&self, ssrc: u32, wall: WallTime, rtp_time: u32) -> SenderReport {
        SenderReport {
            ssrc,
            ntp: wall.to_ntp(),
            rtp_time,
            packets: self.packets,
            octets: self.octets,
            blocks: Vec::new(),
        }
    }
}

/// Watches one source as a receiver.
#[derive(Clone, Debug)]
pub struct ReceiverStats {
    clock_rate: u32,
    source: Option<Source>,
    last_report: Option<(u32, Moment)>,
}

#[derive(Clone, Copy, Debug)]
struct Source {
    ssrc: u32,
    first: u32,
    highest: u32,
    received: u32,
    expected_before: u32,
    received_before: u32,
    /// Arrival and RTP time of the packet before.
    previous: (Moment, u32),
    /// Jitter times 16, in ticks.
    jitter_16: u64,
}

impl ReceiverStats {
    /// For a source with an RTP clock of `clock_rate` ticks a second.
    pub const fn new(clock_rate: u32) -> Self {
        Self { clock_rate, source: None, last_report: None }
    }

    /// Counts a packet, in the order of arrival. Another SSRC, or a jump of the sequence number that the
    /// reorder buffer would take for a restart, starts anew.
    pub fn handle_packet(&mut self, header: &Header, now: Moment) {
        let sequence = u32::from(header.sequence);
        let start = Source {
            ssrc: header.ssrc,
            first: sequence,
            highest: sequence,
            received: 1,
            expected_before: 0,
            received_before: 0,
            previous: (now, header.timestamp),
            jitter_16: 0,
        };
        let Some(source) = self.source.as_mut().filter(|source| source.ssrc == header.ssrc) else {
            self.source = Some(start);
            return;
        };
        let ahead = header.sequence.wrapping_sub(source.highest as u16) as i16;
        if !(-3000..=3000).contains(&ahead) {
            self.source = Some(start);
            return;
        }
        if ahead > 0 {
            source.highest = source.highest.wrapping_add(ahead as u32);
        }
        source.received = source.received.wrapping_add(1);
        let (before, before_rtp) = source.previous;
        if before_rtp != header.timestamp {
            let arrived = MediaTime::ticks_of(now.since(before), self.clock_rate);
            let sent = i64::from(header.timestamp.wrapping_sub(before_rtp) as i32);
            // A jump of the clock is no jitter.
            let off = (arrived - sent).unsigned_abs();
            if off < 10 * u64::from(self.clock_rate) {
                source.jitter_16 = source.jitter_16 + off - ((source.jitter_16 + 8) >> 4);
            }
            source.previous = (now, header.timestamp);
        }
    }

    /// Notes a sender report, for the round-trip time that the sender works out of our blocks.
    pub const fn handle_sender_report(&mut self, report: &SenderReport, now: Moment) {
        self.last_report = Some(((report.ntp >> 16) as u32, now));
    }

    /// The block for the next report; `None` before the first packet. Each call starts the next interval.
    pub fn report_block(&mut self, now: Moment) -> Option<ReportBlock> {
        let source = self.source.as_mut()?;
        let expected = source.highest.wrapping_sub(source.first).wrapping_add(1);
        let lost = i64::from(expected) - i64::from(source.received);
        let expected_interval = expected.wrapping_sub(source.expected_before);
        let received_interval = source.received.wrapping_sub(source.received_before);
        source.expected_before = expected;
        source.received_before = source.received;
        let lost_interval = i64::from(expected_interval) - i64::from(received_interval);
        let fraction_lost = if expected_interval == 0 || lost_interval <= 0 {
            0
        } else {
            ((lost_interval << 8) / i64::from(expected_interval)).min(255) as u8
        };
        let (last_sr, delay_since_last_sr) = match self.last_report {
            Some((middle, at)) => (middle, MediaTime::ticks_of(now.since(at), 65_536) as u32),
            None => (0, 0),
        };
        Some(ReportBlock {
            ssrc: source.ssrc,
            fraction_lost,
            cumulative_lost: lost.clamp(-0x80_0000, 0x7f_ffff) as i32,
            highest_sequence: source.highest,
            jitter: (source.jitter_16 >> 4) as u32,
            last_sr,
            delay_since_last_sr,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(sequence: u16, timestamp: u32) -> Header {
        Header { sequence, timestamp, ssrc: 1, ..Header::default() }
    }

    fn at(ms: u64) -> Moment {
        Moment::from_millis(ms)
    }

    #[test]
    fn losses_are_counted_per_interval_and_in_all_across_the_wrap() {
        let mut stats = ReceiverStats::new(90_000);
        for sequence in [65_530u16, 65_531, 65_533, 65_535, 0, 1] {
            stats.handle_packet(&header(sequence, 0), at(0));
        }
        let block = stats.report_block(at(0)).unwrap();
        assert_eq!((block.cumulative_lost, block.fraction_lost), (2, 64));
        assert_eq!(block.highest_sequence, 0x1_0001);
        stats.handle_packet(&header(2, 0), at(0));
        let block = stats.report_block(at(0)).unwrap();
        assert_eq!((block.cumulative_lost, block.fraction_lost), (2, 0));
    }

    #[test]
    fn even_arrival_has_no_jitter_and_uneven_arrival_comes_near_its_mean() {
        let mut stats = ReceiverStats::new(90_000);
        for frame in 0..100u16 {
            stats.handle_packet(&header(frame, u32::from(frame) * 3600), at(u64::from(frame) * 40));
        }
        assert_eq!(stats.report_block(at(4000)).unwrap().jitter, 0);
        for frame in 100..1000u16 {
            let late = if frame % 2 == 0 { 10 } else { 0 };
            stats.handle_packet(&header(frame, u32::from(frame) * 3600), at(u64::from(frame) * 40 + late));
        }
        let jitter = stats.report_block(at(40_000)).unwrap().jitter;
        assert!((880..=900).contains(&jitter), "{jitter}");
    }

    #[test]
    fn the_block_lets_the_sender_work_out_the_round_trip() {
        let mut sent = SenderStats::new();
        sent.handle_sent(3, 300);
        let report = sent.report(1, WallTime::from_micros(1_795_000_000_500_000), 77);
        assert_eq!((report.packets, report.octets, report.rtp_time), (3, 300, 77));
        let mut stats = ReceiverStats::new(90_000);
        assert_eq!(stats.report_block(at(0)), None);
        stats.handle_packet(&header(1, 0), at(0));
        stats.handle_sender_report(&report, at(100));
        let block = stats.report_block(at(1100)).unwrap();
        assert_eq!(block.last_sr, (report.ntp >> 16) as u32);
        assert_eq!(block.delay_since_last_sr, 65_536);
    }
}
