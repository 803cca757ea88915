//! Sound to units, of one channel.
//!
//! A frame becomes a spectrum; [`hearing`] says how much noise each of its bands bears; [`shaping`]
//! follows a sound that is short; [`candidates`] tries every band at
//! many steps of quantisation; [`plan`] chooses one for each, so that bits and audible noise together are least, at the
//! price of noise that just spends the frame's bits; [`sections`] groups bands by codebook; [`write`] puts it down. Bands that are
//! given up become noise of their loudness ([`plan`]) where that is heard as the same.
//!
//! The bits of a frame are nearly constant: what quiet frames leave is saved for loud ones, up to one frame's worth.
use super::config::Config;
use super::filterbank::{Analysis, LINES_MAX};
use super::tables::Bands;
use candidates::Candidates;
use hearing::Hearing;
use plan::Plan;
use shaping::Shape;

mod candidates;
mod hearing;
mod plan;
mod sections;
mod shaping;
mod write;

/// Full scale of spectra.
const FULL: f32 = 32_768.0;
/// Lowest bits a second: what HomeKit asks for at 16 and at 24 kHz.
const BITRATE_MIN: u32 = 24_000;
/// Highest bits a second: beyond it one channel does not get better.
const BITRATE_MAX: u32 = 64_000;

/// Encodes one stream.
#[derive(Debug)]
pub(crate) struct Encoder {
    table: Bands,
    rate: u32,
    frame: usize,
    /// Bits that a frame has on average.
    bits_per_frame: u32,
    /// Bits that frames before left.
    saved: u32,
    analysis: Analysis,
    hearing: Hearing,
    candidates: Candidates,
    samples: Vec<f32>,
    lines: [f32; LINES_MAX],
}

impl Encoder {
    /// For a config of one channel. One bit a sample, but 24 kbit/s at least and 64 at most.
    pub(crate) fn new(config: Config) -> Self {
        let table = Bands::of(config.rate_index(), config.length);
        let frame = config.length.samples();
        let bitrate = config.rate.clamp(BITRATE_MIN, BITRATE_MAX);
        Self {
            table,
            rate: config.rate,
            frame,
            bits_per_frame: (u64::from(bitrate) * frame as u64 / u64::from(config.rate.max(1))) as u32,
            saved: 0,
            analysis: Analysis::new(config.length),
            hearing: Hearing::new(&table, config.rate, frame),
            candidates: Candidates::new(),
            samples: Vec::new(),
            lines: [0.0; LINES_MAX],
        }
    }

    /// Appends the unit of one frame of samples.
    pub(crate) fn encode(&mut self, samples: &[f32], out: &mut Vec<u8>) {
        self.samples.clear();
        // What is no number would stay in the filter bank for four frames.
        let level = |sample: &f32| if sample.is_finite() { sample.clamp(-1.0, 1.0) * FULL } else { 0.0 };
        self.samples.extend(samples.iter().map(level));
        self.samples.resize(self.frame, 0.0);
        let lines = &mut self.lines[..self.frame];
        self.analysis.run(&self.samples, lines);
        let bearable = self.hearing.bearable(&self.table, lines);
        let shape = Shape::find(&self.table, self.rate, lines);
        self.candidates.fill(&self.table, bearable, lines);
        let head = if shape.is_some() { Shape::BITS } else { 0 };
        let budget = self.bits_per_frame + self.saved / 2 - head;
        let plan = plan::within(budget, |price| Plan::new(&self.table, &self.candidates, bearable, price));
        let before = out.len();
        write::frame(&plan, shape.as_ref(), &self.table, lines, out);
        let spent = 8 * (out.len() - before) as u32;
        self.saved = (self.saved + self.bits_per_frame).saturating_sub(spent).min(self.bits_per_frame);
    }
}
