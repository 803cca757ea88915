use super::*;
use crate::mp4::testing::{self, BEGAN, reader, recorded, write};
use crate::mp4::{File, SegmentIndex};
use media::{Codec, CodecParams, Moment};
use mp4_atom::{Any, DecodeMaybe};

/// The demo clip as a stream would have it that has been running for an hour.
fn demo() -> (Vec<Track>, Vec<Unit>) {
    let (tracks, mut units) = testing::demo();
    for unit in &mut units {
        let hour = 3_600 * i64::from(tracks[usize::from(unit.track)].clock_rate);
        unit.dts += hour;
        unit.pts += hour;
    }
    (tracks, units)
}

#[test]
fn units_come_back_from_a_segment_as_they_went_in_but_for_its_zero() {
    let (tracks, units) = demo();
    for a_part in [1, 7, 60, 2_000] {
        let (bytes, _) = recorded(&tracks, &units, a_part);
        let file = File::parse(bytes.into()).unwrap();
        assert_eq!(file.tracks(), tracks);
        let back: Vec<_> =
            file.units().map(|unit| (unit.track, unit.dts, unit.pts, unit.keyframe, unit.data)).collect();
        let went_in = |unit: &Unit| {
            let hour = 3_600 * i64::from(tracks[usize::from(unit.track)].clock_rate);
            (unit.track, unit.dts - hour, unit.pts - hour, unit.keyframe, unit.data.clone())
        };
        assert!(back.into_iter().eq(units.iter().map(went_in)), "parts of {a_part}");
    }
}

#[test]
fn mp4_atom_reads_a_segment_to_the_last_byte() {
    let (tracks, units) = demo();
    let (bytes, ends) = recorded(&tracks, &units[..200], 40);
    let mut rest = &bytes[..];
    let (mut parts, mut samples) = (0, 0);
    while let Some(atom) = Any::decode_maybe(&mut rest).unwrap() {
        if let Any::Moof(moof) = atom {
            parts += 1;
            let of = |traf: &mp4_atom::Traf| {
                traf.trun.iter().map(|trun| trun.samples.iter().count()).sum::<usize>()
            };
            samples += moof.traf.iter().map(of).sum::<usize>();
        }
    }
    assert!(rest.is_empty());
    assert_eq!((parts, samples), (ends.len() - 1, 200));
}

#[test]
fn parts_cost_less_than_a_hundredth_of_what_a_camera_sends() {
    let (tracks, units) = demo();
    let media: usize = units.iter().map(|unit| unit.data.len()).sum();
    // 500 ms: 12 pictures, 23 frames of sound. The clip has 290 kbit/s; a camera of 4 Mbit/s has as many frames.
    let (bytes, ends) = recorded(&tracks, &units, 36);
    let over = bytes.len() - media - ends[0];
    let seconds = 16;
    assert!(over / seconds < 1_000, "{over} bytes in {seconds} s");
    assert!(((over / seconds) as f64) < 0.0025 * 4e6 / 8.0);
}

#[test]
fn sound_that_only_files_carry_comes_back() {
    for codec in [Codec::Pcma, Codec::Pcmu, Codec::L16] {
        let track = Track::audio(0, codec, 8_000, 1, CodecParams::None);
        let bytes = if codec == Codec::L16 { 320 } else { 160 };
        let units: Vec<Unit> = (0..50_u8)
            .map(|index| Unit {
                track: 0,
                pts: 8_000 + i64::from(index) * 160,
                dts: 8_000 + i64::from(index) * 160,
                arrival: Moment::ZERO,
                wall: BEGAN,
                keyframe: true,
                discontinuity: false,
                data: Bytes::from(vec![index; bytes]),
            })
            .collect();
        let (bytes, _) = recorded(&[track], &units, 25);
        let file = File::parse(bytes.into()).unwrap();
        assert_eq!(file.tracks()[0].codec, codec);
        let samples: Vec<u8> = file.units().flat_map(|unit| unit.data).collect();
        assert_eq!(samples, units.iter().flat_map(|unit| unit.data.clone()).collect::<Vec<_>>(), "{codec}");
    }
    let g722 = Track::audio(0, Codec::G722, 8_000, 1, CodecParams::None);
    assert!(SegmentMuxer::new(&[g722]).unwrap_err().to_string().contains("G.722"));
}

#[test]
fn what_follows_a_gap_has_its_own_time() {
    let (tracks, units) = demo();
    let mut late = units[0].clone();
    let hour = 3_600 * i64::from(tracks[0].clock_rate);
    (late.dts, late.pts) = (late.dts + hour, late.pts + hour);
    let mut muxer = SegmentMuxer::new(&tracks[..1]).unwrap();
    muxer.push(&units[0]);
    muxer.push(&late);
    assert_eq!(muxer.duration(), Duration::from_millis(3_600_040), "the last frame lasts for a frame");
    let mut file = muxer.init().to_vec();
    write(&muxer.finish(None).unwrap(), &mut file);
    let times: Vec<i64> = File::parse(file.into()).unwrap().units().map(|unit| unit.dts).collect();
    assert_eq!(times, [0, hour]);
}

#[test]
fn the_last_frame_lasts_until_the_next_file_begins() {
    let (tracks, units) = demo();
    let rate = i64::from(tracks[0].clock_rate);
    for (next_after, seconds) in
        [(Some(rate), 1.04), (Some(rate / 25), 0.08), (Some(-rate), 0.08), (None, 0.08)]
    {
        let mut muxer = SegmentMuxer::new(&tracks[..1]).unwrap();
        let pictures: Vec<&Unit> = units.iter().filter(|unit| unit.track == 0).take(2).collect();
        pictures.iter().for_each(|unit| muxer.push(unit));
        let next = next_after.map(|ticks| Unit { dts: pictures[1].dts + ticks, ..pictures[1].clone() });
        let mut file = muxer.init().to_vec();
        write(&muxer.finish(next.as_ref()).unwrap(), &mut file);
        let index = SegmentIndex::read(reader(&file)).unwrap();
        let lengths = index.samples(0).iter().map(|sample| i64::from(sample.ticks)).sum::<i64>();
        assert_eq!(lengths as f64 / rate as f64, seconds, "{next_after:?}");
    }
}
