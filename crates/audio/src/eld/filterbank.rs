//! The low-delay filter bank: frames of samples to spectra and back.
//!
//! Source: ISO/IEC 14496-3 §4.6.20.2. A window spans four frames, of which the first quarter of the newest is zero; as the
//! reference decoder does, both directions leave that quarter out, so that a sound is out half a frame after its frame
//! was whole. Both directions together give back what went in.
//!
//! The cosines repeat: of the four frames that a spectrum stands for, all are told from the values of one DCT-IV.
use super::config::FrameLength;
use super::fft::Dct;
use super::tables::{WINDOW_480, WINDOW_512};

/// Lines of the longest frame.
pub(super) const LINES_MAX: usize = 512;

/// The parts that both directions have.
#[derive(Debug)]
struct Bank {
    dct: Dct,
    window: Vec<f32>,
    /// What lies four frames wide around the newest, less the quarter that is zero.
    span: Vec<f32>,
    frame: usize,
    folded: Vec<f32>,
}

impl Bank {
    fn new(length: FrameLength) -> Self {
        let window: &[i32] = match length {
            FrameLength::L480 => &WINDOW_480,
            FrameLength::L512 => &WINDOW_512,
        };
        let frame = length.samples();
        Self {
            dct: Dct::new(frame),
            window: window.iter().map(|value| (f64::from(*value) / 1e8) as f32).collect(),
            span: vec![0.0; window.len()],
            frame,
            folded: vec![0.0; frame],
        }
    }
}

/// Where a sample of the four frames is among the values of the DCT-IV, and whether its sign is turned.
///
/// With `M` samples a frame, sample `n` has the cosine of DCT sample `n − M/2`; those are even around 0, odd around `M`,
/// and turn their sign every `2 M`.
const fn place(sample: usize, frame: usize) -> (usize, bool) {
    let at = (sample + 4 * frame - frame / 2) % (4 * frame);
    let (quadrant, within) = (at / frame, at % frame);
    match quadrant {
        0 => (within, false),
        1 => (frame - 1 - within, true),
        2 => (within, true),
        _ => (frame - 1 - within, false),
    }
}

/// Spectra to samples.
#[derive(Debug)]
pub(super) struct Synthesis(Bank);

impl Synthesis {
    pub(super) fn new(length: FrameLength) -> Self {
        Self(Bank::new(length))
    }

    /// Appends a frame of sound, full scale being 32,768 as in spectra.
    pub(super) fn run(&mut self, lines: &[f32], out: &mut Vec<f32>) {
        let Bank { dct, window, span, frame, folded } = &mut self.0;
        let frame = *frame;
        folded.copy_from_slice(lines);
        dct.run(folded);
        let scale = -1.0 / frame as f32;
        for (at, (sum, window)) in span.iter_mut().zip(&*window).enumerate() {
            let (from, turned) = place(at + frame / 4, frame);
            let value = folded[from] * window * scale;
            *sum += if turned { -value } else { value };
        }
        out.extend_from_slice(&span[..frame]);
        span.copy_within(frame.., 0);
        let end = span.len() - frame;
        span[end..].fill(0.0);
    }

    /// Forgets the frames before.
    pub(super) fn reset(&mut self) {
        self.0.span.fill(0.0);
    }
}

/// Samples to spectra.
#[derive(Debug)]
pub(super) struct Analysis(Bank);

impl Analysis {
    pub(super) fn new(length: FrameLength) -> Self {
        Self(Bank::new(length))
    }

    /// Takes the next frame; `lines` becomes the spectrum of the frames up to it.
    pub(super) fn run(&mut self, samples: &[f32], lines: &mut [f32]) {
        let Bank { dct, window, span, frame, .. } = &mut self.0;
        let frame = *frame;
        span.copy_within(frame.., 0);
        let end = span.len() - frame;
        span[end..].copy_from_slice(samples);
        lines.fill(0.0);
        // The window is that of the other direction, turned round, and so its zeros are behind the newest sample.
        for (at, (sample, window)) in span.iter().zip(window.iter().rev()).enumerate() {
            let (to, turned) = place(at, frame);
            lines[to] += if turned { -sample } else { *sample } * window;
        }
        dct.run(lines);
        lines.iter_mut().for_each(|line| *line *= 2.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_give_back_what_went_in_half_a_frame_later() {
        for length in [FrameLength::L480, FrameLength::L512] {
            let frame = length.samples();
            let mut state = 1u32;
            let noise: Vec<f32> = (0..frame * 12)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state as i32 >> 16) as f32
                })
                .collect();
            let (mut analysis, mut synthesis) = (Analysis::new(length), Synthesis::new(length));
            let (mut lines, mut sound) = (vec![0.0; frame], Vec::new());
            for samples in noise.chunks_exact(frame) {
                analysis.run(samples, &mut lines);
                synthesis.run(&lines, &mut sound);
            }
            let delay = frame / 2;
            let (found, wanted) = (&sound[4 * frame..], &noise[4 * frame - delay..]);
            let power =
                |of: &mut dyn Iterator<Item = f32>| of.map(|value| f64::from(value).powi(2)).sum::<f64>();
            let rest = power(&mut found.iter().zip(wanted).map(|(found, wanted)| found - wanted));
            let kept = 10.0 * (power(&mut wanted.iter().copied()) / rest).log10();
            println!("{frame}: {kept:.1} dB");
            assert!(kept > 80.0, "{frame}: {kept:.1} dB");
        }
    }
}
