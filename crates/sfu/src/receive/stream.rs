//! [`IncomingStream`]: one SSRC of a producer, with its retransmission stream.
use super::jitter::Jitter;
use super::{Arrival, IncomingStreamStats, NackGenerator, NackOutput, Sequence};
use crate::keyframe::KeyFrameRequest;
use crate::rate::Rate;
use crate::rtx::{self, RtxError};
use crate::score::{Score, ScoreInterval};
use formats::rtp::rtcp::{ReportBlock, SenderReport};
use formats::rtp::{Header, Packet};
use media::{MediaTime, Moment};
use std::time::Duration;

/// What is known of a stream before its first packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IncomingStreamOptions {
    /// The stream.
    pub ssrc: u32,
    /// Its payload type, which repaired packets get back.
    pub payload_type: u8,
    /// Ticks of its RTP clock a second.
    pub clock_rate: u32,
    /// Its retransmission stream.
    pub rtx_ssrc: Option<u32>,
    /// Whether missing packets are asked for (`nack`).
    pub nack: bool,
    /// Whether it may pause in silence (`usedtx`).
    pub dtx: bool,
}

/// What the caller does with a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Received {
    /// Forward it: it is new. Whoever switches streams looks at `extended` for the order.
    Forward {
        /// Its number with cycles.
        extended: u64,
    },
    /// Forward it, and forget what was before: the sender began anew.
    Restarted {
        /// Its number with cycles.
        extended: u64,
    },
    /// Drop it: it came before, or its number comes from nowhere.
    Discarded,
}

/// The next thing the caller does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IncomingOutput {
    /// Send a NACK for these packets.
    Nack(Vec<u16>),
    /// Ask for a key frame by way of [`crate::keyframe::KeyFrameRequests`]: too much is missing.
    KeyFrameWanted,
    /// The score changed to this.
    Score(u8),
    /// Drained: poll again at this moment, or after any `handle_*`.
    WaitUntil(Moment),
}

/// One incoming stream.
#[derive(Clone, Debug)]
pub struct IncomingStream {
    options: IncomingStreamOptions,
    sequence: Sequence,
    jitter: Jitter,
    nack: NackGenerator,
    rate: Rate,
    score: Score,
    stats: IncomingStreamStats,
    /// Middle of the last sender report's NTP time, and when it came.
    sender_report: Option<(u32, Moment)>,
    reported: Reported,
}

/// Counters as of the last report block.
#[derive(Clone, Copy, Debug, Default)]
struct Reported {
    expected: u64,
    received: u64,
    repaired: u64,
    retransmitted: u64,
}

impl IncomingStream {
    /// A stream of which nothing came yet.
    pub fn new(options: IncomingStreamOptions) -> Self {
        Self {
            options,
            sequence: Sequence::default(),
            jitter: Jitter::new(options.clock_rate),
            nack: NackGenerator::default(),
            rate: Rate::new(),
            score: Score::new(options.dtx),
            stats: IncomingStreamStats {
                ssrc: options.ssrc,
                rtx_ssrc: options.rtx_ssrc,
                ..IncomingStreamStats::default()
            },
            sender_report: None,
            reported: Reported::default(),
        }
    }

    /// Takes a packet of the stream: `bytes` long on the wire, and whether a key frame begins in it.
    pub fn handle_packet(&mut self, header: &Header, bytes: usize, key_frame: bool, now: Moment) -> Received {
        let received = self.take(header.sequence, key_frame, now);
        match received {
            Received::Discarded => self.stats.packets_discarded += 1,
            Received::Forward { .. } | Received::Restarted { .. } => {
                self.jitter.handle_packet(header.timestamp, now);
                self.stats.packet_count += 1;
                self.stats.byte_count += bytes as u64;
                self.rate.add(bytes, now);
                self.score.handle_packet(now);
            }
        }
        received
    }

    /// Reads the original out of a packet of the retransmission stream; then see [`IncomingStream::handle_repair`].
    pub fn unwrap_rtx(&mut self, packet: &Packet) -> Result<Packet, RtxError> {
        self.stats.packets_retransmitted += 1;
        let original = rtx::unwrap(packet, self.options.ssrc, self.options.payload_type);
        self.stats.rtx_packets_discarded += u64::from(original.is_err());
        original
    }

    /// Takes a packet out of [`IncomingStream::unwrap_rtx`]. Only one that is missing is of use: a retransmission
    /// must neither begin a stream nor move it on.
    pub fn handle_repair(&mut self, original: &Header, key_frame: bool, now: Moment) -> Received {
        let received = if self.sequence.has_passed(original.sequence) {
            self.take(original.sequence, key_frame, now)
        } else {
            Received::Discarded
        };
        match received {
            Received::Discarded => self.stats.rtx_packets_discarded += 1,
            Received::Forward { .. } | Received::Restarted { .. } => {}
        }
        received
    }

    /// Notes a sender report, from which the sender will work out the round trip.
    pub const fn handle_sender_report(&mut self, report: &SenderReport, now: Moment) {
        self.sender_report = Some(((report.ntp >> 16) as u32, now));
    }

    /// Sets the round trip to the sender, as the transport knows it.
    pub fn set_round_trip(&mut self, round_trip: Duration) {
        self.nack.set_round_trip(round_trip);
    }

    /// Counts a key frame request that was sent.
    pub const fn count_key_frame_request(&mut self, request: KeyFrameRequest) {
        match request {
            KeyFrameRequest::Pli => self.stats.pli_count += 1,
            KeyFrameRequest::Fir { .. } => self.stats.fir_count += 1,
        }
    }

    /// The block for the next receiver report; `None` before the first packet. Each call ends an interval, of loss
    /// and of the score.
    pub fn report_block(&mut self, now: Moment) -> Option<ReportBlock> {
        let highest_sequence = self.sequence.highest()?;
        let current = Reported {
            expected: self.sequence.expected(),
            received: self.sequence.received(),
            repaired: self.stats.packets_repaired,
            retransmitted: self.stats.packets_retransmitted,
        };
        let before = std::mem::replace(&mut self.reported, current);
        let expected = current.expected.saturating_sub(before.expected);
        let received = current.received.saturating_sub(before.received);
        let lost = expected.saturating_sub(received);
        self.stats.fraction_lost = (lost << 8).checked_div(expected).unwrap_or(0).min(255) as u8;
        let repaired = current.repaired - before.repaired;
        self.score.handle_interval(ScoreInterval {
            expected,
            // a repaired packet was received after all: for the score it is a loss that was mended
            lost: lost + repaired,
            repaired,
            retransmitted: current.retransmitted - before.retransmitted,
        });
        let (last_sr, delay_since_last_sr) = match self.sender_report {
            Some((middle, at)) => (middle, MediaTime::ticks_of(now.since(at), 65_536) as u32),
            None => (0, 0),
        };
        Some(ReportBlock {
            ssrc: self.options.ssrc,
            fraction_lost: self.stats.fraction_lost,
            cumulative_lost: (current.expected - current.received).min(0x7f_ffff) as i32,
            highest_sequence,
            jitter: self.jitter.ticks(),
            last_sr,
            delay_since_last_sr,
        })
    }

    /// The next output.
    pub fn poll_output(&mut self, now: Moment) -> IncomingOutput {
        self.score.poll(now);
        if self.stats.score != self.score.value() {
            self.stats.score = self.score.value();
            return IncomingOutput::Score(self.stats.score);
        }
        match self.nack.poll_output(now) {
            NackOutput::Ask(lost) => {
                self.stats.nack_count += 1;
                self.stats.nack_packet_count += lost.len() as u64;
                IncomingOutput::Nack(lost)
            }
            NackOutput::AskForKeyFrame => IncomingOutput::KeyFrameWanted,
            NackOutput::WaitUntil(at) => IncomingOutput::WaitUntil(at.min(self.score.wake_at())),
        }
    }

    /// Statistics of this moment.
    pub fn stats(&mut self, now: Moment) -> IncomingStreamStats {
        IncomingStreamStats {
            packets_lost: self.sequence.expected() - self.sequence.received(),
            jitter: self.jitter.ticks(),
            bitrate: self.rate.bps(now),
            score: self.score.value(),
            ..self.stats.clone()
        }
    }

    fn take(&mut self, sequence: u16, key_frame: bool, now: Moment) -> Received {
        let received = match self.sequence.handle(sequence) {
            Arrival::First { extended } => {
                self.nack.reset();
                self.reported = Reported {
                    expected: 0,
                    received: 0,
                    repaired: self.stats.packets_repaired,
                    retransmitted: self.stats.packets_retransmitted,
                };
                Received::Restarted { extended }
            }
            Arrival::Ahead { extended, gap } => {
                if self.options.nack {
                    self.nack.handle_gap(extended, gap, now);
                }
                Received::Forward { extended }
            }
            Arrival::Late { extended } => {
                let asked = self.nack.handle_arrival(extended);
                self.stats.packets_repaired += u64::from(asked.is_some_and(|asked| asked > 0));
                Received::Forward { extended }
            }
            Arrival::Duplicate | Arrival::Strange => Received::Discarded,
        };
        match received {
            Received::Forward { extended } | Received::Restarted { extended } if key_frame => {
                self.nack.handle_key_frame(extended);
            }
            Received::Forward { .. } | Received::Restarted { .. } | Received::Discarded => {}
        }
        received
    }
}

#[cfg(test)]
mod tests;
