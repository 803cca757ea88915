//! [`OutgoingStream`]: one SSRC of a consumer, with its retransmission stream.
use super::{OutgoingStreamStats, RetransmissionStore};
use crate::keyframe::KeyFrameRequest;
use crate::rate::Rate;
use crate::rtx::RtxStream;
use crate::score::{Score, ScoreInterval};
use formats::rtp::rtcp::{ReportBlock, SenderReport, SenderStats};
use media::{MediaTime, Moment, WallTime};
use std::collections::VecDeque;
use std::time::Duration;

/// Sender reports of which the moment is remembered: 8. A receiver answers the last or the one before it.
const REPORTS_REMEMBERED: usize = 8;
/// Longest round trip that is believed: 10 s. More is a broken or lying receiver.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(10);

/// What is known of a stream before its first packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutgoingStreamOptions {
    /// The stream.
    pub ssrc: u32,
    /// Ticks of its RTP clock a second.
    pub clock_rate: u32,
    /// Whether sent packets are kept for retransmission (`nack`).
    pub nack: bool,
    /// How they go again; `None` resends them as they were.
    pub rtx: Option<RtxStream>,
    /// First sequence number of the retransmission stream: a random one, which only the caller has.
    pub rtx_sequence: u16,
    /// Whether it may pause in silence (`usedtx`).
    pub dtx: bool,
}

/// The next thing the caller does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OutgoingOutput {
    /// The score changed to this.
    Score(u8),
    /// Drained: poll again at this moment, or after any `handle_*`.
    WaitUntil(Moment),
}

/// A packet that goes out, as far as its stream must know it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outgoing {
    /// Its sequence number.
    pub sequence: u16,
    /// Its RTP time.
    pub timestamp: u32,
    /// Bytes of its payload.
    pub payload_bytes: usize,
    /// Bytes on the wire.
    pub bytes: usize,
}

/// A packet to send again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Retransmission<P> {
    /// What was kept of it.
    pub packet: P,
    /// The retransmission stream and the number in it; `None` sends the packet as it was.
    pub rtx: Option<(RtxStream, u16)>,
}

/// One outgoing stream. `P` is what is kept of a packet for sending it again.
#[derive(Clone, Debug)]
pub struct OutgoingStream<P> {
    options: OutgoingStreamOptions,
    store: RetransmissionStore<P>,
    sent: SenderStats,
    /// RTP time and moment of the last packet that moved the RTP clock.
    last: Option<(u32, Moment)>,
    rate: Rate,
    score: Score,
    stats: OutgoingStreamStats,
    rtx_sequence: u16,
    round_trip: Option<Duration>,
    /// Middle of the NTP time of reports, and when they went.
    reports: VecDeque<(u32, Moment)>,
    reported: Reported,
}

/// What the last report block said, and our counters at that time.
#[derive(Clone, Copy, Debug, Default)]
struct Reported {
    highest: Option<u32>,
    lost: i32,
    repaired: u64,
    retransmitted: u64,
}

impl<P: Clone> OutgoingStream<P> {
    /// A stream of which nothing was sent yet.
    pub fn new(options: OutgoingStreamOptions) -> Self {
        Self {
            options,
            store: RetransmissionStore::default(),
            sent: SenderStats::new(),
            last: None,
            rate: Rate::new(),
            score: Score::new(options.dtx),
            stats: OutgoingStreamStats {
                ssrc: options.ssrc,
                rtx_ssrc: options.rtx.map(|rtx| rtx.ssrc),
                ..OutgoingStreamStats::default()
            },
            rtx_sequence: options.rtx_sequence,
            round_trip: None,
            reports: VecDeque::new(),
            reported: Reported::default(),
        }
    }

    /// Notes a packet that goes out now.
    pub fn handle_sent(&mut self, sent: Outgoing, packet: P, now: Moment) {
        let Outgoing { sequence, timestamp, payload_bytes, bytes } = sent;
        if self.last.is_none_or(|(before, _)| (timestamp.wrapping_sub(before) as i32) > 0) {
            self.last = Some((timestamp, now));
        }
        self.sent.handle_sent(1, payload_bytes);
        self.stats.packet_count += 1;
        self.stats.byte_count += bytes as u64;
        self.rate.add(bytes, now);
        self.score.handle_packet(now);
        if self.options.nack {
            self.store.insert(sequence, packet, bytes, now);
        }
    }

    /// Forgets what was sent and the time of it: another producer's stream follows under these numbers.
    pub fn reset(&mut self) {
        self.store.clear();
        self.last = None;
    }

    /// The receiver asks for these again. Returns those to send.
    pub fn handle_nack(&mut self, lost: &[u16], now: Moment) -> Vec<Retransmission<P>> {
        self.stats.nack_count += 1;
        self.stats.nack_packet_count += lost.len() as u64;
        let round_trip = self.round_trip.unwrap_or_default();
        let mut again = Vec::new();
        for sequence in lost {
            let Ok((packet, is_first)) = self.store.take(*sequence, round_trip, now) else {
                self.stats.packets_discarded += 1;
                continue;
            };
            let packet = packet.clone();
            let rtx = self.options.rtx.map(|rtx| {
                let sequence = self.rtx_sequence;
                self.rtx_sequence = sequence.wrapping_add(1);
                (rtx, sequence)
            });
            again.push(Retransmission { packet, rtx });
            self.stats.packets_retransmitted += 1;
            self.stats.packets_repaired += u64::from(is_first);
        }
        again
    }

    /// Whether packets are kept that could be sent again.
    pub fn can_repeat(&self) -> bool {
        self.options.rtx.is_some() && !self.store.is_empty()
    }

    /// A packet that was sent lately, to be sent again although nobody asked: what a probe is filled with. The newest
    /// that are not much longer than `bytes` are taken in turn.
    pub fn repeat(&mut self, nth: usize, bytes: usize) -> Option<Retransmission<P>> {
        let rtx = self.options.rtx?;
        let packet = self.store.newest(nth, bytes)?.clone();
        let sequence = self.rtx_sequence;
        self.rtx_sequence = sequence.wrapping_add(1);
        Some(Retransmission { packet, rtx: Some((rtx, sequence)) })
    }

    /// Counts a key frame request of the receiver; then see [`crate::keyframe::KeyFrameRequests`].
    pub const fn count_key_frame_request(&mut self, request: KeyFrameRequest) {
        match request {
            KeyFrameRequest::Pli => self.stats.pli_count += 1,
            KeyFrameRequest::Fir { .. } => self.stats.fir_count += 1,
        }
    }

    /// The sender report of this moment; `None` before the first packet. It must be sent: the round trip is
    /// measured from now.
    pub fn sender_report(&mut self, wall: WallTime, now: Moment) -> Option<SenderReport> {
        let (timestamp, at) = self.last?;
        let passed = MediaTime::ticks_of(now.since(at), self.options.clock_rate) as u32;
        let report = self.sent.report(self.options.ssrc, wall, timestamp.wrapping_add(passed));
        if self.reports.len() == REPORTS_REMEMBERED {
            self.reports.pop_front();
        }
        self.reports.push_back(((report.ntp >> 16) as u32, now));
        Some(report)
    }

    /// What the receiver says of this stream. Each block ends an interval of the score.
    pub fn handle_report_block(&mut self, block: &ReportBlock, now: Moment) {
        if let Some(round_trip) = self.round_trip_of(block, now) {
            self.round_trip = Some(round_trip);
        }
        self.stats.packets_lost = block.cumulative_lost.max(0) as u64;
        self.stats.fraction_lost = block.fraction_lost;
        self.stats.jitter = block.jitter;
        let current = Reported {
            highest: Some(block.highest_sequence),
            lost: block.cumulative_lost,
            repaired: self.stats.packets_repaired,
            retransmitted: self.stats.packets_retransmitted,
        };
        let before = std::mem::replace(&mut self.reported, current);
        let Some(highest) = before.highest else { return };
        let expected = u64::from(block.highest_sequence.wrapping_sub(highest));
        if expected > u64::from(u16::MAX) {
            // a receiver that began anew, or lies
            return;
        }
        // plain resends lower the receiver's loss, those of a retransmission stream do not
        let repaired = current.repaired - before.repaired;
        let lost = block.cumulative_lost.saturating_sub(before.lost).max(0) as u64;
        let lost = if self.options.rtx.is_some() { lost.max(repaired) } else { lost + repaired };
        self.score.handle_interval(ScoreInterval {
            expected,
            lost,
            repaired,
            retransmitted: current.retransmitted - before.retransmitted,
        });
    }

    /// The round trip, once a report told it.
    pub const fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// The next output.
    pub fn poll_output(&mut self, now: Moment) -> OutgoingOutput {
        self.score.poll(now);
        if self.stats.score != self.score.value() {
            self.stats.score = self.score.value();
            return OutgoingOutput::Score(self.stats.score);
        }
        OutgoingOutput::WaitUntil(self.score.wake_at())
    }

    /// Statistics of this moment.
    pub fn stats(&mut self, now: Moment) -> OutgoingStreamStats {
        OutgoingStreamStats {
            bitrate: self.rate.bps(now),
            score: self.score.value(),
            round_trip_time: self.round_trip.map(|round_trip| round_trip.as_secs_f32() * 1000.0),
            ..self.stats.clone()
        }
    }

    /// Source: RFC 3550 §6.4.1, but by our monotonic clock: the wall clock may have jumped since the report.
    fn round_trip_of(&self, block: &ReportBlock, now: Moment) -> Option<Duration> {
        let (_, sent_at) = self.reports.iter().rev().find(|(middle, _)| *middle == block.last_sr)?;
        let held = Duration::from_nanos(u64::from(block.delay_since_last_sr) * 1_000_000_000 / 65_536);
        let round_trip = now.since(*sent_at).checked_sub(held)?;
        (round_trip <= ROUND_TRIP_MAX).then_some(round_trip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: u64) -> Moment {
        Moment::from_millis(ms)
    }

    fn stream(rtx: Option<RtxStream>) -> OutgoingStream<u16> {
        OutgoingStream::new(OutgoingStreamOptions {
            ssrc: 1,
            clock_rate: 90_000,
            nack: true,
            rtx,
            rtx_sequence: 65_535,
            dtx: false,
        })
    }

    fn packet(sequence: u16) -> Outgoing {
        Outgoing { sequence, timestamp: 3000, payload_bytes: 3, bytes: 15 }
    }

    #[test]
    fn a_nack_brings_the_packet_in_the_retransmission_stream_or_as_it_was() {
        let rtx = RtxStream { ssrc: 2, payload_type: 97 };
        let mut wrapping = stream(Some(rtx));
        let mut plain = stream(None);
        for stream in [&mut wrapping, &mut plain] {
            stream.handle_sent(packet(5), 5, at(0));
            stream.handle_sent(packet(6), 6, at(0));
        }
        assert_eq!(plain.handle_nack(&[5, 9], at(50)), [Retransmission { packet: 5, rtx: None }]);
        let again = wrapping.handle_nack(&[5, 6, 9], at(50));
        assert_eq!(
            again,
            [
                Retransmission { packet: 5, rtx: Some((rtx, 65_535)) },
                Retransmission { packet: 6, rtx: Some((rtx, 0)) }
            ]
        );
        assert!(wrapping.handle_nack(&[5], at(51)).is_empty());
        let stats = wrapping.stats(at(51));
        assert_eq!((stats.nack_count, stats.nack_packet_count, stats.packets_discarded), (2, 4, 2));
        assert_eq!((stats.packets_retransmitted, stats.packets_repaired, stats.packet_count), (2, 2, 2));
    }

    #[test]
    fn reports_tell_the_round_trip_and_the_rtp_time_of_their_moment() {
        let mut stream = stream(None);
        let wall = WallTime::from_micros(1_795_000_000_500_000);
        assert_eq!(stream.sender_report(wall, at(0)), None);
        stream.handle_sent(packet(5), 5, at(1000));
        let report = stream.sender_report(wall, at(1500)).unwrap();
        assert_eq!((report.rtp_time, report.packets, report.octets), (3000 + 45_000, 1, 3));
        let block = ReportBlock {
            ssrc: 1,
            fraction_lost: 3,
            cumulative_lost: -1,
            last_sr: (report.ntp >> 16) as u32,
            delay_since_last_sr: 65_536 / 2,
            ..ReportBlock::default()
        };
        stream.handle_report_block(&block, at(2080));
        assert_eq!(stream.round_trip(), Some(Duration::from_millis(80)));
        stream.handle_report_block(&ReportBlock { last_sr: 77, ..block }, at(2090));
        assert_eq!(stream.round_trip(), Some(Duration::from_millis(80)));
        assert_eq!((stream.stats(at(2090)).packets_lost, stream.stats(at(2090)).fraction_lost), (0, 3));
    }

    #[test]
    fn the_score_follows_what_the_receiver_lost() {
        let mut stream = stream(None);
        stream.handle_sent(packet(5), 5, at(0));
        assert_eq!(stream.poll_output(at(0)), OutgoingOutput::Score(10));
        let block = ReportBlock { ssrc: 1, highest_sequence: 100, ..ReportBlock::default() };
        stream.handle_report_block(&block, at(100));
        let block = ReportBlock { highest_sequence: 200, cumulative_lost: 30, ..block };
        stream.handle_report_block(&block, at(200));
        assert_eq!(stream.poll_output(at(200)), OutgoingOutput::Score(2));
        assert_eq!(stream.poll_output(at(201)), OutgoingOutput::WaitUntil(at(1500)));
    }

    proptest! {
        #[test]
        fn no_reports_and_nacks_panic(
            blocks in prop::collection::vec(
                (any::<u8>(), -0x80_0000i32..0x80_0000, any::<u32>(), any::<u32>(), any::<u32>(), any::<u16>()),
                0..50,
            ),
        ) {
            let mut stream = stream(None);
            for (index, (fraction_lost, cumulative_lost, highest_sequence, last_sr, delay_since_last_sr, sequence)) in
                blocks.into_iter().enumerate()
            {
                let now = at(100 * index as u64);
                stream.handle_sent(packet(sequence), sequence, now);
                let last_sr = if last_sr % 2 == 0 {
                    (stream.sender_report(WallTime::from_micros(0), now).unwrap().ntp >> 16) as u32
                } else {
                    last_sr
                };
                let block = ReportBlock {
                    ssrc: 1,
                    fraction_lost,
                    cumulative_lost,
                    highest_sequence,
                    jitter: 0,
                    last_sr,
                    delay_since_last_sr,
                };
                stream.handle_report_block(&block, now);
                stream.handle_nack(&[sequence, sequence.wrapping_add(1)], now);
                stream.poll_output(now);
            }
        }
    }
}
