//! The streams of one simulated camera: what was agreed on, and what goes out in real time.
use super::microphone::Microphone;
use super::speaker::Speaker;
use super::{Counters, Setup};
use crate::mark::marked;
use formats::replay::{Clip, Next, Replay};
use formats::rtp::rtcp::{self, Message, SenderReport, write_sender_report};
use formats::rtp::{Header, Packet, PacketBatch, Packetizer, PacketizerOptions, clock_rate};
use media::{Codec, Moment, WallTime};
use protocols::hap::camera::{
    Endpoint, SelectedStream, SessionId, SetupRequest, SetupResponse, SetupStatus, SrtpParameters,
};
use protocols::srtp::table::{ContextKey, Kind, NewContext, Table};
use protocols::srtp::{MasterKey, Profile};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::UdpSocket;

/// Streams at once, as the specification asks for.
const STREAMS: usize = 2;
/// Sender reports go out so often.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// What a controller wants.
pub(super) struct Agreed {
    pub(super) request: SetupRequest,
    pub(super) connection: u64,
}

/// A stream that was set up; it is sent once it was started.
struct Stream {
    agreed: Agreed,
    video: Lane,
    audio: Lane,
    started: Option<Started>,
}

/// One medium: its SSRC, and the keys of what the camera sends.
struct Lane {
    ssrc: u32,
    keys: SrtpParameters,
}

struct Started {
    video: ContextKey,
    /// Its keys, and the payload type.
    audio: Option<(ContextKey, u8)>,
    microphone: Option<Microphone>,
    speaker: Option<Speaker>,
    replay: Replay,
    packetizer: Packetizer,
    begun: Moment,
    sounds: u64,
    reported: Option<Moment>,
}

/// All streams of a camera.
pub(super) struct Streams {
    clip: Clip,
    eld: bool,
    opus_clock_hz: Option<u32>,
    silent: bool,
    speaker: bool,
    own_keys: bool,
    ssrc: Option<u32>,
    counters: Arc<Counters>,
    table: Table,
    streams: [Option<Stream>; STREAMS],
    batch: PacketBatch,
    /// Nothing goes out.
    pub(super) mute: bool,
    newest: Option<(Vec<u8>, SocketAddr)>,
}

impl Streams {
    pub(super) fn new(mut clip: Clip, setup: &Setup, counters: Arc<Counters>) -> Self {
        let picture = clip.tracks.iter().find(|track| track.codec == Codec::H264).map(|track| track.id);
        if let Some(number) = setup.mark {
            for unit in clip.units.iter_mut().filter(|unit| Some(unit.track) == picture) {
                unit.data = marked(number, &unit.data).into();
            }
        }
        Self {
            clip,
            eld: setup.eld,
            opus_clock_hz: setup.opus_clock_hz,
            silent: setup.silent,
            speaker: setup.speaker,
            own_keys: setup.own_keys,
            ssrc: setup.ssrc,
            counters,
            table: Table::default(),
            streams: [const { None }; STREAMS],
            batch: PacketBatch::new(),
            mute: false,
            newest: None,
        }
    }

    pub(super) fn is_in_use(&self, index: usize) -> bool {
        self.streams.get(index).is_some_and(Option::is_some)
    }

    /// `port`: where it listens.
    pub(super) fn set_up(&mut self, index: usize, agreed: Agreed, local: IpAddr, port: u16) -> SetupResponse {
        let session = Some(agreed.request.session);
        let Some(place) = self.streams.get_mut(index).filter(|stream| stream.is_none()) else {
            return SetupResponse { session, status: SetupStatus::Busy };
        };
        let own = self.own_keys;
        let lane = |theirs: &SrtpParameters, ssrc: Option<u32>| {
            let mut keys = theirs.clone();
            if own {
                keys.key = rand::random::<[u8; 16]>().to_vec();
                keys.salt = rand::random::<[u8; 14]>().to_vec();
            }
            Lane { ssrc: ssrc.unwrap_or_else(rand::random), keys }
        };
        let sound = self.ssrc.map(|ssrc| !ssrc);
        let (video, audio) = (lane(&agreed.request.video, self.ssrc), lane(&agreed.request.audio, sound));
        let accessory = Endpoint { address: local, video_port: port, audio_port: port };
        let status = SetupStatus::Success {
            accessory,
            video: video.keys.clone(),
            audio: audio.keys.clone(),
            video_ssrc: video.ssrc,
            audio_ssrc: audio.ssrc,
        };
        *place = Some(Stream { agreed, video, audio, started: None });
        SetupResponse { session, status }
    }

    pub(super) fn start(&mut self, index: usize, selected: &SelectedStream) -> bool {
        let Some(Some(stream)) = self.streams.get_mut(index) else { return false };
        let (Some(video), true) = (selected.video, stream.agreed.request.session == selected.session) else {
            return false;
        };
        let controller = stream.agreed.request.controller;
        let mut context = |port, ssrc: Option<u32>, lane: &Lane, theirs: &SrtpParameters| {
            let key = |parameters: &SrtpParameters| {
                MasterKey::new(Profile::AesCm128HmacSha1_80, &parameters.key, &parameters.salt).ok()
            };
            let remote = SocketAddr::new(controller.address, port);
            let new = NewContext { remote, ssrc: ssrc?, send: key(&lane.keys)?, receive: key(theirs)? };
            self.table.insert(&new).ok()
        };
        let key = context(controller.video_port, video.rtp.ssrc, &stream.video, &stream.agreed.request.video);
        let Some(video_key) = key else { return false };
        let microphone = match (self.silent, self.eld, self.opus_clock_hz) {
            (true, ..) | (false, false, None) => None,
            (false, true, _) => Microphone::eld(),
            (false, false, Some(clock_hz)) => Some(Microphone::Opus { clock_hz }),
        };
        let audio = selected.audio.filter(|_| microphone.is_some() || self.speaker).and_then(|audio| {
            let theirs = &stream.agreed.request.audio;
            let key = context(controller.audio_port, audio.rtp.ssrc, &stream.audio, theirs)?;
            Some((key, audio.rtp.payload_type?))
        });
        let speaker = selected.audio.as_ref().filter(|_| self.speaker);
        let speaker = speaker.and_then(|audio| Speaker::new(audio, self.counters.heard.clone()));
        let picture = self.clip.tracks.iter().position(|track| track.codec == Codec::H264);
        let Some(track) = picture.and_then(|at| self.clip.tracks.get(at)) else { return false };
        let options = PacketizerOptions {
            payload_type: video.rtp.payload_type.unwrap_or(99),
            ssrc: stream.video.ssrc,
            first_sequence: rand::random::<u16>() >> 1,
            timestamp_offset: rand::random(),
            packet_bytes_max: usize::from(video.rtp.mtu_bytes.unwrap_or(1378)).min(1378),
            interleaved_channel: None,
            rtp_clock_rate: clock_rate(track),
        };
        let units: Vec<_> = self.clip.units.iter().filter(|unit| unit.track == track.id).cloned().collect();
        let mut alone = track.clone();
        alone.id = 0;
        let units: Vec<_> = units.into_iter().map(|unit| media::Unit { track: 0, ..unit }).collect();
        let replay = Replay::new(std::slice::from_ref(&alone), &units).ok();
        let (Some(replay), Ok(packetizer)) = (replay, Packetizer::new(&alone, options)) else { return false };
        stream.started = Some(Started {
            video: video_key,
            audio,
            microphone,
            speaker,
            replay,
            packetizer,
            begun: Moment::ZERO,
            sounds: 0,
            reported: None,
        });
        self.counters.started.fetch_add(1, Ordering::SeqCst);
        self.counters.streams.fetch_add(1, Ordering::SeqCst);
        true
    }

    /// Ends a stream by its controller's word.
    pub(super) fn end(&mut self, index: usize, session: SessionId) -> bool {
        let is_this = |stream: &&mut Option<Stream>| {
            stream.as_ref().is_some_and(|stream| stream.agreed.request.session == session)
        };
        let Some(place) = self.streams.get_mut(index).filter(is_this) else { return false };
        if let Some(stream) = place.take() {
            if stream.started.is_some() {
                self.counters.ended.fetch_add(1, Ordering::SeqCst);
            }
            self.forget(stream);
        }
        true
    }

    /// Ends what a connection began.
    pub(super) fn end_of(&mut self, connection: u64) {
        for index in 0..STREAMS {
            if self.streams[index].as_ref().is_some_and(|stream| stream.agreed.connection == connection)
                && let Some(stream) = self.streams[index].take()
            {
                self.forget(stream);
            }
        }
    }

    pub(super) fn end_all(&mut self) {
        for index in 0..STREAMS {
            if let Some(stream) = self.streams[index].take() {
                self.forget(stream);
            }
        }
    }

    fn forget(&mut self, stream: Stream) {
        let Some(started) = stream.started else { return };
        self.table.remove(started.video);
        if let Some((audio, _)) = started.audio {
            self.table.remove(audio);
        }
        self.counters.streams.fetch_sub(1, Ordering::SeqCst);
        // it may have been of that one
        self.newest = None;
    }

    /// The newest packet once more, and then with another number, for which its tag is wrong.
    pub(super) fn repeat(&mut self, udp: &UdpSocket) {
        let Some((packet, to)) = &mut self.newest else { return };
        let is_sent = udp.try_send_to(packet, *to).is_ok();
        if let Some([high, low]) = packet.get_mut(2..4) {
            let number = u16::from_be_bytes([*high, *low]).wrapping_add(100);
            [*high, *low] = number.to_be_bytes();
        }
        let is_forged = udp.try_send_to(packet, *to).is_ok();
        self.newest = None;
        self.counters.repeated.fetch_add(u64::from(is_sent && is_forged), Ordering::SeqCst);
    }

    /// Reports of whoever watches, and what is said.
    pub(super) fn handle_datagram(&mut self, from: SocketAddr, datagram: &mut [u8]) {
        let accepted = self.table.handle_datagram(from, datagram);
        let twice = self.table.dropped().replayed;
        self.counters.heard.lock().unwrap_or_else(PoisonError::into_inner).twice = twice;
        let Some(accepted) = accepted else { return };
        let datagram = &datagram[..accepted.length];
        let started = self.streams.iter_mut().flatten().filter_map(|stream| stream.started.as_mut());
        let mut of_sound =
            started.filter(|started| started.audio.is_some_and(|(key, _)| key == accepted.context));
        let speaker = of_sound.next().and_then(|started| started.speaker.as_mut());
        if accepted.kind == Kind::Rtp {
            if let (Some(speaker), Ok(packet)) = (speaker, Packet::parse(datagram.to_vec().into())) {
                speaker.hear(&packet);
            }
            return;
        }
        for message in rtcp::parse(datagram).unwrap_or_default() {
            if let (Message::SenderReport(_), Some(speaker)) = (&message, &speaker) {
                speaker.report();
            }
            let counter = match message {
                Message::ReceiverReport { .. } => &self.counters.reports,
                Message::PictureLoss { .. } => &self.counters.picture_losses,
                Message::SenderReport(_)
                | Message::SourceDescription { .. }
                | Message::Bye { .. }
                | Message::FullIntraRequest { .. }
                | Message::Nack { .. }
                | Message::TransportFeedback(_)
                | Message::MaximumBitrate(_)
                | Message::ReferenceTime { .. }
                | Message::SinceReference { .. }
                | Message::Other { .. } => continue,
            };
            counter.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Sends what is due; returns how long there is nothing more.
    pub(super) fn send(&mut self, udp: &UdpSocket, now: Moment) -> Duration {
        let mut wait = REPORT_EVERY;
        let Self { streams, table, batch, counters, mute, newest, .. } = self;
        let mut out = |key: ContextKey, kind: Kind, mut packet: Vec<u8>| {
            let to = match kind {
                Kind::Rtp => table.protect_rtp(key, &mut packet, 0),
                Kind::Rtcp => table.protect_rtcp(key, &mut packet, 0),
            };
            // a full socket loses it, as a network would
            let Ok(to) = to else { return };
            if !*mute && udp.try_send_to(&packet, to).is_ok() {
                counters.sent.fetch_add(1, Ordering::SeqCst);
                if kind == Kind::Rtp {
                    counters.newest.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&packet);
                    *newest = Some((packet, to));
                }
            }
        };
        for stream in streams.iter_mut().flatten() {
            let Some(started) = &mut stream.started else { continue };
            if started.begun == Moment::ZERO {
                started.begun = now;
            }
            let mut rtp_time = None;
            loop {
                match started.replay.poll(now) {
                    Next::WaitUntil(at) => {
                        wait = wait.min(at.since(now));
                        break;
                    }
                    Next::Unit(unit) => {
                        rtp_time = Some(started.packetizer.rtp_time(unit.pts));
                        if started.packetizer.push(&unit, batch).is_ok() {
                            for packet in batch.freeze().iter() {
                                out(started.video, Kind::Rtp, packet.to_vec());
                            }
                        }
                    }
                }
            }
            let sound = started.audio.zip(started.microphone.as_mut());
            let mut sound_time = None;
            if let Some(((audio, payload_type), microphone)) = sound {
                let (begun, frame) = (started.begun, microphone.frame());
                let due = |sounds: u64| begun + frame * sounds as u32;
                while due(started.sounds) <= now {
                    let header = Header {
                        marker: false,
                        payload_type,
                        sequence: started.sounds as u16,
                        timestamp: microphone.ticks(started.sounds),
                        ssrc: stream.audio.ssrc,
                    };
                    out(audio, Kind::Rtp, [&header.to_bytes()[..], &microphone.next()[..]].concat());
                    started.sounds += 1;
                }
                wait = wait.min(due(started.sounds).since(now));
                sound_time = Some((audio, microphone.clock(now.since(begun))));
            }
            let is_due = started.reported.is_none_or(|at| now.since(at) >= REPORT_EVERY);
            if let (true, Some(rtp_time)) = (is_due, rtp_time) {
                started.reported = Some(now);
                out(started.video, Kind::Rtcp, report(stream.video.ssrc, rtp_time));
                if let Some((audio, rtp_time)) = sound_time {
                    out(audio, Kind::Rtcp, report(stream.audio.ssrc, rtp_time));
                }
            }
        }
        wait
    }
}

fn report(ssrc: u32, rtp_time: u32) -> Vec<u8> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let wall = WallTime::from_micros(since.as_micros() as i64);
    let report =
        SenderReport { ssrc, ntp: wall.to_ntp(), rtp_time, packets: 0, octets: 0, blocks: Vec::new() };
    let mut bytes = Vec::new();
    write_sender_report(&report, "camera", &mut bytes);
    bytes
}
