//! One medium of one view as the controller sees it: what comes is deciphered and judged, and reported on.
//!
//! Without I/O. RTP and RTCP share the port; what is sent and what comes have keys of their own, though all accessories
//! known to us use the same.
use super::super::options::Opens;
use super::super::publish::number_in;
use super::controller::text;
use bytes::Bytes;
use formats::bitstream::opus::packet_duration_48k;
use formats::rtp::rtcp::{Message, ReceiverStats, is_rtcp, parse, write_receiver_report};
use formats::rtp::{Depacketizer, DepacketizerOptions, Header, Packet};
use media::{Codec, CodecParams, Moment, Track};
use protocols::hap::camera::SrtpParameters;
use protocols::srtp::{MasterKey, Profile, Protector, SrtpError, Unprotector};
use std::time::Instant;

/// The controller's name in its reports.
const CNAME: &str = "load";

/// What a lane is held to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) ssrc: u32,
    pub(super) payload_type: u8,
    /// Of the RTP timestamps.
    pub(super) clock_rate: u32,
    pub(super) content: Content,
}

/// What is in the packets.
#[derive(Clone, Copy, Debug)]
pub(super) enum Content {
    /// H.264.
    Pictures,
    /// Opus, each packet of this length.
    Sound { packet_ms: u8 },
}

/// What came.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Seen {
    pub(super) bytes: u64,
    pub(super) packets: u64,
    /// Whole pictures; where nothing is deciphered, markers.
    pub(super) pictures: u64,
    pub(super) reports: u64,
    /// Numbers that did not come.
    pub(super) gaps: u64,
    /// Numbers that came late or twice.
    pub(super) out_of_order: u64,
    /// Packets that could not be deciphered.
    pub(super) refused: u64,
    /// Packets of another SSRC or payload type than was agreed on.
    pub(super) strange: u64,
    /// Pictures or pieces of sound that are damaged.
    pub(super) broken: u64,
    /// Made-up pictures whose number does not follow the one before.
    pub(super) skipped: u64,
    /// The first picture was none that decoders can begin with.
    pub(super) wrong_start: u64,
    /// What came after the end.
    pub(super) after_end: u64,
}

impl Seen {
    /// Adds what another lane saw.
    pub(super) fn add(&mut self, other: &Self) {
        self.bytes += other.bytes;
        self.packets += other.packets;
        self.pictures += other.pictures;
        self.reports += other.reports;
        self.gaps += other.gaps;
        self.out_of_order += other.out_of_order;
        self.refused += other.refused;
        self.strange += other.strange;
        self.broken += other.broken;
        self.skipped += other.skipped;
        self.wrong_start += other.wrong_start;
        self.after_end += other.after_end;
    }

    /// What must not be.
    #[cfg(test)]
    pub(super) const fn faults(&self) -> u64 {
        let lost = self.gaps + self.out_of_order + self.skipped;
        lost + self.refused + self.strange + self.broken + self.wrong_start + self.after_end
    }
}

/// One SSRC each way. `Open` → `Ended` by [`Lane::end`].
pub(super) struct Lane {
    expected: Expected,
    own_ssrc: u32,
    check: Opens,
    unprotector: Unprotector,
    protector: Protector,
    depacketizer: Option<Depacketizer>,
    stats: ReceiverStats,
    began: Instant,
    next: Option<u16>,
    number: Option<u64>,
    first: Option<Instant>,
    ended: bool,
    seen: Seen,
}

impl Lane {
    /// `sends` has the keys of what we send, `comes` those of what comes.
    pub(super) fn new(
        expected: Expected,
        own_ssrc: u32,
        (sends, comes): (&SrtpParameters, &SrtpParameters),
        check: Opens,
    ) -> Result<Self, String> {
        let depacketizer = match expected.content {
            Content::Pictures => {
                let track = Track::video(0, Codec::H264, CodecParams::None);
                Some(Depacketizer::new(&track, DepacketizerOptions::for_track(&track)).map_err(text)?)
            }
            Content::Sound { .. } => None,
        };
        Ok(Self {
            expected,
            own_ssrc,
            check,
            unprotector: Unprotector::new(&master(comes)?).map_err(text)?,
            protector: Protector::new(&master(sends)?).map_err(text)?,
            depacketizer,
            stats: ReceiverStats::new(expected.clock_rate),
            began: Instant::now(),
            next: None,
            number: None,
            first: None,
            ended: false,
            seen: Seen::default(),
        })
    }

    pub(super) fn seen(&self) -> Seen {
        let mut seen = self.seen;
        seen.broken += self.depacketizer.as_ref().map_or(0, |all| all.stats().frames_dropped);
        seen
    }

    /// When the first packet came.
    pub(super) const fn first(&self) -> Option<Instant> {
        self.first
    }

    /// The accessory has agreed to the end: nothing may follow.
    pub(super) const fn end(&mut self) {
        self.ended = true;
    }

    /// Takes a datagram.
    pub(super) fn handle(&mut self, datagram: &mut [u8], now: Instant) {
        self.seen.bytes += datagram.len() as u64;
        self.seen.packets += 1;
        if self.ended {
            self.seen.after_end += 1;
        } else if is_rtcp(datagram) {
            self.handle_rtcp(datagram, now);
        } else {
            self.handle_rtp(datagram, now);
        }
    }

    fn handle_rtcp(&mut self, datagram: &mut [u8], now: Instant) {
        if self.check == Opens::None {
            self.seen.reports += 1;
            return;
        }
        let Some(plain) = opened(&mut self.seen, datagram, |all| self.unprotector.unprotect_rtcp(all)) else {
            return;
        };
        let Ok(messages) = parse(plain) else {
            self.seen.broken += 1;
            return;
        };
        for message in messages {
            let Message::SenderReport(report) = message else { continue };
            if report.ssrc == self.expected.ssrc {
                self.seen.reports += 1;
                self.stats.handle_sender_report(&report, moment(self.began, now));
            } else {
                self.seen.strange += 1;
            }
        }
    }

    fn handle_rtp(&mut self, datagram: &mut [u8], now: Instant) {
        let plain = match self.check {
            Opens::None => &*datagram,
            Opens::All => match opened(&mut self.seen, datagram, |all| self.unprotector.unprotect_rtp(all)) {
                Some(plain) => plain,
                None => return,
            },
        };
        let Some(header) = header(plain) else {
            self.seen.broken += 1;
            return;
        };
        if (header.ssrc, header.payload_type) != (self.expected.ssrc, self.expected.payload_type) {
            self.seen.strange += 1;
            return;
        }
        self.first.get_or_insert(now);
        self.stats.handle_packet(&header, moment(self.began, now));
        let step = header.sequence.wrapping_sub(self.next.unwrap_or(header.sequence)) as i16;
        if step < 0 {
            self.seen.out_of_order += 1;
        } else {
            self.seen.gaps += u64::from(step.unsigned_abs());
            self.next = Some(header.sequence.wrapping_add(1));
        }
        match (self.check, self.expected.content) {
            (Opens::None, Content::Pictures) => self.seen.pictures += u64::from(header.marker),
            (Opens::None, Content::Sound { .. }) => {}
            (Opens::All, content) => match Packet::parse(Bytes::copy_from_slice(plain)) {
                Ok(packet) => self.judge(&packet, content),
                Err(_) => self.seen.broken += 1,
            },
        }
    }

    fn judge(&mut self, packet: &Packet, content: Content) {
        let Some(depacketizer) = &mut self.depacketizer else {
            if let Content::Sound { packet_ms } = content {
                let is_whole = packet_duration_48k(&packet.payload) == Some(48 * u32::from(packet_ms));
                self.seen.broken += u64::from(!is_whole);
            }
            return;
        };
        let dropped = depacketizer.stats().frames_dropped;
        let is_damaged = depacketizer.push(packet).is_err();
        // a picture that is dropped for it is counted there
        self.seen.broken += u64::from(is_damaged && depacketizer.stats().frames_dropped == dropped);
        while let Some(frame) = depacketizer.pop() {
            if self.seen.pictures == 0 && !(frame.keyframe && frame.params.is_some()) {
                self.seen.wrong_start += 1;
            }
            self.seen.pictures += 1;
            let number = number_in(&frame.data);
            if let (Some(before), Some(number)) = (self.number, number)
                && number != before + 1
            {
                self.seen.skipped += 1;
            }
            self.number = number;
        }
    }

    /// The report that is due, enciphered.
    pub(super) fn report(&mut self, now: Instant) -> Result<Vec<u8>, String> {
        let blocks: Vec<_> = self.stats.report_block(moment(self.began, now)).into_iter().collect();
        let mut packet = Vec::with_capacity(128);
        write_receiver_report(self.own_ssrc, &blocks, CNAME, &mut packet);
        self.protector.protect_rtcp(&mut packet, 0).map_err(text)?;
        Ok(packet)
    }
}

/// The plain packet; none: it could not be deciphered, and is counted.
fn opened<'a>(
    seen: &mut Seen,
    datagram: &'a mut [u8],
    open: impl FnOnce(&mut [u8]) -> Result<usize, SrtpError>,
) -> Option<&'a [u8]> {
    match open(datagram) {
        Ok(length) => Some(&datagram[..length]),
        Err(_) => {
            seen.refused += 1;
            None
        }
    }
}

/// The fixed header, without a copy of what follows.
fn header(packet: &[u8]) -> Option<Header> {
    let [first, second, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3, ..] = *packet else { return None };
    (first >> 6 == 2).then_some(Header {
        marker: second & 0x80 != 0,
        payload_type: second & 0x7f,
        sequence: u16::from_be_bytes([s0, s1]),
        timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
        ssrc: u32::from_be_bytes([r0, r1, r2, r3]),
    })
}

fn master(of: &SrtpParameters) -> Result<MasterKey, String> {
    MasterKey::new(Profile::AesCm128HmacSha1_80, &of.key, &of.salt).map_err(text)
}

fn moment(began: Instant, now: Instant) -> Moment {
    Moment::ZERO + now.saturating_duration_since(began)
}
