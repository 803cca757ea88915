//! Temporal noise shaping: a prediction along the lines of a spectrum, whose error is sent, so that the noise of
//! quantisation follows the sound's loudness within a frame.
//!
//! Source: ISO/IEC 14496-3 §4.6.9.
use super::bits::Reader;
use super::tables::Bands;
use std::f32::consts::FRAC_PI_2;

/// Longest filter: 12, of a long window in the low-delay and low-complexity kinds.
pub(super) const ORDER_MAX: usize = 12;
/// Most filters of a window.
const FILTERS_MAX: usize = 3;

/// One filter.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Filter {
    /// Bands that it covers, from where the filter before begins downwards.
    pub(super) bands: usize,
    pub(super) order: usize,
    /// From the highest line to the lowest.
    pub(super) downwards: bool,
    /// Reflection coefficients.
    pub(super) reflections: [f32; ORDER_MAX],
}

/// The filters of one channel, from the top downwards.
#[derive(Debug)]
pub(super) struct Tns {
    filters: [Filter; FILTERS_MAX],
    count: usize,
}

impl Tns {
    pub(super) const fn new() -> Self {
        let none = Filter { bands: 0, order: 0, downwards: false, reflections: [0.0; ORDER_MAX] };
        Self { filters: [none; FILTERS_MAX], count: 0 }
    }

    pub(super) fn read(&mut self, reader: &mut Reader<'_>) -> Result<(), &'static str> {
        self.count = 0;
        if !reader.flag()? {
            return Ok(());
        }
        let count = reader.bits(2)? as usize;
        let resolution = if count > 0 { 3 + reader.bits(1)? } else { 3 };
        for filter in &mut self.filters[..count] {
            filter.bands = reader.bits(6)? as usize;
            filter.order = reader.bits(5)? as usize;
            if filter.order > ORDER_MAX {
                return Err("a filter of its noise shaping is longer than 12");
            }
            if filter.order > 0 {
                filter.downwards = reader.flag()?;
                let bits = resolution - reader.bits(1)?;
                for reflection in &mut filter.reflections[..filter.order] {
                    let value = reader.bits(bits)? as i32;
                    // The highest bit is the sign.
                    *reflection = reflection_of((value << (32 - bits)) >> (32 - bits), resolution);
                }
            }
        }
        self.count = count;
        Ok(())
    }

    /// Whether there is any filter.
    #[cfg(test)]
    pub(super) fn is_used(&self) -> bool {
        self.filters[..self.count].iter().any(|filter| filter.order > 0)
    }

    /// Undoes the prediction.
    pub(super) fn run(&self, table: &Bands, bands: usize, lines: &mut [f32]) {
        let last = bands.min(table.shaped);
        let mut top = table.count();
        for filter in &self.filters[..self.count] {
            let bottom = top.saturating_sub(filter.bands);
            let start = usize::from(table.offsets[bottom.min(last)]);
            let end = usize::from(table.offsets[top.min(last)]);
            top = bottom;
            let part = &mut lines[start..end];
            if filter.order == 0 || part.is_empty() {
                continue;
            }
            if filter.downwards {
                part.reverse();
            }
            synthesise(&predictor(&filter.reflections[..filter.order]), part);
            if filter.downwards {
                part.reverse();
            }
        }
    }
}

/// The reflection coefficient that a value stands for.
pub(super) fn reflection_of(value: i32, resolution: u32) -> f32 {
    let steps = (1 << (resolution - 1)) as f32;
    let steps = if value < 0 { steps + 0.5 } else { steps - 0.5 };
    (value as f32 / steps * FRAC_PI_2).sin()
}

/// Reflection coefficients as those of a filter; the first, which is 1, is left out.
pub(super) fn predictor(reflections: &[f32]) -> [f32; ORDER_MAX] {
    let mut filter = [0.0; ORDER_MAX];
    for (order, reflection) in reflections.iter().enumerate() {
        let before = filter;
        for at in 0..order {
            filter[at] = before[at] + reflection * before[order - 1 - at];
        }
        filter[order] = *reflection;
    }
    filter
}

/// From errors of the prediction to lines.
fn synthesise(filter: &[f32; ORDER_MAX], lines: &mut [f32]) {
    let mut before = [0.0; ORDER_MAX];
    for line in lines {
        let predicted: f32 = filter.iter().zip(&before).map(|(a, b)| a * b).sum();
        *line -= predicted;
        before.copy_within(..ORDER_MAX - 1, 1);
        before[0] = *line;
    }
}
