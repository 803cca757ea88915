//! A hub of ours records a camera of ours.
use super::*;
use formats::replay::{Clip, Next, Replay, load};
use hub::What;
use protocols::hap::accessory::{
    CharacteristicId, KnownCharacteristic, KnownService, characteristics as is, services,
};
use protocols::hap::camera::recording::{
    RecordingAudioCodec, RecordingRate, RecordingTimes, SelectedRecording, SelectedRecordingAudio,
    SelectedRecordingVideo, Triggers,
};
use protocols::hap::camera::{H264Level, H264Profile, VideoAttributes};
use protocols::hap::data_stream::data_send::{
    Assembler, CLOSE, Close, DATA, Data, DataType, OPEN, Open, PROTOCOL, Piece, Reason,
};
use protocols::hap::data_stream::{Connection, Kind, Message, Output, Status};
use serde_json::json;
use std::process::Command;
use std::time::Instant;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longer than the prebuffer, with a key frame more.
const FILLED: Duration = Duration::from_millis(6_500);

fn clip() -> Clip {
    load(Bytes::from_static(include_bytes!("../../../../../server/assets/demo.mp4"))).unwrap()
}

/// Publishes the clip in real time, until it is aborted.
async fn publish_clip(hub: &Hub, stream: &str) -> tokio::task::JoinHandle<()> {
    let clip = clip();
    let mut replay = Replay::new(&clip.tracks, &clip.units).unwrap();
    let mut publisher = hub.publish(&name(stream), PeerInfo::default(), None).await.unwrap();
    publisher.set_tracks(clip.tracks.clone()).await.unwrap();
    tokio::task::spawn_local(async move {
        loop {
            match replay.poll(hub::now()) {
                Next::Unit(unit) => {
                    if publisher.push(unit).await.is_err() {
                        return;
                    }
                }
                Next::WaitUntil(at) => hub::sleep_until(at).await,
            }
        }
    })
}

/// A hub's end of a data stream.
struct Wire {
    connection: Connection,
    stream: TcpStream,
}

impl Wire {
    async fn open(phone: &mut Phone, setup: CharacteristicId) -> Self {
        let (connection, stream) = phone.data_stream(setup).await;
        let mut wire = Self { connection, stream };
        assert_eq!(wire.next().await, Some(Output::Ready));
        wire
    }

    /// The next output that is not bytes; none when the accessory hangs up.
    async fn next(&mut self) -> Option<Output> {
        let mut buffer = vec![0; 64 << 10];
        loop {
            match self.connection.poll_output() {
                Some(Output::Send(bytes)) => self.stream.write_all(&bytes).await.unwrap(),
                Some(output) => return Some(output),
                None => {
                    let read = tokio::time::timeout(SOON, self.stream.read(&mut buffer)).await;
                    match read.expect("it says something").unwrap() {
                        0 => return None,
                        count => self.connection.handle_input(&buffer[..count]).unwrap(),
                    }
                }
            }
        }
    }

    async fn message(&mut self) -> Message {
        match self.next().await {
            Some(Output::Message(message)) => message,
            other => panic!("{other:?}"),
        }
    }

    async fn ask(&mut self, transfer: i64) -> Result<(), i64> {
        let open = Open::recording(transfer).to_body();
        let id = self.connection.request(PROTOCOL, OPEN, open).unwrap();
        let answer = self.message().await;
        let reason = answer.body.int("status").unwrap();
        match answer.kind {
            Kind::Response(number, Status::Success) if number == id => Ok(()),
            Kind::Response(number, Status::ProtocolSpecific) if number == id => Err(reason),
            Kind::Event | Kind::Request(_) | Kind::Response(..) => panic!("{answer:?}"),
        }
    }

    /// The next piece, and whether it is the last one.
    async fn piece(&mut self, assembler: &mut Assembler) -> (Piece, bool) {
        loop {
            let message = self.message().await;
            assert_eq!(message.topic, DATA, "{message:?}");
            let data = Data::from_body(&message.body).unwrap();
            if let Some(piece) = assembler.take(&data).unwrap().pop() {
                return (piece, data.end_of_stream.unwrap());
            }
        }
    }
}

impl Wire {
    /// All of a film, to its end.
    async fn film(&mut self) -> Vec<u8> {
        let (mut assembler, mut film) = (Assembler::default(), Vec::new());
        loop {
            let (piece, is_end) = self.piece(&mut assembler).await;
            film.extend_from_slice(&piece.data);
            if is_end {
                return film;
            }
        }
    }
}

/// Where things are.
struct Places {
    active: CharacteristicId,
    selected: CharacteristicId,
    sound: CharacteristicId,
    on: CharacteristicId,
    setup: CharacteristicId,
    motion: CharacteristicId,
}

impl Places {
    async fn find(phone: &mut Phone) -> Self {
        let accessory = phone.accessories().await.remove(0);
        let id = |service: KnownService, known: KnownCharacteristic| CharacteristicId {
            aid: accessory.aid,
            iid: accessory.find(service).unwrap().find(&known).unwrap().iid,
        };
        let management = services::CAMERA_RECORDING_MANAGEMENT;
        Self {
            active: id(management, is::ACTIVE),
            selected: id(management, is::SELECTED_RECORDING),
            sound: id(management, is::RECORDING_AUDIO_ACTIVE),
            on: id(services::CAMERA_OPERATING_MODE, is::HOMEKIT_CAMERA_ACTIVE),
            setup: id(services::DATA_STREAM_TRANSPORT_MANAGEMENT, is::SETUP_DATA_STREAM_TRANSPORT),
            motion: id(services::MOTION_SENSOR, is::MOTION_DETECTED),
        }
    }

    /// As a hub switches a recording on.
    async fn switch_on(&self, phone: &mut Phone) {
        assert_eq!(phone.write(self.selected, selected().to_base64()).await, 204);
        for id in [self.sound, self.active] {
            assert_eq!(phone.write(id, 1).await, 204);
        }
    }
}

fn selected() -> SelectedRecording {
    SelectedRecording {
        times: RecordingTimes { prebuffer_ms: 4_000, triggers: Triggers::MOTION, fragments_ms: vec![2_000] },
        video: SelectedRecordingVideo {
            profile: H264Profile::High,
            level: H264Level::L40,
            kbits: 2_000,
            key_frame_ms: 4_000,
            attributes: VideoAttributes { width: 1920, height: 1080, fps: 30 },
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

fn recorded() -> AccessoryConfig {
    let config = accessory("door");
    let cameras = vec![CameraConfig { secure_video: true, ..camera("door") }];
    AccessoryConfig { cameras, ..config }
}

fn moves(hub: &Hub, kind: &'static str) {
    hub.emit(What::DeviceEvent { stream: name("door"), kind });
}

/// What ffprobe says of a file, and that ffmpeg decodes all of it.
fn check(folder: &Folder, film: &[u8]) -> Option<f64> {
    let ffprobe = testkit::peers::ffprobe()?;
    let file = folder.0.join("film.mp4");
    std::fs::write(&file, film).unwrap();
    let decoded =
        Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(&file).args(["-f", "null", "-"]).output();
    let decoded = decoded.unwrap();
    assert!(decoded.status.success() && decoded.stderr.is_empty(), "{decoded:?}");
    let packets = Command::new(ffprobe)
        .args([
            "-v",
            "error",
            "-select_streams",
            "v",
            "-show_entries",
            "packet=pts_time,flags",
            "-of",
            "csv=p=0",
        ])
        .arg(&file)
        .output()
        .unwrap();
    let lines = String::from_utf8(packets.stdout).unwrap();
    let times: Vec<f64> = lines.lines().filter_map(|line| line.split(',').next()?.parse().ok()).collect();
    assert!(lines.lines().next().is_some_and(|line| line.contains('K')), "{lines}");
    Some(times.iter().copied().fold(0.0, f64::max) - times.iter().copied().fold(f64::MAX, f64::min))
}

#[test]
fn a_hub_records_from_before_it_asked_until_nothing_moves_any_more() {
    run(async {
        let folder = Folder::new();
        let home = home(&folder, recorded()).await;
        let camera = publish_clip(&home.hub, "door").await;
        let pairing = Phone::pair(home.port, &identity(), CODE).await.unwrap();
        let mut phone = Phone::verify(home.port, &identity(), pairing.clone()).await;
        let places = Places::find(&mut phone).await;
        let mut wire = Wire::open(&mut phone, places.setup).await;
        assert_eq!(wire.ask(1).await, Err(Reason::NotAllowed.number()), "it is switched off");
        assert_eq!(phone.write(places.active, 1).await, 204);
        assert_eq!(wire.ask(1).await, Err(Reason::InvalidConfiguration.number()), "nothing is chosen");
        places.switch_on(&mut phone).await;
        phone.watch(places.motion).await;
        tokio::time::sleep(FILLED).await;

        moves(&home.hub, "motion");
        let asked = Instant::now();
        assert_eq!(wire.ask(2).await, Ok(()));
        let mut assembler = Assembler::default();
        let mut film = Vec::new();
        let (head, _) = wire.piece(&mut assembler).await;
        assert_eq!(head.kind, DataType::Initialization);
        film.extend_from_slice(&head.data);
        let mut fragments = 0;
        let until_end = loop {
            let (piece, is_end) = wire.piece(&mut assembler).await;
            assert_eq!((piece.kind, &piece.data[4..8]), (DataType::Fragment, &b"moof"[..]));
            film.extend_from_slice(&piece.data);
            fragments += 1;
            if fragments == 1 {
                assert!(asked.elapsed() < Duration::from_secs(1), "what was kept comes at once");
            }
            if fragments == 4 {
                moves(&home.hub, "motion.ended");
            }
            if is_end {
                break asked.elapsed().as_secs_f64();
            }
        };
        assert!((5..8).contains(&fragments), "{fragments} fragments");
        // the answer to a read shows that events have come
        phone.accessories().await;
        assert!(phone.events() > 0, "motion is told");
        if let Some(length) = check(&folder, &film) {
            assert!(length > until_end + 3.5, "{length} s of film {until_end} s after it was asked for");
        }

        // another film, while which the camera is switched off: that one and a view end
        assert_eq!(wire.ask(3).await, Ok(()));
        let (streams, mut view) = (phone.streams().await, View::new());
        phone.set_up(streams[0], &mut view).await;
        phone.begin(streams[0], &view, SampleRate::Khz24, 20).await;
        view.video().await;
        assert_eq!(phone.write(places.on, 0).await, 204);
        assert_eq!(phone.status(streams[0]).await, StreamingStatus::Available);
        let closed = loop {
            let message = wire.message().await;
            if message.topic == CLOSE {
                break Close::from_body(&message.body);
            }
        };
        assert_eq!(closed, Some(Close { stream: 3, reason: Reason::NotAllowed }));
        assert_eq!(wire.ask(4).await, Err(Reason::NotAllowed.number()));
        // what the hub wrote is there again after a restart, and the stream has ended with the session
        drop(phone);
        assert_eq!(wire.next().await, None);
        home.accessories.end().await;
        camera.abort();
        let again = super::home(&folder, recorded()).await;
        let mut phone = Phone::verify(again.port, &identity(), pairing).await;
        assert_eq!(phone.value(places.active).await, json!(1));
        assert_eq!(phone.value(places.on).await, json!(0));
        assert_eq!(phone.value(places.selected).await, json!(selected().to_base64()));
        again.accessories.end().await;
    });
}

/// A camera that a hub films.
struct Filmed {
    home: Home,
    phone: Phone,
    places: Places,
    camera: tokio::task::JoinHandle<()>,
    wire: Wire,
}

async fn filmed(folder: &Folder) -> Filmed {
    let home = home(folder, recorded()).await;
    let mut phone = paired(&home).await;
    let places = Places::find(&mut phone).await;
    let camera = publish_clip(&home.hub, "door").await;
    places.switch_on(&mut phone).await;
    let mut wire = Wire::open(&mut phone, places.setup).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(wire.ask(1).await, Ok(()));
    Filmed { home, phone, places, camera, wire }
}

#[test]
fn the_end_of_the_stream_ends_the_film_whole_and_one_that_is_not_there_is_refused() {
    run(async {
        let folder = Folder::new();
        let Filmed { home, mut phone, places, camera, mut wire } = filmed(&folder).await;
        let mut other = Wire::open(&mut phone, places.setup).await;
        assert_eq!(other.ask(1).await, Err(Reason::Busy.number()));
        camera.abort();
        home.hub.remove(&name("door")).await;
        let film = wire.film().await;
        check(&folder, &film);
        assert_eq!(wire.ask(2).await, Err(Reason::UnexpectedFailure.number()));
        home.accessories.end().await;
    });
}

#[test]
fn other_pictures_end_the_film_whole_and_the_next_one_shows_them() {
    run(async {
        let folder = Folder::new();
        let Filmed { home, camera, mut wire, phone: _phone, .. } = filmed(&folder).await;
        // The camera leaves, and another one takes its place with pictures of another size.
        camera.abort();
        while !home.hub.report(&name("door")).await.unwrap().publishers.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let other = publish(&home.hub, "door", Codec::H264).await;
        let film = wire.film().await;
        check(&folder, &film);
        let filmed_again = async {
            while wire.ask(2).await.is_err() {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            wire.piece(&mut Assembler::default()).await.0
        };
        // The next try comes 5 s after the end.
        let head = tokio::time::timeout(SOON, filmed_again).await.expect("it is filmed again");
        assert_eq!(head.kind, DataType::Initialization);
        assert_ne!(head.data[..], film[..head.data.len()], "it tells of the other pictures");
        other.abort();
        home.accessories.end().await;
    });
}

#[test]
fn a_stranger_at_the_data_streams_port_is_hung_up_on() {
    run(async {
        let folder = Folder::new();
        let home = home(&folder, recorded()).await;
        let mut phone = paired(&home).await;
        let places = Places::find(&mut phone).await;
        let (mut connection, mut stream) = phone.data_stream(places.setup).await;
        let Some(Output::Send(hello)) = connection.poll_output() else { panic!("no hello") };
        let mut stranger = TcpStream::connect(stream.peer_addr().unwrap()).await.unwrap();
        let mut forged = hello.to_vec();
        forged[5] ^= 1;
        stranger.write_all(&forged).await.unwrap();
        let mut answer = Vec::new();
        tokio::time::timeout(SOON, stranger.read_to_end(&mut answer)).await.expect("it hangs up").unwrap();
        assert!(answer.is_empty());
        // whoever was promised it still gets it
        stream.write_all(&hello).await.unwrap();
        let mut buffer = [0; 1024];
        let count = tokio::time::timeout(SOON, stream.read(&mut buffer)).await.unwrap().unwrap();
        connection.handle_input(&buffer[..count]).unwrap();
        assert_eq!(connection.poll_output(), Some(Output::Ready));
        home.accessories.end().await;
    });
}
