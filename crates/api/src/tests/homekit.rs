//! The routes of HomeKit, over a made-up control with a made-up source.
use super::{HERE, More, THERE, given_more, with_login};
use crate::{HomekitAccessory, HomekitControl, HomekitDevice, HomekitPairing, HomekitProblem, HomekitSetup};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, LocalBoxFuture};
use hub::{Access, Connect, PeerInfo, SourceError, SourceTask};
use std::sync::Arc;
use tokio::sync::mpsc;

const ID: &str = "AA:BB:CC:DD:EE:FF";

/// Knows one camera, and tells what it is asked.
struct Told(mpsc::UnboundedSender<String>);

impl Told {
    fn tell<T: Send + 'static>(
        &self,
        what: String,
        answer: Result<T, HomekitProblem>,
    ) -> BoxFuture<'static, Result<T, HomekitProblem>> {
        let _ = self.0.send(what);
        async move { answer }.boxed()
    }
}

fn pairing() -> HomekitPairing {
    let address = Some("192.0.2.7:5001".into());
    HomekitPairing { id: ID.into(), name: "Door".into(), model: "G4".into(), address }
}

impl HomekitControl for Told {
    fn discovered(&self) -> BoxFuture<'static, Vec<HomekitDevice>> {
        let device = |category| HomekitDevice {
            id: ID.into(),
            name: "Door".into(),
            model: "G4".into(),
            category,
            addresses: vec!["192.0.2.7:5001".into()],
            paired: true,
            paired_here: true,
            flags: (1, 0),
        };
        async move { vec![device("doorbell"), device("bridge")] }.boxed()
    }

    fn paired(&self) -> BoxFuture<'static, Result<Vec<HomekitPairing>, HomekitProblem>> {
        self.tell("paired".into(), Ok(vec![pairing()]))
    }

    fn pair(&self, whom: String, pin: String) -> BoxFuture<'static, Result<HomekitPairing, HomekitProblem>> {
        let answer = match pin.as_str() {
            "031-45-154" => Ok(pairing()),
            "busy" => Err(HomekitProblem::NotNow("somebody else is pairing".into())),
            _ => Err(HomekitProblem::WrongPin("the pin is wrong".into())),
        };
        self.tell(format!("pair {whom}"), answer)
    }

    fn unpair(&self, id: String, forget: bool) -> BoxFuture<'static, Result<(), HomekitProblem>> {
        let unknown = HomekitProblem::NotFound(format!("{id} is not paired with this server"));
        let answer = if id == ID { Ok(()) } else { Err(unknown) };
        self.tell(format!("unpair {id} {forget}"), answer)
    }

    fn accessories(&self) -> BoxFuture<'static, Vec<HomekitAccessory>> {
        let accessory = |name: &str, setup| HomekitAccessory {
            name: name.into(),
            title: "Gate".into(),
            id: ID.into(),
            category_id: 17,
            address: "192.0.2.1:5002".into(),
            streams: vec!["cam".into()],
            controllers: 0,
            connections: 0,
            views: 0,
            setup,
        };
        let setup =
            HomekitSetup { pin: "031-45-154".into(), id: "ABCD".into(), uri: "X-HM://0024XBYS0ABCD".into() };
        async move { vec![accessory("gate", Some(setup)), accessory("paired", None)] }.boxed()
    }

    fn forget_controllers(&self, name: String) -> BoxFuture<'static, Result<(), HomekitProblem>> {
        let unknown = HomekitProblem::NotFound(format!("homekit has no accessory {name:?}"));
        let answer = if name == "gate" { Ok(()) } else { Err(unknown) };
        self.tell(format!("forget {name}"), answer)
    }

    fn unpair_url(&self, url: String) -> BoxFuture<'static, Result<(), HomekitProblem>> {
        self.tell(format!("unpair {url}"), Ok(()))
    }

    fn describe_url(&self, url: String) -> BoxFuture<'static, Result<String, HomekitProblem>> {
        self.tell(format!("describe {url}"), Ok(r#"{"accessories":[]}"#.into()))
    }
}

/// `homekit:` waits for ever.
struct Waits;

impl Connect for Waits {
    fn schemes(&self) -> &[&'static str] {
        &["homekit"]
    }

    fn check(&self, _: &str) -> Result<(), SourceError> {
        Ok(())
    }

    fn peer(&self, _: &str) -> PeerInfo {
        PeerInfo::default()
    }

    fn run(&self, mut task: SourceTask) -> LocalBoxFuture<'static, Result<(), SourceError>> {
        async move {
            task.stop.wanted().await;
            Ok(())
        }
        .boxed_local()
    }
}

async fn given(access: Access) -> (super::Given, mpsc::UnboundedReceiver<String>) {
    let (tell, told) = mpsc::unbounded_channel();
    let more =
        More { homekit: Some(Arc::new(Told(tell))), connectors: vec![Arc::new(Waits)], ..More::default() };
    (given_more(&[("cam", "fake:")], access, "", more).await, told)
}

#[tokio::test]
async fn our_accessories_show_how_to_pair_until_they_are_and_forget_on_demand() {
    let (given, mut told) = given(Access { section: "api", ..Access::default() }).await;
    let path = "/api/v1/homekit/accessories";
    let all = given.ask("GET", path).await.json();
    assert_eq!(all["accessories"][0]["setup"]["pin"], "031-45-154");
    assert_eq!(all["accessories"][1]["setup"], serde_json::Value::Null);
    let code = given.ask("GET", &format!("{path}/gate/code.svg")).await;
    assert_eq!((code.status.as_u16(), code.header("content-type")), (200, "image/svg+xml"));
    assert!(code.body.contains("<svg"), "{}", code.body);
    let paired = given.ask("GET", &format!("{path}/paired/code.svg")).await;
    paired.is(404, "homekit has no accessory \"paired\" that waits to be paired\n");
    given.ask("DELETE", &format!("{path}/gate/controllers")).await.is(200, "");
    assert_eq!(told.recv().await.unwrap(), "forget gate");
    given
        .ask("DELETE", &format!("{path}/none/controllers"))
        .await
        .is(404, "homekit has no accessory \"none\"\n");
}

#[tokio::test]
async fn what_happens_at_a_device_may_be_told_by_others() {
    let (given, _told) = given(Access { section: "api", ..Access::default() }).await;
    let mut events = given.hub.events();
    let path = "/api/v1/streams/cam/events";
    let post = async |path: &str, body: &str| given.ask_from(HERE, &[], "POST", path, body).await;
    post(path, r#"{"event": "doorbell"}"#).await.is(200, "");
    let kind = loop {
        if let hub::What::DeviceEvent { kind, .. } = &events.recv().await.unwrap().what {
            break *kind;
        }
    };
    assert_eq!(kind, "doorbell");
    let rain = post(path, r#"{"event": "rain"}"#).await;
    assert!(rain.status == 400 && rain.body.contains("none of doorbell"), "{}", rain.body);
    let elsewhere = post("/api/v1/streams/none/events", r#"{"event": "motion"}"#).await;
    elsewhere.is(404, "there is no stream \"none\"\n");
}

#[tokio::test]
async fn a_camera_is_found_paired_shown_and_left() {
    let (given, mut told) = given(Access { section: "api", ..Access::default() }).await;
    let devices = given.ask("GET", "/api/v1/homekit/devices").await.json();
    assert_eq!(
        (&devices["devices"][0]["category"], &devices["devices"][1]["id"]),
        (&"doorbell".into(), &ID.into())
    );
    assert!(devices["devices"][0].get("flags").is_none());

    let path = "/api/v1/homekit/pairings";
    let post = async |body: String| given.ask_from(HERE, &[], "POST", path, &body).await;
    let body = format!(r#"{{"id":"{ID}","pin":"031-45-154","stream":"door"}}"#);
    let paired = post(body.clone()).await.json();
    assert_eq!((&paired["name"], &paired["streams"]), (&"Door".into(), &serde_json::json!(["door"])));
    assert_eq!(told.try_recv().unwrap(), format!("pair {ID}"));
    let stream = given.ask("GET", "/api/v1/streams/door").await.json();
    assert_eq!(stream["sources"][0]["url"], format!("homekit://{ID}"));
    let listed = given.ask("GET", path).await.json();
    assert_eq!(
        (&listed["pairings"][0]["id"], &listed["pairings"][0]["streams"][0]),
        (&ID.into(), &"door".into())
    );
    told.try_recv().unwrap();

    post(body).await.is(409, "there is a stream door already\n");
    assert!(told.try_recv().is_err(), "nobody was paired with for nothing");
    post(r#"{"address":"h:1","pin":"111-22-333"}"#.into()).await.is(403, "the pin is wrong\n");
    post(r#"{"address":"h:1","pin":"busy"}"#.into()).await.is(503, "somebody else is pairing\n");
    post(r#"{"pin":"1"}"#.into()).await.is(400, "give either the accessory's id or its address\n");
    post(r#"{"id":"x","pin":3145154}"#.into()).await.is(400, "pin: write it as a text, \"123-45-678\"\n");
    let wrong = post(r#"{"id":"x","pin":"5ec2e7","what":1}"#.into()).await;
    assert!(wrong.status == 400 && !wrong.body.contains("5ec2e7"), "{}", wrong.body);
    while told.try_recv().is_ok() {}

    given.ask("DELETE", &format!("{path}/{ID}?forget=true")).await.is(200, "");
    assert_eq!(told.try_recv().unwrap(), format!("unpair {ID} true"));
    given.ask("DELETE", &format!("{path}/x")).await.is(404, "x is not paired with this server\n");
}

#[tokio::test]
async fn go2rtcs_page_finds_pairs_and_leaves_as_it_does() {
    let (given, mut told) = given(Access { section: "api", ..Access::default() }).await;
    let found = given.ask("GET", "/api/discovery/homekit").await.json();
    let url = format!("homekit://192.0.2.7:5001?device_id={ID}&feature=1&status=0");
    let expected =
        serde_json::json!({ "sources": [{ "name": "Door", "info": "G4", "url": url, "location": " " }] });
    assert_eq!(found, expected, "bridges are no cameras");

    let src = "homekit%3A%2F%2F192.0.2.7%3A5001%3Fdevice_id%3DAA";
    let form = format!("id=door&src={src}&pin=031-45-154");
    given.ask_from(HERE, &[], "POST", "/api/homekit", &form).await.is(200, "");
    assert_eq!(told.try_recv().unwrap(), "pair homekit://192.0.2.7:5001?device_id=AA");
    let wrong = given.ask("POST", &format!("/api/homekit?id=gate&src={src}&pin=1")).await;
    wrong.is(500, "the pin is wrong\n");
    told.try_recv().unwrap();
    let found = given.ask("GET", "/api/discovery/homekit").await.json();
    assert_eq!(found["sources"][0]["location"], "door");

    given.ask("DELETE", "/api/homekit?id=door").await.is(200, "");
    assert_eq!(told.try_recv().unwrap(), format!("unpair homekit://{ID}"));
    given.ask("GET", "/api/v1/streams/door").await.is(404, "there is no stream \"door\"\n");
    given.ask("DELETE", "/api/homekit?id=door").await.is(500, "stream not found\n");
    given.ask("DELETE", "/api/homekit?id=cam").await.is(500, "not homekit source\n");
}

#[tokio::test]
async fn go2rtcs_clients_see_the_streams_in_the_home_and_what_a_camera_says_of_itself() {
    let (given, mut told) = given(Access { section: "api", ..Access::default() }).await;
    let all = given.ask("GET", "/api/homekit").await.json();
    let gate = serde_json::json!({
        "name": "Gate", "device_id": ID, "category_id": "17", "setup_code": "031-45-154", "setup_id": "ABCD",
    });
    assert_eq!(all["gate"], gate);
    assert_eq!(all["paired"]["setup_code"], serde_json::Value::Null);
    assert_eq!(given.ask("GET", "/api/homekit?id=gate").await.json(), gate);
    given.ask("GET", "/api/homekit?id=none").await.is(404, "server not found\n");

    let body = format!(r#"{{"id":"{ID}","pin":"031-45-154","stream":"door"}}"#);
    given.ask_from(HERE, &[], "POST", "/api/v1/homekit/pairings", &body).await;
    told.try_recv().unwrap();
    let said = given.ask("GET", "/api/homekit/accessories?id=door").await;
    assert_eq!((said.status.as_u16(), said.body.as_str()), (200, r#"{"accessories":[]}"#));
    assert_eq!(told.try_recv().unwrap(), format!("describe homekit://{ID}"));
    given.ask("GET", "/api/homekit/accessories?id=cam").await.is(400, "not homekit source\n");
    given.ask("GET", "/api/homekit/accessories?id=none").await.is(404, "stream not found\n");
}

#[tokio::test]
async fn who_may_only_watch_may_not_pair() {
    let (given, mut told) = given(with_login()).await;
    for (method, path) in [
        ("GET", "/api/v1/homekit/devices"),
        ("GET", "/api/v1/homekit/accessories"),
        ("GET", "/api/v1/homekit/accessories/gate/code.svg"),
        ("DELETE", "/api/v1/homekit/accessories/gate/controllers"),
        ("POST", "/api/v1/streams/cam/events"),
        ("POST", "/api/v1/homekit/pairings"),
        ("POST", "/api/homekit"),
        ("GET", "/api/homekit"),
        ("GET", "/api/homekit/accessories?id=cam"),
        ("GET", "/api/discovery/homekit"),
    ] {
        assert_eq!(given.ask_from(THERE, &[], method, path, "").await.status, 401, "{method} {path}");
    }
    assert!(told.try_recv().is_err());
}
