//! Units in, segments out: where they are cut, what they are called, and a whole day.
mod day;

use super::*;
use media::{Codec, CodecParams};

fn video() -> Track {
    let sps = bytes::Bytes::from_static(&[0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x47, 0xfe, 0x88]);
    let pps = bytes::Bytes::from_static(&[0x68, 0xce, 0x3c, 0x80]);
    Track::video(0, Codec::H264, CodecParams::H264 { sps, pps: vec![pps] })
}

fn sound() -> Track {
    Track::audio(1, Codec::Pcma, 8000, 1, CodecParams::None)
}

/// A unit at so many milliseconds of everything.
fn unit(track: &Track, ms: i64, keyframe: bool) -> Unit {
    let ticks = ms * i64::from(track.clock_rate) / 1000;
    Unit {
        track: track.id,
        pts: ticks,
        dts: ticks,
        arrival: Moment::from_millis(ms as u64),
        wall: WallTime::from_micros(ms * 1000),
        keyframe,
        discontinuity: false,
        data: Bytes::from_static(&[0, 0, 0, 4, 0x65, 1, 2, 3]),
    }
}

/// What a take does, one line each, without its parts.
fn drained(take: &mut Take, now: Moment) -> Vec<String> {
    let mut said = Vec::new();
    loop {
        match take.poll_output(now) {
            Output::Begin { from, gap, tracks, .. } => {
                said.push(format!("begin {} {tracks} {}", from.as_micros() / 1000, gap.unwrap_or_default()));
            }
            Output::Finish { span, .. } => {
                said.push(format!("end {}..{}", span.from.as_micros() / 1000, span.to.as_micros() / 1000));
            }
            Output::Append { .. } => {}
            Output::WaitUntil(_) => return said,
        }
    }
}

fn take(cut: CutRules) -> Take {
    let mut take = Take::new("cam", TakePlan { format: FileFormat::Fmp4, cut });
    take.handle_tracks(&[video(), sound()]).unwrap();
    take
}

fn seconds(length: u64, aligned: bool) -> CutRules {
    CutRules { length: Duration::from_secs(length), aligned, bytes: u64::MAX }
}

#[test]
fn segments_end_at_the_first_key_frame_after_their_length_and_follow_each_other() {
    let mut take = take(seconds(10, false));
    let (video, sound) = (video(), sound());
    let mut said = Vec::new();
    for ms in (1000..35_000).step_by(40) {
        take.handle_unit(&unit(&video, ms, ms % 4000 == 0), Moment::from_millis(ms as u64));
        take.handle_unit(&unit(&sound, ms + 5, true), Moment::from_millis(ms as u64));
        said.extend(drained(&mut take, Moment::from_millis(ms as u64)));
    }
    take.finish(None);
    said.extend(drained(&mut take, Moment::from_millis(35_000)));
    insta::assert_snapshot!(said.join("\n"), @r"
    begin 4000 h264+pcma 
    end 4000..16000
    begin 16000 h264+pcma 
    end 16000..28000
    begin 28000 h264+pcma 
    end 28000..35000
    ");
}

#[test]
fn aligned_segments_end_at_the_clock() {
    let mut take = take(seconds(10, true));
    let video = video();
    let mut said = Vec::new();
    for ms in (13_000..45_000).step_by(40) {
        take.handle_unit(&unit(&video, ms, ms % 1000 == 0), Moment::from_millis(ms as u64));
        said.extend(drained(&mut take, Moment::from_millis(ms as u64)));
    }
    insta::assert_snapshot!(said.join("\n"), @r"
    begin 13000 h264+pcma 
    end 13000..20000
    begin 20000 h264+pcma 
    end 20000..30000
    begin 30000 h264+pcma 
    end 30000..40000
    begin 40000 h264+pcma 
    ");
}

#[test]
fn gaps_other_parameters_and_lost_units_begin_a_segment_and_say_why() {
    let mut take = take(seconds(60, false));
    let video = video();
    let mut said = Vec::new();
    let mut play = |take: &mut Take, range: std::ops::Range<i64>| {
        for ms in range.step_by(40) {
            take.handle_unit(&unit(&video, ms, ms % 1000 == 0), Moment::from_millis(ms as u64));
            said.extend(drained(take, Moment::from_millis(ms as u64)));
        }
    };
    play(&mut take, 0..2000);
    // Nobody published for a while.
    play(&mut take, 20_000..22_000);
    take.handle_gap("the disk was too slow");
    // Without a key frame there is nothing to begin with.
    play(&mut take, 22_040..24_000);
    let mut other = sound();
    other.channels = 2;
    take.handle_tracks(&[self::video(), other]).unwrap();
    play(&mut take, 24_000..25_000);
    insta::assert_snapshot!(said.join("\n"), @r"
    begin 0 h264+pcma 
    end 0..2000
    begin 20000 h264+pcma nothing came for 18.0 s
    end 20000..22000
    begin 23000 h264+pcma the disk was too slow
    end 23000..24000
    begin 24000 h264+pcma what the stream sends has other parameters
    ");
}

/// A source that is killed and starts again goes on where the stream's line was, however long it was away: its burst at
/// the start had taken the line ahead.
#[test]
fn a_source_that_was_away_begins_a_segment_although_its_media_goes_on() {
    for (away_ms, wanted) in [(800, "0..2000 2800..4800"), (300, "0..4000")] {
        let mut take = take(seconds(60, false));
        let (video, mut ends) = (video(), Vec::new());
        for ms in (0..4000).step_by(40) {
            let mut unit = unit(&video, ms, ms % 1000 == 0);
            if ms >= 2000 {
                unit.wall = WallTime::from_micros((ms + away_ms) * 1000);
                unit.discontinuity = ms == 2000;
            }
            take.handle_unit(&unit, unit.arrival);
        }
        take.finish(None);
        for line in drained(&mut take, Moment::from_millis(9_000)) {
            ends.extend(line.strip_prefix("end ").map(str::to_owned));
        }
        assert_eq!(ends.join(" "), wanted);
    }
}

#[test]
fn sound_alone_is_recorded_too() {
    let mut take = Take::new("radio", TakePlan { format: FileFormat::Fmp4, cut: seconds(2, false) });
    let sound = sound();
    take.handle_tracks(std::slice::from_ref(&sound)).unwrap();
    let mut said = Vec::new();
    for ms in (0..5000).step_by(20) {
        take.handle_unit(&unit(&sound, ms, true), Moment::from_millis(ms as u64));
        said.extend(drained(&mut take, Moment::from_millis(ms as u64)));
    }
    insta::assert_snapshot!(said.join("\n"), @r"
    begin 0 pcma 
    end 0..2000
    begin 2000 pcma 
    end 2000..4000
    begin 4000 pcma 
    ");
}

#[test]
fn what_no_format_carries_is_refused_with_why() {
    let mut take = Take::new("cam", TakePlan { format: FileFormat::Ts, cut: CutRules::default() });
    let vp9 = Track::video(0, Codec::Vp9, CodecParams::None);
    assert!(take.handle_tracks(&[vp9]).is_err());
}
