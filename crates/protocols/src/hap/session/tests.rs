//! A whole life of a pairing, by our own controller over bytes.
use super::*;
use crate::hap::accessory::client::{
    Change, accessories_request, read_accessories_response, read_answers, values_request, write_request,
};
use crate::hap::accessory::{
    Accessory, CameraIds, CameraOptions, Information, Output as ServerOutput, characteristics, services,
};
use crate::hap::camera::{
    AudioCodec, AudioConfiguration, CryptoSuite, H264Level, H264Profile, SampleRate, SupportedAudio,
    SupportedRtp, SupportedVideo, VideoAttributes, VideoConfiguration,
};
use crate::hap::http::{Method, Request};
use crate::hap::pairing::{
    AccessoryPairing, CONTENT_TYPE, SetupCode, SetupController, SetupStep, VerifyController, VerifyStep,
    list_request, read_list, remove_request,
};
use crate::hap::tests::Counting;
use proptest::prelude::*;
use serde_json::json;

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

fn code() -> SetupCode {
    SetupCode::new("031-45-154").unwrap()
}

fn phone() -> Identity {
    Identity::from_seed("4F4C2B2E-0000-4000-8000-0000000000AA", [2; 32]).unwrap()
}

/// The accessory and one connection to it.
struct Stage {
    host: Host,
    session: Session,
    random: Counting,
    now: Moment,
    /// The controller's directions, once verified.
    secured: Option<(Sealer, Opener)>,
    reader: Reader,
    /// What the owner was told.
    told: Vec<String>,
}

impl Stage {
    fn new() -> Self {
        let host = Host {
            identity: Identity::from_seed("11:22:33:44:55:66", [1; 32]).unwrap(),
            setup: SetupAccessory::new(code(), 0),
            pairings: Pairings::default(),
            accessories: Server::new(vec![doorbell().0]),
        };
        let (session, reader, random) = (Session::new(1), Reader::of_controller(), Counting::new(3));
        Self { host, session, random, now: Moment::from_millis(1), secured: None, reader, told: vec![] }
    }

    /// Connects anew.
    fn reconnect(&mut self) {
        self.session.handle_disconnected(&mut self.host);
        (self.session, self.reader, self.secured) = (Session::new(2), Reader::of_controller(), None);
    }

    fn tell(&mut self, bytes: &[u8]) -> Result<(), SessionError> {
        let mut sealed = bytes.to_vec();
        if let Some((sealer, _)) = &mut self.secured {
            sealed.clear();
            sealer.seal(bytes, &mut sealed).unwrap();
        }
        self.session.handle_input(&mut self.host, &sealed, &mut self.random, self.now)
    }

    /// Does what the owner would, and returns what the controller reads.
    fn drain(&mut self) -> Vec<Incoming> {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Send(bytes) => {
                    let mut plain = bytes.clone();
                    if let Some((_, opener)) = &mut self.secured {
                        plain.clear();
                        opener.handle_input(&bytes, &mut plain).unwrap();
                    }
                    self.reader.handle_input(&plain);
                }
                Output::Write(mut write) => {
                    let ids: Vec<_> = write.items_mut().map(|item| item.id.iid).collect();
                    self.told.push(format!("write {ids:?}"));
                    let response = self.host.accessories.finish_write(write, self.now);
                    self.respond(&response);
                }
                Output::Snapshot { aid, width, height } => {
                    self.told.push(format!("picture of {aid}, {width}x{height}"));
                    self.respond(&Response::with_body(200, "image/jpeg", vec![0xff; 3000]));
                }
                Output::Identify => self.told.push("identify".to_owned()),
                Output::StorePairings => {
                    self.told.push(format!("store {} pairings", self.host.pairings.as_slice().len()));
                }
                Output::StoreTries(tries) => self.told.push(format!("store {tries} tries")),
                Output::Unpaired(controllers) => self.told.push(format!("unpaired {}", controllers.len())),
                Output::Verified(_) => self.told.push("verified".to_owned()),
                Output::Close => self.told.push("close".to_owned()),
            }
        }
        std::iter::from_fn(|| self.reader.poll_output().unwrap()).collect()
    }

    fn respond(&mut self, response: &Response) {
        self.session.respond(&mut self.host, response, &mut self.random, self.now).unwrap();
    }

    fn ask(&mut self, request: &Request) -> Response {
        self.tell(&request.to_bytes("door.local")).unwrap();
        let mut came = self.drain();
        let Some(Incoming::Response(response)) = came.pop() else { panic!("no response") };
        assert_eq!(came, [], "one answer to one request");
        response
    }

    fn post(&mut self, path: &str, body: Vec<u8>) -> Vec<u8> {
        self.ask(&Request::with_body(Method::Post, path, CONTENT_TYPE, body)).body
    }

    fn pair(&mut self) -> AccessoryPairing {
        let mut controller = SetupController::new(code(), phone(), None);
        let mut message = controller.start().unwrap();
        for _ in 0..3 {
            let reply = self.post("/pair-setup", message);
            match controller.handle_reply(&reply, &mut Counting::new(9)).unwrap() {
                SetupStep::Send(next) => message = next,
                SetupStep::Done(pairing) => return pairing,
            }
        }
        panic!("three messages pair")
    }

    fn verify(&mut self, pairing: AccessoryPairing) {
        let mut controller = VerifyController::new(phone(), pairing);
        let first = controller.start(&mut Counting::new(5)).unwrap();
        let reply = self.post("/pair-verify", first);
        let Ok(VerifyStep::Send(second)) = controller.handle_reply(&reply) else { panic!("M2") };
        let reply = self.post("/pair-verify", second);
        let Ok(VerifyStep::Done(keys)) = controller.handle_reply(&reply) else { panic!("M4") };
        self.secured = Some(frames::of_controller(&keys).unwrap());
    }

    fn verified() -> Self {
        let mut stage = Self::new();
        let pairing = stage.pair();
        stage.verify(pairing);
        stage.told.clear();
        stage
    }
}

#[test]
fn a_pairing_from_its_setup_to_its_removal() {
    let mut stage = Stage::new();
    assert_eq!(stage.ask(&Request::with_body(Method::Post, "/identify", "", vec![])).status, 204);
    assert_eq!(stage.ask(&accessories_request()).status, 470);
    let pairing = stage.pair();
    stage.reconnect();
    stage.verify(pairing);
    assert_eq!(stage.session.controller(), Some(phone().id()));
    let accessories = read_accessories_response(&stage.ask(&accessories_request())).unwrap();
    assert_eq!(accessories, [doorbell().0]);
    assert!(accessories[0].find(services::DOORBELL).unwrap().primary);
    assert_eq!(read_list(&stage.post("/pairings", list_request())).unwrap().len(), 1);
    stage.post("/pairings", remove_request(phone().id()));
    assert_eq!(
        stage.told,
        [
            "identify",
            "store 1 pairings",
            "store 0 tries",
            "verified",
            "store 0 pairings",
            "unpaired 1",
            "close"
        ]
    );
}

#[test]
fn writes_pictures_and_events_go_through_the_owner() {
    let mut stage = Stage::verified();
    let ids = doorbell().1;
    let (motion, setup) = (ids.motion.unwrap(), ids.streams[1].setup_endpoints);
    let watch = Change { id: motion, value: None, watch: Some(true), wants_response: false };
    let write = Change { id: setup, value: Some(json!("AgEB")), watch: None, wants_response: true };
    let answers = read_answers(&stage.ask(&write_request(&[watch, write], None))).unwrap();
    assert_eq!(answers[1].value, Some(json!("AgEB")));
    stage.host.accessories.set_value(motion, &json!(true), stage.now).unwrap();
    let ServerOutput::Event { connection: 1, event } = stage.host.accessories.poll_output(stage.now) else {
        panic!("an event is due")
    };
    stage.session.send_event(&event).unwrap();
    assert!(
        matches!(&stage.drain()[..], [Incoming::Event(event)] if read_answers(event).unwrap()[0].id == motion)
    );
    let body = json!({ "resource-type": "image", "image-width": 640, "image-height": 360 });
    let asked =
        Request::with_body(Method::Post, "/resource", "application/hap+json", body.to_string().into());
    assert_eq!(stage.ask(&asked).body.len(), 3000);
    assert_eq!(stage.ask(&Request::get("/nothing")).status, 404);
    assert_eq!(stage.told, [format!("write [{}]", setup.iid), "picture of 1, 640x360".to_owned()]);
}

#[test]
fn requests_are_answered_in_their_order() {
    let mut stage = Stage::verified();
    let mute = doorbell().0.find(services::MICROPHONE).unwrap().find(&characteristics::MUTE).unwrap().iid;
    let id = crate::hap::accessory::CharacteristicId { aid: 1, iid: mute };
    let write = Change { id, value: Some(json!(true)), watch: None, wants_response: false };
    let both = [write_request(&[write], None).to_bytes("h"), values_request(&[id]).to_bytes("h")].concat();
    stage.tell(&both).unwrap();
    let came = stage.drain();
    assert!(matches!(&came[0], Incoming::Response(response) if response.status == 204));
    assert!(
        matches!(&came[1], Incoming::Response(response) if read_answers(response).unwrap()[0].value == Some(json!(true)))
    );
}

#[test]
fn events_wait_behind_an_answer_but_not_for_ever() {
    let mut stage = Stage::verified();
    let body = json!({ "resource-type": "image" }).to_string().into_bytes();
    stage.tell(&Request::with_body(Method::Post, "/resource", "", body).to_bytes("h")).unwrap();
    let event = Response::with_body(200, "application/hap+json", b"{}".to_vec());
    for _ in 0..EVENTS_HELD_MAX {
        stage.session.send_event(&event).unwrap();
    }
    assert_eq!(stage.session.send_event(&event), Err(SessionError::NotAnswered));
    let came = stage.drain();
    assert_eq!(came.len(), 1 + EVENTS_HELD_MAX);
    assert!(matches!((&came[0], &came[1]), (Incoming::Response(_), Incoming::Event(_))));
}

#[test]
fn whoever_never_waits_for_an_answer_is_let_go_of() {
    let mut stage = Stage::verified();
    let body = json!({ "resource-type": "image" }).to_string().into_bytes();
    let asked = Request::with_body(Method::Post, "/resource", "", body).to_bytes("h");
    stage.tell(&asked).unwrap();
    let many = asked.repeat(WAITING_BYTES_MAX / asked.len() + 1);
    assert_eq!(stage.tell(&many), Err(SessionError::Waiting));
}

#[test]
fn a_connection_whose_pairing_is_gone_is_refused_and_ends() {
    let mut stage = Stage::verified();
    stage.host.pairings = Pairings::default();
    assert_eq!(stage.ask(&accessories_request()).status, 470);
    assert_eq!(stage.told, ["close"]);
    stage.tell(&accessories_request().to_bytes("h")).unwrap();
    assert_eq!(stage.drain(), []);
}

#[test]
fn bytes_that_come_before_the_session_is_enciphered_end_it() {
    let mut stage = Stage::new();
    let pairing = stage.pair();
    let mut controller = VerifyController::new(phone(), pairing);
    let first = controller.start(&mut Counting::new(5)).unwrap();
    let reply = stage.post("/pair-verify", first);
    let Ok(VerifyStep::Send(second)) = controller.handle_reply(&reply) else { panic!("M2") };
    let mut bytes = Request::with_body(Method::Post, "/pair-verify", CONTENT_TYPE, second).to_bytes("h");
    bytes.extend(b"GET /acc");
    assert_eq!(stage.tell(&bytes), Err(SessionError::TooEarly { bytes: 8 }));
}

#[test]
fn pairing_is_for_connections_that_are_not_enciphered() {
    let mut stage = Stage::verified();
    for path in ["/pair-setup", "/pair-verify", "/identify"] {
        assert_eq!(
            stage.ask(&Request::with_body(Method::Post, path, CONTENT_TYPE, vec![6, 1, 1])).status,
            400
        );
    }
    let mut other = Stage::new();
    other.host.pairings = stage.host.pairings.clone();
    assert_eq!(other.ask(&Request::with_body(Method::Post, "/identify", "", vec![])).status, 400);
}

#[test]
fn whatever_is_no_frame_ends_the_session() {
    let mut stage = Stage::verified();
    let refused = stage.session.handle_input(
        &mut stage.host,
        &[5, 0, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &mut stage.random,
        stage.now,
    );
    assert_eq!(refused, Err(SessionError::Frame(FrameError::NotAuthentic { number: 0 })));
}

#[test]
fn what_a_camera_has_moves_no_number() {
    let (with, ids) = doorbell();
    let without: Vec<u64> = with.services.iter().map(|service| service.iid).collect();
    assert_eq!(without, [1, 8, 0x200, 0x210, 0x100, 0x110, 0x120, 0x130]);
    assert_eq!((ids.pressed.unwrap().iid, ids.motion.unwrap().iid), (0x121, 0x131));
    assert_eq!(ids.streams[1].setup_endpoints.iid, 0x216);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Requests for anything, with any body, before and after pair verify: an answer, a task for the owner, or the end.
    #[test]
    fn any_body_is_answered(
        path in prop::sample::select(vec!["/pair-setup", "/pair-verify", "/pairings", "/characteristics", "/prepare", "/resource", "/identify"]),
        post in any::<bool>(),
        body in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        thread_local!(static STAGE: std::cell::RefCell<Stage> = std::cell::RefCell::new(Stage::verified()));
        let request = Request::with_body(if post { Method::Post } else { Method::Put }, path, CONTENT_TYPE, body);
        prop_assert!(Stage::new().ask(&request).status >= 200);
        STAGE.with_borrow_mut(|stage| assert!(stage.ask(&request).status >= 200));
    }

    /// Whatever a controller writes as JSON.
    #[test]
    fn any_write_is_answered(aid in 0..3_u64, iid in 0..0x240_u64, value in "[-0-9a-z\\[\\]{}\".:]{0,12}", ev in any::<Option<bool>>()) {
        let mut server = Server::new(vec![doorbell().0]);
        let ev = ev.map_or("null".to_owned(), |ev| ev.to_string());
        let body = format!("{{\"characteristics\":[{{\"aid\":{aid},\"iid\":{iid},\"ev\":{ev},\"value\":{value}}}]}}");
        let now = Moment::from_millis(5);
        let response = server.handle_write(1, body.as_bytes(), now).map_or_else(|refused| refused, |write| server.finish_write(write, now));
        prop_assert!([204, 207, 400].contains(&response.status));
    }
}
