//! AAC: LC, HE v1 and v2 and LD by the crate `syom`, which only this module names; ELD by our own [`eld`].
//!
//! The track says which rate and channels come out. HE-AAC often does not announce itself (always so in ADTS): then
//! the decoder finds out at the first unit and makes twice the samples, perhaps in stereo, which is brought back here.
use crate::channels;
use crate::eld;
use crate::resample::Resampler;
use bytes::Bytes;
use syom::{DecodeOptions, Frame};

/// Decodes raw access units of one stream.
pub(crate) struct Decoder {
    inner: Inner,
    rate: u32,
    channels: u8,
    /// From the rate that is found to the track's, where they differ.
    resampler: Option<(u32, Resampler)>,
    interleaved: Vec<f32>,
    converted: Vec<f32>,
}

/// The decoder of the object type.
enum Inner {
    Eld(eld::Decoder),
    Others { decoder: Box<syom::Decoder>, config: Bytes },
}

impl Decoder {
    /// For this AudioSpecificConfig; puts out the given rate and channels.
    pub(crate) fn new(config: &Bytes, rate: u32, channels: u8) -> Result<Self, &'static str> {
        let inner = if eld::Config::is_eld(config) {
            Inner::Eld(eld::Decoder::new(eld::Config::parse(config)?))
        } else {
            let decoder = syom::Decoder::from_asc(config, DecodeOptions::unbounded());
            let decoder = decoder
                .map_err(|_| "its AudioSpecificConfig is none of AAC-LC, HE-AAC, AAC-LD or AAC-ELD")?;
            Inner::Others { decoder: Box::new(decoder), config: config.clone() }
        };
        Ok(Self { inner, rate, channels, resampler: None, interleaved: Vec::new(), converted: Vec::new() })
    }

    pub(crate) fn decode(&mut self, data: &[u8], out: &mut Vec<f32>) -> Result<(), &'static str> {
        let mut rate = self.rate;
        let Self { inner, interleaved, converted, channels, .. } = self;
        interleaved.clear();
        converted.clear();
        match inner {
            Inner::Eld(decoder) => {
                decoder.decode(data, interleaved)?;
                rate = decoder.config().rate;
                keep(interleaved, decoder.config().channels, *channels, converted);
            }
            Inner::Others { decoder, .. } => {
                let decoded = decoder.decode_au(data, |frame| {
                    rate = frame.sample_rate;
                    interleave(&frame, interleaved);
                    let found = u8::try_from(frame.planar.len()).unwrap_or(u8::MAX);
                    keep(interleaved, found, *channels, converted);
                    Ok(())
                });
                if decoded.is_err() {
                    self.reset();
                    return Err("the access unit contradicts itself");
                }
            }
        }
        self.resample(rate, out)
    }

    /// Appends so many samples of each channel for units that never came.
    pub(crate) fn conceal(&mut self, frames: usize, out: &mut Vec<f32>) {
        let end = out.len() + frames * usize::from(self.channels);
        if let Inner::Eld(decoder) = &mut self.inner
            && (decoder.config().rate, decoder.config().channels) == (self.rate, self.channels)
        {
            let before = out.len();
            decoder.conceal(frames, out);
            out[before..].iter_mut().for_each(|sample| *sample = sample.clamp(-1.0, 1.0));
        }
        out.resize(end, 0.0);
    }

    /// Forgets the sound before. An error of the decoder needs this too: it is final for it.
    pub(crate) fn reset(&mut self) {
        match &mut self.inner {
            Inner::Eld(decoder) => decoder.reset(),
            Inner::Others { decoder, config } => {
                decoder.reset();
                // The same config was accepted before.
                let _ = decoder.set_asc(config);
            }
        }
        self.resampler = None;
    }

    fn resample(&mut self, found: u32, out: &mut Vec<f32>) -> Result<(), &'static str> {
        if found == self.rate {
            out.extend_from_slice(&self.converted);
            return Ok(());
        }
        if self.resampler.as_ref().is_none_or(|(from, _)| *from != found) {
            let made = Resampler::new(found, self.rate, self.channels);
            self.resampler = Some((found, made.map_err(|_| "its rate is not that of the track")?));
        }
        if let Some((_, resampler)) = &mut self.resampler {
            let before = out.len();
            resampler.push(&self.converted, out);
            out[before..].iter_mut().for_each(|sample| *sample = sample.clamp(-1.0, 1.0));
        }
        Ok(())
    }
}

/// Keeps sound in the channels that are wanted. What noise decodes to has no bound; sound has.
fn keep(found: &mut [f32], from: u8, to: u8, out: &mut Vec<f32>) {
    found.iter_mut().for_each(|sample| *sample = sample.clamp(-1.0, 1.0));
    channels::convert(found, from, to, out);
}

fn interleave(frame: &Frame<'_>, out: &mut Vec<f32>) {
    let sample = |index: usize| frame.planar.iter().filter_map(move |plane| plane.get(index));
    out.extend((0..frame.samples).flat_map(sample));
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder")
            .field("rate", &self.rate)
            .field("channels", &self.channels)
            .finish_non_exhaustive()
    }
}
