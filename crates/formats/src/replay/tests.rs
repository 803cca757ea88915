use super::*;
use bytes::Bytes;
use media::{Codec, CodecParams};

const DEMO: &[u8] = include_bytes!("../../../server/assets/demo.mp4");

fn unit(track: u8, dts: i64, data: &'static [u8]) -> Unit {
    let (arrival, wall) = (Moment::ZERO, WallTime::default());
    Unit { track, pts: dts, dts, arrival, wall, keyframe: true, discontinuity: false, data: data.into() }
}

/// Plays `count` units with a clock that moves to each moment asked for.
fn play(replay: &mut Replay, now: &mut Moment, count: usize) -> Vec<Unit> {
    let mut units = Vec::with_capacity(count);
    while units.len() < count {
        match replay.poll(*now) {
            Next::Unit(unit) => units.push(unit),
            Next::WaitUntil(at) => {
                assert!(at > *now, "waiting for {at:?} at {now:?}");
                *now = at;
            }
        }
    }
    units
}

#[test]
fn the_demo_clip_loops_a_thousand_times_without_drift_or_seam() {
    let clip = load(Bytes::from_static(DEMO)).unwrap();
    let mut replay = Replay::new(&clip.tracks, &clip.units).unwrap();
    assert_eq!(replay.round_length(), Duration::from_secs(16));
    let start = Moment::from_millis(77_000);
    let mut now = start;
    let mut next = [0_i64; 2];
    let step = [3_600, 1_024];
    for round in 0..1_000_u64 {
        for unit in play(&mut replay, &mut now, 1_150) {
            let track = usize::from(unit.track);
            assert_eq!(unit.dts, next[track], "round {round}, track {track}");
            next[track] += step[track];
        }
    }
    assert_eq!(next, [16_000 * 90_000, 16_000 * 48_000]);
    let at_the_end = now.since(start).as_secs_f64();
    assert!((15_999.9..16_000.0).contains(&at_the_end), "{at_the_end}");
}

#[test]
fn tracks_of_unequal_length_keep_their_distance_for_a_thousand_rounds() {
    // Three pictures at 29.97, and MP3 at 44.1 kHz that begins earlier and lasts a little longer.
    let tracks = [
        Track::video(0, Codec::Vp8, CodecParams::None),
        Track::audio(1, Codec::Mp3, 44_100, 2, CodecParams::None),
    ];
    let mut units: Vec<Unit> = (0..3).map(|index| unit(0, index * 3_003, b"v")).collect();
    units.extend((0..5).map(|index| unit(1, -1_105 + index * 1_152, b"a")));
    let mut replay = Replay::new(&tracks, &units).unwrap();
    let mut now = Moment::ZERO;
    let mut last = [i64::MIN; 2];
    let mut first_of_round = [Vec::new(), Vec::new()];
    let mut seen = [0; 2];
    let per_round = [3, 5];
    for unit in play(&mut replay, &mut now, 8_000) {
        let track = usize::from(unit.track);
        assert!(unit.dts > last[track]);
        last[track] = unit.dts;
        if seen[track] % per_round[track] == 0 {
            first_of_round[track].push(unit.dts);
        }
        seen[track] += 1;
    }
    assert_eq!(first_of_round[1][0], 0, "the earliest unit is zero");
    let distance = |round: usize| first_of_round[0][round] * 441 - first_of_round[1][round] * 900;
    for round in 0..990 {
        // In units of 1/39,690,000 s; a tick of the video clock is 441 of them, one of the sound's 900.
        assert!((distance(round) - 1_105 * 900).abs() <= 900, "round {round}: {}", distance(round));
    }
}

#[test]
fn units_come_when_they_are_due_and_carry_the_wall_time_of_that() {
    let tracks = [Track::video(0, Codec::Vp8, CodecParams::None)];
    let units = [unit(0, 9_000, b"a"), unit(0, 18_000, b"b")];
    let mut replay = Replay::new(&tracks, &units).unwrap();
    let start = Moment::from_millis(1_000);
    replay.set_wall_clock(start, WallTime::from_micros(5_000_000));
    assert!(matches!(replay.poll(start), Next::Unit(unit) if unit.dts == 0 && unit.data == "a"));
    assert_eq!(replay.poll(start), Next::WaitUntil(Moment::from_millis(1_100)));
    let Next::Unit(second) = replay.poll(Moment::from_millis(1_130)) else { panic!() };
    assert_eq!((second.dts, second.arrival), (9_000, Moment::from_millis(1_130)));
    assert_eq!(second.wall, WallTime::from_micros(5_100_000));
    assert_eq!(replay.poll(Moment::from_millis(1_130)), Next::WaitUntil(Moment::from_millis(1_200)));
}

#[test]
fn after_a_suspend_the_replay_goes_on_and_floods_nobody() {
    let clip = load(Bytes::from_static(DEMO)).unwrap();
    let mut replay = Replay::new(&clip.tracks, &clip.units).unwrap();
    let mut now = Moment::ZERO;
    let before = play(&mut replay, &mut now, 100);
    now += Duration::from_secs(3_600);
    let mut burst = Vec::new();
    while let Next::Unit(unit) = replay.poll(now) {
        burst.push(unit);
    }
    assert!(burst.len() < 3, "{}", burst.len());
    let video =
        |units: &[Unit]| units.iter().filter(|unit| unit.track == 0).map(|unit| unit.dts).collect::<Vec<_>>();
    let after = play(&mut replay, &mut now, 20);
    let all = video(&[before, burst, after].concat());
    assert!(all.windows(2).all(|pair| pair[1] - pair[0] == 3_600), "{all:?}");
}

#[test]
fn what_plays_once_gives_each_unit_once_and_ends() {
    let tracks = [
        Track::video(0, Codec::Vp8, CodecParams::None),
        Track::audio(1, Codec::Pcmu, 8_000, 1, CodecParams::None),
    ];
    // The picture begins later than the sound and lasts beyond the length of a round.
    let mut units = vec![unit(0, 45_000, b"v"), unit(0, 54_000, b"v")];
    units.extend((0..5).map(|index| unit(1, index * 160, b"a")));
    let mut replay = Replay::new(&tracks, &units).unwrap().once();
    let mut now = Moment::ZERO;
    assert_eq!(play(&mut replay, &mut now, 6).iter().filter(|unit| unit.track == 1).count(), 5);
    assert!(!replay.is_over());
    assert_eq!(play(&mut replay, &mut now, 1)[0].dts, 54_000);
    assert!(replay.is_over());
    assert_eq!(replay.poll(now), Next::WaitUntil(Moment::FAR_FUTURE));
}

#[test]
fn a_file_without_frames_is_refused() {
    let tracks = [Track::video(0, Codec::Vp8, CodecParams::None)];
    assert_eq!(Replay::new(&tracks, &[unit(3, 0, b"x")]).unwrap_err(), Empty);
}

#[test]
fn flv_is_told_from_mp4_by_its_first_bytes() {
    let clip = load(Bytes::from_static(DEMO)).unwrap();
    let mut muxer = crate::flv::Muxer::new(&clip.tracks, Default::default()).unwrap();
    let mut flv = muxer.file_header(0).to_vec();
    for message in clip.units.iter().filter_map(|unit| muxer.push(unit)) {
        message.tag().iter().for_each(|part| flv.extend_from_slice(part));
    }
    let again = load(flv.into()).unwrap();
    assert_eq!(again.tracks, clip.tracks);
    assert_eq!(again.units.len(), clip.units.len());
    let replay = Replay::new(&again.tracks, &again.units).unwrap();
    // FLV counts in milliseconds.
    assert!(replay.round_length().abs_diff(Duration::from_secs(16)) <= Duration::from_millis(2));
    assert_eq!(load(Bytes::from_static(b"GIF89a..")).unwrap_err(), LoadError::Unknown);
}
