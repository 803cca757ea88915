//! The sending half of a session: frames to RTP packets of this peer.
//!
//! Source: RFC 3550 §5.1, §6.4.1 (timestamps, sender reports). Owns payload types, sequence numbers and the line that
//! ties media time to the clock.
use super::choice::Plan;
use super::offer::{Choice, Offer, OfferedPayload};
use super::session::Stats;
use super::{Context, SendFrame, WebRtcError};
use media::{Codec, Moment, Track, TrackId};
use std::time::Duration;
use str0m::Rtc;
use str0m::format::{CodecConfig, FormatParams};
use str0m::media::{Frequency, Mid, Pt};
use str0m::rtp::{RtpWrite, Ssrc};

/// Packets kept for retransmission: 512, 0.3 s of a joining player's catch-up at 4 Mbit/s, in which a loss is noticed,
/// asked for and sent again over any path but a satellite's. Each costs 430 bytes a player, its payload being shared.
const RETRANSMIT_PACKETS: usize = 512;
/// What is older is better mended by a key frame.
const RETRANSMIT_AGE_MAX: Duration = Duration::from_secs(1);
/// Largest share of retransmissions in what is sent; beyond it a network only gets worse by them.
const RETRANSMIT_SHARE_MAX: f32 = 0.15;

/// All tracks that a player gets.
#[derive(Default)]
pub(crate) struct Senders {
    senders: Vec<Sender>,
    /// When media time 0 was, as far as is known, by our clock: a sender report must not lie in the future, so it moves
    /// back whenever a frame comes earlier than it says. One for all tracks: that is what keeps lips and sound together.
    zero: Option<i64>,
}

struct Sender {
    track: TrackId,
    mid: Mid,
    ssrc: Ssrc,
    payload_type: Pt,
    clock_rate: u32,
    /// Whether what was lost can be asked for again.
    nackable: bool,
    /// Extended by its rollovers; the low 16 bits are sent.
    sequence: u64,
}

/// Tells the engine about the payload types that were taken, exactly as they were offered.
pub(crate) fn configure_codecs(config: &mut CodecConfig, choices: &[Choice]) {
    config.clear();
    for choice in choices {
        let Choice::Take { payload, .. } = choice else { continue };
        let Some(codec) = payload.codec().and_then(engine_codec) else { continue };
        if config.params().iter().any(|known| *known.pt() == payload.payload_type) {
            continue;
        }
        // The engine counts G.722 by its samples; RFC 3551 §4.5.2 writes half of that.
        let clock_rate = if codec == str0m::format::Codec::G722 { 16_000 } else { payload.clock_rate };
        let Some(frequency) = Frequency::new(clock_rate) else { continue };
        config.add_config(
            payload.payload_type.into(),
            payload.retransmission.map(Pt::from),
            codec,
            frequency,
            payload.channels,
            FormatParams::parse_line(&payload.parameters),
        );
    }
}

const fn engine_codec(codec: Codec) -> Option<str0m::format::Codec> {
    Some(match codec {
        Codec::H264 => str0m::format::Codec::H264,
        Codec::H265 => str0m::format::Codec::H265,
        Codec::Av1 => str0m::format::Codec::Av1,
        Codec::Vp8 => str0m::format::Codec::Vp8,
        Codec::Vp9 => str0m::format::Codec::Vp9,
        Codec::Opus => str0m::format::Codec::Opus,
        Codec::Pcmu => str0m::format::Codec::PCMU,
        Codec::Pcma => str0m::format::Codec::PCMA,
        Codec::G722 => str0m::format::Codec::G722,
        Codec::Mjpeg | Codec::Aac | Codec::L16 | Codec::Mp3 => return None,
    })
}

impl Senders {
    /// Ties the tracks of a plan to what the engine made of the offer.
    pub(crate) fn bind(
        &mut self,
        rtc: &mut Rtc,
        offer: &Offer<'_>,
        plan: &Plan,
        tracks: &[Track],
    ) -> Result<(), WebRtcError> {
        for (section, track) in &plan.sends {
            let Some(track) = tracks.iter().find(|candidate| candidate.id == *track) else { continue };
            let Some(Choice::Take { payload, .. }) = plan.choices.get(*section) else { continue };
            let mid = Mid::from(offer.sections[*section].mid);
            self.senders.push(Sender::bind(rtc, mid, track, payload)?);
        }
        Ok(())
    }

    pub(crate) fn track_of(&self, mid: Mid) -> Option<TrackId> {
        self.senders.iter().find(|sender| sender.mid == mid).map(|sender| sender.track)
    }

    /// True when something was written.
    pub(crate) fn write(
        &mut self,
        rtc: &mut Rtc,
        context: &Context,
        frame: &SendFrame,
        now: Moment,
        stats: &mut Stats,
    ) -> bool {
        let Some(sender) = self.senders.iter_mut().find(|sender| sender.track == frame.track) else {
            return false;
        };
        let shown = nanos_of(frame.pts, sender.clock_rate);
        let zero = self.zero.get_or_insert(now.as_nanos() as i64 - shown);
        if !frame.past {
            *zero = (*zero).min(now.as_nanos() as i64 - shown);
        }
        sender.write(rtc, context, frame, *zero, stats);
        true
    }
}

fn nanos_of(ticks: i64, rate: u32) -> i64 {
    media::rescale(ticks, rate, 1_000_000_000)
}

impl Sender {
    fn bind(rtc: &mut Rtc, mid: Mid, track: &Track, payload: &OfferedPayload) -> Result<Self, WebRtcError> {
        let mut direct = rtc.direct_api();
        let stream = direct
            .stream_tx_by_mid(mid, None)
            .ok_or_else(|| WebRtcError::Engine(format!("section {mid} did not become a sender")))?;
        stream.set_rtx_cache(RETRANSMIT_PACKETS, RETRANSMIT_AGE_MAX, Some(RETRANSMIT_SHARE_MAX));
        Ok(Self {
            track: track.id,
            mid,
            ssrc: stream.ssrc(),
            payload_type: payload.payload_type.into(),
            clock_rate: track.clock_rate,
            nackable: stream.rtx().is_some(),
            // RFC 3550 §5.1 wants random starts against known plaintext; SRTP does not depend on them.
            sequence: 1,
        })
    }

    fn write(&mut self, rtc: &mut Rtc, context: &Context, frame: &SendFrame, zero: i64, stats: &mut Stats) {
        let wall = zero.saturating_add(nanos_of(frame.pts, self.clock_rate));
        let wall = context.instant(Moment::from_nanos(u64::try_from(wall).unwrap_or(0)));
        let mut direct = rtc.direct_api();
        let Some(stream) = direct.stream_tx(&self.ssrc) else { return };
        for packet in &frame.packets {
            let rtp = RtpWrite::new(
                self.payload_type,
                self.sequence.into(),
                frame.pts as u32,
                wall,
                packet.payload.clone(),
            );
            stream.write_rtp(rtp.marker(packet.marker).nackable(self.nackable));
            self.sequence += 1;
            stats.packets_sent += 1;
            stats.bytes_sent += packet.payload.len() as u64;
        }
    }
}
