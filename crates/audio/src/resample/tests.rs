use super::*;
use crate::tone::{Sine, analyse};

fn resampled(from: u32, to: u32, input: &[f32], block: usize) -> Vec<f32> {
    let mut resampler = Resampler::new(from, to, 1).unwrap();
    let mut out = Vec::new();
    input.chunks(block).for_each(|chunk| resampler.push(chunk, &mut out));
    out
}

const PAIRS: [(u32, u32); 8] = [
    (48_000, 8_000),
    (44_100, 8_000),
    (16_000, 8_000),
    (8_000, 16_000),
    (8_000, 48_000),
    (44_100, 48_000),
    (11_025, 8_000),
    (48_000, 44_100),
];

#[test]
fn a_tone_keeps_pitch_and_level_and_stays_clean() {
    for (from, to) in PAIRS {
        let tone: Vec<f32> = Sine::new(from, 1_000.0, -20.0).take(from as usize / 2).collect();
        let out = resampled(from, to, &tone, 441);
        let found = analyse(&out[out.len() / 4..], to).unwrap();
        assert!((found.frequency_hz - 1_000.0).abs() < 1.0, "{from} → {to}: {found:?}");
        assert!((found.level_dbfs + 20.0).abs() < 0.1, "{from} → {to}: {found:?}");
        assert!(found.purity_db > 58.0, "{from} → {to}: {found:?}");
    }
}

#[test]
fn telephony_up_to_3400_hz_passes_unhurt() {
    for pitch in [100.0, 3_000.0, 3_400.0] {
        let tone: Vec<f32> = Sine::new(48_000, pitch, -20.0).take(24_000).collect();
        let found = analyse(&resampled(48_000, 8_000, &tone, 960)[1_000..], 8_000).unwrap();
        assert!((found.level_dbfs + 20.0).abs() < 0.3, "{pitch}: {found:?}");
    }
}

#[test]
fn a_tone_of_6_khz_is_gone_at_8_khz() {
    for from in [16_000, 44_100, 48_000] {
        let tone: Vec<f32> = Sine::new(from, 6_000.0, -3.0).take(from as usize / 2).collect();
        let out = resampled(from, 8_000, &tone, 480);
        let loudest = out[100..].iter().fold(0f32, |peak, sample| peak.max(sample.abs()));
        assert!(loudest < 10f32.powf(-63.0 / 20.0), "{from}: {loudest}");
    }
}

#[test]
fn nothing_between_8_and_24_khz_appears_when_8_khz_become_48() {
    let tone: Vec<f32> = Sine::new(8_000, 3_000.0, -3.0).take(4_000).collect();
    let out = resampled(8_000, 48_000, &tone, 160);
    let found = analyse(&out[4_800..], 48_000).unwrap();
    assert!(found.purity_db > 60.0, "{found:?}");
}

#[test]
fn times_do_not_shift() {
    for (from, to) in PAIRS {
        let mut input = vec![0.0; from as usize];
        input[from as usize / 2] = 1.0;
        let out = resampled(from, to, &input, 333);
        let peak = out.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
        assert!(peak.abs_diff(to as usize / 2) <= 1, "{from} → {to}: the click came at {peak}");
    }
}

#[test]
fn the_size_of_the_blocks_changes_nothing() {
    let tone: Vec<f32> = Sine::new(44_100, 700.0, -6.0).take(10_000).collect();
    let whole = resampled(44_100, 8_000, &tone, 10_000);
    for block in [1, 7, 160, 1_024] {
        assert_eq!(resampled(44_100, 8_000, &tone, block), whole, "blocks of {block}");
    }
}

#[test]
fn the_delay_is_below_3_ms() {
    for (from, to) in PAIRS {
        let resampler = Resampler::new(from, to, 1).unwrap();
        assert!(resampler.delay() <= Duration::from_millis(3), "{from} → {to}: {:?}", resampler.delay());
        let n = 20_000;
        let expected = (n as f64 - from as f64 * 0.003) * f64::from(to) / f64::from(from);
        assert!(resampled(from, to, &vec![0.0; n], 100).len() as f64 >= expected, "{from} → {to}");
    }
}

#[test]
fn channels_stay_apart() {
    let left = Sine::new(48_000, 500.0, -20.0);
    let right = Sine::new(48_000, 900.0, -10.0);
    let input: Vec<f32> = left.zip(right).flat_map(|(left, right)| [left, right]).take(48_000).collect();
    let mut out = Vec::new();
    Resampler::new(48_000, 16_000, 2).unwrap().push(&input, &mut out);
    for (channel, pitch) in [(0, 500.0), (1, 900.0)] {
        let one: Vec<f32> = out.iter().skip(channel).step_by(2).copied().collect();
        let found = analyse(&one[500..], 16_000).unwrap();
        assert!((found.frequency_hz - pitch).abs() < 1.0 && found.purity_db > 60.0, "{found:?}");
    }
}

#[test]
fn rates_nobody_has_are_refused() {
    for (from, to) in [(0, 8_000), (8_000, 0), (8_000, 400_000), (47_999, 48_001)] {
        assert_eq!(Resampler::new(from, to, 1).unwrap_err(), ResamplerError { from, to });
    }
    assert!(Resampler::new(11_025, 96_000, 2).is_ok());
}
