//! Webhooks against a real receiver on a socket, that answers as the test says.
use super::{HERE, THERE, facts, name};
use crate::{
    Api, ConfigState, FileStreams, HookConfig, Hooks, HooksConfig, Listening, LogRing, Peer, Settings,
};
use axum::body::Body;
use base64::Engine as _;
use http::Request;
use hub::{Access, Hub, HubConfig, Limits, Secret, What};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A request as it came.
#[derive(Clone, Debug)]
struct Got {
    head: String,
    headers: BTreeMap<String, String>,
    body: Value,
    raw: String,
}

/// A receiver: answers in turn, the last one for ever. An empty answer: none at all.
struct Receiver {
    url: String,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Receiver {
    async fn start(answers: &[&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://ann:pw@{}/hooks/path-secret?q=1", listener.local_addr().unwrap());
        let got = Arc::new(Mutex::new(Vec::new()));
        let mut answers: VecDeque<_> = answers.iter().copied().collect();
        let taken = got.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().copied() };
                tokio::spawn(receive(BufReader::new(stream), answer.unwrap_or_default(), taken.clone()));
            }
        });
        Self { url, got }
    }

    fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// What came, once it is so many.
    async fn gets(&self, number: usize) -> Vec<Got> {
        for _ in 0..1000 {
            if self.got().len() >= number {
                return self.got();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{number} requests wanted: {:#?}", self.got());
    }

    fn hook(&self) -> HookConfig {
        HookConfig {
            url: Secret::new(&self.url),
            secret: Secret::new(SECRET),
            events: vec!["alert.*".into()],
            timeout: Duration::from_secs(5),
            headers: vec![("X-Room".into(), Secret::new("header-secret"))],
            body: crate::HookBody::default(),
        }
    }
}

async fn receive(mut stream: BufReader<tokio::net::TcpStream>, answer: &str, got: Arc<Mutex<Vec<Got>>>) {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let head = lines.remove(0);
    let headers: BTreeMap<String, String> = lines
        .iter()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let mut raw = vec![0; headers["content-length"].parse().unwrap()];
    stream.read_exact(&mut raw).await.unwrap();
    let body = serde_json::from_slice(&raw).unwrap();
    got.lock().unwrap().push(Got { head, headers, body, raw: String::from_utf8(raw).unwrap() });
    if answer.is_empty() {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    let answer = format!("HTTP/1.1 {answer}\r\nContent-Length: 3\r\n\r\nok\n");
    let _ = stream.write_all(answer.as_bytes()).await;
}

struct Given {
    hub: Hub,
    api: Api,
    hooks: Option<Hooks>,
    dead: PathBuf,
}

impl Given {
    fn new(test: &str, targets: Vec<HookConfig>) -> Self {
        let config = HubConfig {
            workers: 1,
            limits: Limits::default(),
            conflict: hub::Conflict::Refuse,
            connectors: Vec::new(),
            deliverers: Vec::new(),
        };
        let hub = Hub::start(config).unwrap();
        let folder = std::env::temp_dir().join(format!("aqueduct-hooks-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let dead = folder.join("dead.jsonl");
        let config = HooksConfig { targets, dead_letter: Some(dead.clone()), dead_letter_bytes_max: 1 << 20 };
        let hooks = Hooks::start(&hub, &config).unwrap();
        let settings = Settings {
            version: "0.1.0",
            config: watch::channel(ConfigState::default()).1,
            reload: mpsc::channel(1).0,
            listeners: Listening::default(),
            rtsp_default_query: String::new(),
            access: Access { section: "api", ..Access::default() },
            base_path: String::new(),
            streams: FileStreams::default(),
            track_facts: facts,
            log: Arc::new(LogRing::default()),
            hooks: hooks.reports(),
            children: Arc::new(|| Box::pin(async { Vec::new() })),
            srtp: Arc::new(|| Box::pin(async { None })),
            rooms: None,
            homekit: None,
            engines: Arc::new(|| Box::pin(async { Vec::new() })),
            recorder: super::no_recorder(&hub),
            playbacks: super::no_playbacks(&hub),
            record_plan: recorder::RecordPlan::default(),
            zlmediakit: crate::ZlmediakitConfig::default(),
            exit: mpsc::channel(1).0,
        };
        let (api, _) = Api::new(hub.clone(), settings);
        Self { hub, api, hooks: Some(hooks), dead }
    }

    /// An alert starts.
    fn alert(&self, id: u64) {
        let stream = Some(name("cam"));
        let detail = "source 0 has not been live for 30 s: <why>".to_owned();
        let since = hub::wall_now();
        self.hub.emit(What::AlertStarted {
            id,
            stream,
            alert: "source_down",
            source: Some(0),
            since,
            detail,
        });
    }

    async fn ask(&self, peer: &str, path: &str) -> (u16, String) {
        let mut request = Request::get(path).body(Body::empty()).unwrap();
        request.extensions_mut().insert(Peer(peer.parse().unwrap()));
        let response = self.api.answer(request).await;
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(body.into()).unwrap())
    }

    /// How hook `index` is, once it is so.
    async fn hook(&self, index: usize, is: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..1000 {
            let (_, said) = self.ask(HERE, "/api/v1/hooks").await;
            let said: Value = serde_json::from_str(&said).unwrap();
            if is(&said["hooks"][index]) {
                return said["hooks"][index].clone();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{}", self.ask(HERE, "/api/v1/hooks").await.1);
    }

    /// Ends the hooks. How long that took, and the dead letters.
    async fn end(&mut self, within: Duration) -> (Duration, Vec<Value>) {
        let started = Instant::now();
        self.hooks.take().unwrap().end(within).await;
        let took = started.elapsed();
        let lines = std::fs::read_to_string(&self.dead).unwrap_or_default();
        (took, lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        let hub = self.hub.clone();
        tokio::spawn(async move { hub.shutdown(Duration::from_secs(1)).await });
        let _ = std::fs::remove_dir_all(self.dead.parent().unwrap());
    }
}

#[tokio::test]
async fn events_that_are_wanted_come_signed_and_in_order() {
    let receiver = Receiver::start(&["204 No Content"]).await;
    let mut given = Given::new("signed", vec![receiver.hook()]);
    for id in 1..=20 {
        given.alert(id);
        given.hub.emit(What::StreamAdded { stream: name("cam") });
    }
    let got = receiver.gets(20).await;
    let ids: Vec<&str> = got.iter().map(|got| got.body["alert_id"].as_str().unwrap()).collect();
    assert_eq!(ids, (1..=20).map(|id| id.to_string()).collect::<Vec<_>>());
    let first = &got[0];
    assert_eq!(first.head, "POST /hooks/path-secret?q=1 HTTP/1.1");
    assert_eq!(first.headers["content-type"], "application/json");
    assert_eq!(first.headers["authorization"], "Basic YW5uOnB3");
    assert_eq!(first.headers["x-room"], "header-secret");
    assert!(receiver.url.contains(&first.headers["host"]));
    assert_eq!(first.headers["webhook-id"], first.body["id"].as_str().unwrap());
    assert_eq!((&first.body["type"], &first.body["stream"]), (&"alert.started".into(), &"cam".into()));
    assert!(first.body["number"].is_u64() && first.body["time"].as_str().unwrap().ends_with('Z'));
    for got in &got {
        let (id, timestamp) = (&got.headers["webhook-id"], &got.headers["webhook-timestamp"]);
        let key = base64::engine::general_purpose::STANDARD.decode(&SECRET[6..]).unwrap();
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &key);
        let signature = got.headers["webhook-signature"].strip_prefix("v1,").unwrap();
        let signature = base64::engine::general_purpose::STANDARD.decode(signature).unwrap();
        let signed = format!("{id}.{timestamp}.{}", got.raw);
        aws_lc_rs::hmac::verify(&key, signed.as_bytes(), &signature).unwrap();
        let age = hub::wall_now().as_micros() / 1_000_000 - timestamp.parse::<i64>().unwrap();
        assert!((0..10).contains(&age), "{age}");
    }
    let hook = given.hook(0, |hook| hook["delivered"] == 20).await;
    assert_eq!((&hook["tries"], &hook["queued"], &hook["state"]), (&20.into(), &0.into(), &"idle".into()));
    assert_eq!(given.end(Duration::from_secs(2)).await.1, [] as [Value; 0]);
}

#[tokio::test]
async fn a_failure_that_may_pass_is_tried_again_with_the_same_id() {
    let receiver = Receiver::start(&["503 Service Unavailable", "200 OK"]).await;
    let mut given = Given::new("again", vec![receiver.hook()]);
    given.alert(1);
    let waiting = given.hook(0, |hook| hook["state"] == "waiting").await;
    assert!(waiting["next_try"].as_str().is_some() && waiting["queued"] == 1, "{waiting}");
    let error = waiting["last_error"].as_str().unwrap();
    assert!(error.ends_with("answers 503"), "{error}");
    let done = given.hook(0, |hook| hook["delivered"] == 1).await;
    assert_eq!((&done["tries"], &done["failed"], &done["state"]), (&2.into(), &0.into(), &"idle".into()));
    let got = receiver.got();
    assert_eq!(got[0].headers["webhook-id"], got[1].headers["webhook-id"]);
    assert_eq!(got[0].raw, got[1].raw);
    given.end(Duration::from_secs(2)).await;
}

#[tokio::test]
async fn what_is_refused_is_a_dead_letter_and_the_next_one_goes_out() {
    let receiver = Receiver::start(&["422 Unprocessable Content", "302 Found", "200 OK"]).await;
    let mut given = Given::new("refused", vec![receiver.hook()]);
    (1..=3).for_each(|id| given.alert(id));
    let hook = given.hook(0, |hook| hook["delivered"] == 1).await;
    assert_eq!((&hook["failed"], &hook["tries"]), (&2.into(), &3.into()));
    let metrics = given.ask(HERE, "/metrics").await.1;
    assert!(metrics.contains("aqueduct_hook_failed_total{hook=\"0\"} 2\n"), "{metrics}");
    let (_, dead) = given.end(Duration::from_secs(2)).await;
    assert_eq!(dead.len(), 2);
    assert_eq!((&dead[0]["event"]["alert_id"], &dead[0]["tries"]), (&"1".into(), &1.into()));
    assert!(dead[0]["why"].as_str().unwrap().ends_with("answers 422"), "{}", dead[0]);
    assert!(dead[1]["why"].as_str().unwrap().contains("redirects are not followed"), "{}", dead[1]);
    assert_eq!(receiver.got().len(), 3);
}

#[tokio::test]
async fn a_receiver_that_hangs_delays_neither_others_nor_the_end() {
    let (hangs, takes) = (Receiver::start(&[""]).await, Receiver::start(&["200 OK"]).await);
    let mut given = Given::new("hangs", vec![hangs.hook(), takes.hook()]);
    (1..=5).for_each(|id| given.alert(id));
    let started = Instant::now();
    takes.gets(5).await;
    assert!(started.elapsed() < Duration::from_secs(1));
    let hook = given.hook(0, |hook| hook["queued"] == 5).await;
    assert_eq!((&hook["state"], &hook["delivered"]), (&"sending".into(), &0.into()));
    let (took, dead) = given.end(Duration::from_millis(500)).await;
    assert!((400..1500).contains(&took.as_millis()), "{took:?}");
    assert_eq!(dead.len(), 5);
    assert_eq!(dead[4]["why"], "the server ended before it was delivered");
}

#[tokio::test]
async fn what_waits_has_a_last_chance_at_the_end() {
    let receiver = Receiver::start(&["500 Internal Server Error", "200 OK"]).await;
    let mut given = Given::new("last", vec![receiver.hook()]);
    (1..=3).for_each(|id| given.alert(id));
    given.hook(0, |hook| hook["state"] == "waiting").await;
    let (took, dead) = given.end(Duration::from_secs(2)).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!((receiver.got().len(), dead.len()), (4, 0));
}

#[tokio::test]
async fn a_receiver_that_answers_gone_gets_nothing_any_more() {
    let receiver = Receiver::start(&["410 Gone"]).await;
    let mut given = Given::new("gone", vec![receiver.hook()]);
    given.alert(1);
    given.hook(0, |hook| hook["state"] == "gone").await;
    given.alert(2);
    given.hook(0, |hook| hook["failed"] == 2).await;
    assert_eq!(receiver.got().len(), 1);
    assert_eq!(given.end(Duration::from_secs(2)).await.1.len(), 2);
}

#[tokio::test]
async fn an_answer_without_end_and_a_receiver_in_time_trouble_are_cut_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n").await;
                while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
            });
        }
    });
    let hook = HookConfig { url: Secret::new(url), ..Receiver::start(&[""]).await.hook() };
    let slow = HookConfig { timeout: Duration::from_millis(200), ..Receiver::start(&[""]).await.hook() };
    let mut given = Given::new("endless", vec![hook, slow]);
    given.alert(1);
    given.hook(0, |hook| hook["delivered"] == 1).await;
    let slow = given.hook(1, |hook| hook["state"] == "waiting").await;
    assert!(slow["last_error"].as_str().unwrap().contains("within 200 ms"), "{slow}");
    given.end(Duration::from_millis(100)).await;
}

#[tokio::test]
async fn secrets_of_hooks_are_nowhere_to_be_seen_and_strangers_see_nothing() {
    let receiver = Receiver::start(&["404 Not Found"]).await;
    let mut given = Given::new("secrets", vec![receiver.hook()]);
    given.alert(1);
    given.hook(0, |hook| hook["failed"] == 1).await;
    let (status, said) = given.ask(HERE, "/api/v1/hooks").await;
    assert_eq!(status, 200);
    let (_, metrics) = given.ask(HERE, "/metrics").await;
    assert_eq!(given.ask(THERE, "/api/v1/hooks").await.0, 403);
    given.end(Duration::from_secs(1)).await;
    let dead = std::fs::read_to_string(&given.dead).unwrap();
    for text in [said, metrics, dead] {
        for secret in ["path-secret", "header-secret", "MfKQ", "ann", "pw@"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[tokio::test]
async fn a_receiver_of_zlmediakits_is_told_of_its_files_in_its_words_and_is_tried_again() {
    let receiver = Receiver::start(&["503 Busy", "200 OK"]).await;
    let zlmediakit = |kind| crate::RecordHook { kind, media_server_id: "zlm-1".into(), vhost: "v".into() };
    let hook = HookConfig {
        secret: Secret::new(""),
        events: vec!["segment.closed".into()],
        body: crate::HookBody::Zlmediakit(zlmediakit(crate::RecordHookKind::Mp4)),
        ..receiver.hook()
    };
    let given = Given::new("zlmediakit", vec![hook]);
    for (format, path) in [("ts", "/rec/cam/2026-11-29/1.ts"), ("mp4", "/rec/cam/2026-11-29/2.mp4")] {
        given.hub.emit(What::SegmentClosed {
            stream: name("cam"),
            storage: "main".into(),
            format,
            path: path.into(),
            from: media::WallTime::from_micros(1_000_000),
            to: media::WallTime::from_micros(3_500_000),
            bytes: 9,
        });
    }
    let got = receiver.gets(2).await;
    assert_eq!((&got[0].body, got[0].headers["content-type"].as_str()), (&got[1].body, "application/json"));
    let body = &got[1].body;
    assert_eq!((&body["file_path"], &body["time_len"]), (&"/rec/cam/2026-11-29/2.mp4".into(), &2.5.into()));
    assert_eq!((&body["app"], &body["stream"], &body["vhost"]), (&"live".into(), &"cam".into(), &"v".into()));
    assert!(!got[1].headers.contains_key("webhook-signature"));
    given.hook(0, |hook| hook["delivered"] == 1).await;
}

#[test]
fn a_wrong_hook_says_which_key_is_wrong_and_not_its_value() {
    let good = HookConfig {
        url: Secret::new("https://h/x"),
        secret: Secret::new(""),
        events: vec!["*".into()],
        timeout: Duration::from_secs(1),
        headers: Vec::new(),
        body: crate::HookBody::default(),
    };
    assert_eq!(good.check(), Ok(()));
    let two = format!("{SECRET} {SECRET}");
    assert_eq!(HookConfig { secret: Secret::new(two), ..good.clone() }.check(), Ok(()));
    for (key, wrong) in [
        ("url", HookConfig { url: Secret::new("h/x"), ..good.clone() }),
        ("secret", HookConfig { secret: Secret::new("hush"), ..good.clone() }),
        ("events", HookConfig { events: vec!["source_down".into()], ..good.clone() }),
        ("headers", HookConfig { headers: vec![("a b".into(), Secret::new("hush"))], ..good.clone() }),
    ] {
        let error = wrong.check().unwrap_err();
        assert_eq!(error.key, key);
        assert!(!error.message.contains("hush"), "{error}");
    }
}
