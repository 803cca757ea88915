//! What is kept and how it is cut, without a stream.
use super::film::Film;
use super::prebuffer::Prebuffer;
use bytes::Bytes;
use media::{Codec, CodecParams, Moment, Track, Unit, WallTime};
use std::time::Duration;

const FOUR_SECONDS: Duration = Duration::from_secs(4);

fn video() -> Track {
    let sps = Bytes::from_static(&[0x67, 77, 0, 31, 0x95, 0xa8]);
    let pps = vec![Bytes::from_static(&[0x68, 0xee, 0x3c, 0x80])];
    Track::video(0, Codec::H264, CodecParams::H264 { sps, pps })
}

/// Four pictures a second, a key frame every second.
fn picture(number: i64) -> Unit {
    let pts = number * 22_500;
    Unit {
        track: 0,
        pts,
        dts: pts,
        arrival: Moment::ZERO,
        wall: WallTime::default(),
        keyframe: number % 4 == 0,
        discontinuity: false,
        data: Bytes::from_static(&[0, 0, 0, 2, 0x65, 1]),
    }
}

fn span(prebuffer: &Prebuffer) -> (i64, i64) {
    let times: Vec<i64> = prebuffer.units().map(|unit| unit.dts / 22_500).collect();
    (times[0], times[times.len() - 1])
}

#[test]
fn what_is_kept_begins_with_a_key_frame_and_is_at_least_as_long_as_was_asked_for() {
    let mut prebuffer = Prebuffer::new(&video(), FOUR_SECONDS);
    for number in 2..100 {
        prebuffer.push(&picture(number));
        if number < 4 {
            assert_eq!(prebuffer.units().count(), 0, "no key frame yet");
        }
    }
    assert_eq!(span(&prebuffer), (80, 99));
    prebuffer.push(&picture(100));
    assert_eq!(span(&prebuffer), (84, 100));
}

#[test]
fn a_gap_is_a_new_beginning() {
    let mut prebuffer = Prebuffer::new(&video(), FOUR_SECONDS);
    (0..8).for_each(|number| prebuffer.push(&picture(number)));
    prebuffer.push(&Unit { discontinuity: true, ..picture(9) });
    assert_eq!(prebuffer.units().count(), 0);
    (10..14).for_each(|number| prebuffer.push(&picture(number)));
    assert_eq!(span(&prebuffer), (12, 13));
}

#[test]
fn pictures_larger_than_the_limit_make_it_shorter() {
    let mut prebuffer = Prebuffer::new(&video(), FOUR_SECONDS);
    let large = Bytes::from(vec![0; 5 << 20]);
    (0..20).for_each(|number| prebuffer.push(&Unit { data: large.clone(), ..picture(number) }));
    assert_eq!(span(&prebuffer), (16, 19));
}

#[test]
fn fragments_begin_with_key_frames_and_last_as_long_as_was_asked_for() {
    let mut film = Film::new(&[video()], &video(), FOUR_SECONDS).unwrap();
    assert_eq!(&film.head()[4..8], b"ftyp");
    let cut: Vec<i64> = (0..40).filter(|number| film.push(&picture(*number)).unwrap().is_some()).collect();
    assert_eq!(cut, [16, 32]);
    let rest = film.finish().unwrap();
    assert_eq!(&rest[4..8], b"moof");
    assert!(film.finish().is_none());
}
