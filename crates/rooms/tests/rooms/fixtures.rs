//! A service on loopback, and clients that speak the protocol.
use ::media::WallTime;
use rooms::token::{Claims, Grants, Keys, Publish, RoomScope, Secret};
use rooms::{
    Ending, Output, RoomEvent, RoomName, Rooms, RoomsConfig, RoomsLimits, SameIdentity, Session, Shown,
    default_codecs,
};
use serde_json::{Value, json};
use sfu::ListenInfo;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::broadcast;

/// Longer than anything here takes, also on a busy machine.
const SOON: Duration = Duration::from_secs(10);
pub(crate) const NOW: WallTime = WallTime::from_micros(1_800_000_000_000_000);

/// What is awaited, or a failure.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.expect("in time")
}

pub(crate) fn keys() -> Keys {
    Keys::new([("web".to_owned(), Secret::new("a secret of thirty-two bytes or so"))]).unwrap()
}

/// A configuration with one key and one worker, on any port of loopback.
pub(crate) fn config() -> RoomsConfig {
    use sfu::ice::Protocol::{Tcp, Udp};
    RoomsConfig {
        keys: keys(),
        listen: [Udp, Tcp].map(|protocol| ListenInfo::new(protocol, "127.0.0.1".parse().unwrap())).to_vec(),
        workers: 1,
        codecs: default_codecs(),
        same_identity: SameIdentity::Replace,
        limits: RoomsLimits::default(),
        wall_now: || NOW,
    }
}

pub(crate) async fn service() -> Rooms {
    Rooms::start(config()).await.unwrap()
}

pub(crate) async fn service_with(change: impl FnOnce(&mut RoomsConfig)) -> Rooms {
    let mut config = config();
    change(&mut config);
    Rooms::start(config).await.unwrap()
}

pub(crate) fn lobby() -> RoomName {
    "lobby".parse().unwrap()
}

pub(crate) fn all() -> Grants {
    Grants::participant(RoomScope::One(lobby()))
}

pub(crate) fn viewer() -> Grants {
    Grants { publish: Publish::Nothing, data: false, ..all() }
}

pub(crate) fn admin() -> Grants {
    Grants { admin: true, ..all() }
}

pub(crate) fn token(identity: &str, grants: Grants) -> Secret {
    let claims = Claims::new(identity, NOW.as_micros() / 1_000_000 + 60, grants);
    Secret::new(keys().sign("web", &claims).unwrap())
}

/// The next event.
pub(crate) async fn event(events: &mut broadcast::Receiver<RoomEvent>) -> RoomEvent {
    soon(events.recv()).await.unwrap()
}

/// A client: what it was told and not yet looked at is kept.
pub(crate) struct Client {
    pub(crate) session: Session,
    next_id: u32,
    heard: VecDeque<Value>,
}

impl Client {
    /// Connected, not joined.
    pub(crate) async fn connect(rooms: &Rooms, identity: &str, grants: Grants) -> Self {
        let shown = Shown::Token(token(identity, grants));
        Self::of(rooms.connect(lobby(), shown, "192.0.2.1:5".into()).await.unwrap())
    }

    /// Joined, with what it can receive.
    pub(crate) async fn join(rooms: &Rooms, identity: &str, grants: Grants) -> Self {
        let mut client = Self::connect(rooms, identity, grants).await;
        let capabilities = client.ok("getRouterRtpCapabilities", json!({})).await;
        let join = json!({
            "displayName": identity.to_uppercase(),
            "device": { "name": "test" },
            "rtpCapabilities": capabilities["routerRtpCapabilities"],
        });
        client.ok("join", join).await;
        client
    }

    /// Joined, and able to receive nothing.
    pub(crate) async fn join_barely(rooms: &Rooms, identity: &str) -> Self {
        let mut client = Self::connect(rooms, identity, all()).await;
        client.ok("join", json!({})).await;
        client
    }

    pub(crate) fn of(session: Session) -> Self {
        Self { session, next_id: 1, heard: VecDeque::new() }
    }

    /// Asks, and returns the whole answer.
    pub(crate) async fn ask(&mut self, method: &str, data: Value) -> Value {
        let id = self.next_id;
        self.next_id += 1;
        let request = json!({ "request": true, "id": id, "method": method, "data": data });
        self.session.handle_text(&request.to_string()).await;
        self.wait(|message| message["response"] == true && message["id"] == id).await
    }

    /// Asks for what is granted.
    pub(crate) async fn ok(&mut self, method: &str, data: Value) -> Value {
        let mut answer = self.ask(method, data).await;
        assert_eq!(answer["ok"], true, "{method}: {answer}");
        answer["data"].take()
    }

    /// Asks for what is refused: code and reason.
    pub(crate) async fn refused(&mut self, method: &str, data: Value) -> (u64, String) {
        let answer = self.ask(method, data).await;
        assert_eq!(answer["ok"], false, "{method}: {answer}");
        (answer["errorCode"].as_u64().unwrap(), answer["errorReason"].as_str().unwrap().to_owned())
    }

    /// Waits for a notification, or request, of the server.
    pub(crate) async fn told(&mut self, method: &str) -> Value {
        self.wait(|message| message["method"] == method).await
    }

    /// What was told of something until now; nothing is waited for but a round trip.
    pub(crate) async fn heard_of(&mut self, method: &str) -> Vec<Value> {
        self.ask("getRouterRtpCapabilities", json!({})).await;
        self.heard.iter().filter(|message| message["method"] == method).cloned().collect()
    }

    /// Answers a request of the server.
    pub(crate) async fn answer(&mut self, request: &Value) {
        let response = json!({ "response": true, "id": request["id"], "ok": true });
        self.session.handle_text(&response.to_string()).await;
    }

    /// Makes a transport, and says whose certificate comes.
    pub(crate) async fn transport(&mut self, direction: &str) -> Value {
        let transport = self.ok("createWebRtcTransport", json!({ "direction": direction })).await;
        let connect = json!({ "transportId": transport["id"], "dtlsParameters": dtls() });
        self.ok("connectWebRtcTransport", connect).await;
        transport
    }

    /// Sends sound or a picture; returns the producer's id.
    pub(crate) async fn produce(&mut self, transport: &Value, parameters: Value, source: &str) -> Value {
        let kind = if parameters["codecs"][0]["mimeType"] == "audio/opus" { "audio" } else { "video" };
        let produce = json!({
            "transportId": transport["id"], "kind": kind, "rtpParameters": parameters, "appData": { "source": source },
        });
        self.ok("produce", produce).await["id"].clone()
    }

    /// How the connection ends; what is told before is thrown away.
    pub(crate) async fn ending(&mut self) -> Ending {
        loop {
            if let Output::Close(ending) = soon(self.session.next()).await {
                return ending;
            }
        }
    }

    async fn wait(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(place) = self.heard.iter().position(&wanted) {
            return self.heard.remove(place).unwrap();
        }
        loop {
            match soon(self.session.next()).await {
                Output::Text(text) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    if wanted(&message) {
                        return message;
                    }
                    self.heard.push_back(message);
                }
                Output::Close(ending) => panic!("closed: {ending:?}, heard {:?}", self.heard),
            }
        }
    }
}

pub(crate) fn dtls() -> Value {
    let value = vec!["AB"; 32].join(":");
    json!({ "role": "client", "fingerprints": [{ "algorithm": "sha-256", "value": value }] })
}

pub(crate) fn opus(ssrc: u32) -> Value {
    json!({
        "mid": ssrc.to_string(),
        "codecs": [{ "mimeType": "audio/opus", "payloadType": 111, "clockRate": 48000, "channels": 2, "parameters": { "minptime": 10 }, "rtcpFeedback": [{ "type": "transport-cc", "parameter": "" }] }],
        "headerExtensions": [{ "uri": "urn:ietf:params:rtp-hdrext:sdes:mid", "id": 4, "encrypt": false, "parameters": {} }],
        "encodings": [{ "ssrc": ssrc, "dtx": false }],
        "rtcp": { "cname": "x", "reducedSize": true },
    })
}

pub(crate) fn vp8(ssrc: u32) -> Value {
    json!({
        "mid": ssrc.to_string(),
        "codecs": [
            { "mimeType": "video/VP8", "payloadType": 96, "clockRate": 90000, "parameters": {}, "rtcpFeedback": [{ "type": "nack", "parameter": "" }, { "type": "nack", "parameter": "pli" }] },
            { "mimeType": "video/rtx", "payloadType": 97, "clockRate": 90000, "parameters": { "apt": 96 }, "rtcpFeedback": [] },
        ],
        "encodings": [{ "ssrc": ssrc, "rtx": { "ssrc": ssrc + 1 } }],
    })
}
