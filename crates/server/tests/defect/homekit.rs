//! Defect 1, the doorbell that killed the process: a doorbell was added through HomeKit and recorded, and seconds later the
//! whole gateway died, since one UDP socket served every session and its reader looked sessions up in a map while others added
//! and removed them; each start added video, then sound. After the fix a session could still be found before it was complete,
//! its SSRC alone was its name, and what was shorter than a header was parsed.
//!
//! Here: fifty simulated cameras, and four that others wrote, come and go at random, by the API, by themselves and by who
//! watches, while they are viewed over RTSP and WebRTC and recorded; two and two have one SSRC; strangers send noise, pieces,
//! replays and guesses to the port; others ask the API all the time. Afterwards every camera is live with its own
//! pictures, every recording plays and is of one camera, what strangers sent is counted for what it was, and nothing is left.
mod dice;
mod house;
mod judge;
mod misplaced;
mod others;
mod strangers;

use super::stage::{Stage, long_or_short, tell_once_alone};
use dice::Dice;
use house::{CAMERAS, House, name};
use judge::AtRest;
use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead as _;
use std::time::{Duration, Instant};
use strangers::Strangers;
use testkit::load::watch_marked;
use testkit::process::{Place, Server, open_http};
use testkit::require;

/// Threads that have cameras come and go, each those of its own.
const DISTURBERS: usize = 10;
/// Viewers at once, by protocol.
const VIEWERS: [(&str, usize); 2] = [("rtsp", 5), ("whep", 2)];

fn url_of(server: &Server, protocol: &str, stream: &str) -> String {
    match protocol {
        "rtsp" => server.rtsp_url(stream),
        _ => server.http_url(&format!("/api/webrtc?src={stream}")),
    }
}

/// Watches one after the other; some viewers leave before they have seen anything. Nobody ever sees another's pictures, whatever
/// becomes of the camera meanwhile. Returns how many saw the camera's, and how many there were.
fn view(house: &House, protocol: &str, mut dice: Dice, until: Instant) -> (u64, u64) {
    let (mut seeing, mut all) = (0, 0);
    while Instant::now() < until {
        let number = dice.among(0..CAMERAS);
        let report = watch_marked(1, protocol, &url_of(&house.server, protocol, &name(number)), 1);
        let others: Vec<_> = report.marks.iter().filter(|mark| usize::from(**mark) != number).collect();
        assert!(others.is_empty(), "who watched cam{number} by {protocol} saw {others:?}: {report:?}");
        (seeing, all) = (seeing + u64::from(!report.marks.is_empty()), all + 1);
    }
    (seeing, all)
}

/// Hangs up in the middle of the start.
fn leave_early(house: &House, mut dice: Dice, until: Instant) {
    use std::io::Write as _;
    while Instant::now() < until {
        let url = house.server.rtsp_url(&name(dice.among(0..CAMERAS)));
        let mut socket = std::net::TcpStream::connect(house.server.rtsp()).unwrap();
        write!(socket, "DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\n\r\n").unwrap();
        dice.wait(0..400);
    }
}

/// Reads all that can be read, again and again. Returns how often.
fn poll(server: &Server, until: Instant) -> u64 {
    const PATHS: [&str; 6] = [
        "/api/v1/streams",
        "/metrics",
        "/api/streams",
        "/api/v1/recordings",
        "/api/v1/homekit/pairings",
        "/api/v1/alerts",
    ];
    let mut asked = 0;
    while Instant::now() < until {
        for path in PATHS {
            assert_eq!(server.get(path).status, 200, "{path}");
            asked += 1;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    asked
}

/// Listens to events. Returns how many of which kind there were.
fn listen(server: &Server, until: Instant) -> BTreeMap<String, u64> {
    let mut kinds = BTreeMap::new();
    let events = open_http(server.api(), "GET", "/api/v1/events", &[], b"").unwrap();
    for line in events.lines().map_while(Result::ok) {
        if let Some(kind) = line.strip_prefix("event: ") {
            *kinds.entry(kind.to_owned()).or_default() += 1;
        }
        if Instant::now() > until {
            break;
        }
    }
    kinds
}

/// Each camera's own pictures come, at its pace.
fn every_camera_is_seen(house: &House) {
    std::thread::scope(|scope| {
        for number in 0..CAMERAS {
            scope.spawn(move || {
                let report = watch_marked(2, "rtsp", &house.server.rtsp_url(&name(number)), 1);
                let seen = (report.alive, &report.marks);
                assert_eq!(seen, (1, &BTreeSet::from([number as u16])), "cam{number}: {report:?}");
                assert!(report.frames > 0 && report.gaps == 0, "cam{number}: {report:?}");
            });
        }
    });
}

fn fifty_cameras(stage: Stage) {
    let mut dice = Dice::new();
    let place = Place::new().unwrap();
    let house = House::new(stage, &place);
    // What the configuration made goes as all else does: what is left then is what is left at the end.
    // Some of it is opened for the first who asks, and kept.
    poll(&house.server, Instant::now() + Duration::from_secs(1));
    for (protocol, _) in VIEWERS {
        let report = watch_marked(1, protocol, &url_of(&house.server, protocol, &name(0)), 1);
        assert_eq!(report.alive, 1, "{protocol}: {report:?}");
    }
    (0..CAMERAS).for_each(|number| house.remove(number));
    house.wait_until_quiet();
    let before = AtRest::of(&house);
    (0..CAMERAS).for_each(|number| house.add(number));
    house.wait_until_live();

    let length = Duration::from_secs(long_or_short(600, 60));
    let (begun, census, counted) = (Instant::now(), house.server.census(), house.counted());
    let until = begun + length;
    std::thread::scope(|scope| {
        let house = &house;
        let events = scope.spawn(move || listen(&house.server, until));
        let polls = scope.spawn(move || poll(&house.server, until));
        let (first, second) = (dice.fork(), dice.fork());
        let strangers = scope.spawn(move || Strangers::new(house, first).disturb(until));
        scope.spawn(move || leave_early(house, second, until));
        let each = CAMERAS / DISTURBERS;
        let disturbers: Vec<_> = (0..DISTURBERS)
            .map(|number| (number * each..(number + 1) * each, dice.fork()))
            .map(|(cameras, dice)| scope.spawn(move || house.disturb(dice, cameras, until)))
            .collect();
        let viewers: Vec<_> = VIEWERS
            .iter()
            .flat_map(|(protocol, count)| std::iter::repeat_n(*protocol, *count))
            .map(|protocol| (protocol, dice.fork()))
            .map(|(protocol, dice)| (protocol, scope.spawn(move || view(house, protocol, dice, until))))
            .collect();
        let turns: u64 = disturbers.into_iter().map(|thread| thread.join().unwrap()).sum();
        let mut views = BTreeMap::<&str, (u64, u64)>::new();
        for (protocol, thread) in viewers {
            let (seeing, all) = thread.join().unwrap();
            let sum = views.entry(protocol).or_default();
            *sum = (sum.0 + seeing, sum.1 + all);
        }
        let (sent, polls, events) =
            (strangers.join().unwrap(), polls.join().unwrap(), events.join().unwrap());
        let (took, now, counted_now) = (begun.elapsed(), house.server.census(), house.counted());
        println!(
            "{took:.0?}: {turns} turns, views {views:?} (seeing, all), {polls} requests, events {events:?}, \
             {:.0} packets a second, CPU {:.2} cores, {} KiB\nstrangers sent {sent:?}\ndropped before {:?}\ndropped now {:?}",
            (counted_now.received - counted.received) as f64 / took.as_secs_f64(),
            (now.cpu - census.cpu).as_secs_f64() / took.as_secs_f64(),
            now.rss_kib,
            counted.dropped,
            counted_now.dropped,
        );
        assert!(turns > length.as_secs() && polls > length.as_secs(), "{turns} turns, {polls} requests");
        assert!(views.values().all(|(seeing, all)| seeing * 4 > *all), "{views:?}");
        assert!(!events.contains_key("worker.replaced"), "{events:?}");
        let dropped = |reason: &str| counted_now.dropped[reason] - counted.dropped[reason];
        // Nobody else sends these; how the others are counted depends on who is there at that moment.
        assert_eq!(dropped("no_rtp"), sent["no_rtp"]);
        assert!((1..=sent["short"]).contains(&dropped("short")), "{sent:?}");
        assert!(dropped("foreign") >= sent["foreign"] && dropped("replayed") > 0 && dropped("forged") > 0);
    });

    house.wait_until_live();
    every_camera_is_seen(&house);
    let counted = Strangers::new(&house, dice.fork()).are_counted();
    (0..CAMERAS).for_each(|number| house.remove(number));
    house.wait_until_quiet();
    let after = judge::nothing_leaked(&house, &before);
    let files = judge::recordings(&house);
    house.server.stop();
    let index = judge::index(&house.store);
    println!(
        "counted {counted:?}; before {:?}, after {:?}; {files} files; {index}",
        before.census, after.census
    );
}

#[test]
fn fifty_cameras_come_and_go_among_strangers_and_each_is_itself() {
    require!(ffmpeg5, ffprobe);
    tell_once_alone(Stage::Plain, fifty_cameras);
}

#[test]
fn cameras_that_others_wrote_come_and_go_and_are_recorded() {
    require!(ffmpeg5, ffprobe, hap_nodejs);
    tell_once_alone(Stage::Plain, |stage| others::four_cameras(stage, &hap_nodejs, &ffmpeg5));
}
