//! The sound of a view, one SRTP session for both directions: what the controller hears, and what it says.
//!
//! Owns the session, the reader of the stream's sound, and the way into the talk stream; all of them end with it.
use super::talkback::Talkback;
use super::{LiveError, Plan, session};
use crate::homekit::accessory::opus::{self, Joiner};
use crate::homekit::accessory::rtp::{Lane, LaneOptions};
use crate::homekit::srtp::{Gone, Packet, Session};
use crate::renditions::talk;
use hub::{Item, PeerInfo, Reader, View, Worker};
use media::{Codec, Moment};
use protocols::hap::camera::{AudioCodec, SelectedAudio};
use std::net::SocketAddr;

/// Payload type where a controller does not say which.
const PAYLOAD_TYPE: u8 = 110;
/// The clock of the Opus that our encoder makes.
const OPUS_HZ: u32 = 48_000;
/// The length of a packet of sound where a controller does not say it.
const PACKET_MS: u8 = 20;

/// The sound of a view.
pub(super) struct Sound {
    session: Session,
    playing: Option<Playing>,
    talkback: Option<Talkback>,
}

/// What the controller hears.
struct Playing {
    lane: Lane,
    reader: Reader,
    joiner: Joiner,
    /// When the first of the frames that wait to be joined is heard.
    first: Option<i64>,
}

/// What the sound brings.
pub(super) enum Turn {
    /// The controller says something.
    Heard(Packet),
    /// The stream does.
    Frame(Item),
}

impl Sound {
    /// Sound as Opus, whatever the stream has. None: there is nothing to hear and nobody to talk to.
    pub(super) async fn begin(
        worker: &Worker,
        plan: &Plan,
        view: &View,
        peer: &PeerInfo,
    ) -> Result<Option<Self>, LiveError> {
        let Some(selected) = &plan.selected.audio else { return Ok(None) };
        if selected.configuration.codec != AudioCodec::Opus {
            tracing::debug!(stream = %plan.stream, "HomeKit wants sound that was not offered");
            return Ok(None);
        }
        let payload_type = selected.rtp.payload_type.unwrap_or(PAYLOAD_TYPE);
        let playing = plan.sound.then(|| Playing::begin(plan, selected, payload_type, view, peer)).flatten();
        let talkback = Talkback::start(worker, plan, selected, payload_type, peer.clone()).await;
        if playing.is_none() && talkback.is_none() {
            return Ok(None);
        }
        let controller = plan.setup.controller;
        let remote = SocketAddr::new(controller.address, controller.audio_port);
        let session = session(plan, remote, selected.rtp.ssrc, plan.audio_ssrc, &plan.setup.audio).await?;
        Ok(Some(Self { session, playing, talkback }))
    }

    /// The next thing; of the stream only while the controller `listens`. Cancel-safe.
    pub(super) async fn turn(&mut self, listens: bool) -> Result<Turn, Gone> {
        let Self { session, playing, .. } = self;
        let playing = playing.as_mut().filter(|_| listens);
        tokio::select! {
            biased;
            packet = session.receive() => packet.map(Turn::Heard),
            item = super::next(playing.map(|playing| &mut playing.reader)) => Ok(Turn::Frame(item)),
        }
    }

    /// When time alone brings something.
    pub(super) fn due(&self) -> Moment {
        let report = self.playing.as_ref().map_or(Moment::FAR_FUTURE, |playing| playing.lane.due());
        let voice = self.talkback.as_ref().map_or(Moment::FAR_FUTURE, Talkback::due);
        report.min(voice)
    }

    /// Does what is due.
    pub(super) async fn handle_timeout(&mut self, now: Moment) -> Result<(), Gone> {
        if let Some(talkback) = &mut self.talkback {
            talkback.handle_timeout(now);
        }
        if let Some(playing) = &mut self.playing
            && let Some(report) = playing.lane.report(now, hub::wall_now())
        {
            self.session.send_rtcp(report).await?;
        }
        Ok(())
    }

    /// Takes what the controller says: its voice, and reports about it.
    pub(super) fn hear(&mut self, packet: Packet) {
        if let Some(talkback) = &mut self.talkback {
            talkback.take(packet);
        }
    }

    /// Plays what the stream says.
    pub(super) async fn play(&mut self, item: &Item) -> Result<(), Gone> {
        if let Item::Ended(reason) = item {
            // The picture goes on without it.
            tracing::debug!(%reason, "no more sound for HomeKit");
            self.playing = None;
        }
        let (Item::Chunk(chunk), Some(playing)) = (item, &mut self.playing) else { return Ok(()) };
        playing.reader.progressed(hub::now());
        playing.lane.anchor(chunk.pts, OPUS_HZ, chunk.arrival);
        let data = chunk.parts.first().cloned().unwrap_or_default();
        let begins = playing.first.unwrap_or(chunk.pts);
        let packet = playing.joiner.push(data);
        playing.first = match playing.joiner.waiting() {
            0 => None,
            1 => Some(chunk.pts),
            _ => Some(begins),
        };
        let Some(packet) = packet else { return Ok(()) };
        let packets = playing.lane.packets(begins, OPUS_HZ, std::iter::once((&packet[..], true)));
        self.session.send(packets).await
    }

    /// Nothing is left of it afterwards, and nothing of it is sent.
    pub(super) async fn end(self, reason: &str) {
        if let Some(playing) = self.playing {
            playing.reader.leave(reason);
        }
        self.session.close().await;
    }
}

impl Playing {
    /// None where the stream's sound cannot be made into Opus.
    fn begin(
        plan: &Plan,
        selected: &SelectedAudio,
        payload_type: u8,
        view: &View,
        peer: &PeerInfo,
    ) -> Option<Self> {
        let packet_ms = selected.configuration.packet_ms.filter(|ms| *ms > 0).unwrap_or(PACKET_MS);
        let target = audio::Target { frame: opus::frame_for(packet_ms), ..audio::Target::usual(Codec::Opus) };
        let reader = match view.reader(talk::format(target), peer.clone()) {
            Ok(reader) => reader,
            Err(error) => {
                tracing::debug!(stream = %plan.stream, %error, "no sound for HomeKit");
                return None;
            }
        };
        let options = LaneOptions {
            ssrc: plan.audio_ssrc,
            payload_type,
            clock_rate: selected.configuration.rate.hz(),
            report_every_s: selected.rtp.rtcp_interval_s,
        };
        let (lane, joiner) = (Lane::new(options, hub::now()), Joiner::new(packet_ms));
        Some(Self { lane, reader, joiner, first: None })
    }
}
