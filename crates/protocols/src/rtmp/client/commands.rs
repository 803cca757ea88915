//! The commands that we send, and what comes back.
use super::super::RtmpError;
use super::super::command::{Command, command};
use super::super::message::{event, kind};
use super::super::wire::WINDOW;
use super::{Role, STEP_TIMEOUT, Session, State};
use formats::amf0::Value;
use media::Moment;

/// Transaction of `connect`. Source: RTMP 1.0 §7.2.1.1.
const CONNECT: f64 = 1.0;
/// Transaction of `createStream`.
const CREATE_STREAM: f64 = 4.0;
/// What we call ourselves. Servers look for "FMLE" in publishers and for a version in players.
const FLASH_PUBLISHER: &str = "FMLE/3.0 (compatible; Aqueduct)";
const FLASH_PLAYER: &str = "LNX 9,0,124,2";
/// `play`: live, and nothing else. Source: RTMP 1.0 §7.2.2.1, start -2 would also take a file; many servers know only it.
const START_LIVE_OR_RECORDED: f64 = -2000.0;
/// What we tell the server about our buffer: 1 s. With less some servers send nothing ahead, with more they send late.
const BUFFER_MS: u32 = 1000;

impl Session {
    pub(super) fn connect(&mut self) {
        let publishes = self.config.role == Role::Publish;
        let target = &self.config.target;
        let mut properties = vec![("app".to_owned(), Value::String(target.app.clone()))];
        let mut put = |key: &str, value: Value| properties.push((key.to_owned(), value));
        if publishes {
            put("type", "nonprivate".into());
        }
        put("flashVer", if publishes { FLASH_PUBLISHER } else { FLASH_PLAYER }.into());
        put("tcUrl", Value::String(target.tc_url.clone()));
        if !publishes {
            // Everything that Flash had: AAC, MP3, Speex, G.711; H.264 and before. Source: RTMP 1.0 §7.2.1.1.
            put("fpad", false.into());
            put("capabilities", 15.0.into());
            put("audioCodecs", 4071.0.into());
            put("videoCodecs", 252.0.into());
            put("videoFunction", 1.0.into());
        }
        let codes = ["av01", "vp09", "vp08", "hvc1", "avc1", "Opus", ".mp3", "mp4a"];
        put("fourCcList", Value::StrictArray(codes.map(Value::from).to_vec()));
        let body = command("connect", CONNECT, [Value::Object(properties)]);
        self.wire.send_command(0, &body);
    }

    pub(super) fn handle_command(&mut self, received: &Command, now: Moment) -> Result<(), RtmpError> {
        match received.name.as_str() {
            "_result" if received.transaction == CONNECT => self.create_stream(received, now),
            "_result" if received.transaction == CREATE_STREAM => {
                self.ask(received, now);
                Ok(())
            }
            "_error" if received.transaction == CONNECT || received.transaction == CREATE_STREAM => {
                Err(refused(received))
            }
            "onStatus" => self.handle_status(received),
            "close" => {
                self.end("NetConnection.Connect.Closed");
                Ok(())
            }
            // Answers to what needs none, and calls such as `onBWDone`.
            _ => Ok(()),
        }
    }

    fn create_stream(&mut self, received: &Command, now: Moment) -> Result<(), RtmpError> {
        if !matches!(self.state, State::Connecting { .. }) {
            return Ok(());
        }
        if received.info("level") == Some("error") {
            return Err(refused(received));
        }
        self.wire.announce_chunk_size();
        self.wire.send_control(kind::WINDOW_ACK_SIZE, &WINDOW.to_be_bytes());
        if self.config.role == Role::Publish {
            // Flash-era servers, and those that imitate them, want both before.
            for (name, transaction) in [("releaseStream", 2.0), ("FCPublish", 3.0)] {
                let stream = Value::String(self.config.target.stream.clone());
                self.wire.send_command(0, &command(name, transaction, [Value::Null, stream]));
            }
        }
        self.wire.send_command(0, &command("createStream", CREATE_STREAM, [Value::Null]));
        self.state = State::Creating { until: now + STEP_TIMEOUT };
        Ok(())
    }

    fn ask(&mut self, received: &Command, now: Moment) {
        if !matches!(self.state, State::Creating { .. }) {
            return;
        }
        let id = received.values.iter().find_map(Value::as_number).unwrap_or(1.0);
        self.stream = id as u32;
        let stream = Value::String(self.config.target.stream.clone());
        let body = match self.config.role {
            Role::Publish => command("publish", 5.0, [Value::Null, stream, "live".into()]),
            Role::Play => command("play", 5.0, [Value::Null, stream, START_LIVE_OR_RECORDED.into()]),
        };
        self.send_to_stream(&body);
        if self.config.role == Role::Play {
            let mut buffer = self.stream.to_be_bytes().to_vec();
            buffer.extend_from_slice(&BUFFER_MS.to_be_bytes());
            self.wire.send_event(event::SET_BUFFER_LENGTH, &buffer);
        }
        self.state = State::Asking { until: now + STEP_TIMEOUT };
    }

    fn handle_status(&mut self, received: &Command) -> Result<(), RtmpError> {
        let code = received.info("code").unwrap_or_default();
        if received.info("level") == Some("error") {
            return Err(refused(received));
        }
        match (code, self.config.role) {
            ("NetStream.Publish.Start", Role::Publish) | ("NetStream.Play.Start", Role::Play) => self.start(),
            ("NetStream.Play.StreamNotFound" | "NetStream.Play.Failed" | "NetStream.Publish.BadName", _) => {
                return Err(refused(received));
            }
            (
                "NetStream.Play.Stop"
                | "NetStream.Play.Complete"
                | "NetStream.Play.UnpublishNotify"
                | "NetStream.Unpublish.Success"
                | "NetConnection.Connect.Closed",
                _,
            ) => self.end(code),
            _ => {}
        }
        Ok(())
    }

    /// Says that we leave the stream.
    pub(super) fn leave(&mut self) {
        if self.config.role == Role::Publish {
            let stream = Value::String(self.config.target.stream.clone());
            self.wire.send_command(0, &command("FCUnpublish", 6.0, [Value::Null, stream]));
        }
        let id = Value::Number(f64::from(self.stream));
        self.wire.send_command(0, &command("deleteStream", 7.0, [Value::Null, id]));
    }
}

fn refused(received: &Command) -> RtmpError {
    let text = |key| received.info(key).unwrap_or_default().chars().take(256).collect();
    RtmpError::Refused { code: text("code"), description: text("description") }
}
