//! Defect 5, the call that would not end: an intercom ends a call by itself after some seconds of silence; the gateway
//! takes every end for a fault and calls again at once, 14 to 17 times a second, each call announced at the door. A
//! `DELETE` only removes the name: the calls go on, out of reach.
//!
//! Here: an intercom that hangs up after 50 ms, after 4 s of silence, asks for digest, answers 500, closes its half,
//! keeps connections alive, or stalls. Calls follow the ladder and end with its budget; after `DELETE` the device sees
//! exactly one close and then nothing, while the other stream of the same device plays on.
use super::stage::{Stage, tell};
use formats::replay::{Clip, load};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use testkit::encoder::{Fault as EncoderFault, FlvEncoder, RtmpEncoder};
use testkit::intercom::{Ask, Config, Fault, IsapiIntercom};
use testkit::load::watch_for;
use testkit::process::{Place, Server, eventually};

fn clip() -> Clip {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo.mp4");
    load(std::fs::read(path).unwrap().into()).unwrap()
}

/// A door with a camera and an intercom, and another stream of the same device.
struct Door {
    server: Server,
    device: IsapiIntercom,
    _camera: FlvEncoder,
    _place: Place,
}

impl Door {
    fn new(stage: Stage, config: Config, fault: Fault) -> Self {
        let place = Place::new().unwrap();
        let camera = FlvEncoder::start(clip(), EncoderFault::None).unwrap();
        let device = IsapiIntercom::start(config, fault).unwrap();
        let supervision =
            json!({ "start": "200ms", "factor": 2.0, "ceiling": "1s", "jitter": 0.0, "budget": "4s" });
        let talk = json!({ "url": device.url(), "supervision": supervision });
        let server = stage.server(
            &place,
            json!({ "streams": {
                "door": { "url": camera.url(), "talk": talk },
                "other": { "url": camera.url(), "preload": true },
            } }),
        );
        Self { server, device, _camera: camera, _place: place }
    }

    fn talker(&self, fault: EncoderFault) -> RtmpEncoder {
        RtmpEncoder::start(&self.server.rtmp_url("door/talk"), clip(), fault).unwrap()
    }

    /// How the call to the device is.
    fn output(&self) -> Value {
        self.server.stream("door/talk")["outputs"][0].clone()
    }

    fn wait_for_call(&self) {
        eventually("the device hears", Duration::from_secs(10), || {
            (!self.device.sound_bytes().is_empty()).then_some(())
        });
    }

    /// Requests to close a call that reached the device, whatever it made of them; those again with a password are one.
    fn closes_sent(&self) -> usize {
        let log = self.device.log();
        log.iter().filter(|request| request.ask == Some(Ask::Close) && request.status != 401).count()
    }

    /// Deletes the door: what the device sees of it is one close for an open call, and then nothing.
    fn delete(&self) -> Value {
        let (opens, closes) = (self.device.opens(), self.closes_sent());
        let in_call = self.device.in_call();
        let begun = Instant::now();
        let answer = self.server.request("DELETE", "/api/v1/streams/door", b"").unwrap();
        let took = begun.elapsed();
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(took < Duration::from_secs(5), "DELETE took {took:?}");
        let closed = self.closes_sent() - closes;
        assert!(closed <= 1 && (closed == 1 || !in_call), "{closed} closes, in a call: {in_call}");
        let asked = self.device.log().len();
        let accepted = self.device.accepted();
        std::thread::sleep(Duration::from_secs(1));
        assert_eq!(self.device.log().len(), asked, "the device is asked after DELETE");
        assert_eq!(self.device.accepted(), accepted, "the device is dialled after DELETE");
        assert!(self.device.opens() <= opens + 1);
        assert!(!self.device.in_call() || closed == 1, "the call goes on after DELETE");
        assert!(self.server.stream("door").is_null() && self.server.stream("door/talk").is_null());
        let played = watch_for(1, "rtsp", &self.server.rtsp_url("other"), 1);
        assert_eq!(played.failed, 0, "the other stream of the device: {:?}", played.reasons);
        answer.json()
    }
}

/// A device that ends every call soon is called by the ladder, and no more once the budget is spent.
fn hangs_up(stage: Stage) {
    let door = Door::new(stage, Config::default(), Fault::EndsCalls(Duration::from_millis(50)));
    let _talker = door.talker(EncoderFault::None);
    door.wait_for_call();
    let begun = Instant::now();
    eventually("the calls are given up", Duration::from_secs(20), || {
        (door.output()["state"] == "gave_up").then_some(())
    });
    // Waits of 0.2, 0.4, 0.8, 1, 1, 1 s within a budget of 4 s, and as many more as a late start makes.
    let calls = door.device.opens();
    println!("{stage:?}: {calls} calls, given up after {:?}", begun.elapsed());
    assert!((4..=9).contains(&calls), "{calls} calls");
    assert!(door.output()["fault"].is_null(), "a hang-up is nobody's fault: {:#}", door.output());
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(door.device.opens(), calls, "the device is called after the end of the ladder");
    let retried = door.server.request("POST", "/api/v1/streams/door/talk/retry", b"").unwrap();
    assert_eq!(retried.status, 204);
    eventually("it is called again", Duration::from_secs(3), || (door.device.opens() > calls).then_some(()));
    door.delete();
    door.server.stop();
}

#[test]
fn a_device_that_hangs_up_is_not_called_for_ever() {
    tell(Stage::Plain, hangs_up);
}

#[test]
fn a_device_that_hangs_up_is_not_called_for_ever_on_a_busy_machine() {
    tell(Stage::Busy, hangs_up);
}

#[test]
fn a_device_that_hangs_up_is_not_called_for_ever_by_pid_1() {
    tell(Stage::Pid1, hangs_up);
}

#[test]
fn who_falls_silent_is_hung_up_before_the_device_does_it() {
    tell(Stage::Plain, |stage| {
        let door = Door::new(stage, Config::default(), Fault::None);
        // Two seconds of the clip, then nothing on an open connection.
        let _talker = door.talker(EncoderFault::Stall { after: 140 });
        door.wait_for_call();
        eventually("the call is closed", Duration::from_secs(8), || {
            (door.device.closes() == 1).then_some(())
        });
        std::thread::sleep(Duration::from_secs(5));
        assert_eq!((door.device.opens(), door.device.closes(), door.device.idle_closes()), (1, 1, 0));
        let again = door.delete();
        assert_eq!(again["removed"], true, "{again:#}");
        assert_eq!(door.device.closes(), 1);
        door.server.stop();
    });
}

#[test]
fn delete_in_a_call_hangs_up_once_and_tells_each_step() {
    tell(Stage::Plain, |stage| {
        let config = Config { credentials: Some(("admin".into(), "pass-word".into())), ..Config::default() };
        let door = Door::new(stage, config, Fault::None);
        let _talker = door.talker(EncoderFault::None);
        door.wait_for_call();
        let told = door.delete();
        let ends = told["ends"].as_array().unwrap();
        let output = ends.iter().find(|end| end["what"] == "output").unwrap();
        assert_eq!(output["in_time"], true, "{told:#}");
        assert!(!output["steps"].as_array().unwrap().is_empty(), "{told:#}");
        let all = format!("{told}{}", door.server.log());
        assert!(!all.contains("pass-word"), "the password is told");
        door.server.stop();
    });
}

#[test]
fn delete_ends_whatever_the_call_is_in_the_middle_of() {
    tell(Stage::Plain, |stage| {
        for fault in [
            Fault::HangUp,
            Fault::Status(Ask::Open, 500),
            Fault::Stall(Ask::List),
            Fault::Stall(Ask::Open),
            Fault::Stall(Ask::Close),
            Fault::NoAnswer(Ask::Open),
            Fault::Drip(Duration::from_millis(100)),
            Fault::HalfClose,
            Fault::Busy,
            Fault::UnauthorizedForEver,
            Fault::OldNonce(true),
        ] {
            println!("{fault:?}");
            let config =
                Config { credentials: Some(("admin".into(), "pass-word".into())), ..Config::default() };
            let door = Door::new(stage, config, fault.clone());
            let talker = door.talker(EncoderFault::None);
            eventually("the device is dialled", Duration::from_secs(10), || {
                (door.device.accepted() > 0).then_some(())
            });
            std::thread::sleep(Duration::from_millis(300));
            let accepted = door.device.accepted();
            door.delete();
            drop(talker);
            println!("{fault:?}: {accepted} connections before");
            door.server.stop();
        }
    });
}
