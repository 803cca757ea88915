use super::*;
use bytes::Bytes;
use media::{Codec, CodecParams};
use proptest::prelude::*;

/// What the first recording began with, in microseconds since 1970.
const TEN: i64 = 1_795_946_400_000_000;
const SECOND: i64 = 1_000_000;
/// A picture's time, at 25 a second; one in 50 is a key frame.
const PICTURE: i64 = 40_000;
const GROUP: i64 = 50;
/// Sound comes in pieces of 20 ms.
const SOUND: i64 = 20_000;

fn wall(micros: i64) -> WallTime {
    WallTime::from_micros(TEN + micros)
}

fn speed(speed: f64) -> Speed {
    Speed::new(speed).unwrap()
}

fn tracks() -> Vec<Track> {
    vec![
        Track::video(0, Codec::H264, CodecParams::None),
        Track::audio(1, Codec::Pcma, 8_000, 1, CodecParams::None),
    ]
}

/// Recordings that never were: files, each from one moment to another, on the wall, with pictures and sound.
struct Shelf {
    files: Vec<(i64, i64)>,
    /// It is still being recorded.
    grows: bool,
    /// The file that is read, and what of it is next, in microseconds from its begin.
    place: (usize, i64),
    begins: bool,
    asked: Option<i64>,
    joins: bool,
    keys_only: bool,
}

impl Shelf {
    fn new(files: &[(i64, i64)]) -> Self {
        Self {
            files: files.iter().map(|(from, to)| (from * SECOND, to * SECOND)).collect(),
            grows: false,
            place: (0, 0),
            begins: true,
            asked: None,
            joins: false,
            keys_only: false,
        }
    }

    fn read(&mut self, ask: &Ask) -> (Vec<Piece>, Then) {
        self.keys_only = ask.keys_only;
        if let Some(at) = ask.at {
            let at = at.as_micros() - TEN;
            let file = self.files.iter().position(|(_, to)| at < *to).unwrap_or(self.files.len());
            let from = self.files.get(file).map_or(0, |(from, _)| at.max(*from) - from);
            self.place = (file, from / (PICTURE * GROUP) * (PICTURE * GROUP));
            (self.begins, self.joins, self.asked) = (true, false, Some(from));
        }
        let mut pieces = Vec::new();
        while pieces.len() < 40 {
            let Some((from, to)) = self.files.get(self.place.0).copied() else {
                return (pieces, if self.grows { Then::Edge(true) } else { Then::End });
            };
            let at = self.place.1;
            if from + at >= to {
                if self.grows && self.place.0 + 1 == self.files.len() {
                    return (pieces, Then::Edge(true));
                }
                let next = self.files.get(self.place.0 + 1);
                self.joins = next.is_some_and(|(next, _)| *next == to);
                self.place = (self.place.0 + 1, 0);
                (self.begins, self.asked) = (true, None);
                continue;
            }
            if std::mem::take(&mut self.begins) {
                let (joins, asked_micros) = (self.joins, self.asked);
                pieces.push(Piece::Begin { tracks: tracks(), main: 0, joins, asked_micros });
            }
            let picture = at % PICTURE == 0;
            let key = at % (PICTURE * GROUP) == 0;
            if picture && (key || !self.keys_only) {
                let lasts = if self.keys_only { (PICTURE * GROUP).min(to - from - at) } else { PICTURE };
                pieces.push(Piece::Unit(unit(0, at, from, key), lasts));
            }
            if !self.keys_only {
                pieces.push(Piece::Unit(unit(1, at, from, true), SOUND));
            }
            self.place.1 += SOUND;
        }
        (pieces, Then::More)
    }
}

fn unit(track: u8, at: i64, from: i64, keyframe: bool) -> Unit {
    let rate = if track == 0 { 90_000 } else { 8_000 };
    let ticks = rescale(at, 1_000_000, rate);
    Unit {
        track,
        pts: ticks + if track == 0 { 7_200 } else { 0 },
        dts: ticks,
        arrival: Moment::ZERO,
        wall: wall(from + at),
        keyframe,
        discontinuity: false,
        data: Bytes::from_static(&[0; 1000]),
    }
}

/// A player with a shelf, on a clock that the test moves.
struct Rig {
    player: Player,
    shelf: Shelf,
    now: Moment,
    /// What came out, and when.
    out: Vec<(Moment, Unit)>,
    told: usize,
    ended: bool,
}

impl Rig {
    fn new(files: &[(i64, i64)], from: i64, at: f64) -> Self {
        let now = Moment::from_millis(5000);
        let player = Player::new(wall(from * SECOND), speed(at), false, now);
        Self { player, shelf: Shelf::new(files), now, out: Vec::new(), told: 0, ended: false }
    }

    /// Lets time pass, from one thing that is due to the next.
    fn run(&mut self, millis: u64) {
        let until = self.now + Duration::from_millis(millis);
        for _ in 0..2_000_000 {
            match self.player.poll_output(self.now) {
                Output::Tracks(tracks) => {
                    assert_eq!(tracks.len(), 2);
                    self.told += 1;
                }
                Output::Unit(unit) => {
                    assert!(self.player.queue_bytes <= AHEAD_BYTES + 40_000);
                    self.out.push((self.now, unit));
                }
                Output::Read(ask) => {
                    let (pieces, then) = self.shelf.read(&ask);
                    self.player.handle_batch(ask.run, pieces, then, self.now);
                }
                Output::WaitUntil(at) if at <= until => {
                    assert!(at > self.now, "it waits for what has passed");
                    self.now = at;
                }
                Output::WaitUntil(_) => {
                    self.now = until;
                    return;
                }
                Output::Ended => {
                    self.ended = true;
                    self.now = until;
                    return;
                }
            }
        }
        panic!("it does not come to rest");
    }

    fn pictures(&self) -> Vec<&(Moment, Unit)> {
        self.out.iter().filter(|(_, unit)| unit.track == 0).collect()
    }

    /// Milliseconds of wall time behind ten o'clock, of each picture.
    fn walls(&self) -> Vec<i64> {
        self.pictures().iter().map(|(_, unit)| (unit.wall.as_micros() - TEN) / 1000).collect()
    }

    fn clear(&mut self) -> Vec<(Moment, Unit)> {
        std::mem::take(&mut self.out)
    }
}

/// Times rise within each track, and nothing is shown before it is decoded.
fn check(out: &[(Moment, Unit)]) {
    for track in 0..2 {
        let units: Vec<&Unit> = out.iter().map(|(_, unit)| unit).filter(|unit| unit.track == track).collect();
        for pair in units.windows(2) {
            assert!(pair[0].dts < pair[1].dts, "track {track}: {} then {}", pair[0].dts, pair[1].dts);
        }
        assert!(units.iter().all(|unit| unit.pts >= unit.dts));
    }
}

#[test]
fn what_lies_before_the_moment_comes_at_once_and_the_rest_in_its_time() {
    let mut rig = Rig::new(&[(0, 60)], 11, 1.0);
    rig.run(0);
    // The key frame lies at 10 s; 11 s is the picture that is to be seen.
    assert_eq!((rig.walls().first(), rig.walls().last()), (Some(&10_000), Some(&11_000)));
    rig.run(2000);
    assert_eq!((rig.walls().len(), *rig.walls().last().unwrap()), (26 + 50, 13_000));
    let last = rig.out.last().unwrap();
    assert_eq!(last.0, Moment::from_millis(7000));
    assert!(rig.pictures()[0].1.keyframe && rig.told == 1);
    check(&rig.out);
    // From the moment on, what goes out has the recording's own pace.
    let after: Vec<i64> = rig.pictures()[30..].iter().map(|(_, unit)| unit.dts).collect();
    assert!(after.windows(2).all(|pair| (pair[1] - pair[0] - 3600).abs() <= 1), "{after:?}");
}

#[test]
fn twice_as_fast_is_all_pictures_in_half_the_time_without_sound_and_eight_times_key_frames_only() {
    let mut rig = Rig::new(&[(0, 600)], 0, 2.0);
    rig.run(10_000);
    assert_eq!((rig.walls().len(), *rig.walls().last().unwrap()), (501, 20_000));
    assert!(rig.out.iter().all(|(_, unit)| unit.track == 0));
    let out = rig.clear();
    let step = out[101].1.dts - out[100].1.dts;
    assert!((step - 1800).abs() <= 1, "{step}");
    rig.player.set_speed(speed(8.0), rig.now);
    rig.run(10_000);
    assert_eq!(rig.walls(), (10..=50).map(|key| key * 2000).collect::<Vec<_>>());
    assert!(rig.out.iter().all(|(_, unit)| unit.keyframe));
    rig.player.set_speed(speed(1.0), rig.now);
    let fast = rig.clear();
    rig.run(1_000);
    // It goes on where it was, with its sound.
    assert_eq!((rig.walls()[0], *rig.walls().last().unwrap()), (100_000, 101_000));
    assert!(rig.out.iter().any(|(_, unit)| unit.track == 1));
    check(&[out, fast, rig.clear()].concat());
}

#[test]
fn a_change_of_speed_loses_no_picture() {
    let mut rig = Rig::new(&[(0, 60)], 0, 1.0);
    for at in [1.0, 4.0, 0.5, 2.0] {
        rig.player.set_speed(speed(at), rig.now);
        rig.run(2_000);
    }
    let walls = rig.walls();
    assert!(walls.windows(2).all(|pair| pair[1] - pair[0] == 40), "{walls:?}");
    let seconds = 2.0 * (1.0 + 4.0 + 0.5 + 2.0);
    assert!((*walls.last().unwrap() as f64 / 1000.0 - seconds).abs() < 0.7, "{walls:?}");
    check(&rig.out);
}

#[test]
fn a_pause_stands_still_and_what_follows_it_goes_on_without_a_gap_in_its_times() {
    let mut rig = Rig::new(&[(0, 60)], 0, 1.0);
    rig.run(1_000);
    rig.player.set_paused(true, rig.now);
    let before = rig.out.len();
    rig.run(60_000);
    assert_eq!(rig.out.len(), before);
    rig.player.set_paused(false, rig.now);
    rig.run(1_000);
    assert_eq!(rig.walls(), (0..=50).map(|picture| picture * 40).collect::<Vec<_>>());
    let times: Vec<i64> = rig.pictures().iter().map(|(_, unit)| unit.dts).collect();
    assert!(times.windows(2).all(|pair| (pair[1] - pair[0] - 3600).abs() <= 1));
    // While it stands still, a seek shows what is there.
    rig.player.set_paused(true, rig.now);
    rig.player.seek(wall(31 * SECOND), rig.now);
    rig.clear();
    rig.run(10_000);
    assert_eq!((rig.walls()[0], *rig.walls().last().unwrap()), (30_000, 31_000));
    rig.player.set_paused(false, rig.now);
    rig.run(1_000);
    assert_eq!(*rig.walls().last().unwrap(), 32_000);
}

#[test]
fn seeking_back_and_forth_begins_at_key_frames_says_so_and_never_turns_time_back() {
    let mut rig = Rig::new(&[(0, 60), (60, 120)], 50, 1.0);
    let mut all = Vec::new();
    for (to, key) in [(3, 2), (100, 100), (0, 0), (119, 118)] {
        rig.run(700);
        all.extend(rig.clear());
        rig.player.seek(wall(to * SECOND), rig.now);
        rig.run(100);
        let first = &rig.pictures()[0].1;
        assert_eq!((first.wall, first.keyframe, first.discontinuity), (wall(key * SECOND), true, true));
        assert!(rig.out.iter().filter(|(_, unit)| unit.discontinuity).count() == 2);
    }
    all.extend(rig.clear());
    check(&all);
}

#[test]
fn files_that_follow_each_other_are_one_and_gaps_are_left_out() {
    let mut rig = Rig::new(&[(0, 4), (4, 8), (100, 104)], 0, 1.0);
    rig.run(20_000);
    assert!(rig.ended && rig.told == 1);
    let walls = rig.walls();
    assert_eq!(walls.len(), 300);
    assert_eq!((walls[199], walls[200]), (7_960, 100_000));
    let breaks: Vec<i64> = rig
        .pictures()
        .iter()
        .filter(|(_, unit)| unit.discontinuity)
        .map(|(_, unit)| (unit.wall.as_micros() - TEN) / SECOND)
        .collect();
    assert_eq!(breaks, [100]);
    let times: Vec<i64> = rig.pictures().iter().map(|(_, unit)| unit.dts).collect();
    assert!(times.windows(2).all(|pair| (pair[1] - pair[0] - 3600).abs() <= 1), "{times:?}");
    check(&rig.out);
}

#[test]
fn from_within_a_gap_it_begins_with_what_comes_next() {
    let mut rig = Rig::new(&[(0, 4), (100, 104)], 50, 1.0);
    rig.run(0);
    assert_eq!(rig.walls(), [100_000]);
}

#[test]
fn at_the_edge_it_waits_for_more_and_ends_when_nobody_records() {
    let mut rig = Rig::new(&[(0, 4)], 3, 1.0);
    rig.shelf.grows = true;
    rig.run(10_000);
    assert!(!rig.ended);
    assert_eq!(*rig.walls().last().unwrap(), 3_960);
    rig.shelf.files[0].1 = 10 * SECOND;
    rig.run(2_000);
    // Not all at once, though it is late.
    let last = *rig.walls().last().unwrap();
    assert!((5_500..6_200).contains(&last), "{last}");
    rig.shelf.grows = false;
    rig.run(20_000);
    assert!(rig.ended);
    check(&rig.out);
}

#[derive(Debug, Clone)]
enum Deed {
    Seek(i64),
    Speed(f64),
    Pause(bool),
    Wait(u64),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        (0..130_000i64).prop_map(|ms| Deed::Seek(ms * 1000)),
        prop_oneof![Just(0.1), Just(0.5), Just(1.0), Just(3.0), Just(4.0), Just(8.0), Just(32.0)]
            .prop_map(Deed::Speed),
        any::<bool>().prop_map(Deed::Pause),
        (1..4_000u64).prop_map(Deed::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_somebody_does_times_rise_and_every_run_begins_with_a_key_frame(
        deeds in proptest::collection::vec(deed(), 1..24)
    ) {
        let mut rig = Rig::new(&[(0, 30), (30, 60), (90, 130)], 0, 1.0);
        for deed in deeds {
            match deed {
                Deed::Seek(at) => rig.player.seek(wall(at), rig.now),
                Deed::Speed(at) => rig.player.set_speed(speed(at), rig.now),
                Deed::Pause(paused) => rig.player.set_paused(paused, rig.now),
                Deed::Wait(millis) => rig.run(millis),
            }
        }
        rig.run(100);
        check(&rig.out);
        for (_, unit) in rig.pictures().iter().filter(|(_, unit)| unit.discontinuity) {
            prop_assert!(unit.keyframe);
        }
        // Nothing comes from where nothing was recorded.
        for at in rig.walls() {
            prop_assert!((0..60_000).contains(&at) || (90_000..130_000).contains(&at), "{}", at);
        }
    }
}
