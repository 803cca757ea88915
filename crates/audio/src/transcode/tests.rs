use super::*;
use crate::g711::Law;
use crate::tone::{Sine, analyse};
use bytes::Bytes;
use media::{Codec, CodecParams, Moment, WallTime};
use proptest::prelude::*;
use std::time::Duration;

fn l16(id: u8, rate: u32, channels: u8) -> Track {
    Track::audio(id, Codec::L16, rate, channels, CodecParams::None)
}

fn unit(track: u8, pts: i64, arrival_ms: u64, samples: &[f32]) -> Unit {
    let mut data = Vec::new();
    crate::l16::encode(samples, &mut data);
    Unit {
        track,
        pts,
        dts: pts,
        arrival: Moment::from_millis(arrival_ms),
        wall: WallTime::from_micros(arrival_ms as i64 * 1_000),
        keyframe: true,
        discontinuity: false,
        data: Bytes::from(data),
    }
}

fn drain(transcoder: &mut Transcoder) -> Vec<Unit> {
    std::iter::from_fn(|| transcoder.poll_output()).collect()
}

fn sound(units: &[Unit]) -> Vec<f32> {
    let mut out = Vec::new();
    units.iter().for_each(|unit| Law::A.decode(&unit.data, &mut out));
    out
}

fn pcma() -> Target {
    Target::usual(Codec::Pcma)
}

/// Pushes a tone in blocks of 20 ms, with the times that `pts` gives for each block's number.
fn play(transcoder: &mut Transcoder, rate: u32, blocks: i64, pts: impl Fn(i64) -> Option<i64>) -> Vec<Unit> {
    let mut tone = Sine::new(rate, 1_000.0, -20.0);
    let length = rate as usize / 50;
    let mut units = Vec::new();
    for block in 0..blocks {
        let samples: Vec<f32> = tone.by_ref().take(length).collect();
        if let Some(pts) = pts(block) {
            transcoder.push(&unit(0, pts, block as u64 * 20, &samples));
            units.extend(drain(transcoder));
        }
    }
    units
}

fn assert_rises(units: &[Unit], ticks: i64) {
    for pair in units.windows(2) {
        let step = pair[1].dts - pair[0].dts;
        assert!(
            step == ticks || (step > ticks && pair[1].discontinuity),
            "{} after {}",
            pair[1].dts,
            pair[0].dts
        );
    }
}

#[test]
fn a_tone_from_44_1_khz_arrives_in_whole_frames_with_pitch_level_and_times() {
    let mut transcoder = Transcoder::new(&[l16(0, 44_100, 1)], pcma()).unwrap();
    let units = play(&mut transcoder, 44_100, 50, |block| Some(44_100 + block * 882));
    assert_eq!(units.len(), 49, "the last frame waits for the resampler's 2.75 ms");
    assert!(units.iter().all(|unit| unit.data.len() == 160 && unit.track == 0 && unit.keyframe));
    assert_eq!(units[0].pts, 8_000, "the time of the first sample, in ticks of the target");
    assert_eq!(units[10].wall, WallTime::from_micros(200_000));
    assert_rises(&units, 160);
    let found = analyse(&sound(&units)[800..], 8_000).unwrap();
    assert!((found.frequency_hz - 1_000.0).abs() < 2.0 && (found.level_dbfs + 20.0).abs() < 0.3, "{found:?}");
    assert!((transcoder.level().rms_dbfs + 20.0).abs() < 0.3, "{:?}", transcoder.level());
}

#[test]
fn a_lost_packet_is_silence_in_its_place() {
    let mut transcoder = Transcoder::new(&[l16(0, 8_000, 1)], pcma()).unwrap();
    let lost = |block| (!(10..12).contains(&block)).then_some(block * 160);
    let units = play(&mut transcoder, 8_000, 30, lost);
    assert_eq!((units.len(), transcoder.stats().gaps), (30, 1));
    assert_rises(&units, 160);
    let sound = sound(&units);
    let peak = |range: std::ops::Range<usize>| sound[range].iter().fold(0f32, |peak, s| peak.max(s.abs()));
    assert!(peak(1_600..1_920) < 0.001 && peak(1_440..1_600) > 0.09 && peak(1_920..2_080) > 0.09);
}

#[test]
fn a_pause_beyond_200_ms_is_a_jump_that_is_marked() {
    let mut transcoder = Transcoder::new(&[l16(0, 8_000, 1)], pcma()).unwrap();
    let units =
        play(&mut transcoder, 8_000, 20, |block| Some(block * 160 + if block < 10 { 0 } else { 80_030 }));
    assert_eq!(units.len(), 20);
    assert_eq!(units[10].pts, 1_600 + 80_030);
    let marked: Vec<usize> = (0..20).filter(|index| units[*index].discontinuity).collect();
    assert_eq!(marked, [10]);
    assert_eq!(transcoder.stats().mixer.jumps, 1);
}

#[test]
fn times_rise_whatever_the_inputs_times_do() {
    for back in [161, 800, 1_600, 100_000, 1 << 40] {
        let mut transcoder = Transcoder::new(&[l16(0, 8_000, 1)], pcma()).unwrap();
        let units =
            play(&mut transcoder, 8_000, 60, |block| Some(block * 160 - if block < 20 { 0 } else { back }));
        assert_rises(&units, 160);
        assert!(units.len() >= 49, "a step back of {back} cost {} frames", 60 - units.len());
    }
}

#[test]
fn a_clock_that_drifts_is_followed_without_a_gap() {
    // Sound of 8,000 samples a second whose times say 8,008: 0.1 %, twenty times what a sound card is off.
    let mut transcoder = Transcoder::new(&[l16(0, 8_000, 1)], pcma()).unwrap();
    let units = play(&mut transcoder, 8_000, 3_000, |block| Some(block * 160 + block * 160 / 1_000));
    let stats = transcoder.stats();
    assert_eq!((stats.gaps, stats.mixer.jumps, stats.repeated_units), (0, 0, 0));
    assert!((420..=480).contains(&stats.slips), "{stats:?}");
    assert!(units.last().unwrap().pts.abs_diff(2_999 * 160 + 479) < 160 + 41, "within 5 ms and a frame");
    assert_rises(&units, 160);
}

#[test]
fn a_clock_of_whole_milliseconds_needs_no_correction() {
    let track = Track { clock_rate: 44_100, ..l16(0, 44_100, 2) };
    let mut transcoder = Transcoder::new(&[track], pcma()).unwrap();
    let frame = vec![0.1; 1_024 * 2];
    for index in 0..500i64 {
        let millis = index * 1_024 * 1_000 / 44_100;
        transcoder.push(&unit(0, millis * 441 / 10, index as u64 * 23, &frame));
    }
    let stats = transcoder.stats();
    assert_eq!((stats.units, stats.gaps, stats.slips, stats.repeated_units), (500, 0, 0, 0));
}

#[test]
fn stereo_goes_to_mono_and_mono_to_stereo() {
    let mut transcoder = Transcoder::new(&[l16(0, 8_000, 2)], Target { channels: 1, ..pcma() }).unwrap();
    transcoder.push(&unit(0, 0, 0, &[0.5, 0.1].repeat(160)));
    assert!(sound(&drain(&mut transcoder)).iter().all(|sample| (sample - 0.3).abs() < 0.02));
    let mut transcoder = Transcoder::new(&[l16(0, 8_000, 1)], Target { channels: 2, ..pcma() }).unwrap();
    transcoder.push(&unit(0, 0, 0, &[0.5; 160]));
    assert_eq!(drain(&mut transcoder)[0].data.len(), 320);
}

#[test]
fn a_damaged_unit_is_a_gap_and_says_why() {
    let mut transcoder = Transcoder::new(&[l16(0, 8_000, 1)], pcma()).unwrap();
    transcoder.push(&unit(0, 0, 0, &[0.1; 160]));
    transcoder.push(&Unit { data: Bytes::from_static(&[1, 2, 3]), ..unit(0, 160, 20, &[]) });
    transcoder.push(&unit(0, 320, 40, &[0.1; 160]));
    assert_eq!(drain(&mut transcoder).len(), 3);
    assert_eq!((transcoder.stats().damaged_units, transcoder.stats().gaps), (1, 1));
    let damage = transcoder.damage().unwrap();
    assert_eq!(damage.to_string(), "a unit of 3 bytes is no L16: it ends within a sample");
}

#[test]
fn two_inputs_are_mixed_sample_by_sample_and_one_that_stops_stalls_nobody() {
    let mut transcoder = Transcoder::new(&[l16(0, 8_000, 1), l16(1, 16_000, 1)], pcma()).unwrap();
    let (mut low, mut high) = (Sine::new(8_000, 500.0, -20.0), Sine::new(16_000, 1_500.0, -26.0));
    let mut units = Vec::new();
    for block in 0..100i64 {
        let samples: Vec<f32> = low.by_ref().take(160).collect();
        transcoder.push(&unit(0, block * 160, block as u64 * 20, &samples));
        if block < 50 {
            let samples: Vec<f32> = high.by_ref().take(320).collect();
            transcoder.push(&unit(1, block * 320, block as u64 * 20 + 3, &samples));
        }
        units.extend(drain(&mut transcoder));
    }
    assert_eq!(units.len(), 100, "nothing is held when only one speaks");
    let sound = sound(&units);
    let both = analyse(&sound[1_600..6_400], 8_000).unwrap();
    assert!((both.frequency_hz - 500.0).abs() < 1.0 && (both.purity_db - 6.0).abs() < 0.5, "{both:?}");
    let one = analyse(&sound[9_600..], 8_000).unwrap();
    assert!(one.purity_db > 30.0, "{one:?}");
}

#[test]
fn other_inputs_take_over_while_the_times_go_on() {
    let mut transcoder = Transcoder::new(&[l16(0, 8_000, 1)], pcma()).unwrap();
    let mut units = play(&mut transcoder, 8_000, 5, |block| Some(block * 160));
    transcoder.set_inputs(&[l16(0, 16_000, 1)]).unwrap();
    units.extend(play(&mut transcoder, 16_000, 5, |block| Some((block + 5) * 320)));
    transcoder.finish();
    units.extend(drain(&mut transcoder));
    assert_eq!(units.iter().map(|unit| unit.pts / 160).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    assert_eq!(transcoder.set_inputs(&[]), Err(TranscodeError::NoSound));
    let mpeg = Track::audio(0, Codec::Mp3, 44_100, 2, CodecParams::None);
    let error = transcoder.set_inputs(&[mpeg]).unwrap_err();
    assert_eq!(error, TranscodeError::Input(DecodeError::Codec { track: 0, codec: Codec::Mp3 }));
}

#[test]
fn units_that_nobody_drains_are_dropped_from_the_front() {
    let mut transcoder = Transcoder::new(&[l16(0, 8_000, 1)], pcma()).unwrap();
    for block in 0..1_000 {
        transcoder.push(&unit(0, block * 160, 0, &[0.0; 160]));
    }
    assert_eq!(drain(&mut transcoder).len(), outlet::READY_MAX);
    assert_eq!(transcoder.stats().overflowed_frames, 488);
}

#[test]
fn a_finish_completes_the_last_frame_with_silence() {
    let mut transcoder = Transcoder::new(&[l16(0, 8_000, 1)], pcma()).unwrap();
    transcoder.push(&unit(0, 0, 0, &[0.5; 200]));
    transcoder.finish();
    let units = drain(&mut transcoder);
    assert_eq!(units.len(), 2);
    assert!(sound(&units)[200..].iter().all(|sample| sample.abs() < 0.001));
}

proptest! {
    #[test]
    fn whatever_comes_frames_are_whole_and_times_rise(
        units in prop::collection::vec((0u8..3, -4i64..6, 0usize..900, 0u64..60, 0u8..50), 1..120)
    ) {
        let tracks = [l16(0, 8_000, 1), l16(1, 44_100, 2)];
        let mut transcoder = Transcoder::new(&tracks, Target::usual(Codec::G722)).unwrap();
        let (mut next, mut arrival, mut out) = ([0i64; 3], 0, Vec::new());
        for (track, step, bytes, later, rare) in units {
            arrival += later;
            let pts = &mut next[usize::from(track)];
            *pts = match rare {
                0 => i64::MAX,
                1 => i64::MIN,
                2 => 0,
                3 => pts.saturating_add(1 << 40),
                _ => pts.saturating_add(step * 100),
            };
            let data = Bytes::from(vec![0x12; bytes]);
            transcoder.push(&Unit { data, ..unit(track, *pts, arrival, &[]) });
            out.extend(drain(&mut transcoder));
        }
        transcoder.finish();
        out.extend(drain(&mut transcoder));
        prop_assert!(out.iter().all(|unit| unit.data.len() == 160 && unit.pts == unit.dts));
        for pair in out.windows(2) {
            let step = pair[1].dts - pair[0].dts;
            prop_assert!(step == 160 || (step > 160 && pair[1].discontinuity), "{}", step);
            prop_assert!(pair[1].arrival >= pair[0].arrival);
        }
        prop_assert_eq!(transcoder.stats().failed_frames, 0);
    }

    #[test]
    fn g711_and_l16_survive_a_round_trip(data in prop::collection::vec(any::<u8>(), 320..=320)) {
        for codec in [Codec::Pcma, Codec::Pcmu, Codec::L16] {
            let target = Target { rate: 8_000, frame: Duration::from_millis(20), ..Target::usual(codec) };
            let target = if codec == Codec::L16 { target } else { Target { channels: 2, ..target } };
            let mut transcoder = Transcoder::new(&[target.track(0)], target).unwrap();
            // µ-law's second zero becomes its first.
            let data: Vec<u8> = data.iter().map(|code| if codec == Codec::Pcmu && *code == 0x7f { 0xff } else { *code }).collect();
            transcoder.push(&Unit { data: Bytes::from(data.clone()), ..unit(0, 0, 0, &[]) });
            prop_assert_eq!(&drain(&mut transcoder)[0].data[..], &data[..]);
        }
    }
}
