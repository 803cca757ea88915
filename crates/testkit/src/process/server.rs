//! The server under test: the real binary with a config of its own on free ports of 127.0.0.1.
//!
//! It must end well: SIGTERM, exit code 0 within 5 s, and neither an ERROR line nor a panic in its log.

use super::http::{self, Response};
use super::{Census, Place, eventually, free_port};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest start: 10 s. It takes a tenth of a second; a loaded machine takes its time.
const START: Duration = Duration::from_secs(10);

/// Longest orderly end: 5 s, as the README promises.
const DRAIN: Duration = Duration::from_secs(5);

/// A running server. [`Server::stop`] ends and judges it; a drop without it does the same, unless the test
/// has failed already.
#[derive(Debug)]
pub struct Server {
    child: Child,
    log: PathBuf,
    api: String,
    rtsp: String,
    rtmp: String,
    webrtc: String,
    judged: bool,
    /// The server itself, where something else started it.
    inner: Option<u32>,
}

/// Starts a program as PID 1 of a namespace of its own, as a container does, with a `/proc` of its own.
const AS_PID_1: [&str; 5] = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];

impl Server {
    /// Starts the binary with these settings (merged into listeners on free ports), and waits until it answers.
    ///
    /// # Panics
    /// When it does not answer in time; its log is in the message.
    pub fn start(binary: &str, place: &Place, settings: Value) -> Self {
        Self::start_by(&[], binary, place, settings)
    }

    /// The same as PID 1 of a namespace of its own, as in a container. Needs root.
    ///
    /// # Panics
    /// When it does not answer in time; its log is in the message.
    pub fn start_as_pid_1(binary: &str, place: &Place, settings: Value) -> Self {
        Self::start_by(&AS_PID_1, binary, place, settings)
    }

    /// The same, started by these words, such as `unshare --mount`. They must become the server, and not stay beside it.
    ///
    /// # Panics
    /// When it does not answer in time; its log is in the message.
    pub fn start_by(starter: &[&str], binary: &str, place: &Place, settings: Value) -> Self {
        let [api, rtsp, rtmp, webrtc] = std::array::from_fn(|_| format!("127.0.0.1:{}", free_port()));
        let mut config = json!({
            "api": { "listen": api, "origin": "*" },
            "rtsp": { "listen": rtsp },
            "rtmp": { "listen": rtmp },
            "webrtc": { "listen": webrtc },
            "log": { "level": "info" },
        });
        merge(&mut config, settings);
        let path = place.file("aqueduct.yaml");
        // JSON is YAML
        std::fs::write(&path, format!("{config:#}\n")).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let args = vec!["--config".to_owned(), path.display().to_string()];
        Self::start_command(starter, binary, place, &args, [api, rtsp, rtmp, webrtc])
    }

    /// Starts the binary with these arguments; the addresses (API, RTSP, RTMP, WebRTC) are what it is expected to use.
    ///
    /// # Panics
    /// When it does not answer in time; its log is in the message.
    pub fn start_with(binary: &str, place: &Place, args: &[String], addresses: [String; 4]) -> Self {
        Self::start_command(&[], binary, place, args, addresses)
    }

    fn start_command(
        starter: &[&str],
        binary: &str,
        place: &Place,
        args: &[String],
        addresses: [String; 4],
    ) -> Self {
        let log = place.file("aqueduct.log");
        let file = File::create(&log).unwrap_or_else(|error| panic!("{log:?}: {error}"));
        let also = file.try_clone().unwrap_or_else(|error| panic!("{log:?}: {error}"));
        let words: Vec<&str> = starter.iter().copied().chain([binary]).collect();
        let child = Command::new(words[0])
            .args(&words[1..])
            .args(args)
            .process_group(0)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(also)
            .spawn()
            .unwrap_or_else(|error| panic!("{binary}: {error}"));
        let [api, rtsp, rtmp, webrtc] = addresses;
        let mut server = Self { child, log, api, rtsp, rtmp, webrtc, judged: false, inner: None };
        let started = Instant::now();
        while !server.request("GET", "/api", b"").is_ok_and(|answer| answer.status == 200) {
            let ended = !matches!(server.child.try_wait(), Ok(None));
            if ended || started.elapsed() > START {
                server.judged = true;
                server.end_now();
                panic!("the server did not start (ended by itself: {ended}):\n{}", server.log());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        if starter == AS_PID_1 {
            // What this one runs, and nothing else, is the server; others become it.
            server.inner = Census::of(server.child.id()).descendants.first().map(|(pid, _)| *pid);
        }
        server
    }

    /// `host:port` of HTTP.
    pub fn api(&self) -> &str {
        &self.api
    }

    /// `host:port` of RTSP.
    pub fn rtsp(&self) -> &str {
        &self.rtsp
    }

    /// `host:port` of WebRTC media.
    pub fn webrtc(&self) -> &str {
        &self.webrtc
    }

    /// Where a stream is published and read by RTSP.
    pub fn rtsp_url(&self, stream: &str) -> String {
        format!("rtsp://{}/{stream}", self.rtsp)
    }

    /// Where a stream is published and read by RTMP.
    pub fn rtmp_url(&self, stream: &str) -> String {
        format!("rtmp://{}/live/{stream}", self.rtmp)
    }

    /// A path of HTTP, such as `/api/stream.flv?src=cam`.
    pub fn http_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.api)
    }

    /// One request to the API.
    pub fn request(&self, method: &str, path: &str, body: &[u8]) -> std::io::Result<Response> {
        http::request(&self.api, method, path, &[], body)
    }

    /// `GET` of a path.
    ///
    /// # Panics
    /// When there is no answer.
    #[track_caller]
    pub fn get(&self, path: &str) -> Response {
        self.request("GET", path, b"").unwrap_or_else(|error| panic!("GET {path}: {error}\n{}", self.log()))
    }

    /// What `/api/v1/streams/NAME` says; `null` when there is no such stream.
    #[track_caller]
    pub fn stream(&self, name: &str) -> Value {
        let answer = self.get(&format!("/api/v1/streams/{name}"));
        if answer.status == 404 { Value::Null } else { answer.json() }
    }

    /// Waits until the stream is in this state and returns all that is said about it.
    ///
    /// # Panics
    /// When it is not in time; what is said instead is in the message.
    #[track_caller]
    pub fn wait_for_state(&self, name: &str, state: &str, limit: Duration) -> Value {
        let deadline = Instant::now() + limit;
        loop {
            let stream = self.stream(name);
            if stream["state"] == state {
                return stream;
            }
            assert!(
                Instant::now() < deadline,
                "{name} is not {state} within {limit:?}: {stream:#}\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(25));
        }
    }

    /// Waits until nothing is published to the stream any more.
    ///
    /// # Panics
    /// When something is after the limit.
    #[track_caller]
    pub fn wait_for_end(&self, name: &str, limit: Duration) {
        eventually(&format!("{name} has no publisher any more"), limit, || {
            let stream = self.stream(name);
            (stream.is_null() || stream["state"] == "waiting" || stream["state"] == "idle").then_some(())
        });
    }

    /// What the server logged up to now.
    pub fn log(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.inner.unwrap_or(self.child.id())
    }

    /// What it has now: children, sockets, threads, memory.
    pub fn census(&self) -> Census {
        Census::of(self.pid())
    }

    /// Ends the server by SIGTERM and fails the test unless it ended as it must.
    pub fn stop(self) {
        self.stop_by(Signal::SIGTERM);
    }

    /// The same by another signal. Returns how long it took.
    ///
    /// # Panics
    /// When it did not end in time, not with code 0, or left an ERROR line or a panic in its log.
    pub fn stop_by(mut self, signal: Signal) -> Duration {
        self.judge(signal)
    }

    fn judge(&mut self, signal: Signal) -> Duration {
        self.judged = true;
        let started = Instant::now();
        if let Ok(pid) = i32::try_from(self.pid()) {
            let _ = kill(Pid::from_raw(pid), signal);
        }
        let mut status = None;
        while status.is_none() && started.elapsed() < DRAIN {
            std::thread::sleep(Duration::from_millis(10));
            status = self.child.try_wait().ok().flatten();
        }
        let took = started.elapsed();
        self.end_now();
        let log = self.log();
        let bad: Vec<&str> =
            log.lines().filter(|line| line.contains("ERROR") || line.contains("panicked at")).collect();
        assert!(bad.is_empty(), "the log has errors:\n{}", bad.join("\n"));
        let Some(status) = status else { panic!("{signal} did not end the server within {DRAIN:?}:\n{log}") };
        assert!(status.success(), "the server ended with {status}:\n{log}");
        took
    }

    fn end_now(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.judged {
            return;
        }
        if std::thread::panicking() {
            self.end_now();
        } else {
            self.judge(Signal::SIGTERM);
        }
    }
}

/// Puts `more` over `base`, key by key.
fn merge(base: &mut Value, more: Value) {
    match (base, more) {
        (Value::Object(base), Value::Object(more)) => {
            for (key, value) in more {
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, more) => *base = more,
    }
}
