//! An accessory of ours: what its owner does, with sockets and a clock.
use crate::{CODE, ID};
use media::Moment;
use protocols::hap::accessory::{
    Accessory, CameraIds, CameraOptions, Information, Output as ServerOutput, Server,
};
use protocols::hap::camera::{
    AudioCodec, AudioConfiguration, CryptoSuite, H264Level, H264Profile, SampleRate, SupportedAudio,
    SupportedRtp, SupportedVideo, VideoAttributes, VideoConfiguration,
};
use protocols::hap::http::Response;
use protocols::hap::pairing::{Identity, Pairings, SetupAccessory, SetupCode};
use protocols::hap::random::SystemRandom;
use protocols::hap::session::{Host, Output, Session};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Longest run of a peer: 60 s; they need three.
const LIMIT: Duration = Duration::from_secs(60);

fn doorbell() -> (Accessory, CameraIds) {
    let information = Information {
        name: "Front door".to_owned(),
        manufacturer: "Aqueduct".to_owned(),
        model: "Doorbell".to_owned(),
        serial_number: "1".to_owned(),
        firmware: "1.0.0".to_owned(),
    };
    let video = VideoConfiguration {
        profiles: vec![H264Profile::Main],
        levels: vec![H264Level::L40],
        attributes: vec![VideoAttributes { width: 1920, height: 1080, fps: 30 }],
    };
    let sound = AudioConfiguration {
        codec: AudioCodec::Opus,
        channels: 1,
        constant_bitrate: false,
        rate: SampleRate::Khz24,
        packet_ms: None,
    };
    let options = CameraOptions {
        video: SupportedVideo { configurations: vec![video] },
        audio: SupportedAudio { configurations: vec![sound], comfort_noise: false },
        rtp: SupportedRtp { suites: vec![CryptoSuite::AesCm128] },
        streams: 2,
        speaker: true,
        doorbell: true,
        motion: true,
        recording: None,
    };
    Accessory::camera(1, &information, &options)
}

/// An accessory with its connections, and what its owner was told.
pub(crate) struct Driver {
    listener: TcpListener,
    started: Instant,
    host: Host,
    connections: Vec<(u64, Session, TcpStream)>,
    next_id: u64,
    ids: CameraIds,
    pub(crate) told: Vec<String>,
}

impl Driver {
    pub(crate) fn new() -> Self {
        let (accessory, ids) = doorbell();
        let host = Host {
            identity: Identity::generate(ID, &mut SystemRandom).unwrap(),
            setup: SetupAccessory::new(SetupCode::new(CODE).unwrap(), 0),
            pairings: Pairings::default(),
            accessories: Server::new(vec![accessory]),
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self { listener, started: Instant::now(), host, connections: vec![], next_id: 1, ids, told: vec![] }
    }

    fn now(&self) -> Moment {
        Moment::ZERO + self.started.elapsed()
    }

    /// Serves a controller until it exits; returns the lines that it printed.
    pub(crate) fn serve(&mut self, command: &mut Command) -> Vec<String> {
        let port = self.listener.local_addr().unwrap().port().to_string();
        let command = command.args([&port, ID, CODE]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let status = loop {
            self.turn();
            if let Some(status) = child.try_wait().unwrap() {
                break Some(status);
            }
            if self.started.elapsed() > LIMIT {
                child.kill().unwrap();
                break None;
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(status.is_some_and(|status| status.success()), "{said}{errors}{:?}", self.told);
        said.lines().map(str::to_owned).collect()
    }

    /// Accepts, reads, answers, and sends what is due.
    fn turn(&mut self) {
        let now = self.now();
        if let Ok((stream, _)) = self.listener.accept() {
            stream.set_nonblocking(true).unwrap();
            stream.set_nodelay(true).unwrap();
            self.connections.push((self.next_id, Session::new(self.next_id), stream));
            self.next_id += 1;
        }
        // something moves; slower than events are held up, which would hide it
        let moving = serde_json::Value::Bool((self.started.elapsed().as_millis() / 1300).is_multiple_of(2));
        self.host.accessories.set_value(self.ids.motion.unwrap(), &moving, now).unwrap();
        while let ServerOutput::Event { connection, event } = self.host.accessories.poll_output(now) {
            let (_, session, _) = self.connections.iter_mut().find(|(id, ..)| *id == connection).unwrap();
            session.send_event(&event).unwrap();
        }
        let mut buffer = vec![0; 16 << 10];
        let Self { connections, host, told, .. } = self;
        connections.retain_mut(|(_, session, stream)| {
            let mut open = match stream.read(&mut buffer) {
                Ok(0) => false,
                Ok(length) => session.handle_input(host, &buffer[..length], &mut SystemRandom, now).is_ok(),
                Err(error) => error.kind() == ErrorKind::WouldBlock,
            };
            while let Some(output) = session.poll_output() {
                open &= done(session, host, stream, output, told, now);
            }
            if !open {
                session.handle_disconnected(host);
            }
            open
        });
    }
}

/// Does what a session wants; false when it ends.
fn done(
    session: &mut Session,
    host: &mut Host,
    stream: &mut TcpStream,
    output: Output,
    told: &mut Vec<String>,
    now: Moment,
) -> bool {
    let answer = match output {
        Output::Send(bytes) => return stream.write_all(&bytes).is_ok(),
        Output::Write(write) => host.accessories.finish_write(write, now),
        Output::Snapshot { .. } => Response::with_body(200, "image/jpeg", vec![0xff; 3000]),
        Output::Close => return false,
        Output::StorePairings => {
            told.push(format!("{} pairings", host.pairings.as_slice().len()));
            return true;
        }
        Output::StoreTries(tries) => {
            told.push(format!("{tries} tries"));
            return true;
        }
        Output::Identify | Output::Unpaired(_) | Output::Verified(_) => return true,
    };
    session.respond(host, &answer, &mut SystemRandom, now).is_ok()
}
