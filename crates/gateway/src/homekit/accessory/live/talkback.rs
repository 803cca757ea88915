//! What a phone says while it looks: RTP of its microphone, published into the stream's talk stream.
//!
//! Source: HAP specification (R2) §11 (the sound of both directions is one session). There is no word for "the button was
//! pressed": phones send packets while somebody talks, and in pauses tiny ones or none. So the packets say it, and the
//! [`Talk`] task lets go of the talk stream 2 s after the last one.
use super::Plan;
use crate::homekit::opus_clock::OpusClock;
use crate::homekit::srtp::{Kind, Packet};
use crate::ingest::{Ingest, Ingested, negotiated};
use crate::talker::{Talk, talk_line};
use bytes::Bytes;
use formats::rtp::rtcp::{self, Message};
use hub::{PeerInfo, Worker};
use media::{Codec, Moment, TrackId, WallTime};
use protocols::hap::camera::{AudioCodec, SelectedAudio};

/// The one track.
const AUDIO: TrackId = 0;
/// RTP clock of Opus, after it was stretched.
const OPUS_HZ: u32 = 48_000;
/// Opus packets up to this long are silence of discontinuous transmission. Source: RFC 6716 §2.1.9.
const SILENCE_BYTES_MAX: usize = 2;

/// A phone's voice on its way to the talk stream. Dropping it ends that.
pub(super) struct Talkback {
    ingest: Ingest,
    clock: OpusClock,
    payload_type: u8,
    talk: Talk,
    lost: u64,
}

impl Talkback {
    /// None where the stream cannot be talked to, or the controller speaks what was not offered.
    pub(super) async fn start(
        worker: &Worker,
        plan: &Plan,
        selected: &SelectedAudio,
        payload_type: u8,
        peer: PeerInfo,
    ) -> Option<Self> {
        let stream = hub::talk_name(&plan.stream).filter(|_| plan.talk)?;
        if selected.configuration.codec != AudioCodec::Opus || !worker.hub().has(&stream).await {
            return None;
        }
        let channels = selected.configuration.channels.clamp(1, 2);
        let section = negotiated(AUDIO, Codec::Opus, OPUS_HZ, channels, payload_type);
        let mut ingest = match Ingest::new(&[section], false) {
            Ok(ingest) => ingest,
            Err(error) => {
                tracing::warn!(stream = %plan.stream, %error, "HomeKit's voice is not heard");
                return None;
            }
        };
        ingest.set_wall_clock(hub::now(), hub::wall_now());
        let (_, line) = talk_line();
        let talk = Talk::start(worker, stream, peer, line);
        Some(Self { ingest, clock: OpusClock::default(), payload_type, talk, lost: 0 })
    }

    /// Takes a packet of the sound's session.
    pub(super) fn take(&mut self, packet: Packet) {
        match packet.kind {
            Kind::Rtp => self.take_rtp(packet.data, packet.arrived),
            Kind::Rtcp => self.take_rtcp(&packet.data),
        }
        self.forward();
    }

    /// When time alone brings something: packets wait for those before them.
    pub(super) fn due(&self) -> Moment {
        self.ingest.next_deadline()
    }

    /// Lets time pass.
    pub(super) fn handle_timeout(&mut self, now: Moment) {
        if now >= self.due() {
            self.ingest.handle_timeout(now);
            self.forward();
        }
    }

    fn take_rtp(&mut self, data: Bytes, arrived: Moment) {
        let Ok(mut packet) = formats::rtp::Packet::parse(data) else { return };
        // Comfort noise has a payload type of its own.
        let is_sound = packet.header.payload_type == self.payload_type;
        if is_sound && self.clock.stretch(&mut packet) {
            self.ingest.handle_packet(AUDIO, packet, arrived);
        }
    }

    fn take_rtcp(&mut self, data: &[u8]) {
        self.ingest.set_wall_clock(hub::now(), hub::wall_now());
        for message in rtcp::parse(data).unwrap_or_default() {
            let Message::SenderReport(report) = message else { continue };
            if let Some(rtp_time) = self.clock.stretched(report.rtp_time).filter(|_| report.ntp != 0) {
                self.ingest.handle_clock(AUDIO, rtp_time, WallTime::from_ntp(report.ntp));
            }
        }
    }

    fn forward(&mut self) {
        while let Some(made) = self.ingest.poll() {
            match made {
                Ingested::Tracks(tracks) => self.talk.retrack(tracks),
                // Only what is said counts: whoever is silent lets others talk.
                Ingested::Unit(unit) if unit.data.len() > SILENCE_BYTES_MAX => {
                    self.lost += self.ingest.take_lost();
                    self.talk.say(unit, self.lost);
                }
                Ingested::Unit(_) => {}
            }
        }
    }
}
