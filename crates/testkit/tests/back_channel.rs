//! Our talk over RTSP against cameras with a back channel: GStreamer's ONVIF server, and the simulated one.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "all of this is a test")]

use formats::replay::{Clip, load};
use media::{Codec, Moment, WallTime};
use protocols::rtsp::client::{BackChannel, Client, Config, Error, Event, Output, TransportPreference};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use testkit::camera::ProfileTCamera;
use testkit::camera::talk::{Fault, Offers};
use testkit::process::{Peer, Place, eventually, free_port};
use testkit::{require, tone};

const FRAME: Duration = Duration::from_millis(20);
const PITCH: f64 = 1_000.0;

/// Drives a session over real sockets, and speaks a tone.
struct Talker {
    client: Client,
    socket: TcpStream,
    udp: Option<(UdpSocket, UdpSocket)>,
    start: Instant,
    events: Vec<Event>,
    error: Option<Error>,
    offers: Vec<(Codec, u32)>,
    chosen: usize,
    spoken: usize,
    playing: bool,
    closed: bool,
}

impl Talker {
    fn new(config: Config) -> Self {
        Self::dial(Client::new(config).unwrap())
    }

    fn dial(mut client: Client) -> Self {
        let url = client.url();
        let socket = TcpStream::connect((url.host.as_str(), url.port)).unwrap();
        socket.set_nonblocking(true).unwrap();
        client.handle_connected(Moment::ZERO);
        Self {
            client,
            socket,
            udp: None,
            start: Instant::now(),
            events: Vec::new(),
            error: None,
            offers: Vec::new(),
            chosen: 0,
            spoken: 0,
            playing: false,
            closed: false,
        }
    }

    fn now(&self) -> Moment {
        Moment::ZERO + self.start.elapsed()
    }

    fn step(&mut self) {
        loop {
            match self.client.poll_output(self.now()) {
                Ok(Output::Transmit(bytes)) => self.socket.write_all(&bytes).unwrap(),
                Ok(Output::Datagram { is_rtcp, data, .. }) => {
                    let (rtp, rtcp) = self.udp.as_ref().unwrap();
                    if is_rtcp { rtcp } else { rtp }.send(&data).unwrap();
                }
                Ok(Output::Event(event)) => self.happened(event),
                Ok(Output::WaitUntil(_)) => break,
                Err(error) => {
                    self.error = Some(error);
                    break;
                }
            }
        }
        let mut buffer = [0; 65_536];
        let now = self.now();
        match self.socket.read(&mut buffer) {
            Ok(0) => self.client.handle_disconnected(now),
            Ok(length) => self.client.handle_input(&buffer[..length], now),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                std::thread::sleep(Duration::from_millis(1))
            }
            Err(_) => self.client.handle_disconnected(now),
        }
    }

    fn happened(&mut self, event: Event) {
        match &event {
            Event::BackChannel { offers, .. } => {
                let offer = |offer: &formats::sdp::Payload| (offer.track.codec, offer.track.clock_rate);
                self.offers = offers.iter().map(offer).collect();
            }
            Event::SetupUdp { track } => {
                let bind = |port| UdpSocket::bind((Ipv4Addr::LOCALHOST, port));
                // Another test may have the second one.
                let (port, pair) = (0..20)
                    .find_map(|_| {
                        let port = free_port() & !1;
                        Some((port, (bind(port).ok()?, bind(port + 1).ok()?)))
                    })
                    .expect("a free pair of ports");
                self.udp = Some(pair);
                self.client.udp_ports(*track, port, port + 1, self.now());
            }
            Event::TrackReady { carrier, .. } => {
                use protocols::rtsp::client::Carrier::{Tcp, Udp};
                match (carrier, &self.udp) {
                    (Udp { server_port: Some((rtp, rtcp)), .. }, Some(udp)) => {
                        udp.0.connect((Ipv4Addr::LOCALHOST, *rtp)).unwrap();
                        udp.1.connect((Ipv4Addr::LOCALHOST, *rtcp)).unwrap();
                    }
                    (Tcp { .. } | Udp { .. }, _) => {}
                }
            }
            Event::Playing { .. } => self.playing = true,
            Event::Closed => self.closed = true,
            Event::Described { .. }
            | Event::TrackRefused { .. }
            | Event::Rtp { .. }
            | Event::Rtcp { .. }
            | Event::Reconnect(_) => {}
        }
        self.events.push(event);
    }

    /// Goes on until `done`; speaks in real time where it may.
    fn run(&mut self, limit: Duration, mut done: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        let mut next = start;
        while start.elapsed() < limit && self.error.is_none() && !done(self) {
            if self.playing && !self.offers.is_empty() && Instant::now() >= next {
                let (codec, rate) = self.offers[self.chosen];
                let samples = rate as usize / 50;
                let sound = tone::encode(codec, &tone::sine_from(PITCH, rate, self.spoken, samples)).unwrap();
                self.client.choose(self.chosen);
                assert!(self.client.handle_audio(&sound, FRAME, self.now(), WallTime::from_micros(0)));
                self.spoken += samples;
                next = next.max(Instant::now() - FRAME) + FRAME;
            }
            self.step();
        }
    }

    /// Speaks for so long from when it may.
    fn speak(&mut self, duration: Duration) {
        self.run(Duration::from_secs(10), |talker| talker.playing);
        assert!(self.playing, "{:?} {:?}", self.error, self.events);
        self.run(duration, |_| false);
        assert_eq!(self.error, None);
    }

    fn close(&mut self) {
        self.client.close(self.now());
        self.playing = false;
        self.run(Duration::from_secs(3), |talker| talker.closed);
        assert!(self.closed, "{:?}", self.error);
    }
}

fn config(url: String, back_channel: BackChannel) -> Config {
    let mut config = Config::new(url);
    config.back_channel = back_channel;
    config
}

/// What is heard must be the tone, all but its beginning, and nothing else.
fn assert_tone(heard: &[i16], rate: u32, seconds: std::ops::Range<f64>) {
    let length = heard.len() as f64 / f64::from(rate);
    let fits = seconds.start - 0.2 < length && length < seconds.end + 0.2;
    assert!(fits, "{length} s of {seconds:?} are heard");
    let middle = &heard[heard.len() / 4..heard.len() * 3 / 4];
    let (pitch, purity) = (tone::pitch_hz(middle, rate), tone::purity(middle, rate, PITCH));
    let level = tone::level_dbfs(middle);
    assert!((pitch - PITCH).abs() < 4.0, "{pitch} Hz");
    assert!((level + 9.03).abs() < 0.5, "{level} dBFS");
    assert!(purity > 0.97, "{purity}: samples are lost or doubled");
}

fn gstreamer(python: &Path, place: &Place, arguments: &[&str]) -> (Peer, String, PathBuf) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/tests/peers/onvif_cam.py");
    let (port, heard) = (free_port(), place.file("heard.s16"));
    let mut command = Command::new(python);
    command.arg(script).args([&port.to_string(), arguments[0]]).arg(&heard).args(&arguments[1..]);
    let camera = Peer::start(place, "onvif_cam", &mut command, Duration::from_secs(60));
    eventually("the camera listens", Duration::from_secs(15), || {
        camera.stdout().contains("ready").then_some(())
    });
    let user =
        if arguments.len() > 1 { format!("{}:{}@", arguments[1], arguments[2]) } else { String::new() };
    (camera, format!("rtsp://{user}127.0.0.1:{port}/cam"), heard)
}

#[test]
fn gstreamers_camera_hears_our_tone() {
    require!(python_gi);
    for (codec, back_channel, transport, user) in [
        ("pcmu", BackChannel::Alone, TransportPreference::Tcp, &[][..]),
        ("pcma", BackChannel::WithMedia, TransportPreference::Tcp, &["admin", "pass"]),
        ("l16", BackChannel::Alone, TransportPreference::Tcp, &[]),
        ("pcmu", BackChannel::Alone, TransportPreference::Udp, &["admin", "pass"]),
    ] {
        let place = Place::new().unwrap();
        let (_camera, url, heard) = gstreamer(&python_gi, &place, &[&[codec], user].concat());
        let mut config = config(url, back_channel);
        config.transport = transport;
        let mut talker = Talker::new(config);
        // On a busy machine the camera's pipeline is not ready with its answer: what is said until then may be lost.
        let bytes = || std::fs::metadata(&heard).map_or(0, |file| file.len());
        talker.speak(Duration::from_millis(20));
        talker.run(Duration::from_secs(10), |_| bytes() > 0);
        let lost_before = talker.spoken;
        talker.speak(Duration::from_secs(2));
        let (offered, rate) = talker.offers[0];
        assert_eq!(offered, Codec::from_common_name(codec).unwrap(), "{:?}", talker.offers);
        // And it plays to the end what it has: the end of the call would cut that short.
        let all = (talker.spoken * 2) as u64;
        eventually("it is heard to its end", Duration::from_secs(3), || {
            let before = bytes();
            std::thread::sleep(Duration::from_millis(200));
            (bytes() == before || before >= all).then_some(())
        });
        talker.close();
        let spoken = talker.spoken as f64 / f64::from(rate);
        let samples = tone::from_le_bytes(&std::fs::read(heard).unwrap());
        eprintln!(
            "{codec} {back_channel:?} {transport:?}: {spoken} s spoken, {} samples heard",
            samples.len()
        );
        let certain = (talker.spoken - lost_before) as f64 / f64::from(rate);
        assert_tone(&samples, rate, certain..spoken);
        let media = talker.events.iter().any(|event| matches!(event, Event::Rtp { .. }));
        assert_eq!(media, back_channel == BackChannel::WithMedia);
    }
}

#[test]
fn a_camera_without_back_channel_is_named_as_such_by_gstreamer() {
    require!(python_gi);
    let place = Place::new().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/tests/peers/rtsp_cam.py");
    let port = free_port();
    let mut command = Command::new(python_gi);
    command.arg(script).args([&port.to_string(), "admin", "pass"]);
    let camera = Peer::start(&place, "rtsp_cam", &mut command, Duration::from_secs(60));
    eventually("the camera listens", Duration::from_secs(15), || {
        camera.stdout().contains("ready").then_some(())
    });
    let url = format!("rtsp://admin:pass@127.0.0.1:{port}/cam");
    let mut talker = Talker::new(config(url, BackChannel::Alone));
    talker.run(Duration::from_secs(10), |_| false);
    assert!(matches!(talker.error, Some(Error::NoBackChannel { .. })), "{:?}", talker.error);
}

fn clip() -> Clip {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../server/assets/demo.mp4");
    load(std::fs::read(path).unwrap().into()).unwrap()
}

fn camera(fault: Fault) -> ProfileTCamera {
    ProfileTCamera::start(clip(), Some(("admin", "pass")), Offers::default(), fault).unwrap()
}

/// What came, put in its order, and whether anything is missing.
fn heard_samples(camera: &ProfileTCamera, codec: Codec) -> Vec<i16> {
    let heard = camera.heard();
    for pair in heard.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
        let step = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
        assert_eq!(step as usize, pair[0].payload.len() / if codec == Codec::L16 { 2 } else { 1 });
    }
    tone::decode(codec, &camera.heard_bytes()).unwrap()
}

#[test]
fn the_simulated_camera_hears_our_tone_in_every_codec_it_offers() {
    let offers = Offers(vec![(0, Codec::Pcmu, 8_000), (8, Codec::Pcma, 8_000), (97, Codec::L16, 16_000)]);
    for (back_channel, transport, chosen) in [
        (BackChannel::Alone, TransportPreference::Tcp, 0),
        (BackChannel::WithMedia, TransportPreference::Tcp, 1),
        (BackChannel::Alone, TransportPreference::Udp, 2),
    ] {
        let credentials = Some(("admin", "pass"));
        let camera = ProfileTCamera::start(clip(), credentials, offers.clone(), Fault::None).unwrap();
        let mut config = config(camera.url(), back_channel);
        config.transport = transport;
        let mut talker = Talker::new(config);
        talker.chosen = chosen;
        talker.speak(Duration::from_millis(1_500));
        talker.close();
        let (codec, rate) = talker.offers[chosen];
        let wanted: Vec<(Codec, u32)> = offers.0.iter().map(|(_, codec, rate)| (*codec, *rate)).collect();
        assert_eq!(talker.offers, wanted);
        assert!(camera.heard().iter().all(|heard| heard.payload_type == offers.0[chosen].0));
        assert_tone(&heard_samples(&camera, codec), rate, {
            let spoken = talker.spoken as f64 / f64::from(rate);
            spoken..spoken
        });
        assert!(camera.reports() >= 1);
        let media = talker.events.iter().any(|event| matches!(event, Event::Rtp { .. }));
        assert_eq!(media, back_channel == BackChannel::WithMedia);
        assert_eq!((camera.described(), camera.set_ups()), ((1, 0), 1));
        eventually("the camera is free again", Duration::from_secs(2), || {
            (camera.talkers() == (0, 1)).then_some(())
        });
    }
}

#[test]
fn each_fault_of_a_cameras_talk_is_overcome_or_named() {
    for (fault, back_channel, told) in [
        (Fault::ShownToAll, BackChannel::Alone, ""),
        (Fault::RefusesRequire(551), BackChannel::Alone, ""),
        (Fault::RefusesRequire(400), BackChannel::Alone, ""),
        (Fault::WantsAllTracks, BackChannel::WithMedia, ""),
        (Fault::WantsAllTracks, BackChannel::Alone, "SETUP (CSeq 4) is refused: 455"),
        (Fault::NoLoudspeaker, BackChannel::Alone, "offers no back channel"),
        (Fault::Taken(453), BackChannel::Alone, "somebody else is talking"),
        (Fault::Taken(503), BackChannel::WithMedia, "somebody else is talking"),
        (
            Fault::HangsUp(Duration::from_millis(200)),
            BackChannel::Alone,
            "closed the connection during playing",
        ),
    ] {
        let camera = camera(fault);
        let mut talker = Talker::new(config(camera.url(), back_channel));
        talker.run(Duration::from_millis(1_200), |_| false);
        let error = talker.error.as_ref().map(Error::to_string).unwrap_or_default();
        assert!(error.contains(told) && error.is_empty() == told.is_empty(), "{fault:?}: {error}");
        assert_eq!(camera.heard().is_empty(), !error.is_empty() && camera.set_ups() == 0, "{fault:?}");
    }
}

#[test]
fn a_camera_that_hangs_up_on_require_is_asked_without_it() {
    let camera = camera(Fault::HangsUpOnRequire);
    let mut talker = Talker::new(config(camera.url(), BackChannel::Alone));
    talker.run(Duration::from_secs(5), |talker| matches!(talker.events.last(), Some(Event::Reconnect(_))));
    let next = talker.client.successor().expect("another connection");
    let mut talker = Talker::dial(next);
    talker.speak(Duration::from_millis(300));
    assert!(!camera.heard().is_empty());
    assert_eq!(camera.described(), (1, 1));
}

#[test]
fn a_second_talker_is_told_that_somebody_talks_and_the_first_one_talks_on() {
    let camera = camera(Fault::None);
    let mut first = Talker::new(config(camera.url(), BackChannel::Alone));
    first.speak(Duration::from_millis(200));
    let mut second = Talker::new(config(camera.url(), BackChannel::Alone));
    second.run(Duration::from_secs(2), |_| false);
    assert!(matches!(second.error, Some(Error::BackChannelBusy { .. })), "{:?}", second.error);
    let before = camera.heard().len();
    first.speak(Duration::from_millis(200));
    assert!(camera.heard().len() > before);
    first.close();
    eventually("the camera is free again", Duration::from_secs(2), || {
        (camera.talkers() == (0, 1)).then_some(())
    });
    let mut third = Talker::new(config(camera.url(), BackChannel::Alone));
    third.speak(Duration::from_millis(200));
}

#[test]
fn gstreamer_talks_to_the_simulated_camera_and_watches_it() {
    require!(python_gi);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/tests/peers/onvif_talker.py");
    for (codec, transport) in [("pcmu", "tcp"), ("pcma", "udp")] {
        let place = Place::new().unwrap();
        let wanted = Codec::from_common_name(codec).unwrap();
        let payload_type = wanted.static_payload_type().unwrap();
        let offers = Offers(vec![(payload_type, wanted, 8_000)]);
        let camera = ProfileTCamera::start(clip(), Some(("admin", "pass")), offers, Fault::None).unwrap();
        let mut command = Command::new(&python_gi);
        command.arg(&script).args([&camera.url(), codec, "1000", "2", transport]);
        let talk = Peer::start(&place, "onvif_talker", &mut command, Duration::from_secs(30)).wait();
        let talk = talk.expect_success();
        let seen: usize = talk.stdout.split("seen ").nth(1).unwrap().trim().parse().unwrap();
        assert!(talk.stdout.contains("back channel") && seen > 50, "{}", talk.stdout);
        assert_eq!(camera.described().1, 0, "rtspsrc requires it");
        assert_tone(&heard_samples(&camera, wanted), 8_000, 2.0..2.0);
    }
}

#[test]
fn ffmpeg_watches_the_camera_and_sees_no_back_channel() {
    require!(ffmpeg5);
    for fault in [Fault::None, Fault::ShownToAll] {
        let place = Place::new().unwrap();
        let camera = camera(fault);
        let mut command = Command::new(&ffmpeg5);
        command.args(["-v", "error", "-nostdin", "-rtsp_transport", "tcp", "-i", &camera.url(), "-t", "2"]);
        command.args(["-map", "0:v:0", "-c", "copy", "-f", "framecrc", "-"]);
        let watched = Peer::start(&place, "ffmpeg", &mut command, Duration::from_secs(30)).wait();
        let watched = watched.expect_success();
        let frames = watched.stdout.lines().filter(|line| line.starts_with("0,")).count();
        assert!(frames > 30, "{fault:?}: {frames} frames");
        assert_eq!((camera.described(), camera.set_ups()), ((0, 1), usize::from(fault != Fault::None)));
    }
}
