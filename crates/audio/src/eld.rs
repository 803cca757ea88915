//! AAC-ELD, the low-delay AAC of HomeKit and of conference rooms: decoder and encoder of our own.
//!
//! Source: ISO/IEC 14496-3:2009, object type 39 ("ER AAC ELD"). Why it is our own: `docs/decisions/0014`. A unit is a
//! frame of 480 or 512 samples; a sound is out half a frame after its frame was whole.
//!
//! Not decoded, and refused by name when a track says so: low-delay SBR, the error-resilient codings of sections,
//! scalefactors and spectra, and more than two channels. The encoder is for one channel.
mod bits;
mod config;
mod decoder;
mod encoder;
mod fft;
mod filterbank;
mod huffman;
mod noise;
mod spectrum;
mod stereo;
mod tables;
mod tns;

pub(crate) use config::{Config, FrameLength};
pub(crate) use decoder::Decoder;
pub(crate) use encoder::Encoder;

/// For fuzz targets: decodes `data` as a stream, whose parts each have their length before them in 16 bits and the first
/// is the AudioSpecificConfig; only to see that nothing panics and that sound stays sound.
pub fn fuzz_eld(mut data: &[u8]) {
    let mut decoder = None;
    let mut sound = Vec::new();
    while let [high, low, rest @ ..] = data {
        let (part, behind) = rest.split_at(usize::from(u16::from_be_bytes([*high, *low])).min(rest.len()));
        data = behind;
        let Some(decoder) = &mut decoder else {
            let Ok(config) = Config::parse(part) else { return };
            decoder = Some(Decoder::new(config));
            continue;
        };
        sound.clear();
        if decoder.decode(part, &mut sound).is_err() {
            debug_assert!(sound.is_empty(), "an error has no sound");
        }
        debug_assert!(sound.iter().all(|sample| sample.is_finite()), "sound is numbers");
    }
}
