//! What 20 ms of sound cost. `cargo test -p aqueduct-audio --release -- --ignored --nocapture speed`
use crate::{encoded, unit};
use audio::tone::Sine;
use audio::{Target, Transcoder};
use media::{Codec, Unit};
use std::time::Instant;

/// Measures the way from `source` to `target` over 20 s of sound.
#[expect(clippy::disallowed_methods, reason = "a measurement needs a clock")]
fn measure(source: Target, target: Target) {
    let voice = Sine::new(source.rate, 220.0, -20.0).zip(Sine::new(source.rate, 1_330.0, -26.0));
    let voice: Vec<f32> = voice.map(|(a, b)| a + b).take(source.rate as usize * 20).collect();
    let units: Vec<Unit> = encoded(&voice, source);
    let mut transcoder = Transcoder::new(&[source.track(0)], target).unwrap();
    let (mut frames, start) = (0, Instant::now());
    for one in &units {
        transcoder.push(&unit(one.pts, one.data.to_vec()));
        frames += std::iter::from_fn(|| transcoder.poll_output()).count();
    }
    let each = start.elapsed().as_secs_f64() * 1e6 / frames as f64;
    let millis = target.frame.as_millis();
    println!(
        "{} {} → {} {}: {each:.0} µs per {millis} ms",
        source.codec, source.rate, target.codec, target.rate
    );
}

#[test]
#[ignore = "a measurement: prints, and proves nothing"]
fn speed_of_20_ms() {
    let usual = Target::usual;
    measure(usual(Codec::Opus), usual(Codec::Pcma));
    measure(usual(Codec::Pcma), usual(Codec::Opus));
    measure(usual(Codec::Pcma), usual(Codec::Pcmu));
    measure(usual(Codec::G722), usual(Codec::Pcma));
    measure(usual(Codec::Pcma), usual(Codec::G722));
    measure(Target { rate: 44_100, ..usual(Codec::L16) }, usual(Codec::Pcmu));
    let homekit = Target { rate: 16_000, frame: std::time::Duration::from_millis(30), ..usual(Codec::Aac) };
    let plain = Target { frame: homekit.frame, ..usual(Codec::L16) };
    measure(homekit, plain);
    measure(plain, homekit);
    measure(plain, plain);
}
