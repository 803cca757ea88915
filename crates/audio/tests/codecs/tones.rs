//! A tone goes in on one side and comes out on the other with its pitch and its level.
use crate::{decoded, encoded, track, transcoded};
use audio::Target;
use audio::tone::{Analysis, Sine, analyse};
use media::{Codec, Track};
use std::time::Duration;

/// A second of 1 kHz at −20 dBFS, or another pitch, from `source` to `target`; what is heard in its second half.
fn heard(source: Target, target: Target, pitch: f64) -> Option<Analysis> {
    let tone = Sine::new(source.rate, pitch, -20.0).take(source.rate as usize);
    let channels = usize::from(source.channels);
    let tone: Vec<f32> = tone.flat_map(|sample| std::iter::repeat_n(sample, channels)).collect();
    let units = transcoded(&source.track(0), &encoded(&tone, source), target);
    assert!(units.len() >= 48, "{} units of 20 ms came out of a second", units.len());
    let sound = decoded(&target.track(0), &units);
    let left: Vec<f32> = sound.iter().step_by(usize::from(target.channels)).copied().collect();
    analyse(&left[left.len() / 2..], target.rate)
}

fn assert_heard(source: Target, target: Target, pitch: f64) {
    let found = heard(source, target, pitch).unwrap();
    println!("{} {} → {} {}: {found:?}", source.codec, source.rate, target.codec, target.rate);
    assert!((found.frequency_hz / pitch - 1.0).abs() < 0.01, "{source:?} → {target:?}: {found:?}");
    assert!((found.level_dbfs + 20.0).abs() < 1.5, "{source:?} → {target:?}: {found:?}");
    // Opus at 32 kbit/s codes a voice; a lone tone comes back with some noise around it, libopus' just so.
    assert!(found.purity_db > 18.0, "{source:?} → {target:?}: {found:?}");
}

const USUAL: [Codec; 6] = [Codec::Opus, Codec::Aac, Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::L16];

#[test]
fn one_kilohertz_survives_from_every_codec_to_every_other() {
    for source in USUAL {
        for target in USUAL {
            assert_heard(Target::usual(source), Target::usual(target), 1_000.0);
        }
    }
}

#[test]
fn one_kilohertz_survives_from_44_1_khz_and_in_stereo() {
    let compact_disc = Target { rate: 44_100, channels: 2, ..Target::usual(Codec::L16) };
    assert_heard(compact_disc, Target::usual(Codec::Pcmu), 1_000.0);
    let stereo = Target { channels: 2, ..Target::usual(Codec::Opus) };
    assert_heard(compact_disc, stereo, 1_000.0);
    assert_heard(stereo, Target::usual(Codec::Pcma), 1_000.0);
}

#[test]
fn other_pitches_and_frames_survive_too() {
    for pitch in [300.0, 440.0, 3_000.0] {
        assert_heard(Target::usual(Codec::Opus), Target::usual(Codec::Pcma), pitch);
        assert_heard(Target::usual(Codec::Pcmu), Target::usual(Codec::Opus), pitch);
    }
    for millis in [10, 30, 40] {
        let target = Target { frame: Duration::from_millis(millis), ..Target::usual(Codec::G722) };
        let tone: Vec<f32> = Sine::new(8_000, 1_000.0, -20.0).take(8_000).collect();
        let units =
            transcoded(&track(Codec::Pcma, 8_000, 1), &encoded(&tone, Target::usual(Codec::Pcma)), target);
        assert!(units.iter().all(|unit| unit.data.len() as u64 == 8 * millis), "a tick is a byte");
        assert!(units.windows(2).all(|pair| pair[1].pts - pair[0].pts == 8 * millis as i64));
    }
}

#[test]
fn six_kilohertz_do_not_come_back_as_two_at_8_khz() {
    let sources = [Target::usual(Codec::Opus), Target::usual(Codec::L16), Target::usual(Codec::G722)];
    for source in sources {
        // Nothing louder than −60 dBFS, the quietest that the analysis would hear in G.711's own noise.
        let found = heard(source, Target::usual(Codec::Pcma), 6_000.0);
        assert!(found.is_none_or(|found| found.level_dbfs < -60.0), "{source:?}: {found:?}");
    }
}

#[test]
fn a_lost_opus_packet_is_bridged_and_not_silent() {
    let target = Target::usual(Codec::Opus);
    let tone: Vec<f32> = Sine::new(48_000, 1_000.0, -20.0).take(48_000).collect();
    let mut units = encoded(&tone, target);
    units.remove(25);
    let out = transcoded(&target.track(0), &units, Target::usual(Codec::L16));
    let sound = decoded(&Track { ..Target::usual(Codec::L16).track(0) }, &out);
    let lost = &sound[25 * 320..26 * 320];
    let power = lost.iter().map(|sample| sample * sample).sum::<f32>() / 320.0;
    assert!(10.0 * (2.0 * power).log10() > -26.0, "the gap has a power of {power}");
}
