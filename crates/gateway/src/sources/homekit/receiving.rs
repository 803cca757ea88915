//! The media of one stream of a camera's: two SRTP sessions in, units out; reports and requests for key frames back.
//!
//! Owns both sessions and the ingest. Sound that nobody here can use is received, so that the camera has its receiver, and let go.
use super::camera::Choice;
use crate::homekit::hearing::Hearing;
use crate::homekit::srtp::{Gone, Kind, Packet, Session};
use crate::ingest::{Ingest, Ingested, negotiated};
use bytes::Bytes;
use formats::rtp::Packets;
use formats::rtp::rtcp::{self, Message, write_pli};
use hub::{Ended, Publisher, SourceError};
use media::{Codec, Moment, TrackId, Unit, WallTime};
use std::time::Duration;

/// Payload types that we ask for, as Apple's controllers do.
pub(super) const VIDEO_PAYLOAD_TYPE: u8 = 99;
pub(super) const AUDIO_PAYLOAD_TYPE: u8 = 110;
/// Reports go out so often: 500 ms, what Apple's controllers ask for and send. Cameras end a stream without them.
pub(super) const REPORT_EVERY: Duration = Duration::from_millis(500);
/// A key frame is asked for at most so often: once in 500 ms, as of publishers by WebRTC.
const KEYFRAME_EVERY: Duration = Duration::from_millis(500);
/// Sound that has not begun so long after the picture is not waited for: 2 s. Some cameras agree on sound and send none.
const TRACKS_WAIT: Duration = Duration::from_secs(2);
/// Packets of the picture that wait for sound: 2,048, what 2 s of 10 Mbit/s are; beyond that they wait no longer.
const HELD_MAX: usize = 2048;
/// RTP clock of all pictures.
const VIDEO_HZ: u32 = 90_000;

const VIDEO: TrackId = 0;
const AUDIO: TrackId = 1;

/// SSRCs of one medium.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ssrcs {
    /// Of what we send.
    pub(super) ours: u32,
    /// Of what the camera sends.
    pub(super) theirs: u32,
}

/// One stream.
pub(super) struct Receiving {
    video: Session,
    audio: Option<Session>,
    video_ssrcs: Ssrcs,
    ingest: Ingest,
    hearing: Option<Hearing>,
    /// The picture's first packets, until sound has come: without it nothing can be announced, and the first key frame would be lost.
    held: Option<Vec<Packet>>,
    asked_at: Option<Moment>,
    /// What is on its way to the stream.
    ready: Vec<Unit>,
    /// When the newest packet came.
    pub(super) came: Moment,
}

impl Receiving {
    pub(super) fn new(
        choice: &Choice,
        video: (Session, Ssrcs),
        audio: Option<(Session, Ssrcs)>,
    ) -> Result<Self, SourceError> {
        let mut sections = vec![negotiated(VIDEO, Codec::H264, VIDEO_HZ, 1, VIDEO_PAYLOAD_TYPE)];
        let mut ours = vec![video.1.ours];
        let mut hearing = None;
        if let (Some((_, ssrcs)), Some(agreed)) = (&audio, &choice.audio) {
            match Hearing::new(agreed, AUDIO_PAYLOAD_TYPE) {
                Ok(heard) => {
                    sections.push(heard.section(AUDIO));
                    ours.push(ssrcs.ours);
                    hearing = Some(heard);
                }
                Err(why) => tracing::info!(why, "the camera's sound cannot be played and is left out"),
            }
        }
        let ingest = Ingest::new(&sections, false);
        let mut ingest = ingest.map_err(|error| SourceError::ours(error.to_string()))?;
        ingest.set_heard_only(true);
        ingest.set_reporting(&ours, REPORT_EVERY);
        ingest.set_wall_clock(hub::now(), hub::wall_now());
        Ok(Self {
            video: video.0,
            audio: audio.map(|(session, _)| session),
            video_ssrcs: video.1,
            ingest,
            held: hearing.is_some().then(Vec::new),
            hearing,
            asked_at: None,
            ready: Vec::new(),
            came: hub::now(),
        })
    }

    /// Waits for a packet, or until time alone brings something. Cancel-safe.
    pub(super) async fn turn(&mut self) -> Result<(), Gone> {
        let held = self.held.as_ref().and_then(|held| held.first());
        let sound = held.map_or(Moment::FAR_FUTURE, |first| first.arrived + TRACKS_WAIT);
        let deadline = self.ingest.next_deadline().min(sound);
        let audio = async {
            match &mut self.audio {
                Some(session) => session.receive().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            packet = self.video.receive() => {
                let packet = packet?;
                self.came = packet.arrived;
                self.take_video(packet);
            }
            packet = audio => {
                let packet = packet?;
                self.take_audio(packet);
            }
            () = hub::sleep_until(deadline) => {
                if hub::now() >= sound {
                    self.release(false);
                }
                self.ingest.handle_timeout(hub::now());
            }
        }
        Ok(())
    }

    /// A reader wants a key frame.
    pub(super) fn want_keyframe(&mut self) {
        self.ingest.want_keyframes();
    }

    /// Waits for sound no longer: it has come, or will not.
    fn release(&mut self, has_come: bool) {
        if has_come {
            self.ingest.set_heard_only(false);
        } else {
            self.ingest.set_tracks_wait(Duration::ZERO);
        }
        for packet in self.held.take().unwrap_or_default() {
            self.take_video(packet);
        }
    }

    fn take_video(&mut self, packet: Packet) {
        if let Some(held) = &mut self.held {
            held.push(packet);
            if held.len() >= HELD_MAX {
                self.release(false);
            }
            return;
        }
        match packet.kind {
            Kind::Rtp => self.ingest.handle_rtp(VIDEO, packet.data, packet.arrived),
            Kind::Rtcp => self.ingest.handle_rtcp(VIDEO, &packet.data, packet.arrived),
        }
    }

    fn take_audio(&mut self, packet: Packet) {
        let Some(hearing) = &mut self.hearing else { return };
        match packet.kind {
            Kind::Rtp => {
                let Ok(mut rtp) = formats::rtp::Packet::parse(packet.data) else { return };
                if hearing.take(&mut rtp) {
                    // what came first goes first: that is what sets the common zero
                    self.release(true);
                    self.ingest.handle_packet(AUDIO, rtp, packet.arrived);
                }
            }
            Kind::Rtcp => {
                for message in rtcp::parse(&packet.data).unwrap_or_default() {
                    let Message::SenderReport(report) = message else { continue };
                    if let Some(rtp_time) = hearing.time(report.rtp_time).filter(|_| report.ntp != 0) {
                        self.ingest.handle_clock(AUDIO, rtp_time, WallTime::from_ntp(report.ntp));
                    }
                }
            }
        }
    }

    /// Hands on what has become of the packets.
    pub(super) async fn forward(&mut self, publisher: &mut Publisher) -> Result<(), Ended> {
        while let Some(made) = self.ingest.poll() {
            match made {
                Ingested::Tracks(tracks) => {
                    let tracks = match &mut self.hearing {
                        Some(hearing) => hearing.tracks(tracks),
                        None => tracks,
                    };
                    publisher.set_tracks(tracks).await?;
                }
                Ingested::Unit(unit) => {
                    match &mut self.hearing {
                        Some(hearing) => hearing.units(unit, &mut self.ready),
                        None => self.ready.push(unit),
                    }
                    for unit in self.ready.drain(..) {
                        publisher.push(unit).await?;
                    }
                }
            }
        }
        let lost = self.ingest.take_lost();
        if lost > 0 {
            publisher.report_lost(lost).await?;
        }
        Ok(())
    }

    /// Sends what is said to the camera.
    pub(super) async fn speak(&self, packets: Packets) -> Result<(), Gone> {
        match &self.audio {
            Some(audio) => audio.send(packets).await,
            None => Ok(()),
        }
    }

    /// Sends a report on it.
    pub(super) async fn tell_speech(&self, report: Bytes) -> Result<(), Gone> {
        match &self.audio {
            Some(audio) => audio.send_rtcp(report).await,
            None => Ok(()),
        }
    }

    /// Sends the reports that are due, and asks for a key frame if one is missing.
    pub(super) async fn report(&mut self) -> Result<(), Gone> {
        let now = hub::now();
        self.ingest.set_wall_clock(now, hub::wall_now());
        for (track, report) in self.ingest.reports(now) {
            match (track, &self.audio) {
                (VIDEO, _) => self.video.send_rtcp(report.into()).await?,
                (_, Some(audio)) => audio.send_rtcp(report.into()).await?,
                (_, None) => {}
            }
        }
        let is_due = self.asked_at.is_none_or(|at| now.since(at) >= KEYFRAME_EVERY);
        if self.ingest.wants_keyframe(VIDEO) && is_due {
            self.asked_at = Some(now);
            let mut request = Vec::with_capacity(24);
            write_pli(self.video_ssrcs.ours, self.video_ssrcs.theirs, &mut request);
            self.video.send_rtcp(Bytes::from(request)).await?;
        }
        Ok(())
    }

    /// Ends both sessions: whatever comes now is nobody's.
    pub(super) async fn close(self) {
        self.video.close().await;
        if let Some(audio) = self.audio {
            audio.close().await;
        }
    }
}
