//! RTCP: what the two ends of an RTP stream tell each other about it.
//!
//! Sources: RFC 3550 §6 and §A, RFC 4585 §6.1 and §6.2.1 (NACK), §6.3.1 (PLI), RFC 5104 §4.3.1 (FIR), RFC 3611 (XR),
//! draft-holmer-rmcat-transport-wide-cc-extensions-01, draft-alvestrand-rmcat-remb-03.
mod build;
mod extended;
mod parse;
mod remb;
mod stats;
mod transport_feedback;

pub use build::{
    CNAME_BYTES_MAX, write_bye, write_fir, write_nack, write_pli, write_receiver_report, write_sender_report,
};
pub use extended::{DelayBlock, write_reference_time, write_since_reference};
pub use parse::{RtcpError, is_rtcp, parse};
pub use remb::{MaximumBitrate, write_maximum_bitrate};
pub use stats::{ReceiverStats, SenderStats};
pub use transport_feedback::{ARRIVAL_TICK, REFERENCE_TICKS, TransportFeedback, write_transport_feedback};

/// One packet of a compound.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// SR: what the sender sent until when.
    SenderReport(SenderReport),
    /// RR: what a receiver got.
    ReceiverReport {
        /// Who reports.
        ssrc: u32,
        /// One block per source it hears.
        blocks: Vec<ReportBlock>,
    },
    /// SDES: who is who. One for each SSRC that has a CNAME.
    SourceDescription {
        /// Who.
        ssrc: u32,
        /// The name that is the same for all SSRCs of one sender.
        cname: String,
    },
    /// BYE: these sources end.
    Bye {
        /// Who leaves.
        ssrcs: Vec<u32>,
        /// Why, if it says so.
        reason: Option<String>,
    },
    /// PLI: a picture was lost, a key frame is wanted.
    PictureLoss {
        /// Who asks.
        sender: u32,
        /// The source that is asked.
        media: u32,
    },
    /// FIR: a key frame is wanted of each of these.
    FullIntraRequest {
        /// Who asks.
        sender: u32,
        /// The sources that are asked, each with the number of the request (a repetition keeps its number).
        requests: Vec<(u32, u8)>,
    },
    /// Generic NACK: these packets did not arrive.
    Nack {
        /// Who asks.
        sender: u32,
        /// The source that is asked.
        media: u32,
        /// Sequence numbers.
        lost: Vec<u16>,
    },
    /// Transport-wide feedback: which packets came, and when.
    TransportFeedback(TransportFeedback),
    /// REMB: how much the receiver believes its way bears.
    MaximumBitrate(MaximumBitrate),
    /// XR, receiver reference time: who only receives asks for a measurement of the round trip.
    ReferenceTime {
        /// Who asks.
        sender: u32,
        /// Its clock as 64-bit NTP time.
        ntp: u64,
    },
    /// XR, delay since the last reference time: the answer to it.
    SinceReference {
        /// Who answers.
        sender: u32,
        /// One block per receiver that asked.
        blocks: Vec<DelayBlock>,
    },
    /// Anything else, skipped.
    Other {
        /// RTCP packet type.
        packet_type: u8,
        /// Its count or format field.
        count: u8,
    },
}

/// A sender report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SenderReport {
    /// The source.
    pub ssrc: u32,
    /// Wall-clock time of the report as 64-bit NTP time ([`media::WallTime::from_ntp`]); 0 when it has no clock.
    pub ntp: u64,
    /// The same moment on the source's RTP clock.
    pub rtp_time: u32,
    /// Packets sent so far.
    pub packets: u32,
    /// Payload bytes sent so far.
    pub octets: u32,
    /// What it hears itself.
    pub blocks: Vec<ReportBlock>,
}

/// What a receiver says about one source.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReportBlock {
    /// The source.
    pub ssrc: u32,
    /// Lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Lost since the start, less duplicates: 24 bits, signed.
    pub cumulative_lost: i32,
    /// Highest sequence number, with its wraps above the lower 16 bits.
    pub highest_sequence: u32,
    /// Jitter of the arrival in ticks of the RTP clock.
    pub jitter: u32,
    /// Middle 32 bits of the NTP time of the last sender report; 0 without one.
    pub last_sr: u32,
    /// Since that report came, in 1/65536 s.
    pub delay_since_last_sr: u32,
}
