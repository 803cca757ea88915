//! What our AAC-ELD encoder made, decoded by the system's ffmpeg. At 16 kHz ffmpeg has no table of bands for it (5.1 and
//! 9.0 alike, whoever encoded), so that these are the rates it has.
use crate::eld::{target, voice};
use crate::fixtures::{match_db, samples};
use crate::{decoded, encoded};
use audio::Target;
use audio::tone::{Sine, analyse};
use formats::mp4::SegmentMuxer;
use media::Unit;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

/// Says that a peer is missing; `cargo xtask test` collects these lines.
fn not_run() {
    let test = std::thread::current();
    let line = format!("NOT RUN: {}: needs ffmpeg5\n", test.name().unwrap_or("?"));
    let _ = std::io::stderr().write_all(line.as_bytes());
}

fn ffmpeg_is_here() -> bool {
    Command::new("ffmpeg").arg("-version").output().is_ok_and(|output| output.status.success())
}

/// A file that is gone with its value.
struct Film(PathBuf);

impl Film {
    fn new(name: &str, target: Target, units: &[Unit]) -> Self {
        let mut muxer = SegmentMuxer::new(&[target.track(0)]).unwrap();
        let mut bytes = muxer.init().to_vec();
        units.iter().for_each(|unit| muxer.push(unit));
        let part = muxer.finish(None).unwrap();
        bytes.extend_from_slice(&part.head);
        part.data.iter().for_each(|data| bytes.extend_from_slice(data));
        let path = std::env::temp_dir().join(format!("aqueduct-{}-{name}.mp4", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        Self(path)
    }

    /// All of it, as ffmpeg decodes it.
    fn sound(&self) -> Vec<f32> {
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-i"]).arg(&self.0).args(["-f", "s16le", "-"]);
        let output = command.output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        samples(&output.stdout)
    }
}

impl Drop for Film {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn ffmpeg_decodes_our_aac_eld_as_we_do() {
    if !ffmpeg_is_here() {
        return not_run();
    }
    for (rate, micros) in [(24_000, 20_000), (32_000, 16_000), (48_000, 10_000)] {
        let target = target(rate, micros);
        let tone: Vec<f32> = Sine::new(rate, 1_000.0, -20.0).take(rate as usize).collect();
        let sound = Film::new(&format!("tone{rate}"), target, &encoded(&tone, target)).sound();
        let found = analyse(&sound[sound.len() / 2..], rate).unwrap();
        assert!((found.frequency_hz - 1_000.0).abs() < 1.0 && found.purity_db > 30.0, "{rate}: {found:?}");

        // Bands of noise are another noise with each decoder, so that both are compared with what was said.
        let voice = voice(rate, 1.0);
        let units = encoded(&voice, target);
        let theirs = Film::new(&format!("voice{rate}"), target, &units).sound();
        let frame = target.frame_samples();
        let kept = |sound: &[f32]| {
            match_db(&sound[frame * 5 + frame / 2..theirs.len()], &voice[frame * 5..theirs.len() - frame / 2])
        };
        let (with_theirs, with_ours) = (kept(&theirs), kept(&decoded(&target.track(0), &units)));
        println!("{rate} Hz: {found:?}; voice: {with_theirs:.1} dB, with our decoder {with_ours:.1} dB");
        assert!(with_theirs > 18.0 && (with_theirs - with_ours).abs() < 0.3, "{rate}: {with_theirs:.1} dB");
    }
}
