//! What devices heard, judged.
use audio::tone::{Analysis, analyse};
use audio::{Decoder, Target};
use media::Codec;
use testkit::intercom::{Config, Fault, IsapiIntercom};

/// An intercom with a password, as most are.
pub(crate) fn intercom(codec: &str, fault: Fault) -> IsapiIntercom {
    let credentials = Some(("admin".to_owned(), "pass:word@1".to_owned()));
    let codecs = vec![codec.to_owned()];
    IsapiIntercom::start(Config { credentials, codecs, ..Config::default() }, fault).unwrap()
}

/// Where it is, with the password as one writes it in a URL.
pub(crate) fn url(device: &IsapiIntercom) -> String {
    device.url_as("admin", "pass%3Aword%401")
}

/// Bytes that a device got, as sound.
pub(crate) fn sound(codec: Codec, bytes: &[u8]) -> (Vec<f32>, u32) {
    let target = Target::usual(codec);
    let mut decoder = Decoder::new(&target.track(0)).unwrap();
    let mut samples = Vec::new();
    for piece in bytes.chunks(4_000) {
        decoder.decode(piece, &mut samples).unwrap();
    }
    (samples, decoder.rate())
}

/// What was heard must be this tone: pitch ±1 %, level ±1.5 dB; without its first and last 100 ms.
pub(crate) fn assert_tone(samples: &[f32], rate: u32, pitch_hz: f64, level_dbfs: f64) -> Analysis {
    let edge = rate as usize / 10;
    let found = analyse(&samples[edge..samples.len() - edge], rate).unwrap();
    assert!((found.frequency_hz / pitch_hz - 1.0).abs() < 0.01, "{found:?}");
    assert!((found.level_dbfs - level_dbfs).abs() < 1.5, "{found:?}");
    assert!(found.purity_db > 20.0, "{found:?}");
    found
}

/// How loud one tone is in what was heard, in dBFS.
pub(crate) fn level_of(samples: &[f32], rate: u32, pitch_hz: f64) -> f64 {
    let step = std::f64::consts::TAU * pitch_hz / f64::from(rate);
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (index, sample) in samples.iter().enumerate() {
        let angle = step * index as f64;
        real += f64::from(*sample) * angle.cos();
        imaginary += f64::from(*sample) * angle.sin();
    }
    20.0 * (2.0 * (real * real + imaginary * imaginary).sqrt() / samples.len() as f64).log10()
}
