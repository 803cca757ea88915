//! Temporal noise shaping: finds the filter, and makes its error of the lines.
//!
//! A sound that is short within its frame has lines that can be predicted from those below. Where the error of that is
//! sent instead, noise follows the sound's loudness in time, and is not heard before it.
use crate::eld::spectrum::BANDS_MAX;
use crate::eld::tables::Bands;
use crate::eld::tns::{ORDER_MAX, predictor, reflection_of};

/// Order of the filter: 8 follow the shape of a frame well enough, and cost 32 bits.
const ORDER: usize = 8;
/// Where it begins: 800 Hz. Lower harmonics are predicted from each other, whatever the shape in time is.
const FROM_HZ: f32 = 800.0;
/// Least gain of the prediction: 2, where it saves the bits that it costs.
const GAIN_MIN: f32 = 2.0;
/// Bits of a coefficient.
pub(super) const RESOLUTION: u32 = 4;

/// The filter of a frame, over the bands from the first to the highest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) first: usize,
    pub(super) coefficients: [i32; ORDER],
}

impl Shape {
    /// Bits that it takes: marks, count and resolution, length, order, direction, compression, coefficients.
    pub(super) const BITS: u32 = 2 + 1 + 6 + 5 + 1 + 1 + RESOLUTION * ORDER as u32;

    /// The filter for these lines, if one is worth its bits; the lines become what is left to be sent.
    pub(super) fn find(table: &Bands, rate: u32, lines: &mut [f32]) -> Option<Self> {
        let hz_per_line = rate as f32 / 2.0 / lines.len() as f32;
        let first = table.offsets.iter().position(|line| f32::from(*line) * hz_per_line >= FROM_HZ)?;
        let shaped = table.shaped.min(table.count());
        let correlation = correlation(table, first, shaped, lines)?;
        let (reflections, gain) = prediction(&correlation);
        if gain < GAIN_MIN {
            return None;
        }
        let coefficients = reflections.map(quantised);
        let reflections = coefficients.map(|value| reflection_of(value, RESOLUTION));
        let range = usize::from(table.offsets[first])..usize::from(table.offsets[shaped]);
        analyse(&predictor(&reflections), &mut lines[range]);
        Some(Self { first, coefficients })
    }
}

/// Autocorrelation of the lines, each band brought to the same loudness. `None` for silence.
fn correlation(table: &Bands, first: usize, last: usize, lines: &[f32]) -> Option<[f32; ORDER + 1]> {
    let mut weights = [0.0; BANDS_MAX];
    for (band, weight) in weights.iter_mut().enumerate().take(last).skip(first) {
        let lines = &lines[table.lines(band)];
        let energy = lines.iter().map(|line| line * line).sum::<f32>() / lines.len() as f32;
        *weight = 1.0 / (energy + 1.0).sqrt();
    }
    let weighted = |band: usize| lines[table.lines(band)].iter().map(move |line| (band, *line));
    let mut sums = [0.0; ORDER + 1];
    let mut before = [0.0; ORDER + 1];
    for (band, line) in (first..last).flat_map(weighted) {
        before.copy_within(..ORDER, 1);
        before[0] = line * weights[band];
        sums.iter_mut().zip(&before).for_each(|(sum, earlier)| *sum += before[0] * earlier);
    }
    (sums[0] > 1e-3).then_some(sums)
}

/// Reflection coefficients by Levinson's recursion, and how much smaller the error is than the lines.
fn prediction(correlation: &[f32; ORDER + 1]) -> ([f32; ORDER], f32) {
    let (mut reflections, mut filter) = ([0.0; ORDER], [0.0; ORDER_MAX]);
    let mut error = correlation[0];
    for order in 0..ORDER {
        let sum: f32 = (0..order).map(|at| filter[at] * correlation[order - at]).sum();
        reflections[order] = -(correlation[order + 1] + sum) / error;
        filter = predictor(&reflections[..=order]);
        error *= 1.0 - reflections[order] * reflections[order];
        if error <= correlation[0] * 1e-4 {
            break;
        }
    }
    (reflections, correlation[0] / error)
}

/// The value that is sent for a reflection coefficient.
fn quantised(reflection: f32) -> i32 {
    let half = (1 << (RESOLUTION - 1)) as f32;
    let steps = if reflection < 0.0 { half + 0.5 } else { half - 0.5 };
    let turn = reflection.clamp(-1.0, 1.0).asin() / std::f32::consts::FRAC_PI_2;
    ((turn * steps).round() as i32).clamp(-(half as i32), half as i32 - 1)
}

/// From lines to the error of their prediction.
fn analyse(filter: &[f32; ORDER_MAX], lines: &mut [f32]) {
    let mut before = [0.0; ORDER_MAX];
    for line in lines {
        let own = *line;
        *line += filter.iter().zip(&before).map(|(a, b)| a * b).sum::<f32>();
        before.copy_within(..ORDER_MAX - 1, 1);
        before[0] = own;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eld::bits::{Reader, Writer};
    use crate::eld::config::FrameLength;
    use crate::eld::encoder::write;
    use crate::eld::filterbank::Analysis;
    use crate::eld::tns::Tns;

    /// A click has lines that are a wave, and is shaped; its filter as a decoder reads it undoes what was done.
    #[test]
    fn a_click_is_shaped_and_a_decoder_undoes_it_and_hiss_is_not_shaped() {
        let table = Bands::of(8, FrameLength::L480);
        let mut analysis = Analysis::new(FrameLength::L480);
        let mut lines = [0.0; 480];
        let mut samples = [0.0; 480];
        samples[100..110].copy_from_slice(&[9e3, -2e4, 3e4, -2e4, 1e4, -7e3, 5e3, -4e3, 2e3, -1e3]);
        analysis.run(&samples, &mut lines);
        analysis.run(&[0.0; 480], &mut lines);
        let click = lines;
        let shape = Shape::find(&table, 16_000, &mut lines).unwrap();
        let energy = |lines: &[f32]| lines.iter().map(|line| line * line).sum::<f32>();
        let range = usize::from(table.offsets[shape.first])..480;
        assert!(energy(&click[range.clone()]) > 2.0 * energy(&lines[range]));

        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes);
        write::noise_shaping(Some(&shape), &table, &mut writer);
        writer.finish();
        assert_eq!(bytes.len() as u32, (1 + Shape::BITS).div_ceil(8));
        let mut tns = Tns::new();
        tns.read(&mut Reader::new(&bytes)).unwrap();
        tns.run(&table, table.count(), &mut lines);
        let apart = energy(&std::array::from_fn::<f32, 480, _>(|at| lines[at] - click[at]));
        assert!(apart < 1e-6 * energy(&click), "{apart}");

        let mut state = 1u32;
        let mut hiss: [f32; 480] = std::array::from_fn(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state as i32 >> 16) as f32
        });
        assert!(Shape::find(&table, 16_000, &mut hiss).is_none());
        assert!(Shape::find(&table, 16_000, &mut [0.0; 480]).is_none());
    }
}
