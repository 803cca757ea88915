//! Our controller records what hap-nodejs's camera sends: services, selection, data stream, transfers.
use crate::caller::Caller;
use crate::{Peer, change, find, node, phone};
use bytes::Bytes;
use protocols::hap::accessory::client::{
    Change, accessories_request, read_accessories_response, read_answers, values_request, write_request,
};
use protocols::hap::accessory::{characteristics as is, services};
use protocols::hap::camera::recording::{
    RecordingAudioCodec, RecordingRate, RecordingTimes, SelectedRecording, SelectedRecordingAudio,
    SelectedRecordingVideo, SupportedRecordingAudio, SupportedRecordingVideo, Triggers,
};
use protocols::hap::camera::{H264Level, H264Profile};
use protocols::hap::data_stream::data_send::{
    ACK, Assembler, CLOSE, Chunks, Close, DATA, Data, DataType, OPEN, Open, PROTOCOL, Piece, Reason,
    open_answer,
};
use protocols::hap::data_stream::setup::{SetupRequest, SetupResponse};
use protocols::hap::data_stream::value::Dictionary;
use protocols::hap::data_stream::{Connection, Kind, Message, Output, Status};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// The transfer that hap-nodejs's script sends until it is closed.
const ENDLESS: i64 = 9;

/// Our side of a data stream.
struct Stream {
    connection: Connection,
    stream: TcpStream,
}

impl Stream {
    fn open(caller: &mut Caller, setup: protocols::hap::accessory::CharacteristicId) -> Self {
        let request = SetupRequest { salt: [7; 32] };
        let value = Some(json!(request.to_base64()));
        let write = Change { id: setup, value, watch: None, wants_response: true };
        let answers = read_answers(&caller.ask(write_request(&[write], None))).unwrap();
        let answer = answers[0].value.as_ref().and_then(Value::as_str).unwrap();
        let SetupResponse::Success { port, salt } = SetupResponse::from_base64(answer).unwrap() else {
            panic!("{answer}")
        };
        let keys = caller.data_stream_keys(&request.salt, &salt);
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut this = Self { connection: Connection::of_controller(&keys).unwrap(), stream };
        assert_eq!(this.next(), Output::Ready);
        this
    }

    fn next(&mut self) -> Output {
        let mut buffer = vec![0; 64 << 10];
        loop {
            match self.connection.poll_output() {
                Some(Output::Send(bytes)) => self.stream.write_all(&bytes).unwrap(),
                Some(output) => return output,
                None => {
                    let length = self.stream.read(&mut buffer).unwrap();
                    assert_ne!(length, 0, "the accessory hangs up");
                    self.connection.handle_input(&buffer[..length]).unwrap();
                }
            }
        }
    }

    fn message(&mut self) -> Message {
        match self.next() {
            Output::Message(message) => message,
            other => panic!("{other:?}"),
        }
    }

    /// Asks for a transfer; returns what comes of it.
    fn ask(&mut self, stream: i64) -> (Status, Option<i64>) {
        let id = self.connection.request(PROTOCOL, OPEN, Open::recording(stream).to_body()).unwrap();
        let answer = self.message();
        let Kind::Response(answered, status) = answer.kind else { panic!("{answer:?}") };
        assert_eq!(answered, id);
        (status, answer.body.int("status"))
    }

    fn say(&mut self, topic: &str, body: Dictionary) {
        self.connection.event(PROTOCOL, topic, body).unwrap();
        while let Some(Output::Send(bytes)) = self.connection.poll_output() {
            self.stream.write_all(&bytes).unwrap();
        }
    }

    /// The next piece, and whether it is the last one.
    fn piece(&mut self, assembler: &mut Assembler) -> (Piece, bool) {
        loop {
            let message = self.message();
            assert_eq!((message.topic.as_str(), message.kind), (DATA, Kind::Event));
            let data = Data::from_body(&message.body).unwrap();
            if let Some(piece) = assembler.take(&data).unwrap().pop() {
                return (piece, data.end_of_stream.unwrap());
            }
        }
    }
}

fn selected(video: &SupportedRecordingVideo) -> SelectedRecording {
    SelectedRecording {
        times: RecordingTimes { prebuffer_ms: 4000, triggers: Triggers::MOTION, fragments_ms: vec![4000] },
        video: SelectedRecordingVideo {
            profile: H264Profile::High,
            level: H264Level::L40,
            kbits: 2000,
            key_frame_ms: 4000,
            attributes: video.configurations[0].attributes[0],
        },
        audio: SelectedRecordingAudio {
            codec: RecordingAudioCodec::AacLc,
            channels: 1,
            constant_bitrate: false,
            rate: RecordingRate::Khz32,
            kbits_max: 64,
        },
    }
}

#[test]
fn our_controller_records_hap_nodejs() {
    let Some(command) = node("hap-nodejs", "nodejs_records.js") else { return };
    let (mut peer, identity) = (Peer::start(command), phone());
    let pairing = Caller::pair(peer.port, &identity);
    let mut caller = Caller::verify(peer.port, &identity, pairing);
    let accessories = read_accessories_response(&caller.ask(accessories_request())).unwrap();
    let id = |known| find(&accessories[0], services::CAMERA_RECORDING_MANAGEMENT, known);
    let setup =
        find(&accessories[0], services::DATA_STREAM_TRANSPORT_MANAGEMENT, is::SETUP_DATA_STREAM_TRANSPORT);
    let on = find(&accessories[0], services::CAMERA_OPERATING_MODE, is::HOMEKIT_CAMERA_ACTIVE);
    let mut read = |id| {
        let answers = read_answers(&caller.ask(values_request(&[id]))).unwrap();
        answers[0].value.clone().unwrap()
    };
    assert_eq!(read(on), json!(1));
    let text = |value: Value| value.as_str().unwrap().to_owned();
    let times = RecordingTimes::from_base64(&text(read(id(is::SUPPORTED_RECORDING)))).unwrap();
    assert_eq!((times.prebuffer_ms, times.fragments_ms), (4000, vec![4000]));
    let video = SupportedRecordingVideo::from_base64(&text(read(id(is::SUPPORTED_RECORDING_VIDEO)))).unwrap();
    let audio = SupportedRecordingAudio::from_base64(&text(read(id(is::SUPPORTED_RECORDING_AUDIO)))).unwrap();
    assert_eq!(audio.configurations[0].rates, [RecordingRate::Khz32]);

    let mut stream = Stream::open(&mut caller, setup);
    assert_eq!(stream.ask(1), (Status::ProtocolSpecific, Some(Reason::NotAllowed.number())));
    let choice = change(id(is::SELECTED_RECORDING), selected(&video).to_base64());
    let switched = change(id(is::ACTIVE), 1);
    assert_eq!(caller.ask(write_request(&[choice, switched], None)).status, 204);
    assert_eq!(peer.said(), "selected 4000 1 4000 2 2 2000 4000 1920x1080x30 0 1 3 64");
    assert_eq!(peer.said(), "active true");

    let mut assembler = Assembler::default();
    assert_eq!(stream.ask(2), (Status::Success, Some(0)));
    let (head, _) = stream.piece(&mut assembler);
    assert_eq!((head.kind, head.data.len()), (DataType::Initialization, 700));
    for number in 1..3 {
        let (fragment, is_end) = stream.piece(&mut assembler);
        assert_eq!(fragment.kind, DataType::Fragment);
        assert_eq!(fragment.data, vec![number; 600_000]);
        assert_eq!(is_end, number == 2);
    }
    stream.say(ACK, Dictionary::new().with("streamId", 2).with("endOfStream", true));
    assert_eq!(peer.said(), "acknowledged 2");

    assert_eq!(stream.ask(ENDLESS).0, Status::Success);
    let mut assembler = Assembler::default();
    for _ in 0..2 {
        stream.piece(&mut assembler);
    }
    stream.say(CLOSE, Close { stream: ENDLESS, reason: Reason::Normal }.to_body());
    assert_eq!(peer.said(), "closed 9 0");
}

/// hap-nodejs is no controller, but reads what one gets of our accessory.
#[test]
fn hap_nodejs_reads_what_our_accessory_sends() {
    let piece = Bytes::from(vec![9; 300]);
    let data = Chunks::new(70_000).cut(DataType::Fragment, &piece, true).next().unwrap();
    let (status, refusal) = open_answer(Err(Reason::Busy));
    let expected = [
        (
            (DATA, Kind::Event, data.to_body()),
            concat!(
                r#"{"protocol":"dataSend","event":"data"}"#,
                "\n",
                r#"{"streamId":70000,"packets":[{"data":300,"metadata":{"dataType":"mediaFragment","#,
                r#""dataSequenceNumber":1,"dataChunkSequenceNumber":1,"isLastDataChunk":true,"dataTotalSize":300}}],"#,
                r#""endOfStream":true}"#,
                "\n",
            ),
        ),
        (
            (OPEN, Kind::Response(40, status), refusal),
            concat!(
                r#"{"protocol":"dataSend","response":"open","id":40,"status":6}"#,
                "\n",
                r#"{"status":2}"#,
                "\n",
            ),
        ),
    ];
    for ((topic, kind, body), text) in expected {
        let Some(mut command) = node("hap-nodejs", "nodejs_reads.js") else { return };
        let message = Message { protocol: PROTOCOL.to_owned(), topic: topic.to_owned(), kind, body };
        let payload = message.to_payload().unwrap();
        let hex: String = payload.iter().map(|byte| format!("{byte:02x}")).collect();
        let output = command.arg(hex).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(String::from_utf8_lossy(&output.stdout), text, "{errors}");
    }
}
