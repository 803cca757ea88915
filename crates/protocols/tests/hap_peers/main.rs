//! HomeKit's state machines against controllers and accessories that others wrote, over loopback.
//!
//! The peers are `cargo xtask test --install`'s; where one is missing its test says so and returns (see testkit's `peers`, which
//! this crate cannot have without being built twice for each of its own tests).
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panic")]
#![allow(clippy::wildcard_enum_match_arm, reason = "what is not awaited fails the test")]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "whoever drives sans-IO has sockets and a clock"
)]
mod caller;
mod driver;
mod recording;

use caller::Caller;
use driver::Driver;
use protocols::hap::accessory::client::{
    Change, accessories_request, read_accessories_response, read_answers, values_request, write_request,
};
use protocols::hap::accessory::{
    Accessory, CharacteristicId, KnownCharacteristic, KnownService, characteristics, services,
};
use protocols::hap::camera::{
    AudioConfiguration, Command as StreamCommand, CryptoSuite, Endpoint, H264Level, H264Profile,
    SelectedAudio, SelectedStream, SelectedVideo, SelectedVideoCodec, SetupRequest, SetupResponse,
    SetupStatus, SrtpParameters, StreamParameters, StreamingStatus, SupportedAudio, SupportedVideo,
};
use protocols::hap::http::{Method, Request};
use protocols::hap::pairing::{CONTENT_TYPE, Identity, list_request, read_done, read_list, remove_request};
use protocols::hap::random::SystemRandom;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};

const ID: &str = "11:22:33:44:55:66";
const CODE: &str = "031-45-154";

fn peers_folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("AQUEDUCT_PEERS") {
        return folder.into();
    }
    let target = std::env::current_exe().ok().and_then(|exe| exe.ancestors().nth(3).map(Path::to_path_buf));
    target.unwrap_or_else(|| "target".into()).join("peers")
}

/// Python with this package and a script of ours, or none, and then it is said.
fn python(package: &str, script: &str) -> Option<Command> {
    let mut command = Command::new(peers_folder().join("venv/bin/python3"));
    let has = Command::new(command.get_program())
        .args(["-c", &format!("import {package}")])
        .stderr(Stdio::null())
        .status();
    command.arg(scripts().join(script));
    has.is_ok_and(|status| status.success()).then_some(command).or_else(|| not_run(package))
}

/// Node with this package and a script of ours, or none, and then it is said.
fn node(package: &str, script: &str) -> Option<Command> {
    let modules = peers_folder().join("node/node_modules");
    let mut command = Command::new("node");
    command.arg(scripts().join(script)).env("NODE_PATH", &modules);
    modules.join(package).exists().then_some(command).or_else(|| not_run(package))
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hap_peers")
}

fn not_run(package: &str) -> Option<Command> {
    let test = std::thread::current().name().unwrap_or("unnamed").to_owned();
    let _ = std::io::stderr().write_all(format!("NOT RUN: {test}: needs {package}\n").as_bytes());
    None
}

/// An accessory of somebody else's, with a folder of its own; both end with the test.
struct Peer {
    child: std::process::Child,
    said: Lines<BufReader<ChildStdout>>,
    port: u16,
    folder: PathBuf,
}

impl Peer {
    /// Starts it, and waits until it says that it serves.
    fn start(mut command: Command) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = std::env::temp_dir().join(format!("aqueduct-hap-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let arguments = [&port.to_string(), ID, CODE, folder.to_str().unwrap()];
        let mut child = command.args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut peer = Self { child, said, port, folder };
        while peer.said() != "serving" {}
        peer
    }

    /// The next line that it prints.
    fn said(&mut self) -> String {
        self.said.next().expect("it says something").unwrap()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn find(accessory: &Accessory, service: KnownService, known: KnownCharacteristic) -> CharacteristicId {
    let service = accessory.find(service).unwrap();
    CharacteristicId { aid: accessory.aid, iid: service.find(&known).unwrap().iid }
}

fn change(id: CharacteristicId, value: impl Into<Value>) -> Change {
    Change { id, value: Some(value.into()), watch: None, wants_response: false }
}

fn watch(id: CharacteristicId) -> Change {
    Change { id, value: None, watch: Some(true), wants_response: false }
}

fn pairings(body: Vec<u8>) -> Request {
    Request::with_body(Method::Post, "/pairings", CONTENT_TYPE, body)
}

fn phone() -> Identity {
    Identity::generate("4F4C2B2E-0000-4000-8000-0000000000AA", &mut SystemRandom).unwrap()
}

#[test]
fn aiohomekit_pairs_reads_watches_writes_and_unpairs() {
    let Some(mut command) = python("aiohomekit", "aiohomekit_controls.py") else { return };
    let mut driver = Driver::new();
    assert_eq!(
        driver.serve(&mut command),
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

#[test]
fn hap_controller_pairs_reads_watches_writes_and_unpairs() {
    let Some(mut command) = node("hap-controller", "hap_controller_controls.js") else { return };
    let mut driver = Driver::new();
    assert_eq!(
        driver.serve(&mut command),
        ["paired", "name Front door", "motion true", "muted true", "picture of 3000 bytes", "removed"]
    );
    assert_eq!(driver.told, ["1 pairings", "0 tries", "0 pairings"]);
}

#[test]
fn our_controller_pairs_reads_watches_writes_and_unpairs_hap_python() {
    let Some(command) = python("pyhap", "pyhap_serves.py") else { return };
    let (peer, identity) = (Peer::start(command), phone());
    let pairing = Caller::pair(peer.port, &identity);
    assert_eq!(pairing.id, ID);
    let mut caller = Caller::verify(peer.port, &identity, pairing);
    let accessories = read_accessories_response(&caller.ask(accessories_request())).unwrap();
    let name = find(&accessories[0], services::ACCESSORY_INFORMATION, characteristics::NAME);
    let moves = find(&accessories[0], services::MOTION_SENSOR, characteristics::MOTION_DETECTED);
    let on = find(&accessories[0], services::SWITCH, characteristics::ON);
    let done = caller.ask(write_request(&[watch(moves), change(on, true)], None));
    assert_eq!((done.status, read_answers(&done)), (204, Ok(vec![])));
    let answers = read_answers(&caller.ask(values_request(&[name, on]))).unwrap();
    assert_eq!(
        (answers[0].value.clone(), answers[1].value.clone()),
        (Some(json!("Hall")), Some(json!(true)))
    );
    for events in 1..3 {
        caller.wait_for_events(events);
        // a request shows that answers and events do not take each other's place
        assert_eq!(caller.ask(values_request(&[name])).status, 200);
    }
    let listed = read_list(&caller.ask(pairings(list_request())).body).unwrap();
    assert_eq!(listed[0].public_key, *identity.public_key());
    read_done(&caller.ask(pairings(remove_request(identity.id()))).body).unwrap();
}

#[test]
fn our_controller_starts_and_ends_a_stream_of_hap_nodejs() {
    let Some(command) = node("hap-nodejs", "nodejs_serves.js") else { return };
    let (mut peer, identity) = (Peer::start(command), phone());
    let pairing = Caller::pair(peer.port, &identity);
    let mut caller = Caller::verify(peer.port, &identity, pairing);
    let accessories = read_accessories_response(&caller.ask(accessories_request())).unwrap();
    let id = |known| find(&accessories[0], services::CAMERA_RTP_STREAM_MANAGEMENT, known);
    let (video, sound) = (id(characteristics::SUPPORTED_VIDEO), id(characteristics::SUPPORTED_AUDIO));
    let (setup, selected) = (id(characteristics::SETUP_ENDPOINTS), id(characteristics::SELECTED_STREAM));
    let status = id(characteristics::STREAMING_STATUS);
    let read = |caller: &mut Caller, id| {
        let answers = read_answers(&caller.ask(values_request(&[id]))).unwrap();
        answers[0].value.clone().unwrap().as_str().unwrap().to_owned()
    };
    let supported = SupportedVideo::from_base64(&read(&mut caller, video)).unwrap();
    let attributes = supported.configurations[0].attributes[0];
    assert_eq!((attributes.width, attributes.height, attributes.fps), (1280, 720, 30));
    let supported = SupportedAudio::from_base64(&read(&mut caller, sound)).unwrap();
    let configuration = AudioConfiguration { packet_ms: Some(20), ..supported.configurations[0] };

    let srtp = SrtpParameters { suite: CryptoSuite::AesCm128, key: vec![7; 16], salt: vec![9; 14] };
    let controller = Endpoint { address: [127, 0, 0, 1].into(), video_port: 50000, audio_port: 50002 };
    let request = SetupRequest { session: [5; 16], controller, video: srtp.clone(), audio: srtp.clone() };
    assert_eq!(caller.ask(write_request(&[change(setup, request.to_base64())], None)).status, 204);
    let response = SetupResponse::from_base64(&read(&mut caller, setup)).unwrap();
    let accessory = Endpoint { video_port: 40000, audio_port: 40002, ..controller };
    let taken =
        SetupStatus::Success { accessory, video: srtp.clone(), audio: srtp, video_ssrc: 1, audio_ssrc: 2 };
    assert_eq!(response, SetupResponse { session: Some([5; 16]), status: taken });

    let rtp = StreamParameters {
        payload_type: Some(99),
        ssrc: Some(77),
        kbits_max: 299,
        rtcp_interval_s: 0.5,
        mtu_bytes: Some(1378),
        comfort_noise_payload_type: None,
    };
    let codec = Some(SelectedVideoCodec { profile: H264Profile::Main, level: H264Level::L31 });
    let audio = StreamParameters { payload_type: Some(110), comfort_noise_payload_type: Some(13), ..rtp };
    let start = SelectedStream {
        session: [5; 16],
        command: StreamCommand::Start,
        video: Some(SelectedVideo { codec, attributes: Some(attributes), rtp }),
        audio: Some(SelectedAudio { configuration, rtp: audio, comfort_noise: false }),
    };
    assert_eq!(caller.ask(write_request(&[change(selected, start.to_base64())], None)).status, 204);
    assert_eq!(peer.said(), "start 1280x720 OPUS");
    assert_eq!(StreamingStatus::from_base64(&read(&mut caller, status)), Ok(StreamingStatus::InUse));
    let end = SelectedStream::command([5; 16], StreamCommand::End);
    assert_eq!(caller.ask(write_request(&[change(selected, end.to_base64())], None)).status, 204);
    assert_eq!(peer.said(), "stop ");
    assert_eq!(StreamingStatus::from_base64(&read(&mut caller, status)), Ok(StreamingStatus::Available));

    let body = json!({ "resource-type": "image", "image-width": 320, "image-height": 240 });
    let picture =
        Request::with_body(Method::Post, "/resource", "application/hap+json", body.to_string().into_bytes());
    assert_eq!(caller.ask(picture).body.len(), 3000);
    let moves = find(&accessories[0], services::MOTION_SENSOR, characteristics::MOTION_DETECTED);
    assert_eq!(caller.ask(write_request(&[watch(moves)], None)).status, 204);
    caller.wait_for_events(1);
    read_done(&caller.ask(pairings(remove_request(identity.id()))).body).unwrap();
}
