//! A server for these tests alone: two ice-lite sessions of str0m, and what comes to the first goes out of the second.
use super::super::*;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::UdpSocket;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use str0m::channel::{ChannelConfig, Reliability};
use str0m::ice::IceCreds;
use str0m::media::{KeyframeRequestKind, MediaKind, Mid, Rid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite};
use str0m::{Candidate, Event, Input, Output, Rtc};

/// What the server does wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mistake {
    Corrupts,
    SwapsNumbers,
    LeavesOut,
    WrongStream,
}

/// Every so many packets one is wrong.
const MISTAKE_EVERY: u64 = 20;
const WRONG_STREAM: u32 = 0xdead;

struct Session {
    rtc: Rtc,
    socket: UdpSocket,
}

struct Route {
    from: (Mid, Option<Rid>),
    stream: u32,
    to: Mid,
    payload_type: u8,
    video: bool,
    /// Consumers begin paused.
    active: bool,
    /// The first number that came.
    first: Option<u64>,
}

struct State {
    device: Device,
    sessions: [Session; 2],
    routes: Vec<Route>,
    mistake: Option<Mistake>,
    waiting: VecDeque<(u16, Vec<u8>)>,
    next: u32,
    ended: bool,
}

type Job = Box<dyn FnOnce(&mut State) + Send>;

pub(super) struct MiniSfu {
    jobs: Sender<Job>,
    thread: Option<JoinHandle<()>>,
}

/// As mediasoup's routers number things.
pub(super) fn router_rtp_capabilities() -> Value {
    let feedback = json!([{ "type": "nack" }, { "type": "nack", "parameter": "pli" }, { "type": "ccm", "parameter": "fir" },
        { "type": "transport-cc" }]);
    let mut codecs = vec![json!({
        "kind": "audio", "mimeType": "audio/opus", "preferredPayloadType": 100, "clockRate": 48_000, "channels": 2,
        "parameters": {}, "rtcpFeedback": [{ "type": "transport-cc" }],
    })];
    for (name, number) in [("VP8", 101), ("VP9", 103), ("H264", 105)] {
        codecs.push(json!({
            "kind": "video", "mimeType": format!("video/{name}"), "preferredPayloadType": number, "clockRate": 90_000,
            "parameters": {}, "rtcpFeedback": feedback,
        }));
        codecs.push(json!({
            "kind": "video", "mimeType": "video/rtx", "preferredPayloadType": number + 1, "clockRate": 90_000,
            "parameters": { "apt": number }, "rtcpFeedback": [],
        }));
    }
    let extension = |kind: &str, uri: &str, id: u8, direction: &str| json!({ "kind": kind, "uri": uri, "preferredId": id, "preferredEncrypt": false, "direction": direction });
    let mut extensions =
        vec![extension("audio", "urn:ietf:params:rtp-hdrext:ssrc-audio-level", 10, "sendrecv")];
    for kind in ["audio", "video"] {
        for (uri, id, direction) in [
            ("urn:ietf:params:rtp-hdrext:sdes:mid", 1, "sendrecv"),
            ("urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id", 2, "recvonly"),
            ("urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id", 3, "recvonly"),
            ("http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time", 4, "sendrecv"),
            ("http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01", 5, "sendrecv"),
            ("urn:3gpp:video-orientation", 11, "sendrecv"),
        ] {
            extensions.push(extension(kind, uri, id, direction));
        }
    }
    json!({ "codecs": codecs, "headerExtensions": extensions })
}

impl MiniSfu {
    pub(super) fn start() -> Self {
        let device = Device::load(&router_rtp_capabilities()).unwrap();
        let (jobs, inbox) = channel();
        let sessions = [true, false].map(|from_sender| {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_nonblocking(true).unwrap();
            let mut rtc = device
                .config(from_sender)
                .set_ice_lite(true)
                .set_sctp_max_message_size(262_144)
                .set_sctp_max_buffered_amount(1 << 20)
                .build(Instant::now());
            rtc.add_local_candidate(Candidate::host(socket.local_addr().unwrap(), "udp").unwrap());
            Session { rtc, socket }
        });
        let (routes, waiting) = (Vec::new(), VecDeque::new());
        let state = State { device, sessions, routes, mistake: None, waiting, next: 0, ended: false };
        let thread = std::thread::Builder::new().name("mini-sfu".to_owned()).spawn(move || state.run(&inbox));
        Self { jobs, thread: Some(thread.unwrap()) }
    }

    fn call<R: Send + 'static>(&self, job: impl FnOnce(&mut State) -> R + Send + 'static) -> R {
        let (answer, answered) = channel();
        self.jobs.send(Box::new(move |state| drop(answer.send(job(state))))).unwrap();
        answered.recv_timeout(Duration::from_secs(5)).unwrap()
    }

    /// As `createWebRtcTransport` answers.
    pub(super) fn create(&self, session: usize) -> Value {
        self.call(move |state| {
            let session = &mut state.sessions[session];
            let address = session.socket.local_addr().unwrap();
            let api = session.rtc.direct_api();
            let (own, print) = (api.local_ice_credentials(), api.local_dtls_fingerprint().clone());
            let value: Vec<String> = print.bytes.iter().map(|byte| format!("{byte:02X}")).collect();
            json!({
                "id": "transport",
                "iceParameters": { "usernameFragment": own.ufrag, "password": own.pass, "iceLite": true },
                "iceCandidates": [{ "foundation": "udpcandidate", "priority": 1_076_302_079, "address": address.ip(),
                    "ip": address.ip(), "protocol": "udp", "port": address.port(), "type": "host" }],
                "dtlsParameters": { "role": "auto",
                    "fingerprints": [{ "algorithm": print.hash_func, "value": value.join(":") }] },
                "sctpParameters": { "port": 5_000, "OS": 65_535, "MIS": 65_535, "maxMessageSize": 262_144 },
            })
        })
    }

    /// As `restartIce`.
    pub(super) fn restart_ice(&self, session: usize) -> Value {
        self.call(move |state| {
            let own = IceCreds::new();
            state.sessions[session].rtc.direct_api().set_local_ice_credentials(own.clone());
            json!({ "usernameFragment": own.ufrag, "password": own.pass, "iceLite": true })
        })
    }

    /// What signalling would not tell: str0m wants the other's ICE credentials too.
    pub(super) fn tell_credentials(&self, session: usize, fleet: &Fleet, transport: &Transport) {
        let key = transport.key();
        let (ufrag, pass) =
            fleet.call(move |driver| driver.transport(key).unwrap().ice_credentials()).unwrap();
        self.call(move |state| {
            state.sessions[session].rtc.direct_api().set_remote_ice_credentials(IceCreds { ufrag, pass });
        });
    }

    /// As `connect`.
    pub(super) fn connect(&self, session: usize, fleet: &Fleet, transport: &Transport) {
        self.tell_credentials(session, fleet, transport);
        let said: DtlsParameters = serde_json::from_value(transport.dtls_parameters()).unwrap();
        assert_eq!(said.role.as_deref(), Some("client"));
        self.call(move |state| {
            let mut api = state.sessions[session].rtc.direct_api();
            let print = &said.fingerprints[0];
            api.set_remote_fingerprint(format!("{} {}", print.algorithm, print.value).parse().unwrap());
            api.set_ice_controlling(false);
            api.start_dtls(false).unwrap();
            api.start_sctp(false);
            api.enable_twcc_feedback();
        });
    }

    /// As `produce` and `consume` in one: forwards one layer, and returns the consumer's parameters.
    pub(super) fn forward(&self, produced: &Value, layer: usize) -> Value {
        let produced: RtpParameters = serde_json::from_value(produced.clone()).unwrap();
        self.call(move |state| state.forward(&produced, layer))
    }

    /// As `resume`, of all consumers; asks for key frames, as servers do.
    pub(super) fn resume(&self) {
        self.call(|state| {
            state.routes.iter_mut().for_each(|route| route.active = true);
            let to: Vec<_> = state.routes.iter().map(|route| route.to).collect();
            to.into_iter().for_each(|to| state.ask(to));
        });
    }

    /// As `produceData` and `consumeData` in one, on the same stream number.
    pub(super) fn relay_channel(&self, parameters: &Value) {
        let options = DataOptions::receiving(0, DataTag::default()).with_parameters(parameters).unwrap();
        self.call(move |state| {
            for session in &mut state.sessions {
                let reliability = match options.promise {
                    Promise::Ordered | Promise::Unordered => Reliability::Reliable,
                    Promise::LifeTime(lifetime) => Reliability::MaxPacketLifetime { lifetime },
                    Promise::Retransmits(retransmits) => Reliability::MaxRetransmits { retransmits },
                };
                session.rtc.direct_api().create_data_channel(ChannelConfig {
                    ordered: options.promise == Promise::Ordered,
                    reliability,
                    negotiated: Some(options.stream_id),
                    ..ChannelConfig::default()
                });
            }
        });
    }

    pub(super) fn make(&self, mistake: Mistake) {
        self.call(move |state| state.mistake = Some(mistake));
    }
}

impl Drop for MiniSfu {
    fn drop(&mut self) {
        let _ = self.jobs.send(Box::new(|state| state.ended = true));
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || matches!(ended, Some(Ok(()))), "the server panicked");
    }
}

impl State {
    fn run(mut self, inbox: &Receiver<Job>) {
        let mut buffer = [0; 2_000];
        while !self.ended {
            inbox.try_iter().for_each(|job| job(&mut self));
            let mut idle = true;
            for index in 0..2 {
                let local = self.sessions[index].socket.local_addr().unwrap();
                while let Ok((length, source)) = self.sessions[index].socket.recv_from(&mut buffer) {
                    idle = false;
                    let Ok(receive) = Receive::new(Protocol::Udp, source, local, &buffer[..length]) else {
                        continue;
                    };
                    self.sessions[index].rtc.handle_input(Input::Receive(Instant::now(), receive)).unwrap();
                    self.drain(index);
                }
                self.sessions[index].rtc.handle_input(Input::Timeout(Instant::now())).unwrap();
                self.drain(index);
            }
            self.relay();
            if idle {
                std::thread::sleep(Duration::from_micros(500));
            }
        }
    }

    fn drain(&mut self, index: usize) {
        loop {
            let session = &mut self.sessions[index];
            match session.rtc.poll_output().unwrap() {
                Output::Timeout(_) => return,
                Output::Transmit(transmit) => {
                    let _ = session.socket.send_to(&transmit.contents, transmit.destination);
                }
                Output::Event(Event::RtpPacket(packet)) if index == 0 => self.handle_packet(&packet),
                Output::Event(Event::KeyframeRequest(request)) if index == 1 => self.ask(request.mid),
                Output::Event(Event::ChannelData(data)) if index == 0 => {
                    let id = session.rtc.direct_api().sctp_stream_id_by_channel_id(data.id).unwrap();
                    self.waiting.push_back((id, data.data));
                }
                Output::Event(_) => {}
            }
        }
    }

    fn ask(&mut self, to: Mid) {
        for route in self.routes.iter().filter(|route| route.to == to) {
            let (mid, rid) = route.from;
            if let Some(stream) = self.sessions[0].rtc.direct_api().stream_rx_by_mid(mid, rid) {
                stream.request_keyframe(KeyframeRequestKind::Pli);
            }
        }
    }

    fn relay(&mut self) {
        let rtc = &mut self.sessions[1].rtc;
        while let Some((stream, data)) = self.waiting.front() {
            let Some(id) = rtc.direct_api().channel_id_by_sctp_stream_id(*stream) else { return };
            let Some(mut channel) = rtc.channel(id) else { return };
            if !channel.write(true, data).unwrap() {
                return;
            }
            self.waiting.pop_front();
        }
    }

    fn forward(&mut self, produced: &RtpParameters, layer: usize) -> Value {
        let mid: Mid = produced.mid.as_deref().unwrap().into();
        let encoding = &produced.encodings[layer];
        let rid: Option<Rid> = encoding.rid.as_deref().map(Into::into);
        let codec = &produced.codecs[0];
        let kind = if codec.mime_type.starts_with("video") { MediaKind::Video } else { MediaKind::Audio };
        let mut api = self.sessions[0].rtc.direct_api();
        if self.routes.iter().all(|route| route.from.0 != mid) {
            let media = api.declare_media(mid, kind);
            for encoding in &produced.encodings {
                if let Some(rid) = &encoding.rid {
                    media.expect_rid_rx(rid.as_str().into());
                }
            }
            if let Some(ssrc) = encoding.ssrc {
                api.expect_stream_rx(ssrc.into(), encoding.rtx.map(|rtx| rtx.ssrc.into()), mid, None);
            }
        }
        let out = self.next.to_string();
        self.next += 1;
        let said = self.device.rtp_capabilities();
        let said: RtpCapabilities = serde_json::from_value(said).unwrap();
        let known = said.codecs.iter().find(|known| known.name() == codec.name()).unwrap();
        let mut api = self.sessions[1].rtc.direct_api();
        let to: Mid = out.as_str().into();
        api.declare_media(to, kind);
        let (ssrc, rtx) = (api.new_ssrc(), api.new_ssrc());
        let repairs = kind == MediaKind::Video;
        api.declare_stream_tx(ssrc, repairs.then_some(rtx), to, None);
        if repairs && self.routes.is_empty() {
            api.declare_media("wrong".into(), kind);
            api.declare_stream_tx(WRONG_STREAM.into(), None, "wrong".into(), None);
        }
        let payload_type = known.preferred_payload_type;
        self.routes.push(Route {
            from: (mid, rid),
            stream: *ssrc,
            to,
            payload_type,
            video: repairs,
            active: false,
            first: None,
        });
        let extensions = said.header_extensions.iter().filter(|said| codec.mime_type.starts_with(&said.kind));
        let extensions: Vec<_> = extensions
            .map(|said| json!({ "uri": said.uri, "id": said.preferred_id, "encrypt": false }))
            .collect();
        let mut encoding = json!({ "ssrc": *ssrc });
        if repairs {
            encoding["rtx"] = json!({ "ssrc": *rtx });
        }
        json!({
            "mid": out,
            "codecs": [{ "mimeType": codec.mime_type, "payloadType": payload_type, "clockRate": codec.clock_rate,
                "parameters": {}, "rtcpFeedback": [] }],
            "headerExtensions": extensions,
            "encodings": [encoding],
            "rtcp": { "cname": "somebody", "reducedSize": true },
        })
    }

    fn handle_packet(&mut self, packet: &RtpPacket) {
        let [receiving, sending] = &mut self.sessions;
        let mut api = receiving.rtc.direct_api();
        let Some(stream) = api.stream_rx(&packet.header.ssrc) else { return };
        let from = (stream.mid(), stream.rid());
        for route in self.routes.iter_mut().filter(|route| route.active && route.from == from) {
            let first = *route.first.get_or_insert(*packet.seq_no);
            let mut sequence = (*packet.seq_no + 1_000).saturating_sub(first);
            let mut payload = packet.payload.to_vec();
            let mut stream = route.stream;
            let chosen = sequence % MISTAKE_EVERY == 0;
            match self.mistake {
                Some(Mistake::Corrupts) if chosen => {
                    let middle = payload.len() / 2;
                    payload[middle] ^= 0x10;
                }
                Some(Mistake::SwapsNumbers) if sequence % MISTAKE_EVERY < 2 => sequence ^= 1,
                Some(Mistake::LeavesOut) if chosen => continue,
                Some(Mistake::WrongStream) if chosen => stream = WRONG_STREAM,
                _ => {}
            }
            let mut api = sending.rtc.direct_api();
            let Some(stream) = api.stream_tx(&stream.into()) else { continue };
            let now = Instant::now();
            let write = RtpWrite::new(
                route.payload_type.into(),
                sequence.into(),
                packet.header.timestamp,
                now,
                payload,
            );
            let extensions =
                ExtensionValues { audio_level: packet.header.ext_vals.audio_level, ..Default::default() };
            let write = write.marker(packet.header.marker).nackable(route.video).ext_vals(extensions);
            stream.write_rtp(write);
            sending.rtc.handle_input(Input::Timeout(now)).unwrap();
        }
        self.drain(1);
    }
}
