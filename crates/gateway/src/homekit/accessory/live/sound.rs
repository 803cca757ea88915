//! The sound of a view, one SRTP session for both directions: what the controller hears, and what it says.
//!
//! Owns the session, the reader of the stream's sound, and the way into the talk stream; all of them end with it.
use super::talkback::Talkback;
use super::{LiveError, Plan, session};
use crate::homekit::accessory::opus::{self, Joiner};
use crate::homekit::rtp::{Lane, LaneOptions};
use crate::homekit::sound::{Agreed, packet_ms};
use crate::homekit::srtp::{Gone, Packet, Session};
use crate::renditions::talk;
use formats::rtp::Packets;
use hub::{Chunk, Item, PeerInfo, Reader, View, Worker};
use media::Moment;
use protocols::hap::camera::{AudioCodec, AudioConfiguration, SelectedAudio};
use std::borrow::Cow;
use std::net::SocketAddr;

/// Payload type where a controller does not say which.
const PAYLOAD_TYPE: u8 = 110;

/// The sound of a view.
pub(super) struct Sound {
    session: Session,
    playing: Option<Playing>,
    talkback: Option<Talkback>,
}

/// What the controller hears.
struct Playing {
    lane: Lane,
    /// None while the view is suspended.
    reader: Option<Reader>,
    /// What frames are made.
    coding: Agreed,
    /// Makes packets of several frames; AAC-ELD goes frame by frame.
    joiner: Option<Joiner>,
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
    /// Sound as the controller selects it, whatever the stream has. None: there is nothing to hear and nobody to talk to.
    pub(super) async fn begin(
        worker: &Worker,
        plan: &Plan,
        view: &View,
        peer: &PeerInfo,
    ) -> Result<Option<Self>, LiveError> {
        let Some(selected) = &plan.selected.audio else { return Ok(None) };
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

    /// The next thing. Cancel-safe.
    pub(super) async fn turn(&mut self) -> Result<Turn, Gone> {
        let Self { session, playing, .. } = self;
        let reader = playing.as_mut().and_then(|playing| playing.reader.as_mut());
        tokio::select! {
            biased;
            packet = session.receive() => packet.map(Turn::Heard),
            item = super::next(reader) => Ok(Turn::Frame(item)),
        }
    }

    /// Plays nothing for now.
    pub(super) fn suspend(&mut self) {
        if let Some(playing) = &mut self.playing {
            playing.suspend();
        }
    }

    /// Plays what is said from now on.
    pub(super) fn resume(&mut self, view: &View, peer: &PeerInfo) {
        if let Some(playing) = &mut self.playing
            && playing.reader.is_none()
        {
            playing.reader = view.reader(talk::format(playing.coding.target), peer.clone()).ok();
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
        let Some(packets) = playing.packets(chunk) else { return Ok(()) };
        self.session.send(packets).await
    }

    /// Nothing is left of it afterwards, and nothing of it is sent.
    pub(super) async fn end(self, reason: &str) {
        if let Some(reader) = self.playing.and_then(|playing| playing.reader) {
            reader.leave(reason);
        }
        self.session.close().await;
    }
}

impl Playing {
    /// None where the stream's sound cannot be made into what is selected.
    fn begin(
        plan: &Plan,
        selected: &SelectedAudio,
        payload_type: u8,
        view: &View,
        peer: &PeerInfo,
    ) -> Option<Self> {
        let without = |why: &dyn std::fmt::Display| {
            tracing::debug!(stream = %plan.stream, %why, "no sound for HomeKit");
        };
        let configuration = selected.configuration;
        let usual_ms = packet_ms(configuration.codec, configuration.rate);
        let (frame_ms, joiner) = if configuration.codec == AudioCodec::Opus {
            let wanted = configuration.packet_ms.filter(|ms| *ms > 0).or(usual_ms).unwrap_or_default();
            (Some(opus::frame_ms_for(wanted)), Some(Joiner::new(wanted)))
        } else {
            (usual_ms, None)
        };
        let frame = AudioConfiguration { packet_ms: frame_ms, ..configuration };
        let coding = Agreed::of(&frame).map_err(|why| without(&why)).ok()?;
        let reader = view.reader(talk::format(coding.target), peer.clone());
        let reader = Some(reader.map_err(|error| without(&error)).ok()?);
        let options = LaneOptions {
            ssrc: plan.audio_ssrc,
            payload_type,
            clock_rate: coding.clock_hz,
            report_every_s: selected.rtp.rtcp_interval_s,
        };
        Some(Self { lane: Lane::new(options, hub::now()), reader, coding, joiner, first: None })
    }

    /// What was begun is not said later.
    fn suspend(&mut self) {
        (self.reader, self.first) = (None, None);
        if let Some(joiner) = &mut self.joiner {
            joiner.clear();
        }
    }

    /// What is to be sent now that a frame has come.
    fn packets(&mut self, chunk: &Chunk) -> Option<Packets> {
        let rate = self.coding.target.clock_rate();
        if let Some(reader) = &mut self.reader {
            reader.progressed(hub::now());
        }
        self.lane.anchor(chunk.pts, rate, chunk.arrival);
        let frame = chunk.parts.first()?;
        let packet;
        let (payload, begins) = match &mut self.joiner {
            None => (self.coding.payload(frame), chunk.pts),
            Some(joiner) => {
                let begins = self.first.unwrap_or(chunk.pts);
                let joined = joiner.push(frame.clone());
                self.first = match joiner.waiting() {
                    0 => None,
                    1 => Some(chunk.pts),
                    _ => Some(begins),
                };
                packet = joined?;
                (Cow::Borrowed(&packet[..]), begins)
            }
        };
        Some(self.lane.packets(begins, rate, std::iter::once((&*payload, true))))
    }
}
