//! One live view: asked for, started, received, reported on, ended.
use super::super::options::HomekitOptions;
use super::super::target::Target;
use super::controller::{Controller, text};
use super::lane::{Content, Expected, Lane, Seen};
use nix::sys::socket::{setsockopt, sockopt::RcvBufForce};
use protocols::hap::accessory::StreamIds;
use protocols::hap::camera::{
    AudioCodec, AudioConfiguration, Command, CryptoSuite, Endpoint, H264Level, H264Profile, SampleRate,
    SelectedAudio, SelectedStream, SelectedVideo, SelectedVideoCodec, SessionId, SetupRequest, SetupResponse,
    SetupStatus, SrtpParameters, StreamParameters, StreamingStatus, VideoAttributes,
};
use std::cell::RefCell;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use tokio::time::sleep_until;

/// Payload types, as phones choose them.
const PAYLOAD_TYPES: (u8, u8) = (99, 110);
/// How often is reported, as phones do: each 500 ms on the picture, each 5 s on sound.
const REPORT_EVERY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));
/// Longest packet, as phones say it for IPv4.
const MTU_BYTES: u16 = 1378;
/// Longest datagram.
const DATAGRAM_BYTES: usize = 2048;
/// Receive buffer where we may set it: 1 MiB; what is cached comes quickly.
const RECEIVE_BYTES: usize = 1 << 20;
/// Sound, as phones ask for it in a local network.
const SOUND: AudioConfiguration = AudioConfiguration {
    codec: AudioCodec::Opus,
    channels: 1,
    constant_bitrate: false,
    rate: SampleRate::Khz24,
    packet_ms: Some(PACKET_MS),
};
const PACKET_MS: u8 = 20;
/// The clock of video.
const VIDEO_RATE: u32 = 90_000;

/// One medium's socket and eyes.
struct Medium {
    socket: UdpSocket,
    lane: RefCell<Lane>,
}

/// A view that was started.
pub(super) struct View {
    ids: StreamIds,
    session: SessionId,
    video: Rc<Medium>,
    audio: Option<Rc<Medium>>,
    /// When its endpoints were asked for.
    asked: Instant,
    /// When its start was.
    started: Instant,
    /// How long the answer to the end took.
    pub(super) ended_after: Option<Duration>,
    /// The accessory refused the end, or has the stream in use still.
    pub(super) stuck: Option<String>,
}

impl View {
    /// Asks for a view and starts it; returns before anything has come. The inner error is the accessory's refusal.
    pub(super) async fn open(
        phone: &mut Controller,
        target: &Target,
        ids: StreamIds,
        options: &HomekitOptions,
    ) -> Result<Result<Self, String>, String> {
        let ip = target.address.ip();
        let video_socket = socket(SocketAddr::new(ip, 0)).await?;
        let audio_socket = if options.sound { Some(socket(SocketAddr::new(ip, 0)).await?) } else { None };
        let video_port = video_socket.local_addr().map_err(text)?.port();
        let audio_port = match &audio_socket {
            Some(socket) => socket.local_addr().map_err(text)?.port(),
            None => video_port,
        };
        let controller = Endpoint { address: ip, video_port, audio_port };
        let request =
            SetupRequest { session: rand::random(), controller, video: parameters(), audio: parameters() };
        let asked = Instant::now();
        if let Err(why) = phone.write(ids.setup_endpoints, request.to_base64()).await? {
            return Ok(Err(format!("its endpoints are refused: {why}")));
        }
        let response = phone.read(ids.setup_endpoints).await?;
        let response = SetupResponse::from_base64(&response).map_err(text)?;
        if response.session.is_some_and(|session| session != request.session) {
            return Ok(Err("it answers for the view of somebody else".to_owned()));
        }
        let SetupStatus::Success { accessory, video, audio, video_ssrc, audio_ssrc } = response.status else {
            return Ok(Err(format!("its endpoints are answered with {:?}", response.status)));
        };
        if !accessory.address.is_loopback() {
            return Ok(Err(format!(
                "it takes reports at {}, which is no loopback address",
                accessory.address
            )));
        }
        let (own_video, own_audio): (u32, u32) = (rand::random(), rand::random());
        let expected = Expected {
            ssrc: video_ssrc,
            payload_type: PAYLOAD_TYPES.0,
            clock_rate: VIDEO_RATE,
            content: Content::Pictures,
        };
        let lane = |expected, own, sends, comes| Lane::new(expected, own, (sends, comes), options.check);
        let lane_of_video = lane(expected, own_video, &request.video, &video)?;
        let medium = |socket, lane| Rc::new(Medium { socket, lane: RefCell::new(lane) });
        let video = medium(video_socket, lane_of_video);
        video.clone().run(SocketAddr::new(accessory.address, accessory.video_port), REPORT_EVERY.0);
        let audio = match audio_socket {
            Some(socket) => {
                let expected = Expected {
                    ssrc: audio_ssrc,
                    payload_type: PAYLOAD_TYPES.1,
                    clock_rate: SOUND.rate.hz(),
                    content: Content::Sound { packet_ms: PACKET_MS },
                };
                let audio = medium(socket, lane(expected, own_audio, &request.audio, &audio)?);
                audio.clone().run(SocketAddr::new(accessory.address, accessory.audio_port), REPORT_EVERY.1);
                Some(audio)
            }
            None => None,
        };
        let started = Instant::now();
        let start = selected(request.session, own_video, options.sound.then_some(own_audio));
        let view = Self {
            ids,
            session: request.session,
            video,
            audio,
            asked,
            started,
            ended_after: None,
            stuck: None,
        };
        match phone.write(ids.selected, start.to_base64()).await? {
            Ok(()) => Ok(Ok(view)),
            Err(why) => Ok(Err(format!("its start is refused: {why}"))),
        }
    }

    fn media(&self) -> impl Iterator<Item = &Rc<Medium>> {
        std::iter::once(&self.video).chain(&self.audio)
    }

    /// Picture, and sound where it was asked for.
    pub(super) fn has_begun(&self) -> bool {
        self.media().all(|medium| medium.lane.borrow().first().is_some())
    }

    /// From the request to start it, and from that for its endpoints, to the first packet of the picture.
    pub(super) fn first_after(&self) -> Option<(Duration, Duration)> {
        let first = self.video.lane.borrow().first()?;
        Some((first.duration_since(self.started), first.duration_since(self.asked)))
    }

    /// What came, of both media.
    pub(super) fn seen(&self) -> Seen {
        let mut all = Seen::default();
        self.media().for_each(|medium| all.add(&medium.lane.borrow().seen()));
        all
    }

    /// How many pictures came.
    pub(super) fn pictures(&self) -> u64 {
        self.video.lane.borrow().seen().pictures
    }

    /// Ends it: what came until the accessory agreed is the view's, and what comes later should not.
    pub(super) async fn end(&mut self, phone: &mut Controller) -> Result<(), String> {
        let end = SelectedStream::command(self.session, Command::End);
        let asked = Instant::now();
        let answer = phone.write(self.ids.selected, end.to_base64()).await?;
        self.ended_after = Some(asked.elapsed());
        self.stuck = answer.err().map(|why| format!("its end is refused: {why}"));
        for medium in self.media() {
            medium.drain()?;
            medium.lane.borrow_mut().end();
        }
        Ok(())
    }

    /// Is its stream free again?
    pub(super) async fn look_back(&mut self, phone: &mut Controller) -> Result<(), String> {
        let status = StreamingStatus::from_base64(&phone.read(self.ids.status).await?).map_err(text)?;
        if status != StreamingStatus::Available && self.stuck.is_none() {
            self.stuck = Some(format!("its stream is {status:?} after its end"));
        }
        Ok(())
    }
}

impl Medium {
    /// Receives and reports until the tasks end.
    fn run(self: Rc<Self>, to: SocketAddr, every: Duration) {
        tokio::task::spawn_local(async move {
            let mut due = tokio::time::Instant::now() + every;
            loop {
                tokio::select! {
                    biased;
                    ready = self.socket.readable() => {
                        if ready.is_err() || self.drain().is_err() {
                            return;
                        }
                    }
                    () = sleep_until(due) => {
                        due += every;
                        let Ok(report) = self.lane.borrow_mut().report(Instant::now()) else { return };
                        // A full socket loses it, as a network would.
                        let _ = self.socket.try_send_to(&report, to);
                    }
                }
            }
        });
    }

    /// Takes what has come.
    fn drain(&self) -> Result<(), String> {
        let mut datagram = [0; DATAGRAM_BYTES];
        let mut lane = self.lane.borrow_mut();
        loop {
            match self.socket.try_recv(&mut datagram) {
                Ok(length) => lane.handle(&mut datagram[..length], Instant::now()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(text(error)),
            }
        }
    }
}

async fn socket(address: SocketAddr) -> Result<UdpSocket, String> {
    let socket = UdpSocket::bind(address).await.map_err(text)?;
    // Only root may go beyond the system's limit; without it bursts may be lost, and are reported.
    let _ = setsockopt(&socket, RcvBufForce, &RECEIVE_BYTES);
    Ok(socket)
}

/// Keys that nobody else has.
fn parameters() -> SrtpParameters {
    SrtpParameters {
        suite: CryptoSuite::AesCm128,
        key: rand::random::<[u8; 16]>().to_vec(),
        salt: rand::random::<[u8; 14]>().to_vec(),
    }
}

/// The start, as phones write it.
fn selected(session: SessionId, video_ssrc: u32, audio_ssrc: Option<u32>) -> SelectedStream {
    let rtp = StreamParameters {
        payload_type: Some(PAYLOAD_TYPES.0),
        ssrc: Some(video_ssrc),
        kbits_max: 2_000,
        rtcp_interval_s: REPORT_EVERY.0.as_secs_f32(),
        mtu_bytes: Some(MTU_BYTES),
        comfort_noise_payload_type: None,
    };
    let sound = |ssrc| SelectedAudio {
        configuration: SOUND,
        rtp: StreamParameters {
            payload_type: Some(PAYLOAD_TYPES.1),
            ssrc: Some(ssrc),
            kbits_max: 24,
            rtcp_interval_s: REPORT_EVERY.1.as_secs_f32(),
            mtu_bytes: None,
            comfort_noise_payload_type: Some(13),
        },
        comfort_noise: false,
    };
    SelectedStream {
        session,
        command: Command::Start,
        video: Some(SelectedVideo {
            codec: Some(SelectedVideoCodec { profile: H264Profile::High, level: H264Level::L40 }),
            attributes: Some(VideoAttributes { width: 1920, height: 1080, fps: 30 }),
            rtp,
        }),
        audio: audio_ssrc.map(sound),
    }
}
