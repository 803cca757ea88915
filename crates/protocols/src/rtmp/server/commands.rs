//! The commands of a client, and their answers.
use super::super::command::{Command, command, info};
use super::super::message::kind;
use super::super::wire::WINDOW;
use super::super::{MEDIA_STREAM_ID, RtmpError};
use super::{Asked, Connect, Event, REQUEST_TIMEOUT, Role, Session, State};
use formats::amf0::Value;
use media::Moment;

/// What we say we are. Clients look for the "FMS" and a number, some refuse below 3.
const FMS_VERSION: &str = "FMS/3,5,7,7009";
/// Capabilities of that server.
const CAPABILITIES: f64 = 31.0;
/// The peer may change the limit that it was given. Source: RTMP 1.0 §5.4.5, limit type 2.
const BANDWIDTH_DYNAMIC: u8 = 2;
/// We can forward any codec. Source: Enhanced RTMP v2, `FourCcInfoMask`.
const CAN_FORWARD: f64 = 4.0;
/// We read past modifiers; of many tracks only the first is taken, so multitrack is not claimed. Source: Enhanced
/// RTMP v2, `CapsExMask`.
const CAPS_EX: f64 = 4.0;

impl Session {
    pub(super) fn handle_command(&mut self, received: &Command, now: Moment) -> Result<(), RtmpError> {
        let name = received.name.as_str();
        let transaction = received.transaction;
        if self.connect.is_none() && name != "connect" {
            return Err(RtmpError::OutOfOrder { name: name.to_owned(), when: "before connect" });
        }
        match name {
            "connect" => self.handle_connect(received, now),
            "createStream" => {
                self.result(transaction, [Value::Null, Value::Number(f64::from(MEDIA_STREAM_ID))]);
            }
            "publish" => self.handle_request(received, Role::Publish)?,
            "play" => self.handle_request(received, Role::Play)?,
            "deleteStream" | "closeStream" => self.handle_end(now),
            "FCUnpublish" => {
                self.handle_end(now);
                self.result(transaction, [Value::Null, Value::Undefined]);
            }
            "FCPublish" => {
                self.result(transaction, [Value::Null, Value::Undefined]);
                self.notice("onFCPublish", "NetStream.Publish.Start", received);
            }
            "FCSubscribe" => {
                self.result(transaction, [Value::Null, Value::Undefined]);
                self.notice("onFCSubscribe", "NetStream.Play.Start", received);
            }
            // A live stream has no length.
            "getStreamLength" => self.result(transaction, [Value::Null, Value::Number(0.0)]),
            "releaseStream" | "_checkbw" | "checkBandwidth" => {
                self.result(transaction, [Value::Null, Value::Undefined]);
            }
            "pause" | "pauseRaw" => self.handle_pause(received),
            "seek" => self.status("error", "NetStream.Seek.Failed", "the stream is live"),
            // Answers to our own, and wishes without an answer.
            "_result" | "_error" | "onStatus" | "receiveAudio" | "receiveVideo" | "setBufferTime" => {}
            _ if transaction > 0.0 => {
                let words = format!("{name:.64} is not known");
                let failed = info("error", "NetConnection.Call.Failed", &words);
                self.wire.send_command(0, &command("_error", transaction, [Value::Null, failed]));
            }
            _ => {}
        }
        Ok(())
    }

    fn result<const N: usize>(&mut self, transaction: f64, values: [Value; N]) {
        if transaction > 0.0 {
            self.wire.send_command(0, &command("_result", transaction, values));
        }
    }

    /// A second `connect` on the same connection replaces what the first said.
    fn handle_connect(&mut self, received: &Command, now: Moment) {
        let connect = Connect::parse(received);
        self.wire.send_control(kind::WINDOW_ACK_SIZE, &WINDOW.to_be_bytes());
        let [w3, w2, w1, w0] = WINDOW.to_be_bytes();
        self.wire.send_control(kind::SET_PEER_BANDWIDTH, &[w3, w2, w1, w0, BANDWIDTH_DYNAMIC]);
        self.wire.announce_chunk_size();
        let mut properties = vec![
            ("fmsVer".to_owned(), Value::from(FMS_VERSION)),
            ("capabilities".to_owned(), Value::Number(CAPABILITIES)),
            ("mode".to_owned(), Value::Number(1.0)),
        ];
        if connect.is_enhanced {
            let any = || Value::object([("*", CAN_FORWARD.into())]);
            properties.extend([
                ("fourCcList".to_owned(), Value::StrictArray(vec!["*".into()])),
                ("videoFourCcInfoMap".to_owned(), any()),
                ("audioFourCcInfoMap".to_owned(), any()),
                ("capsEx".to_owned(), CAPS_EX.into()),
            ]);
        }
        let success = Value::object([
            ("level", "status".into()),
            ("code", "NetConnection.Connect.Success".into()),
            ("description", "Connection succeeded.".into()),
            // AMF0 also for those who could AMF3: they then use it.
            ("objectEncoding", 0.0.into()),
        ]);
        let transaction = received.transaction.max(1.0);
        self.result(transaction, [Value::Object(properties), success]);
        self.connect = Some(connect);
        if matches!(self.state, State::Connecting { .. }) {
            self.state = State::Idle { until: now + REQUEST_TIMEOUT };
        }
    }

    fn handle_request(&mut self, received: &Command, role: Role) -> Result<(), RtmpError> {
        let Some(connect) = &self.connect else { return Ok(()) };
        if !matches!(self.state, State::Idle { .. }) {
            let name = received.name.clone();
            return Err(RtmpError::OutOfOrder { name, when: "while the connection has a stream" });
        }
        let request = connect.request(received.text(1).unwrap_or_default());
        let stream = request.path();
        self.events.push_back(match role {
            Role::Publish => Event::Publish(request),
            Role::Play => Event::Play(request),
        });
        self.state = State::Asked(Asked { role, stream });
        Ok(())
    }

    fn handle_end(&mut self, now: Moment) {
        match self.state {
            State::Publishing => {
                self.status("status", "NetStream.Unpublish.Success", "the stream is unpublished");
                self.events.push_back(Event::Ended);
            }
            State::Playing { .. } => self.events.push_back(Event::Ended),
            State::Handshaking { .. }
            | State::Connecting { .. }
            | State::Idle { .. }
            | State::Asked(_)
            | State::Failed(_) => return,
        }
        self.state = State::Idle { until: now + REQUEST_TIMEOUT };
    }

    fn handle_pause(&mut self, received: &Command) {
        if !matches!(self.state, State::Playing { .. }) {
            return;
        }
        let paused = received.values.get(1).and_then(Value::as_bool).unwrap_or(true);
        let (code, words) = if paused {
            ("NetStream.Pause.Notify", "paused")
        } else {
            ("NetStream.Unpause.Notify", "goes on")
        };
        self.status("status", code, words);
        self.events.push_back(Event::Paused(paused));
    }

    /// `onFCPublish` and `onFCSubscribe`: Flash-era encoders wait for them.
    fn notice(&mut self, name: &str, code: &str, received: &Command) {
        let info = info("status", code, received.text(1).unwrap_or_default());
        self.wire.send_command(0, &command(name, 0.0, [Value::Null, info]));
    }
}
