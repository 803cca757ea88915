//! One view of a camera: a reader of the stream, made SRTP for one controller. A task on a worker.
//!
//! Owns the sessions at the SRTP socket, the hold on the stream and its readers; all of them end with it. It ends when the
//! server says so, when the stream does, and when nothing was heard of the controller for [`SILENCE_MAX`]: phones report
//! each half second, and one that left without a word would be sent to for ever.
mod choice;
mod sound;
mod talkback;

use crate::homekit::rtp::{Lane, LaneOptions};
use crate::homekit::srtp::{self, Gone, NewSession, Session, SrtpHandle};
use crate::webrtc::{CatchUp, SendFrame, cut, packets_within};
use formats::rtp::Packets;
use formats::rtp::rtcp::{Message, parse};
use hub::{Feedback, Item, PeerInfo, Reader, View, Worker};
use media::{Moment, StreamName, Track};
use protocols::hap::camera::{SelectedStream, SelectedVideo, SetupRequest, SrtpParameters};
use protocols::srtp::{MasterKey, Profile};
use sound::Sound;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::mpsc;

/// A controller of which nothing is heard for so long is gone: 30 s, as the specification says.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Bytes that SRTP adds.
const TAG_BYTES: usize = 10;
/// Payload type of pictures where a controller does not say which.
const PAYLOAD_TYPE: u8 = 99;
/// The clock of video.
const VIDEO_RATE: u32 = 90_000;

/// What is to be shown to whom.
pub(super) struct Plan {
    /// The stream.
    pub(super) stream: StreamName,
    /// The same, coded anew, for what Apple's devices do not take; none where that is not allowed.
    pub(super) transcoded: Option<StreamName>,
    /// Where the controller is, and the keys.
    pub(super) setup: SetupRequest,
    /// A start, which has video.
    pub(super) selected: SelectedStream,
    /// What it was told that we send with.
    pub(super) video_ssrc: u32,
    pub(super) audio_ssrc: u32,
    /// Sound goes along.
    pub(super) sound: bool,
    /// What is said goes into the stream's talk stream, where there is one.
    pub(super) talk: bool,
    /// The address that it knows us by.
    pub(super) local: IpAddr,
    pub(super) srtp: SrtpHandle,
    /// When it asked.
    pub(super) since: Moment,
}

/// What the server says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Command {
    /// No media for now.
    Suspend,
    /// Media again.
    Resume,
}

/// Why there is no view.
#[derive(Debug, thiserror::Error)]
enum LiveError {
    #[error("the controller selects no video")]
    NoVideo,
    #[error("its keys are none: {0}")]
    Keys(#[from] protocols::srtp::SrtpError),
    #[error(transparent)]
    Srtp(#[from] srtp::OpenError),
    #[error(transparent)]
    Open(#[from] hub::OpenError),
    #[error(transparent)]
    NotReady(#[from] hub::NotReady),
    #[error("{0}")]
    Unfit(String),
    #[error(transparent)]
    Attach(#[from] hub::AttachError),
}

/// Shows it until the end; returns why that came. The server ends it by dropping its end of `commands`.
pub(super) async fn run(worker: Worker, plan: Plan, mut commands: mpsc::Receiver<Command>) -> String {
    let mut live = tokio::select! {
        biased;
        () = dropped(&mut commands) => return "the controller ended it before it began".to_owned(),
        live = Live::begin(&worker, plan) => match live {
            Ok(live) => live,
            Err(error) => return error.to_string(),
        },
    };
    let reason = match live.run(&mut commands).await {
        Ok(reason) => reason,
        Err(gone) => gone.to_string(),
    };
    live.end(&reason).await;
    reason
}

/// Waits until nobody can send any more. What is sent before there is anything to suspend means nothing.
async fn dropped(commands: &mut mpsc::Receiver<Command>) {
    while commands.recv().await.is_some() {}
}

struct Live {
    plan: Plan,
    peer: PeerInfo,
    view: View,
    /// The hold on the stream with the sound, where that is another.
    sound_view: Option<View>,
    track: Track,
    packet_bytes_max: usize,
    video: Session,
    lane: Lane,
    reader: Option<Reader>,
    catch_up: CatchUp,
    sound: Option<Sound>,
    heard_at: Moment,
    has_sent: bool,
}

enum Wake {
    Command(Option<Command>),
    Heard(srtp::Packet),
    Picture(Item),
    Sound(sound::Turn),
    Due,
}

impl Live {
    async fn begin(worker: &Worker, plan: Plan) -> Result<Self, LiveError> {
        let selected = plan.selected.video.ok_or(LiveError::NoVideo)?;
        let video = open(&plan, &selected).await?;
        let found = choice::find(worker, &plan).await?;
        let controller = plan.setup.controller;
        let peer = PeerInfo {
            protocol: "homekit",
            transport: "srtp",
            remote: SocketAddr::new(controller.address, controller.video_port).to_string(),
            ..PeerInfo::default()
        };
        let now = hub::now();
        let options = LaneOptions {
            ssrc: plan.video_ssrc,
            payload_type: selected.rtp.payload_type.unwrap_or(PAYLOAD_TYPE),
            clock_rate: VIDEO_RATE,
            report_every_s: selected.rtp.rtcp_interval_s,
        };
        let mtu = selected.rtp.mtu_bytes.map_or(usize::MAX, usize::from);
        let sound_view = found.sound.as_ref().unwrap_or(&found.view);
        let sound = Sound::begin(worker, &plan, sound_view, &peer).await?;
        let mut live = Self {
            peer,
            view: found.view,
            sound_view: found.sound,
            track: found.track,
            packet_bytes_max: mtu.saturating_sub(TAG_BYTES),
            video,
            lane: Lane::new(options, now),
            reader: None,
            catch_up: CatchUp::new(&[], |_| false, now),
            sound,
            heard_at: now,
            has_sent: false,
            plan,
        };
        live.join()?;
        Ok(live)
    }

    /// Starts to read, with what is cached since the newest key frame.
    fn join(&mut self) -> Result<(), LiveError> {
        let format = packets_within(&[self.track.id], self.packet_bytes_max);
        let mut reader = self.view.reader(format, self.peer.clone())?;
        let mut past: Vec<Rc<SendFrame>> = Vec::new();
        while let Some(item) = reader.try_next() {
            let Item::Chunk(chunk) = item else { continue };
            self.lane.anchor(chunk.pts, self.track.clock_rate, chunk.arrival);
            past.push(cut(&chunk));
        }
        if past.is_empty() {
            reader.ask(Feedback::KeyframeWanted);
        }
        self.catch_up = CatchUp::new(&past, |_| true, hub::now());
        self.reader = Some(reader);
        if let Some(sound) = &mut self.sound {
            sound.resume(self.sound_view.as_ref().unwrap_or(&self.view), &self.peer);
        }
        Ok(())
    }

    /// Until the end, and why.
    async fn run(&mut self, commands: &mut mpsc::Receiver<Command>) -> Result<String, Gone> {
        loop {
            self.send_due().await?;
            match self.wake(commands).await? {
                Wake::Command(None) => return Ok("the controller ended it".to_owned()),
                Wake::Command(Some(Command::Suspend)) => {
                    self.reader = None;
                    if let Some(sound) = &mut self.sound {
                        sound.suspend();
                    }
                }
                Wake::Command(Some(Command::Resume)) => {
                    if self.reader.is_none()
                        && let Err(error) = self.join()
                    {
                        return Ok(error.to_string());
                    }
                }
                Wake::Heard(packet) => self.hear(&packet),
                Wake::Picture(Item::Ended(reason)) => return Ok(reason.to_string()),
                Wake::Picture(item) => self.show(item).await?,
                Wake::Sound(turn) => self.sound(turn).await?,
                Wake::Due => {}
            }
            if hub::now().since(self.heard_at) >= SILENCE_MAX {
                return Ok(format!("nothing was heard of the controller for {} s", SILENCE_MAX.as_secs()));
            }
        }
    }

    async fn wake(&mut self, commands: &mut mpsc::Receiver<Command>) -> Result<Wake, Gone> {
        let sound_due = self.sound.as_ref().map_or(Moment::FAR_FUTURE, Sound::due);
        let due = self.catch_up.due().min(self.lane.due()).min(sound_due).min(self.heard_at + SILENCE_MAX);
        let Self { video, sound, reader, .. } = self;
        let turn = async {
            match sound {
                Some(sound) => sound.turn().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            command = commands.recv() => Ok(Wake::Command(command)),
            packet = video.receive() => packet.map(Wake::Heard),
            turn = turn => turn.map(Wake::Sound),
            item = next(reader.as_mut()) => Ok(Wake::Picture(item)),
            () = hub::sleep_until(due) => Ok(Wake::Due),
        }
    }

    /// What the controller says: that it is there, and that it wants a key frame.
    fn hear(&mut self, packet: &srtp::Packet) {
        self.heard_at = packet.arrived;
        if packet.kind == srtp::Kind::Rtp {
            return;
        }
        let Ok(messages) = parse(&packet.data) else { return };
        let wants = |message: &Message| {
            matches!(message, Message::PictureLoss { .. } | Message::FullIntraRequest { .. })
        };
        if messages.iter().any(wants)
            && let Some(reader) = &self.reader
        {
            reader.ask(Feedback::KeyframeWanted);
        }
    }

    /// A picture goes out, or behind those that the controller has yet to get.
    async fn show(&mut self, item: Item) -> Result<(), Gone> {
        let Item::Chunk(chunk) = item else { return Ok(()) };
        self.lane.anchor(chunk.pts, self.track.clock_rate, chunk.arrival);
        let frame = cut(&chunk);
        if self.catch_up.is_over() {
            let packets = packets(&mut self.lane, &frame);
            self.send(packets).await?;
        } else {
            self.catch_up.push(frame);
        }
        if let Some(reader) = &mut self.reader {
            reader.progressed(hub::now());
        }
        Ok(())
    }

    async fn sound(&mut self, turn: sound::Turn) -> Result<(), Gone> {
        let Some(sound) = &mut self.sound else { return Ok(()) };
        match turn {
            sound::Turn::Heard(packet) => {
                self.heard_at = packet.arrived;
                sound.hear(packet);
            }
            sound::Turn::Frame(item) => sound.play(&item).await?,
        }
        Ok(())
    }

    /// Pictures of before and reports, as far as they may leave now.
    async fn send_due(&mut self) -> Result<(), Gone> {
        let now = hub::now();
        let mut ready = Vec::new();
        let Self { catch_up, lane, .. } = self;
        catch_up.release(now, |frame| ready.push(packets(lane, frame)));
        for packets in ready {
            self.send(packets).await?;
        }
        if let Some(report) = self.lane.report(now, hub::wall_now()) {
            self.video.send_rtcp(report).await?;
        }
        match &mut self.sound {
            Some(sound) => sound.handle_timeout(now).await,
            None => Ok(()),
        }
    }

    async fn send(&mut self, packets: Packets) -> Result<(), Gone> {
        self.video.send(packets).await?;
        if !std::mem::replace(&mut self.has_sent, true) {
            let after_ms = hub::now().since(self.plan.since).as_millis() as u64;
            tracing::debug!(stream = %self.plan.stream, after_ms, "the first picture for HomeKit is sent");
        }
        Ok(())
    }

    /// Nothing is left of it afterwards, and nothing of it is sent.
    async fn end(self, reason: &str) {
        if let Some(reader) = self.reader {
            reader.leave(reason);
        }
        if let Some(sound) = self.sound {
            sound.end(reason).await;
        }
        self.video.close().await;
    }
}

/// The next item of a reader; never, while there is none.
async fn next(reader: Option<&mut Reader>) -> Item {
    match reader {
        Some(reader) => reader.next().await,
        None => std::future::pending().await,
    }
}

fn packets(lane: &mut Lane, frame: &SendFrame) -> Packets {
    let payloads = frame.packets.iter().map(|packet| (&packet.payload[..], packet.marker));
    lane.packets(frame.pts, VIDEO_RATE, payloads)
}

async fn open(plan: &Plan, selected: &SelectedVideo) -> Result<Session, LiveError> {
    let setup = &plan.setup;
    let remote = SocketAddr::new(setup.controller.address, setup.controller.video_port);
    session(plan, remote, selected.rtp.ssrc, plan.video_ssrc, &setup.video).await
}

/// The keys are those of both directions: we answer with what the controller said, as all accessories do.
async fn session(
    plan: &Plan,
    remote: SocketAddr,
    theirs: Option<u32>,
    ours: u32,
    srtp: &SrtpParameters,
) -> Result<Session, LiveError> {
    let key = MasterKey::new(Profile::AesCm128HmacSha1_80, &srtp.key, &srtp.salt)?;
    // One that does not say what it sends with is not heard; it is known by what it is sent.
    let remote_ssrc = theirs.unwrap_or(ours);
    let new = NewSession { remote, remote_ssrc, send: key.clone(), receive: key, local: Some(plan.local) };
    Ok(plan.srtp.open(new).await?)
}
