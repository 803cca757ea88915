//! Puts a plan down as a unit. Source: ISO/IEC 14496-3 §4.4.2.7, as `spectrum` reads it.
use super::candidates::{shrink, value_of};
use super::plan::{Choice, Difference, Plan};
use super::sections::LENGTH_ESCAPE;
use super::shaping::{RESOLUTION, Shape};
use crate::eld::bits::Writer;
use crate::eld::huffman::{Book, SCALEFACTORS};
use crate::eld::tables::Bands;

/// Appends the unit.
pub(super) fn frame(plan: &Plan, shape: Option<&Shape>, table: &Bands, lines: &[f32], out: &mut Vec<u8>) {
    let mut writer = Writer::new(out);
    writer.bits(plan.global_gain() as u32, 8);
    writer.bits(plan.bands as u32, 6);
    for (book, length) in plan.sections.runs(plan.bands) {
        writer.bits(u32::from(book), 4);
        (0..length / LENGTH_ESCAPE).for_each(|_| writer.bits(LENGTH_ESCAPE as u32, 5));
        writer.bits((length % LENGTH_ESCAPE) as u32, 5);
    }
    for difference in plan.differences() {
        match difference {
            Difference::Coded(difference) => SCALEFACTORS.write((difference + 60) as usize, &mut writer),
            Difference::First(loudness) => writer.bits((loudness + 256).clamp(0, 511) as u32, 9),
        }
    }
    noise_shaping(shape, table, &mut writer);
    for band in 0..plan.bands {
        let (Choice::Lines { factor }, Some(book)) =
            (plan.choices[band], Book::of(plan.sections.books[band]))
        else {
            continue;
        };
        let down = shrink(factor);
        let mut values = [0; 4];
        for lines in lines[table.lines(band)].chunks_exact(book.values) {
            values.iter_mut().zip(lines).for_each(|(value, line)| *value = value_of(*line, down));
            book.write(&values[..book.values], &mut writer);
        }
    }
    writer.finish();
}

/// One filter upwards, or none.
pub(super) fn noise_shaping(shape: Option<&Shape>, table: &Bands, writer: &mut Writer<'_>) {
    writer.bits(u32::from(shape.is_some()), 1);
    let Some(shape) = shape else { return };
    writer.bits(1, 2);
    writer.bits(RESOLUTION - 3, 1);
    writer.bits((table.count() - shape.first) as u32, 6);
    writer.bits(shape.coefficients.len() as u32, 5);
    // Upwards, and no coefficient is shortened.
    writer.bits(0, 2);
    shape.coefficients.iter().for_each(|value| writer.bits(*value as u32, RESOLUTION));
}
