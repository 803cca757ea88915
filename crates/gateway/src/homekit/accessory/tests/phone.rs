//! A controller of ours on a connection, and where it takes media.
use bytes::Bytes;
use formats::rtp::Header;
use formats::rtp::rtcp::is_rtcp;
use protocols::hap::accessory::client::{
    Change, accessories_request, read_accessories_response, read_answers, values_request, write_request,
};
use protocols::hap::accessory::{
    Accessory, CharacteristicId, KnownCharacteristic, KnownService, StreamIds, characteristics as is,
    services,
};
use protocols::hap::camera::{
    AudioCodec, AudioConfiguration, Command, CryptoSuite, Endpoint, H264Level, H264Profile, SampleRate,
    SelectedAudio, SelectedStream, SelectedVideo, SelectedVideoCodec, SetupRequest, SetupResponse,
    SetupStatus, SrtpParameters, StreamParameters, StreamingStatus, VideoAttributes,
};
use protocols::hap::controller::{Controller, ControllerError, Output};
use protocols::hap::data_stream::Connection as DataStream;
use protocols::hap::data_stream::setup::{
    SetupRequest as DataStreamRequest, SetupResponse as DataStreamResponse,
};
use protocols::hap::http::{Method, Request, Response};
use protocols::hap::pairing::{
    AccessoryPairing, CONTENT_TYPE, Identity, SetupCode, read_done, remove_request,
};
use protocols::hap::random::SystemRandom;
use protocols::srtp::{MasterKey, Profile, Protector, Unprotector};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const SOON: Duration = Duration::from_secs(10);
/// What a phone sends with.
pub(super) const VOICE_SSRC: u32 = 77;

pub(super) fn identity() -> Identity {
    Identity::from_seed("4F4C2B2E-0000-4000-8000-0000000000AA", [9; 32]).unwrap()
}

pub(super) struct Phone {
    controller: Controller,
    stream: TcpStream,
    events: usize,
    id: String,
}

impl Phone {
    async fn new(controller: Controller, port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        Self { controller, stream, events: 0, id: identity().id().to_owned() }
    }

    pub(super) async fn pair(
        port: u16,
        identity: &Identity,
        code: &str,
    ) -> Result<AccessoryPairing, ControllerError> {
        let code = SetupCode::new(code).unwrap();
        let controller = Controller::pair("127.0.0.1", code, identity.clone(), None)?;
        let output = Self::new(controller, port).await.wait().await?;
        let Output::Paired(pairing) = output else { panic!("{output:?}") };
        Ok(pairing)
    }

    pub(super) async fn verify(port: u16, identity: &Identity, pairing: AccessoryPairing) -> Self {
        let controller =
            Controller::verify("127.0.0.1", identity.clone(), pairing, &mut SystemRandom).unwrap();
        let mut phone = Self::new(controller, port).await;
        assert_eq!(phone.wait().await, Ok(Output::Ready));
        phone
    }

    async fn wait(&mut self) -> Result<Output, ControllerError> {
        let mut buffer = vec![0; 16 << 10];
        loop {
            while let Some(output) = self.controller.poll_output() {
                match output {
                    Output::Send(bytes) => self.stream.write_all(&bytes).await.unwrap(),
                    Output::Event(_) => self.events += 1,
                    Output::Paired(_) | Output::Ready | Output::Response(_) => return Ok(output),
                }
            }
            let read = tokio::time::timeout(SOON, self.stream.read(&mut buffer)).await;
            let count = read.expect("an answer").unwrap();
            assert_ne!(count, 0, "the accessory hangs up");
            self.controller.handle_input(&buffer[..count], &mut SystemRandom)?;
        }
    }

    pub(super) async fn ask(&mut self, request: Request) -> Response {
        self.controller.request(request).unwrap();
        let output = self.wait().await.unwrap();
        let Output::Response(response) = output else { panic!("{output:?}") };
        response
    }

    pub(super) async fn read(&mut self, id: CharacteristicId) -> String {
        let answers = read_answers(&self.ask(values_request(&[id])).await).unwrap();
        answers[0].value.as_ref().and_then(Value::as_str).unwrap().to_owned()
    }

    /// A value that is no text.
    pub(super) async fn value(&mut self, id: CharacteristicId) -> Value {
        let answers = read_answers(&self.ask(values_request(&[id])).await).unwrap();
        answers[0].value.clone().unwrap()
    }

    pub(super) async fn write(&mut self, id: CharacteristicId, value: impl Into<Value>) -> u16 {
        let change = Change { id, value: Some(value.into()), watch: None, wants_response: false };
        self.ask(write_request(&[change], None)).await.status
    }

    pub(super) async fn watch(&mut self, id: CharacteristicId) {
        let change = Change { id, value: None, watch: Some(true), wants_response: false };
        assert_eq!(self.ask(write_request(&[change], None)).await.status, 204);
    }

    /// All accessories with their services.
    pub(super) async fn accessories(&mut self) -> Vec<Accessory> {
        read_accessories_response(&self.ask(accessories_request()).await).unwrap()
    }

    /// Sets up a data stream; returns its connection to the accessory.
    pub(super) async fn data_stream(&mut self, setup: CharacteristicId) -> (DataStream, TcpStream) {
        let request = DataStreamRequest { salt: [7; 32] };
        let value = Some(json!(request.to_base64()));
        let change = Change { id: setup, value, watch: None, wants_response: true };
        let answers = read_answers(&self.ask(write_request(&[change], None)).await).unwrap();
        let answer = answers[0].value.as_ref().and_then(Value::as_str).unwrap();
        let DataStreamResponse::Success { port, salt } = DataStreamResponse::from_base64(answer).unwrap()
        else {
            panic!("{answer}")
        };
        let keys = self.controller.data_stream_keys(&request.salt, &salt).unwrap();
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        (DataStream::of_controller(&keys).unwrap(), stream)
    }

    /// Events that came until now.
    pub(super) fn events(&self) -> usize {
        self.events
    }

    /// The numbers of the accessories.
    pub(super) async fn numbers(&mut self) -> Vec<u64> {
        let all = read_accessories_response(&self.ask(accessories_request()).await).unwrap();
        all.iter().map(|accessory| accessory.aid).collect()
    }

    /// A characteristic of the first accessory.
    pub(super) async fn find(
        &mut self,
        service: KnownService,
        known: &KnownCharacteristic,
    ) -> CharacteristicId {
        let all = read_accessories_response(&self.ask(accessories_request()).await).unwrap();
        let found = all[0].find(service).unwrap().find(known).unwrap();
        CharacteristicId { aid: all[0].aid, iid: found.iid }
    }

    /// What the next event says.
    pub(super) async fn event(&mut self) -> Vec<(CharacteristicId, Value)> {
        let mut buffer = vec![0; 16 << 10];
        loop {
            while let Some(output) = self.controller.poll_output() {
                match output {
                    Output::Send(bytes) => self.stream.write_all(&bytes).await.unwrap(),
                    Output::Event(event) => {
                        let answers = read_answers(&event).unwrap().into_iter();
                        return answers.map(|answer| (answer.id, answer.value.unwrap())).collect();
                    }
                    Output::Paired(_) | Output::Ready | Output::Response(_) => panic!("{output:?}"),
                }
            }
            let read = tokio::time::timeout(SOON, self.stream.read(&mut buffer)).await;
            let count = read.expect("an event").unwrap();
            self.controller.handle_input(&buffer[..count], &mut SystemRandom).unwrap();
        }
    }

    /// The streams of the first accessory.
    pub(super) async fn streams(&mut self) -> Vec<StreamIds> {
        let all = read_accessories_response(&self.ask(accessories_request()).await).unwrap();
        let number = services::CAMERA_RTP_STREAM_MANAGEMENT;
        let kind = all[0].find(number).unwrap().kind.clone();
        let managements = all[0].services.iter().filter(|service| service.kind == kind);
        let id = |iid| CharacteristicId { aid: all[0].aid, iid };
        managements
            .map(|service| StreamIds {
                setup_endpoints: id(service.find(&is::SETUP_ENDPOINTS).unwrap().iid),
                selected: id(service.find(&is::SELECTED_STREAM).unwrap().iid),
                status: id(service.find(&is::STREAMING_STATUS).unwrap().iid),
            })
            .collect()
    }

    pub(super) async fn status(&mut self, of: StreamIds) -> StreamingStatus {
        StreamingStatus::from_base64(&self.read(of.status).await).unwrap()
    }

    /// Asks for a stream.
    pub(super) async fn set_up(&mut self, of: StreamIds, view: &mut View) -> SetupStatus {
        let controller = Endpoint {
            address: [127, 0, 0, 1].into(),
            video_port: view.video.local_addr().unwrap().port(),
            audio_port: view.audio.local_addr().unwrap().port(),
        };
        let (video, audio) = (parameters(1), parameters(2));
        let request = SetupRequest { session: view.session, controller, video, audio };
        assert_eq!(self.write(of.setup_endpoints, request.to_base64()).await, 204);
        let status = SetupResponse::from_base64(&self.read(of.setup_endpoints).await).unwrap().status;
        if let SetupStatus::Success { accessory, .. } = &status {
            view.accessory = Some(*accessory);
        }
        status
    }

    /// Starts it with Opus.
    pub(super) async fn begin(&mut self, of: StreamIds, view: &View, rate: SampleRate, packet_ms: u8) {
        self.begin_in(of, view, AudioCodec::Opus, rate, packet_ms).await;
    }

    /// Starts it.
    pub(super) async fn begin_in(
        &mut self,
        of: StreamIds,
        view: &View,
        codec: AudioCodec,
        rate: SampleRate,
        packet_ms: u8,
    ) {
        let rtp = StreamParameters {
            payload_type: Some(99),
            ssrc: Some(VOICE_SSRC),
            kbits_max: 800,
            rtcp_interval_s: 0.5,
            mtu_bytes: Some(1378),
            comfort_noise_payload_type: None,
        };
        let audio = StreamParameters { payload_type: Some(110), mtu_bytes: None, ..rtp };
        let configuration = AudioConfiguration {
            codec,
            channels: 1,
            constant_bitrate: false,
            rate,
            packet_ms: Some(packet_ms),
        };
        let start = SelectedStream {
            session: view.session,
            command: Command::Start,
            video: Some(SelectedVideo {
                codec: Some(SelectedVideoCodec { profile: H264Profile::Main, level: H264Level::L31 }),
                attributes: Some(VideoAttributes { width: 1280, height: 720, fps: 30 }),
                rtp,
            }),
            audio: Some(SelectedAudio { configuration, rtp: audio, comfort_noise: false }),
        };
        assert_eq!(self.write(of.selected, start.to_base64()).await, 204);
    }

    pub(super) async fn end(&mut self, of: StreamIds, view: &View) {
        assert_eq!(self.command(of, view, Command::End).await, 204);
    }

    /// Says something about a stream; returns the answer's status.
    pub(super) async fn command(&mut self, of: StreamIds, view: &View, command: Command) -> u16 {
        let command = SelectedStream::command(view.session, command);
        self.write(of.selected, command.to_base64()).await
    }

    pub(super) async fn unpair(&mut self) {
        let body = remove_request(&self.id);
        let request = Request::with_body(Method::Post, "/pairings", CONTENT_TYPE, body);
        read_done(&self.ask(request).await.body).unwrap();
    }
}

fn parameters(seed: u8) -> SrtpParameters {
    SrtpParameters { suite: CryptoSuite::AesCm128, key: vec![seed; 16], salt: vec![seed + 10; 14] }
}

fn unprotector(seed: u8) -> Unprotector {
    let SrtpParameters { key, salt, .. } = parameters(seed);
    Unprotector::new(&MasterKey::new(Profile::AesCm128HmacSha1_80, &key, &salt).unwrap()).unwrap()
}

fn protector(seed: u8) -> Protector {
    let SrtpParameters { key, salt, .. } = parameters(seed);
    Protector::new(&MasterKey::new(Profile::AesCm128HmacSha1_80, &key, &salt).unwrap()).unwrap()
}

/// Where a phone takes one stream.
pub(super) struct View {
    session: [u8; 16],
    video: UdpSocket,
    audio: UdpSocket,
    keys: (Unprotector, Unprotector),
    pictures: VecDeque<Bytes>,
    reports: VecDeque<Bytes>,
    sound: VecDeque<Bytes>,
    /// What it says itself goes there.
    accessory: Option<Endpoint>,
    /// Keys of its reports on the picture.
    reporter: Protector,
    voice: Voice,
}

/// What a phone says.
struct Voice {
    keys: Protector,
    sequence: u16,
    timestamp: u32,
}

impl View {
    pub(super) fn new() -> Self {
        let socket = || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_nonblocking(true).unwrap();
            socket
        };
        Self {
            session: rand::random(),
            video: socket(),
            audio: socket(),
            keys: (unprotector(1), unprotector(2)),
            pictures: VecDeque::new(),
            reports: VecDeque::new(),
            sound: VecDeque::new(),
            accessory: None,
            reporter: protector(1),
            voice: Voice { keys: protector(2), sequence: 7, timestamp: u32::MAX - 2_000 },
        }
    }

    /// Sends an RTCP packet of the picture's session.
    pub(super) fn report(&mut self, packet: Vec<u8>) {
        let mut packet = packet;
        self.reporter.protect_rtcp(&mut packet, 0).unwrap();
        let Endpoint { address, video_port, .. } = self.accessory.unwrap();
        self.video.send_to(&packet, SocketAddr::new(address, video_port)).unwrap();
    }

    /// Pictures' packets that came and were not taken.
    pub(super) fn waiting(&mut self) -> usize {
        self.drain();
        self.pictures.len() + self.sound.len()
    }

    /// Forgets what came.
    pub(super) fn forget(&mut self) {
        self.drain();
        self.pictures.clear();
        self.sound.clear();
    }

    /// Says one packet, which lasts so many ticks.
    pub(super) fn say(&mut self, payload: &[u8], ticks: u32) {
        let Endpoint { address, audio_port, .. } = self.accessory.unwrap();
        let Voice { keys, sequence, timestamp } = &mut self.voice;
        let header = Header {
            marker: false,
            payload_type: 110,
            sequence: *sequence,
            timestamp: *timestamp,
            ssrc: VOICE_SSRC,
        };
        (*sequence, *timestamp) = (sequence.wrapping_add(1), timestamp.wrapping_add(ticks));
        let mut packet = [&header.to_bytes()[..], payload].concat();
        keys.protect_rtp(&mut packet, 0).unwrap();
        self.audio.send_to(&packet, SocketAddr::new(address, audio_port)).unwrap();
    }

    /// Takes what came; returns how many datagrams.
    pub(super) fn drain(&mut self) -> usize {
        let mut count = 0;
        let mut buffer = vec![0; 2000];
        let Self { video, audio, keys, pictures, reports, sound, .. } = self;
        for (socket, keys, is_video) in [(video, &mut keys.0, true), (audio, &mut keys.1, false)] {
            while let Ok(length) = socket.recv(&mut buffer) {
                count += 1;
                let packet = &mut buffer[..length];
                if is_rtcp(packet) {
                    let length = keys.unprotect_rtcp(packet).unwrap();
                    if is_video {
                        reports.push_back(Bytes::copy_from_slice(&packet[..length]));
                    }
                    continue;
                }
                let length = keys.unprotect_rtp(packet).unwrap();
                let queue = if is_video { &mut *pictures } else { &mut *sound };
                queue.push_back(Bytes::copy_from_slice(&packet[..length]));
            }
        }
        count
    }

    async fn next(&mut self, take: impl Fn(&mut Self) -> Option<Bytes>) -> Bytes {
        let began = Instant::now();
        loop {
            self.drain();
            if let Some(packet) = take(self) {
                return packet;
            }
            assert!(began.elapsed() < SOON, "nothing comes");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub(super) async fn video(&mut self) -> Bytes {
        self.next(|view| view.pictures.pop_front()).await
    }

    pub(super) async fn video_report(&mut self) -> Bytes {
        self.next(|view| view.reports.pop_front()).await
    }

    pub(super) async fn sound(&mut self) -> Bytes {
        self.next(|view| view.sound.pop_front()).await
    }
}
