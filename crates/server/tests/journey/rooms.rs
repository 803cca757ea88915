//! Rooms through the real binary: the doors of the WebSocket, signalling behind them, the server API and events; and bots
//! that meet.
use super::{BINARY, turn};
use clap::Parser as _;
use rooms::token::{Claims, Grants, Keys, RoomScope, Secret};
use serde_json::{Value, json};
use std::net::TcpStream;
use std::time::Duration;
use testkit::load::{self, Options, Outcome, RoomReport};
use testkit::process::{Place, Server, free_port, free_ports};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

const SECRET: &str = "a secret of thirty-two bytes or so";
/// Longer than anything here takes, also on a busy machine.
const SOON: Duration = Duration::from_secs(15);

/// A participant's connection.
struct Client(WebSocket<TcpStream>, u32);

impl Client {
    /// Knocks, with header fields; an error is the answer's status and text.
    fn connect(server: &Server, headers: &[(&'static str, &str)]) -> Result<Self, (u16, String)> {
        let stream = TcpStream::connect(server.api()).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let mut request =
            format!("ws://{}/api/rooms/ws?room=lobby", server.api()).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match tungstenite::client(request, stream) {
            Ok((socket, _)) => Ok(Self(socket, 0)),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(answer))) => {
                let text = String::from_utf8(answer.body().clone().unwrap_or_default()).unwrap();
                Err((answer.status().as_u16(), text))
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Asks; what is told meanwhile is passed over.
    fn ask(&mut self, method: &str, data: Value) -> Value {
        self.1 += 1;
        let request = json!({ "request": true, "id": self.1, "method": method, "data": data });
        self.0.send(Message::text(request.to_string())).unwrap();
        let id = self.1;
        self.wait(|message| message["response"] == true && message["id"] == id)
    }

    fn wait(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let Message::Text(text) = self.0.read().unwrap() else { continue };
            let message: Value = serde_json::from_str(&text).unwrap();
            if wanted(&message) {
                return message;
            }
        }
    }

    /// The code and reason with which it was closed.
    fn closed(&mut self) -> (u16, String) {
        loop {
            if let Message::Close(frame) = self.0.read().unwrap() {
                let frame = frame.unwrap();
                return (frame.code.into(), frame.reason.to_string());
            }
        }
    }
}

fn token(identity: &str) -> String {
    let keys = Keys::new([("web".to_owned(), Secret::new(SECRET))]).unwrap();
    let expires = hub::wall_now().as_micros() / 1_000_000 + 600;
    keys.sign("web", &Claims::new(identity, expires, Grants::participant(RoomScope::Any))).unwrap()
}

#[test]
fn participants_come_by_token_and_the_operator_sees_and_ends_them() {
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let rooms =
        json!({ "listen": format!("127.0.0.1:{}", free_port()), "workers": 1, "keys": { "web": SECRET } });
    let server = Server::start(BINARY, &place, json!({ "api": { "origin": "" }, "rooms": rooms }));

    // the doors
    let (status, why) = Client::connect(&server, &[("authorization", "Bearer hush")]).err().unwrap();
    assert!(status == 401 && why.contains("no JSON Web Token") && !why.contains("hush"), "{status} {why}");
    let foreign = [("origin", "http://evil.example")];
    assert_eq!(Client::connect(&server, &foreign).err().unwrap().0, 403);
    let shown = format!("Bearer {}", token("ann"));
    let mut ann = Client::connect(&server, &[("authorization", &shown)]).unwrap();
    let offered = format!("protoo, bearer.{}", token("bob"));
    let mut bob = Client::connect(&server, &[("sec-websocket-protocol", &offered)]).unwrap();
    let mut eve = Client::connect(&server, &[]).unwrap();
    assert_eq!(eve.ask("join", json!({}))["errorCode"], 401);
    assert_eq!(eve.ask("authenticate", json!({ "token": token("eve") }))["data"]["identity"], "eve");

    // signalling
    let capabilities = ann.ask("getRouterRtpCapabilities", json!({}))["data"].clone();
    assert_eq!(ann.ask("join", json!({ "rtpCapabilities": capabilities }))["ok"], true);
    assert_eq!(bob.ask("join", json!({ "displayName": "Bob" }))["data"]["peers"][0]["id"], "ann");
    ann.wait(|message| message["method"] == "newPeer" && message["data"]["displayName"] == "Bob");
    let transport = ann.ask("createWebRtcTransport", json!({ "direction": "recv" }));
    assert_eq!(transport["data"]["iceCandidates"][0]["address"], "127.0.0.1");

    // the operator
    let ask = |method: &str, path: &str| server.request(method, path, b"").unwrap();
    let list = ask("GET", "/api/v1/rooms").json();
    assert_eq!((&list["rooms"][0]["name"], &list["rooms"][0]["connections"]), (&json!("lobby"), &json!(3)));
    let lobby = ask("GET", "/api/v1/rooms/lobby?stats=1").json();
    assert_eq!(lobby["members"][0]["transports"][0]["direction"], "recv");
    assert_eq!(ask("DELETE", "/api/v1/rooms/lobby/participants/bob?reason=noise").status, 200);
    assert_eq!(bob.closed(), (4000, "kicked: noise".to_owned()));
    assert_eq!(ask("DELETE", "/api/v1/rooms/lobby?reason=done").status, 200);
    assert_eq!(ann.closed(), (4000, "room closed: done".to_owned()));
    assert_eq!(ask("GET", "/api/v1/rooms/lobby").status, 404);
    assert!(server.log().contains("room finished"), "{}", server.log());
    assert!(!server.log().contains(SECRET) && !server.log().contains(&token("ann")[..20]));

    // the end
    let mut ann = Client::connect(&server, &[("authorization", &shown)]).unwrap();
    ann.ask("join", json!({}));
    server.stop();
    assert_eq!(ann.closed().0, 1001);
}

#[test]
fn without_keys_this_machine_joins_unless_it_is_asked_by_a_name_that_may_be_anybody_s() {
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let rooms = json!({ "listen": format!("127.0.0.1:{}", free_port()), "workers": 1 });
    let server = Server::start(BINARY, &place, json!({ "api": { "origin": "" }, "rooms": rooms }));
    let mut me = Client::connect(&server, &[]).unwrap();
    assert_eq!(me.ask("join", json!({ "identity": "me" }))["data"]["id"], "me");
    let rebound = [("host", "evil.example:1984"), ("origin", "http://evil.example:1984")];
    let (status, why) = Client::connect(&server, &rebound).err().unwrap();
    assert!(status == 403 && why.contains("rooms.keys"), "{status} {why}");
}

/// Bots that meet in a room of the server, with these options of `load room`.
fn meet(server: &Server, more: &[&str]) -> RoomReport {
    let url = server.http_url("");
    let args = ["load", "room", "--url", &url, "--seconds", "3"];
    let options = Options::try_parse_from(args.iter().chain(more)).unwrap();
    match load::run_blocking(&options.command).unwrap() {
        Outcome::Met(report) => report,
        other @ (Outcome::Published | Outcome::Read(_) | Outcome::Viewed(_)) => panic!("{other:?}"),
    }
}

#[test]
fn bots_meet_and_everybody_sees_and_hears_everybody_whole() {
    let _turn = turn::alone();
    let place = Place::new().unwrap();
    // each worker has a port
    let rooms = json!({ "listen": format!("127.0.0.1:{}", free_ports(2)), "workers": 2 });
    let server = Server::start(BINARY, &place, json!({ "rooms": rooms }));
    let report = meet(&server, &["--participants", "5"]);
    println!("{}", report.table());
    assert!(report.is_clean(), "{}", report.table());
    assert_eq!((report.consumers, report.freezes), (40, 0), "{}", report.table());
    // three sizes, and 2 % lost each way: what is sent again comes in time, and what is left out leaves no hole
    let lossy = ["--participants", "4", "--microphones", "0", "--simulcast", "--loss-per-mille", "20"];
    let report = meet(&server, &lossy);
    println!("{}", report.table());
    assert!(report.is_clean() && report.freezes == 0, "{}", report.table());
    server.stop();
}
