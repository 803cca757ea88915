//! HomeKit's state machines against controllers and accessories that others wrote, over loopback.
//!
//! The peers are `cargo xtask test --install`'s; where one is missing its test says so and returns (see testkit's `peers`, which
//! this crate cannot have without being built twice for each of its own tests).
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panic")]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "whoever drives sans-IO has sockets and a clock"
)]
use media::Moment;
use protocols::hap::accessory::client::{
    Change, accessories_request, read_accessories_response, read_answers, values_request, write_request,
};
use protocols::hap::accessory::{
    Accessory, CameraIds, CameraOptions, CharacteristicId, Information, Output as ServerOutput, Server,
    characteristics, services,
};
use protocols::hap::camera::{
    AudioCodec, AudioConfiguration, CryptoSuite, H264Level, H264Profile, SampleRate, SupportedAudio,
    SupportedRtp, SupportedVideo, VideoAttributes, VideoConfiguration,
};
use protocols::hap::controller::{Controller, Output as ControllerOutput};
use protocols::hap::http::{Method, Request, Response};
use protocols::hap::pairing::{
    AccessoryPairing, CONTENT_TYPE, Identity, Pairings, SetupAccessory, SetupCode, list_request, read_done,
    read_list, remove_request,
};
use protocols::hap::random::SystemRandom;
use protocols::hap::session::{Host, Output, Session};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ID: &str = "11:22:33:44:55:66";
const CODE: &str = "031-45-154";
/// Longest run of a peer: 60 s; they need three.
const LIMIT: Duration = Duration::from_secs(60);

fn peers_folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("AQUEDUCT_PEERS") {
        return folder.into();
    }
    let target = std::env::current_exe().ok().and_then(|exe| exe.ancestors().nth(3).map(Path::to_path_buf));
    target.unwrap_or_else(|| "target".into()).join("peers")
}

/// Python with this package, or none, and then it is said.
fn python_with(package: &str) -> Option<PathBuf> {
    let python = peers_folder().join("venv/bin/python3");
    let has = Command::new(&python).args(["-c", &format!("import {package}")]).stderr(Stdio::null()).status();
    if has.is_ok_and(|status| status.success()) {
        return Some(python);
    }
    let test = std::thread::current().name().unwrap_or("unnamed").to_owned();
    let _ = std::io::stderr().write_all(format!("NOT RUN: {test}: needs {package}\n").as_bytes());
    None
}

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
    };
    Accessory::camera(1, &information, &options)
}

/// An accessory with its connections, and what its owner was told.
struct Driver {
    listener: TcpListener,
    started: Instant,
    host: Host,
    connections: Vec<(u64, Session, TcpStream)>,
    next_id: u64,
    ids: CameraIds,
    told: Vec<String>,
}

impl Driver {
    fn new() -> Self {
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
        let moving = json_bool(self.started.elapsed().as_millis() / 1300 % 2 == 0);
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

fn json_bool(value: bool) -> serde_json::Value {
    serde_json::Value::Bool(value)
}

#[test]
fn aiohomekit_pairs_reads_watches_writes_and_unpairs() {
    let Some(python) = python_with("aiohomekit") else { return };
    let mut driver = Driver::new();
    let port = driver.listener.local_addr().unwrap().port().to_string();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hap/aiohomekit_controls.py");
    let mut child = Command::new(python)
        .arg(script)
        .args([&port, ID, CODE])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let status = loop {
        driver.turn();
        if let Some(status) = child.try_wait().unwrap() {
            break Some(status);
        }
        if driver.started.elapsed() > LIMIT {
            child.kill().unwrap();
            break None;
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(status.is_some_and(|status| status.success()), "{said}{errors}{:?}", driver.told);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines,
        [
            "wrong code refused",
            "paired",
            "name Front door",
            "motion",
            "muted, name refused with -70404",
            "picture of 3000 bytes",
            "1 pairing, admin",
            "2 pairings",
            "removed",
        ]
    );
    let told = ["1 tries", "1 pairings", "0 tries", "2 pairings", "1 pairings", "0 pairings"];
    assert_eq!(driver.told, told);
}

/// A controller of ours on a connection, which waits for what it wants.
struct Caller {
    controller: Controller,
    stream: TcpStream,
    events: usize,
}

impl Caller {
    fn new(controller: Controller, port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self { controller, stream, events: 0 }
    }

    fn pair(port: u16, identity: &Identity) -> AccessoryPairing {
        let code = SetupCode::new(CODE).unwrap();
        let controller =
            Controller::pair("127.0.0.1", code, identity.clone(), Some(ID.to_lowercase())).unwrap();
        match Self::new(controller, port).wait() {
            ControllerOutput::Paired(pairing) => pairing,
            other => panic!("{other:?}"),
        }
    }

    fn verify(port: u16, identity: &Identity, pairing: AccessoryPairing) -> Self {
        let controller =
            Controller::verify("127.0.0.1", identity.clone(), pairing, &mut SystemRandom).unwrap();
        let mut caller = Self::new(controller, port);
        assert_eq!(caller.wait(), ControllerOutput::Ready);
        caller
    }

    /// The next output that is not bytes; events are counted.
    fn wait(&mut self) -> ControllerOutput {
        loop {
            while let Some(output) = self.controller.poll_output() {
                match output {
                    ControllerOutput::Send(bytes) => self.stream.write_all(&bytes).unwrap(),
                    ControllerOutput::Event(event) => {
                        assert_eq!(read_answers(&event).unwrap().len(), 1);
                        self.events += 1;
                    }
                    other => return other,
                }
            }
            self.read();
        }
    }

    fn read(&mut self) {
        let mut buffer = vec![0; 16 << 10];
        let length = self.stream.read(&mut buffer).unwrap();
        assert_ne!(length, 0, "the accessory hangs up");
        self.controller.handle_input(&buffer[..length], &mut SystemRandom).unwrap();
    }

    fn ask(&mut self, request: Request) -> Response {
        self.controller.request(request).unwrap();
        match self.wait() {
            ControllerOutput::Response(response) => response,
            other => panic!("{other:?}"),
        }
    }
}

/// Ends with the test.
struct Child(std::process::Child);

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn our_controller_pairs_reads_watches_writes_and_unpairs_hap_python() {
    let Some(python) = python_with("pyhap") else { return };
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let folder = std::env::temp_dir().join(format!("aqueduct-hap-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hap/pyhap_serves.py");
    let mut child = Command::new(python)
        .arg(script)
        .args([&port.to_string(), ID, CODE, folder.to_str().unwrap()])
        .stdout(Stdio::piped())
        .spawn()
        .map(Child)
        .unwrap();
    let mut said = [0; 7];
    child.0.stdout.take().unwrap().read_exact(&mut said).expect("it serves");

    let identity = Identity::generate("4F4C2B2E-0000-4000-8000-0000000000AA", &mut SystemRandom).unwrap();
    let pairing = Caller::pair(port, &identity);
    assert_eq!(pairing.id, ID);
    let mut caller = Caller::verify(port, &identity, pairing);
    let accessories = read_accessories_response(&caller.ask(accessories_request())).unwrap();
    let find = |service, known| {
        let service = accessories[0].find(service).unwrap();
        CharacteristicId { aid: accessories[0].aid, iid: service.find(known).unwrap().iid }
    };
    let name = find(services::ACCESSORY_INFORMATION, &characteristics::NAME);
    let moves = find(services::MOTION_SENSOR, &characteristics::MOTION_DETECTED);
    let on = find(services::SWITCH, &characteristics::ON);
    let change = |id, value, watch| Change { id, value, watch, wants_response: false };
    let done = caller.ask(write_request(
        &[change(moves, None, Some(true)), change(on, Some(json_bool(true)), None)],
        None,
    ));
    assert_eq!((done.status, read_answers(&done)), (204, Ok(vec![])));
    let answers = read_answers(&caller.ask(values_request(&[name, on]))).unwrap();
    assert_eq!(answers[0].value, Some(serde_json::Value::String("Hall".to_owned())));
    assert_eq!(answers[1].value, Some(json_bool(true)));
    while caller.events < 2 {
        caller.read();
        // a request shows that answers and events do not take each other's place
        assert_eq!(caller.ask(values_request(&[name])).status, 200);
    }
    let post = |body| Request::with_body(Method::Post, "/pairings", CONTENT_TYPE, body);
    let pairings = read_list(&caller.ask(post(list_request())).body).unwrap();
    assert_eq!(pairings[0].public_key, *identity.public_key());
    read_done(&caller.ask(post(remove_request(identity.id()))).body).unwrap();
    drop(child);
    let _ = std::fs::remove_dir_all(&folder);
}
