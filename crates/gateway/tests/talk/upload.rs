//! Sound that is posted into a talk stream, heard at the intercom.
use super::devices::{assert_tone, intercom, sound, url};
use super::house::{call, name, put, put_door, talk_to, until, with_access, with_addresses};
use audio::tone::Sine;
use audio::{Encoder, Target};
use formats::pcm::{RawAudio, wav_header};
use hub::{Access, Conflict, Credentials, Hub, Secret, TalkSpec};
use media::Codec;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use testkit::intercom::{Fault, IsapiIntercom};
use testkit::require;

/// Where sound for the door goes.
const DOOR: &str = "/api/stream?dst=door/talk";
/// A device that answers byte by byte takes 3 s to open a call; on a busy machine longer.
const OPENS_WITHIN: f64 = 8.0;
/// Silence and the loudest sample of µ-law.
const SILENCE: u8 = 0xff;
const LOUD: u8 = 0x80;

/// Status and text of an answer, and how long it took from the first byte of the request.
type Heard = (u16, String, Duration);

/// A tone of 1 kHz at −20 dBFS, as units have it.
fn tone(codec: Codec, rate: u32, seconds: f64) -> Vec<u8> {
    let frame = Duration::from_millis(20);
    let mut encoder = Encoder::new(Target { codec, rate, channels: 1, frame }).unwrap();
    let mut sine = Sine::new(rate, 1_000.0, -20.0);
    let mut made = Vec::new();
    for _ in 0..(seconds * 50.0) as usize {
        let samples: Vec<f32> = sine.by_ref().take(rate as usize / 50).collect();
        made.extend_from_slice(&encoder.encode(&samples).unwrap());
    }
    made
}

fn wav(codec: Codec, rate: u32, seconds: f64) -> Vec<u8> {
    let mut samples = tone(codec, rate, seconds);
    if codec == Codec::L16 {
        samples.as_chunks_mut::<2>().0.iter_mut().for_each(|pair| pair.swap(0, 1));
    }
    [&wav_header(RawAudio { codec, rate, channels: 1 }).unwrap()[..], &samples].concat()
}

/// The same tone in 8 bits.
fn wav_of_bytes(seconds: f64) -> Vec<u8> {
    let whole = wav(Codec::L16, 8_000, seconds);
    let (head, samples) = whole.split_at(44);
    let mut data = head.to_vec();
    data[34] = 8;
    data.extend(samples.as_chunks::<2>().0.iter().map(|pair| pair[1] ^ 0x80));
    data
}

fn connect(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(server).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Sends a request with a body of known length, without waiting for anything.
fn send(server: SocketAddr, path: &str, kind: &str, body: &[u8]) -> TcpStream {
    let mut stream = connect(server);
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {server}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    match stream.write_all(body) {
        // It was answered before all of it was sent.
        Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {}
        sent => sent.unwrap(),
    }
    stream
}

/// Begins a request with a body in chunks.
fn send_chunked(server: SocketAddr, kind: &str) -> TcpStream {
    let mut stream = connect(server);
    let head = format!(
        "POST {DOOR} HTTP/1.1\r\nHost: {server}\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

fn chunk(stream: &mut TcpStream, data: &[u8]) {
    stream.write_all(&[format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat()).unwrap();
}

fn answer(mut stream: TcpStream, began: Instant) -> Heard {
    let mut answer = Vec::new();
    let mut piece = [0; 4_096];
    let complete = |answer: &[u8]| answer.windows(4).any(|four| four == b"\r\n\r\n");
    while !complete(&answer) {
        let length = stream.read(&mut piece).unwrap();
        assert!(length > 0, "no answer: {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&piece[..length]);
    }
    let took = began.elapsed();
    // One that keeps the connection has no text here.
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let _ = stream.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer).into_owned();
    (text[9..12].parse().unwrap(), text, took)
}

async fn post(server: SocketAddr, path: &str, kind: &str, body: Vec<u8>) -> Heard {
    let (path, kind) = (path.to_owned(), kind.to_owned());
    let posting = tokio::task::spawn_blocking(move || {
        let began = Instant::now();
        answer(send(server, &path, &kind, &body), began)
    });
    posting.await.unwrap()
}

/// What was heard of a tone, without the silence around it.
fn heard(device: &IsapiIntercom, from: usize) -> (Vec<f32>, u32) {
    let (samples, rate) = sound(Codec::Pcmu, &device.sound_bytes()[from..]);
    let loud = |sample: &f32| sample.abs() > 0.02;
    let first = samples.iter().position(loud).expect("nothing was heard");
    let last = samples.iter().rposition(loud).unwrap();
    (samples[first..=last].to_vec(), rate)
}

/// All of the tone was heard, and the answer came when it was.
fn assert_said(device: &IsapiIntercom, from: usize, seconds: f64, what: &str, (status, text, took): &Heard) {
    assert_eq!(*status, 200, "{what}: {text}");
    let (samples, rate) = heard(device, from);
    let found = assert_tone(&samples, rate, 1_000.0, -20.0);
    let length = samples.len() as f64 / f64::from(rate);
    eprintln!("{what}: {length:.3} s of {seconds} s, answered after {took:.3?}: {found:.1?}");
    assert!((length / seconds - 1.0).abs() < 0.05, "{what}: {length} s of {seconds} s were heard");
    assert!(
        (seconds - 0.12..seconds + OPENS_WITHIN).contains(&took.as_secs_f64()),
        "{what}: answered after {took:?}"
    );
}

async fn nobody_talks(hub: &Hub) -> bool {
    hub.report(&name("door/talk")).await.unwrap().publishers.is_empty()
}

#[test]
fn a_file_that_is_posted_at_once_is_heard_whole_in_its_own_time() {
    with_addresses(async |hub, addresses| {
        let server = addresses.http.unwrap();
        for (what, kind, body) in [
            ("WAV", "audio/wav", wav(Codec::L16, 16_000, 2.0)),
            ("WAV of 8 bits", "application/x-www-form-urlencoded", wav_of_bytes(2.0)),
            ("WAV of A-law", "", wav(Codec::Pcma, 8_000, 2.0)),
            ("A-law", "audio/PCMA;rate=8000", tone(Codec::Pcma, 8_000, 2.0)),
            ("µ-law", "AUDIO/basic", tone(Codec::Pcmu, 8_000, 2.0)),
            ("L16", "audio/L16; rate=16000; channels=1", tone(Codec::L16, 16_000, 2.0)),
        ] {
            let device = intercom("G.711ulaw", Fault::None);
            put_door(&hub, url(&device)).await;
            let got = post(server, DOOR, kind, body).await;
            assert_said(&device, 0, 2.0, what, &got);
            assert!(got.2 < Duration::from_millis(3_500), "{what}: {:?}", got.2);
            hub.remove(&name("door")).await.unwrap();
            assert_eq!((device.opens(), device.closes(), device.announcements()), (1, 1, 0), "{what}");
        }
    });
}

#[test]
fn curl_says_a_wav_at_the_door() {
    require!(curl);
    with_addresses(async |hub, addresses| {
        let device = intercom("G.711ulaw", Fault::None);
        put_door(&hub, url(&device)).await;
        let file = std::env::temp_dir().join(format!("aqueduct-upload-{}.wav", std::process::id()));
        std::fs::write(&file, wav(Codec::L16, 44_100, 3.0)).unwrap();
        let url = format!("http://{}{DOOR}", addresses.http.unwrap());
        // By PUT it waits for the word to send.
        for method in ["--data-binary", "-T"] {
            let so_far = device.sound_bytes().len();
            let mut command = std::process::Command::new(&curl);
            let body =
                if method == "-T" { file.display().to_string() } else { format!("@{}", file.display()) };
            command.args(["-sS", "-w", "%{http_code}", &url, method, &body]);
            let began = Instant::now();
            let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let got = (said.parse().unwrap_or(0), said, began.elapsed());
            assert_said(&device, so_far, 3.0, method, &got);
        }
        std::fs::remove_file(&file).unwrap();
    });
}

/// The device answers byte by byte, so that a call takes its time to open.
#[test]
fn nothing_of_a_file_is_lost_while_the_device_opens_the_call() {
    with_addresses(async |hub, addresses| {
        let server = addresses.http.unwrap();
        let device = intercom("G.711ulaw", Fault::Drip(Duration::from_millis(1)));
        put_door(&hub, url(&device)).await;
        let sized = post(server, DOOR, "audio/PCMU", tone(Codec::Pcmu, 8_000, 2.0)).await;
        assert_said(&device, 0, 2.0, "a file", &sized);
        until("the call ends", async || !device.in_call()).await;
        let so_far = device.sound_bytes().len();
        // As ffmpeg sends one: in chunks, and gone before the answer.
        let posting = tokio::task::spawn_blocking(move || {
            let mut stream = send_chunked(server, "audio/PCMU");
            tone(Codec::Pcmu, 8_000, 2.0).chunks(320).for_each(|piece| chunk(&mut stream, piece));
            stream.write_all(b"0\r\n\r\n").unwrap();
        });
        posting.await.unwrap();
        let began = Instant::now();
        until("it begins", async || !nobody_talks(&hub).await).await;
        until("it was said", async || nobody_talks(&hub).await).await;
        assert_said(&device, so_far, 2.0, "in chunks", &(200, String::new(), began.elapsed()));
    });
}

#[test]
fn who_speaks_live_in_chunks_is_heard_without_delay() {
    for fault in [Fault::None, Fault::Drip(Duration::from_millis(1))] {
        with_addresses(async |hub, addresses| {
            let server = addresses.http.unwrap();
            let device = intercom("G.711ulaw", fault.clone());
            put_door(&hub, url(&device)).await;
            let speaking = tokio::task::spawn_blocking(move || {
                let mut stream = send_chunked(server, "audio/PCMU;rate=8000");
                let (start, mut clicks) = (Instant::now(), Vec::new());
                for number in 0..400 {
                    let due = start + Duration::from_millis(20) * number;
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    // Clicks begin when the call is open.
                    let loud = number >= 250 && number % 25 == 24;
                    if loud {
                        clicks.push(Instant::now());
                    }
                    chunk(&mut stream, &[if loud { LOUD } else { SILENCE }; 160]);
                }
                stream.write_all(b"0\r\n\r\n").unwrap();
                (clicks, answer(stream, start))
            });
            let (clicks, (status, text, took)) = speaking.await.unwrap();
            assert_eq!(status, 200, "{text}");
            assert!((7.9..9.0).contains(&took.as_secs_f64()), "answered after {took:?}");
            let loud = device.sound().into_iter().filter(|sound| sound.bytes.contains(&LOUD));
            let heard: Vec<Instant> = loud.map(|sound| sound.at).collect();
            let mut waits: Vec<Duration> = clicks
                .iter()
                .filter_map(|sent| heard.iter().find_map(|at| at.checked_duration_since(*sent)))
                .filter(|wait| *wait < Duration::from_millis(450))
                .collect();
            waits.sort_unstable();
            eprintln!("{fault:?}: from the chunk to the device: {waits:.1?}");
            assert!(
                waits.len() * 4 >= clicks.len() * 3,
                "{} of {} clicks are heard",
                waits.len(),
                clicks.len()
            );
            assert!(waits[waits.len() / 2] < Duration::from_millis(150), "{waits:?}");
        });
    }
}

#[test]
fn a_second_file_is_refused_with_who_talks_or_waits_for_its_turn() {
    with_addresses(async |hub, addresses| {
        let server = addresses.http.unwrap();
        let device = intercom("G.711ulaw", Fault::None);
        let long = || tone(Codec::Pcmu, 8_000, 2.0);
        put_door(&hub, url(&device)).await;
        let (first, second) = tokio::join!(post(server, DOOR, "audio/PCMU", long()), async {
            until("somebody talks", async || !nobody_talks(&hub).await).await;
            post(server, DOOR, "audio/PCMU", long()).await
        });
        assert_eq!((first.0, second.0), (200, 409), "{}", second.1);
        assert!(second.1.contains("has a publisher already (http from 127.0.0.1"), "{}", second.1);
        hub.remove(&name("door")).await.unwrap();

        put(&hub, TalkSpec { conflict: Conflict::Queue, ..talk_to(url(&device)) }).await;
        let so_far = device.sound_bytes().len();
        let began = Instant::now();
        let (first, second) = tokio::join!(post(server, DOOR, "audio/PCMU", long()), async {
            until("somebody talks", async || !nobody_talks(&hub).await).await;
            post(server, DOOR, "audio/PCMU", long()).await
        });
        assert_eq!((first.0, second.0), (200, 200), "{} {}", first.1, second.1);
        let (samples, rate) = heard(&device, so_far);
        let seconds = samples.len() as f64 / f64::from(rate);
        assert!((3.8..4.5).contains(&seconds), "{seconds} s of 4 s were heard, in {:?}", began.elapsed());
        // Between the two there is a breath.
        for said in [&samples[..rate as usize * 18 / 10], &samples[samples.len() - rate as usize * 18 / 10..]]
        {
            assert_tone(said, rate, 1_000.0, -20.0);
        }
        assert_eq!(call(&hub).await.state, "live", "in one call");
    });
}

#[test]
fn who_hangs_up_is_not_spoken_for_on_and_a_stream_that_ends_is_an_answer() {
    with_addresses(async |hub, addresses| {
        let server = addresses.http.unwrap();
        let device = intercom("G.711ulaw", Fault::None);
        put_door(&hub, url(&device)).await;
        // One that fits into the buffers on its way, and one that does not.
        for seconds in [5.0, 60.0] {
            let body = tone(Codec::L16, 48_000, seconds);
            let mut stream = connect(server);
            stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
            let head = format!(
                "POST {DOOR} HTTP/1.1\r\nHost: x\r\nContent-Type: audio/L16;rate=48000\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).unwrap();
            // As much of it as anybody takes.
            let sending = tokio::task::spawn_blocking(move || {
                let _ = stream.write_all(&body);
                stream
            });
            let stream = sending.await.unwrap();
            until("it is heard", async || call(&hub).await.frames > 5).await;
            drop(stream);
            let left = Instant::now();
            until("nobody talks", async || nobody_talks(&hub).await).await;
            assert!(left.elapsed() < Duration::from_millis(700), "{seconds} s: {:?}", left.elapsed());
        }
        let (heard, ()) =
            tokio::join!(post(server, DOOR, "audio/PCMU", tone(Codec::Pcmu, 8_000, 20.0)), async {
                until("somebody talks", async || !nobody_talks(&hub).await).await;
                tokio::time::sleep(Duration::from_millis(500)).await;
                hub.remove(&name("door")).await.unwrap();
            });
        assert_eq!(heard.0, 410, "{}", heard.1);
        assert!(heard.1.contains("the stream was removed") && heard.2 < Duration::from_secs(2), "{heard:?}");
    });
}

#[test]
fn what_no_loudspeaker_can_say_is_refused_with_what_it_can() {
    with_addresses(async |hub, addresses| {
        let server = addresses.http.unwrap();
        let device = intercom("G.711ulaw", Fault::None);
        put_door(&hub, url(&device)).await;
        let mut mp3 = Vec::new();
        (0..20).for_each(|_| mp3.extend_from_slice(&[&[0xff, 0xfb, 0x90, 0xc0][..], &[0; 413]].concat()));
        for (path, kind, body, status, says) in [
            (DOOR, "audio/PCMA;rate=0", vec![0xd5; 400], 415, "audio/pcma with rate=0 is not taken"),
            (DOOR, "audio/G722", vec![0; 400], 415, "bare samples are taken as audio/PCMA"),
            (DOOR, "audio/mpeg", mp3, 415, "a loudspeaker takes WAV"),
            (
                DOOR,
                "text/html",
                b"<!DOCTYPE html><p>".to_vec(),
                415,
                "this is a web page (it begins with 3c21",
            ),
            (DOOR, "", vec![7; 2_000_000], 415, "unknown format in 65536 bytes that begin with 0707"),
            (DOOR, "", Vec::new(), 400, "nothing came"),
            (DOOR, "", wav(Codec::L16, 8_000, 0.2)[..30].to_vec(), 400, "before there was anything"),
            (
                "/api/stream.flv?dst=door/talk",
                "",
                wav(Codec::L16, 8_000, 0.2),
                415,
                "this is WAV, and here FLV",
            ),
            ("/api/stream?dst=nobody", "", wav(Codec::L16, 8_000, 0.2), 404, "\"nobody\""),
            ("/api/stream", "", Vec::new(), 400, "dst=NAME"),
        ] {
            let got = post(server, path, kind, body).await;
            assert_eq!(got.0, status, "{path} {kind}: {}", got.1);
            assert!(got.1.contains(says), "{path} {kind}: {}", got.1);
        }
        assert!(!hub.has(&name("nobody")).await);
        let refusing = intercom("G.726", Fault::None);
        hub.remove(&name("door")).await.unwrap();
        put_door(&hub, url(&refusing)).await;
        let got = post(server, DOOR, "audio/PCMU", tone(Codec::Pcmu, 8_000, 1.0)).await;
        assert_eq!(got.0, 502, "{}", got.1);
        assert!(
            got.1.contains("the device does not take the call") && got.1.contains("choose G.711"),
            "{}",
            got.1
        );
        // Whoever may not publish: a page of another origin.
        let foreign = "x\r\nOrigin: http://evil.example";
        assert_eq!(post(server, DOOR, foreign, Vec::new()).await.0, 403);
    });
}

#[test]
fn who_may_not_publish_may_not_post() {
    let credentials = Some(Credentials { username: "ann".into(), password: Secret::new("right") });
    with_access(Access { section: "api", credentials, local_auth: true }, async |hub, addresses| {
        let server = addresses.http.unwrap();
        let device = intercom("G.711ulaw", Fault::None);
        put_door(&hub, url(&device)).await;
        let spoken = || tone(Codec::Pcmu, 8_000, 0.4);
        // As a header behind the type: `ann:right`, and `ann:wrong`.
        for (shown, status) in [
            ("", 401),
            ("\r\nAuthorization: Basic YW5uOndyb25n", 401),
            ("\r\nAuthorization: Basic YW5uOnJpZ2h0", 200),
        ] {
            let got = post(server, DOOR, &format!("audio/PCMU{shown}"), spoken()).await;
            assert_eq!(got.0, status, "{}", got.1);
        }
    });
}
