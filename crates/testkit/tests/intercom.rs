//! The simulated intercom and our call to it: what is right is right, and each fault shows and costs one close.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "all of this is a test")]

use media::{Codec, Fault as Whose, Moment};
use protocols::isapi::client::{Answer, Ask, Client, Config, End, Error, Offer, Output, Report, Upload};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use testkit::intercom::{self, Auth, Fault, IsapiIntercom, Length, SoundIn};

const FRAME: Duration = Duration::from_millis(20);

/// Drives a call over real sockets.
struct Driver {
    client: Client,
    sockets: BTreeMap<u32, TcpStream>,
    start: Instant,
    offer: Option<Offer>,
    opened_at: Option<Instant>,
    report: Option<Report>,
    spoken: u64,
}

impl Driver {
    fn new(config: Config) -> Self {
        let mut client = Client::new(config).unwrap();
        client.handle_start(Moment::ZERO);
        let (sockets, start) = (BTreeMap::new(), Instant::now());
        Self { client, sockets, start, offer: None, opened_at: None, report: None, spoken: 0 }
    }

    fn calling(device: &IsapiIntercom) -> Self {
        Self::new(Config::new(device.url()))
    }

    fn now(&self) -> Moment {
        Moment::ZERO + self.start.elapsed()
    }

    fn step(&mut self) {
        loop {
            match self.client.poll_output(self.now()) {
                Output::Connect { connection } => {
                    let url = self.client.url();
                    match TcpStream::connect((url.host.as_str(), url.port)) {
                        Ok(socket) => {
                            socket.set_nonblocking(true).unwrap();
                            self.sockets.insert(connection, socket);
                            self.client.handle_connected(connection, self.now());
                        }
                        Err(error) => self.client.handle_lost(connection, &error.to_string(), self.now()),
                    }
                }
                Output::Send { connection, bytes } => {
                    if let Some(socket) = self.sockets.get_mut(&connection)
                        && let Err(error) = socket.write_all(&bytes)
                    {
                        self.client.handle_lost(connection, &error.to_string(), self.now());
                    }
                }
                Output::Close { connection } => drop(self.sockets.remove(&connection)),
                Output::Offer(offer) => self.offer = Some(*offer),
                Output::Opened => self.opened_at = Some(Instant::now()),
                Output::Ended(report) => self.report = Some(*report),
                Output::WaitUntil(_) => break,
            }
        }
        let mut buffer = [0; 4096];
        for connection in self.sockets.keys().copied().collect::<Vec<_>>() {
            let Some(socket) = self.sockets.get_mut(&connection) else { continue };
            let read = socket.read(&mut buffer);
            let now = self.now();
            match read {
                Ok(0) => {
                    // At the end of its input a socket is ready for ever: say it once.
                    self.sockets.remove(&connection);
                    self.client.handle_eof(connection, now);
                }
                Ok(length) => self.client.handle_bytes(connection, &buffer[..length], now),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => {
                    self.sockets.remove(&connection);
                    self.client.handle_lost(connection, &error.to_string(), now);
                }
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }

    /// Speaks in real time, or is silent, until `done` or for so long.
    fn run(&mut self, limit: Duration, speaks: bool, mut done: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        let mut next = start;
        while start.elapsed() < limit && !done(self) {
            if speaks && self.offer.is_some() && Instant::now() >= next {
                // A ramp: its order shows in the bytes.
                self.client.handle_audio(&[self.spoken as u8; 160], FRAME, self.now());
                self.spoken += 1;
                next += FRAME;
            }
            self.step();
        }
    }

    fn talk(&mut self, duration: Duration) {
        self.run(duration, true, |driver| driver.report.is_some());
    }

    /// Tells it to end, and waits for that.
    fn stop(&mut self) -> Report {
        self.client.handle_stop(self.now());
        self.end(Duration::from_secs(3))
    }

    fn end(&mut self, limit: Duration) -> Report {
        self.run(limit, false, |driver| driver.report.is_some());
        assert!(self.sockets.is_empty(), "{:?}", self.sockets);
        self.report.clone().expect("it ends in time")
    }
}

fn device(fault: Fault) -> IsapiIntercom {
    let credentials = Some(("admin".to_owned(), "pass:word@1".to_owned()));
    IsapiIntercom::start(intercom::Config { credentials, ..intercom::Config::default() }, fault).unwrap()
}

/// Waits for what the device does after the last answer.
fn settled(device: &IsapiIntercom) {
    let deadline = Instant::now() + Duration::from_secs(2);
    while device.connections() > 0 {
        assert!(Instant::now() < deadline, "{} connections stay open", device.connections());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_is_said_arrives_in_order_and_in_its_time_and_the_call_is_closed_once() {
    for (auth, length, numbers_calls) in [
        (Auth::Digest, Length::Told, true),
        (Auth::Basic, Length::Close, false),
        (Auth::Digest, Length::Chunked, true),
        (Auth::Digest, Length::Silence, true),
    ] {
        let credentials = Some(("admin".to_owned(), "pass:word@1".to_owned()));
        let config = intercom::Config { credentials, auth, length, numbers_calls, ..Default::default() };
        let device = IsapiIntercom::start(config, Fault::None).unwrap();
        // Percent signs, since the password has what ends a user name.
        let mut driver = Driver::new(Config::new(device.url_as("admin", "pass%3Aword%401")));
        driver.talk(Duration::from_millis(1_500));
        let report = driver.stop();
        assert_eq!(report.why, Ok(End::Stopped), "{auth:?} {length:?}: {report:?}");
        settled(&device);
        assert_eq!((device.opens(), device.closes(), device.announcements()), (1, 1, 0), "{length:?}");
        let sound = device.sound();
        let bytes = device.sound_bytes();
        assert_eq!(bytes.len() as u64, report.sound.bytes);
        assert!(bytes.len() > 30 * 160, "{length:?}: {} bytes", bytes.len());
        assert!(
            bytes.chunks(160).zip(bytes[0]..).all(|(frame, number)| frame == [number; 160]),
            "{length:?}"
        );
        // In real time: no second brings more than a second, the lead and the backlog.
        let took = sound.last().unwrap().at.duration_since(sound[0].at);
        let played = Duration::from_millis(bytes.len() as u64 / 8);
        assert!(played < took + Duration::from_millis(320), "{played:?} of sound in {took:?}");
    }
}

#[test]
fn the_call_begins_with_the_sound_and_ends_before_the_device_complains() {
    let device = device(Fault::None);
    let mut driver = Driver::calling(&device);
    driver.run(Duration::from_millis(300), false, |_| false);
    assert_eq!((device.opens(), device.log().len()), (0, 2), "a challenge and the list");
    driver.talk(Duration::from_millis(300));
    let report = driver.end(Duration::from_secs(4));
    assert_eq!(report.why, Ok(End::Idle));
    assert_eq!((device.opens(), device.closes(), device.announcements()), (1, 1, 0));
    assert_eq!(report.close().unwrap().answer, Answer::Status(200));
}

#[test]
fn a_device_that_ends_calls_by_itself_is_at_no_fault_and_gets_one_close() {
    for fault in [
        Fault::EndsCalls(Duration::from_millis(50)),
        Fault::HalfClose,
        Fault::Reset(Duration::from_millis(100)),
    ] {
        let device = device(fault.clone());
        let mut driver = Driver::calling(&device);
        driver.talk(Duration::from_secs(3));
        let report = driver.report.clone().unwrap_or_else(|| panic!("{fault:?} ends the call"));
        assert_eq!(report.why, Ok(End::HungUp), "{fault:?}");
        settled(&device);
        assert_eq!((device.opens(), device.closes()), (1, 1), "{fault:?}: {:?}", device.log());
        assert!(!device.in_call(), "{fault:?}");
    }
}

#[test]
fn each_fault_is_told_with_its_place_and_a_call_that_may_be_open_is_closed_once() {
    use Ask::{Audio, Close, List, Open};
    for (fault, wanted, opens, closes) in [
        // Closed or reset, as the system will have it.
        (Fault::HangUp, "list", 0, 0),
        (Fault::Status(List, 500), "list is refused: 500 (Device Error, deviceError)", 0, 0),
        (Fault::Status(Open, 500), "open is refused: 500", 0, 0),
        (Fault::Status(Audio, 500), "audioData is refused: 500", 1, 1),
        (Fault::NoAnswer(List), "instead of answering list", 0, 0),
        (Fault::NoAnswer(Open), "instead of answering open", 1, 1),
        (Fault::NoAnswer(Audio), "instead of answering audioData", 1, 1),
        (Fault::Stall(List), "no answer to list within", 0, 0),
        (Fault::Stall(Open), "no answer to open within", 0, 1),
        (Fault::Stall(Audio), "no answer to audioData within", 1, 1),
        (Fault::Busy, "somebody else is talking", 0, 0),
        (Fault::UnauthorizedForEver, "refuses user \"admin\"", 0, 0),
        (Fault::Garbage, "makes no sense", 0, 0),
        (Fault::Status(Close, 500), "", 1, 0),
        (Fault::NoAnswer(Close), "", 1, 1),
        (Fault::Stall(Close), "", 1, 0),
    ] {
        let device = device(fault.clone());
        let mut config = Config::new(device.url());
        config.timeouts.answer = Duration::from_millis(700);
        let mut driver = Driver::new(config);
        driver.talk(Duration::from_millis(1_200));
        let report = driver.stop();
        let told = report.why.as_ref().err().map(Error::to_string).unwrap_or_default();
        assert!(told.contains(wanted), "{fault:?}: {told}");
        if let Err(error) = &report.why {
            let whose = if fault == Fault::UnauthorizedForEver { Whose::Config } else { Whose::Peer };
            assert_eq!(error.fault(), whose, "{fault:?}");
        }
        settled(&device);
        assert_eq!((device.opens(), device.closes()), (opens, closes), "{fault:?}: {:?}", device.log());
        let asked = device.log().iter().filter(|logged| logged.ask == Some(Close)).count();
        assert!(asked <= 1, "{fault:?}: {:?}", device.log());
    }
}

#[test]
fn answers_that_drip_are_waited_for_only_so_long() {
    let device = device(Fault::Drip(Duration::from_millis(50)));
    let started = Instant::now();
    let mut driver = Driver::calling(&device);
    driver.talk(Duration::from_secs(8));
    assert!(matches!(driver.end(Duration::ZERO).why, Err(Error::NoAnswer { ask: Ask::List, .. })));
    assert!((5..7).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
}

#[test]
fn a_nonce_for_each_request_is_renewed_whether_the_device_says_so_or_not() {
    for said in [true, false] {
        let device = device(Fault::OldNonce(said));
        let mut driver = Driver::calling(&device);
        driver.talk(Duration::from_millis(600));
        let report = driver.stop();
        assert_eq!(report.why, Ok(End::Stopped), "{said}: {:?}", device.log());
        assert_eq!((device.opens(), device.closes()), (1, 1));
        assert!(device.log().iter().filter(|logged| logged.status == 401).count() >= 3, "{:?}", device.log());
    }
}

#[test]
fn a_wrong_password_is_tried_once() {
    let device = device(Fault::None);
    let mut driver = Driver::new(Config::new(device.url_as("admin", "wrong")));
    driver.talk(Duration::from_secs(1));
    assert_eq!(driver.report.unwrap().why.unwrap_err().fault(), Whose::Config);
    assert_eq!(device.log().len(), 2, "{:?}", device.log());
}

#[test]
fn a_speaker_that_answers_at_the_end_hears_all_of_it() {
    let config = intercom::Config { sound_in: SoundIn::Body, ..intercom::Config::default() };
    let device = IsapiIntercom::start(config, Fault::None).unwrap();
    let mut config = Config::new(device.url());
    config.upload = Upload::LongBody;
    let mut driver = Driver::new(config);
    driver.talk(Duration::from_millis(600));
    let report = driver.stop();
    settled(&device);
    assert_eq!((report.why, device.opens(), device.closes()), (Ok(End::Stopped), 1, 1));
    assert_eq!(device.sound_bytes().len() as u64, report.sound.bytes);
    assert!(report.sound.frames > 20, "{:?}", report.sound);
}

#[test]
fn a_second_talker_is_told_that_somebody_talks_and_the_first_one_talks_on() {
    let device = device(Fault::None);
    let mut first = Driver::calling(&device);
    first.talk(Duration::from_millis(300));
    let mut second = Driver::calling(&device);
    second.talk(Duration::from_millis(500));
    assert!(matches!(second.report.unwrap().why, Err(Error::Busy { ask: Ask::Open, .. })));
    let before = device.sound_bytes().len();
    first.talk(Duration::from_millis(300));
    assert!(device.sound_bytes().len() > before);
    assert_eq!(first.stop().why, Ok(End::Stopped));
    assert_eq!((device.opens(), device.closes()), (1, 1));
}

#[test]
fn the_channel_and_its_codec_are_the_devices() {
    let codecs = ["G.722.1", "AAC", "G.711alaw", "G.722"].map(str::to_owned).to_vec();
    let config = intercom::Config { codecs, rate: Some("16".to_owned()), ..intercom::Config::default() };
    let device = IsapiIntercom::start(config, Fault::None).unwrap();
    for (asked, channel, codec) in
        [(None, 2, Codec::Aac), (Some(3), 3, Codec::Pcma), (Some(4), 4, Codec::G722)]
    {
        let mut config = Config::new(device.url());
        config.channel = asked;
        let mut driver = Driver::new(config);
        driver.talk(Duration::from_millis(200));
        assert_eq!(driver.stop().why, Ok(End::Stopped));
        let offer = driver.offer.unwrap();
        assert_eq!((offer.channel, offer.track.codec), (channel, codec));
        let opened = format!("PUT /ISAPI/System/TwoWayAudio/channels/{channel}/open");
        assert!(device.log().iter().any(|logged| logged.line == opened), "{:?}", device.log());
    }
    assert_eq!((device.opens(), device.closes()), (3, 3));
}

#[test]
fn stopped_at_any_time_no_call_stays_open_and_none_is_closed_twice() {
    for after in (0..60).map(|step| Duration::from_micros(step * 150)) {
        let device = device(Fault::None);
        let mut driver = Driver::calling(&device);
        driver.talk(after);
        let stopped = Instant::now();
        let report = driver.stop();
        assert!(stopped.elapsed() < Duration::from_millis(500), "{:?}", stopped.elapsed());
        assert_eq!(report.why, Ok(End::Stopped));
        settled(&device);
        assert_eq!(device.opens(), device.closes(), "after {after:?}: {:?}", device.log());
        assert!(!device.in_call(), "after {after:?}");
    }
}

#[test]
fn curl_calls_the_simulated_intercom_as_people_do_with_real_ones() {
    testkit::require!(curl);
    let device = device(Fault::None);
    let base = format!("http://{}/ISAPI/System/TwoWayAudio/channels", device.address());
    let ask = |method: &str, path: &str, more: &[&str]| {
        let output = std::process::Command::new(&curl)
            .args(["--silent", "--show-error", "--include", "--digest", "--user", "admin:pass:word@1"])
            .args(["--max-time", "10", "--request", method])
            .args(more)
            .arg(format!("{base}{path}"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(ask("GET", "", &[]).contains("<audioCompressionType>G.711ulaw</audioCompressionType>"));
    assert!(ask("PUT", "/1/open", &[]).contains("<sessionId>1</sessionId>"));
    assert!(ask("PUT", "/1/open", &[]).contains("<subStatusCode>deviceBusy</subStatusCode>"));
    let spoken = "spoken ".repeat(1_000);
    let typed = "Content-Type: application/octet-stream";
    ask("PUT", "/1/audioData", &["--header", typed, "--data-binary", &spoken]);
    assert_eq!(String::from_utf8(device.sound_bytes()).unwrap(), spoken);
    assert!(ask("PUT", "/1/close", &[]).contains("<statusCode>1</statusCode>"));
    assert_eq!((device.opens(), device.closes()), (1, 1));
}
