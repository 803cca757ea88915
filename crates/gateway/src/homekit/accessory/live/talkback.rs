//! What a phone says while it looks: RTP of its microphone, published into the stream's talk stream.
//!
//! Source: HAP specification (R2) §11 (the sound of both directions is one session). There is no word for "the button was
//! pressed": phones send packets while somebody talks, and in pauses tiny ones or none. So the packets say it, and the
//! [`Talk`] task lets go of the talk stream 2 s after the last one.
use super::Plan;
use crate::homekit::hearing::Hearing;
use crate::homekit::sound::packet_ms;
use crate::homekit::srtp::{Kind, Packet};
use crate::ingest::{Ingest, Ingested};
use crate::talker::{Talk, talk_line};
use bytes::Bytes;
use formats::rtp::rtcp::{self, Message};
use hub::{PeerInfo, Worker};
use media::{Moment, TrackId, Unit, WallTime};
use protocols::hap::camera::{AudioConfiguration, SelectedAudio};

/// The one track.
const AUDIO: TrackId = 0;

/// A phone's voice on its way to the talk stream. Dropping it ends that.
pub(super) struct Talkback {
    ingest: Ingest,
    hearing: Hearing,
    talk: Talk,
    lost: u64,
    /// Of the next units, reused.
    ready: Vec<Unit>,
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
        if !worker.hub().has(&stream).await {
            return None;
        }
        let deaf = |why: String| tracing::warn!(stream = %plan.stream, why, "HomeKit's voice is not heard");
        let AudioConfiguration { codec, rate, .. } = selected.configuration;
        let agreed = AudioConfiguration { packet_ms: packet_ms(codec, rate), ..selected.configuration };
        let hearing = Hearing::new(&agreed, payload_type).map_err(deaf).ok()?;
        let ingest = Ingest::new(&[hearing.section(AUDIO)], false);
        let mut ingest = ingest.map_err(|error| deaf(error.to_string())).ok()?;
        ingest.set_wall_clock(hub::now(), hub::wall_now());
        let (_, line) = talk_line();
        let talk = Talk::start(worker, stream, peer, line);
        Some(Self { ingest, hearing, talk, lost: 0, ready: Vec::new() })
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
        if self.hearing.take(&mut packet) {
            self.ingest.handle_packet(AUDIO, packet, arrived);
        }
    }

    fn take_rtcp(&mut self, data: &[u8]) {
        self.ingest.set_wall_clock(hub::now(), hub::wall_now());
        for message in rtcp::parse(data).unwrap_or_default() {
            let Message::SenderReport(report) = message else { continue };
            if let Some(rtp_time) = self.hearing.time(report.rtp_time).filter(|_| report.ntp != 0) {
                self.ingest.handle_clock(AUDIO, rtp_time, WallTime::from_ntp(report.ntp));
            }
        }
    }

    fn forward(&mut self) {
        while let Some(made) = self.ingest.poll() {
            match made {
                Ingested::Tracks(tracks) => self.talk.retrack(self.hearing.tracks(tracks)),
                Ingested::Unit(unit) => self.hearing.units(unit, &mut self.ready),
            }
        }
        self.lost += self.ingest.take_lost();
        // Only what is said counts: whoever is silent lets others talk.
        for unit in self.ready.drain(..) {
            if !self.hearing.is_silent(&unit) {
                self.talk.say(unit, self.lost);
            }
        }
    }
}
