//! Chooses a step for each band: the least bits and noise together, at a price of noise.
use super::candidates::{Candidate, Candidates};
use super::sections::Sections;
use crate::eld::huffman::SCALEFACTORS;
use crate::eld::spectrum::{BANDS_MAX, BOOK_NOISE, BOOK_ZERO};
use crate::eld::tables::Bands;

/// Lowest and highest price, in bits for the bearable noise of a band. At the highest the noise is some 20 dB below what is
/// bearable: more bits would be wasted.
const PRICES: (f32, f32) = (1e-6, 100.0);
/// Halvings of that range: the last is a step of 7 %.
const HALVINGS: usize = 8;
/// Steps around the best one that are weighed against what their neighbours take.
const AROUND: usize = 3;
/// Choices of a band: the steps around the best, and nothing.
const CHOICES: usize = 2 * AROUND + 2;
/// Bits that a band's share of its section costs, roughly.
const SECTION_SHARE: f32 = 1.5;
/// First band above which what is given up becomes noise: below, single tones are heard.
const NOISE_FROM_LINE: u16 = 120;
/// Loudness above which a band that is given up is missed, as a multiple of the noise that it bears.
const NOISE_LOUD: f32 = 16.0;
/// A loudest line of so many times the mean is a tone and no noise.
const NOISE_PEAK: f32 = 6.0;
/// Loudness of noise as it is sent: an offset to scalefactors. Source: ISO/IEC 14496-3 §4.6.13.
const NOISE_OFFSET: i32 = 90;

/// What is sent for one band.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Choice {
    /// Nothing.
    Silence,
    /// Its loudness, as a scalefactor.
    Noise(i32),
    /// Its lines, at this step.
    Lines { factor: i32 },
}

/// A whole frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// Bands up to the last that is not silent.
    pub(super) bands: usize,
    pub(super) choices: [Choice; BANDS_MAX],
    pub(super) sections: Sections,
    /// Bits of the whole frame.
    pub(super) bits: u32,
}

/// The best plan of at most so many bits; `make` makes it for a price of noise.
pub(super) fn within(budget: u32, make: impl Fn(f32) -> Plan) -> Plan {
    let (mut low, mut high) = PRICES;
    let dear = make(high);
    if dear.bits <= budget {
        return dear;
    }
    let mut best = None;
    for _ in 0..HALVINGS {
        let price = (low * high).sqrt();
        let plan = make(price);
        if plan.bits <= budget {
            (low, best) = (price, Some(plan));
        } else {
            high = price;
        }
    }
    best.unwrap_or_else(|| make(PRICES.0))
}

/// The best way to one choice of a band.
#[derive(Clone, Copy)]
struct Way {
    /// Bits and noise of all bands up to here.
    cost: f32,
    /// The scalefactor that the next difference is from.
    factor: Option<i32>,
    choice: Choice,
    /// The way that it goes on from, of the band before.
    before: usize,
}

impl Plan {
    /// For the noise that each band bears, at this price of that much of it.
    pub(super) fn new(table: &Bands, candidates: &Candidates, bearable: &[f32], price: f32) -> Self {
        let start = Way { cost: 0.0, factor: None, choice: Choice::Silence, before: 0 };
        let mut ways = [([start; CHOICES], 1); BANDS_MAX + 1];
        for band in 0..table.count() {
            let (before, rest) = ways[band..].split_at_mut(1);
            let (before, after) = (&before[0].0[..before[0].1], &mut rest[0]);
            let weight = price / bearable[band];
            let silence = weight * candidates.bands[band].energy;
            after.0[0] = best(before, |way| (silence, way.factor, Choice::Silence));
            after.1 = 1;
            let cost = |candidate: &Candidate| f32::from(candidate.bits) + weight * candidate.noise;
            let steps = candidates.of(band);
            let cheapest = (0..steps.len()).min_by(|a, b| cost(&steps[*a]).total_cmp(&cost(&steps[*b])));
            let Some(cheapest) = cheapest else { continue };
            let around = cheapest.saturating_sub(AROUND)..(cheapest + AROUND + 1).min(steps.len());
            for (factor, candidate) in
                (0..=candidates.bands[band].coarsest).rev().zip(steps).skip(around.start).take(around.len())
            {
                let own = cost(candidate) + SECTION_SHARE;
                after.0[after.1] = best(before, |way| {
                    (own + difference_bits(way.factor, factor), Some(factor), Choice::Lines { factor })
                });
                after.1 += 1;
            }
        }
        let mut choices = [Choice::Silence; BANDS_MAX];
        let (last, count) = &ways[table.count()];
        let mut at = (0..*count).min_by(|a, b| last[*a].cost.total_cmp(&last[*b].cost)).unwrap_or(0);
        for band in (0..table.count()).rev() {
            let way = &ways[band + 1].0[at];
            (choices[band], at) = (way.choice, way.before);
        }
        fill_with_noise(&mut choices, table, candidates, bearable);
        Self::of(choices, table, candidates)
    }

    fn of(choices: [Choice; BANDS_MAX], table: &Bands, candidates: &Candidates) -> Self {
        let sent = |choice: &Choice| *choice != Choice::Silence;
        let bands = choices[..table.count()].iter().rposition(sent).map_or(0, |last| last + 1);
        let sections = Sections::new(bands, |band| match choices[band] {
            Choice::Silence => Err(BOOK_ZERO),
            Choice::Noise(_) => Err(BOOK_NOISE),
            Choice::Lines { factor } => {
                Ok(&candidates.of(band)[(candidates.bands[band].coarsest - factor) as usize].books)
            }
        });
        let mut this = Self { bands, choices, sections, bits: 0 };
        let factors: u32 = this.differences().map(|difference| difference.bits()).sum();
        // Gain, number of bands and the mark of noise shaping.
        this.bits = 8 + 6 + this.sections.bits + factors + 1;
        this
    }

    /// The first scalefactor of lines, which the differences count from; as good as any if there is none.
    pub(super) fn global_gain(&self) -> i32 {
        let first = self.choices[..self.bands].iter().find_map(|choice| match choice {
            Choice::Lines { factor } => Some(*factor),
            Choice::Silence | Choice::Noise(_) => None,
        });
        first.unwrap_or(NOISE_OFFSET)
    }

    /// What is sent for the scalefactors, band by band.
    pub(super) fn differences(&self) -> impl Iterator<Item = Difference> {
        let (mut factor, mut loudness) = (self.global_gain(), None);
        let start = factor - NOISE_OFFSET;
        self.choices[..self.bands].iter().filter_map(move |choice| match *choice {
            Choice::Silence => None,
            Choice::Lines { factor: next } => {
                Some(Difference::Coded(next - std::mem::replace(&mut factor, next)))
            }
            Choice::Noise(next) => Some(match loudness.replace(next) {
                Some(before) => Difference::Coded(next - before),
                None => Difference::First(next - start),
            }),
        })
    }
}

/// One number among the scalefactors.
#[derive(Clone, Copy, Debug)]
pub(super) enum Difference {
    /// −60 to 60, by its code.
    Coded(i32),
    /// The first loudness of noise: −256 to 255, in 9 bits.
    First(i32),
}

impl Difference {
    const fn bits(self) -> u32 {
        match self {
            Difference::Coded(difference) => SCALEFACTORS.cost((difference + 60) as usize),
            Difference::First(_) => 9,
        }
    }
}

/// The cheapest way on; `step` tells what going on from a way costs, and where it leads.
fn best(before: &[Way], step: impl Fn(&Way) -> (f32, Option<i32>, Choice)) -> Way {
    let mut best = Way { cost: f32::INFINITY, factor: None, choice: Choice::Silence, before: 0 };
    for (index, way) in before.iter().enumerate() {
        let (cost, factor, choice) = step(way);
        if way.cost + cost < best.cost {
            best = Way { cost: way.cost + cost, factor, choice, before: index };
        }
    }
    best
}

/// Differences beyond 60 have no code.
fn difference_bits(before: Option<i32>, factor: i32) -> f32 {
    let difference = before.map_or(0, |before| factor - before);
    if difference.abs() > 60 {
        return f32::INFINITY;
    }
    SCALEFACTORS.cost((difference + 60) as usize) as f32
}

/// Bands that were given up, that are heard and that are no tones, become noise.
fn fill_with_noise(
    choices: &mut [Choice; BANDS_MAX],
    table: &Bands,
    candidates: &Candidates,
    bearable: &[f32],
) {
    let mut before: Option<i32> = None;
    for band in 0..table.count() {
        let of = &candidates.bands[band];
        let heard = of.energy > NOISE_LOUD * bearable[band];
        let noisy = table.offsets[band] >= NOISE_FROM_LINE && of.peak < NOISE_PEAK;
        if choices[band] == Choice::Silence && heard && noisy {
            let loudness = (2.0 * of.energy.log2()).round() as i32;
            let loudness = before.map_or(loudness, |before| loudness.clamp(before - 60, before + 60));
            choices[band] = Choice::Noise(loudness);
            before = Some(loudness);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eld::config::FrameLength;

    /// A difference of scalefactors goes to 60, which is 90 dB.
    #[test]
    fn of_two_bands_that_no_difference_spans_one_is_silent() {
        let table = Bands::of(8, FrameLength::L480);
        let mut lines = [0.0; 480];
        (lines[50], lines[54]) = (1e8, 2.0);
        let bearable = [1e-3; BANDS_MAX];
        let mut candidates = Candidates::new();
        candidates.fill(&table, &bearable, &lines);
        let plan = Plan::new(&table, &candidates, &bearable, 1.0);
        let lines = plan.choices.iter().filter(|choice| matches!(choice, Choice::Lines { .. })).count();
        assert_eq!(lines, 1, "{:?}", plan.choices);
    }

    #[test]
    fn the_bits_of_a_plan_are_those_of_its_unit() {
        let table = Bands::of(8, FrameLength::L480);
        let bearable = [100.0; BANDS_MAX];
        let mut candidates = Candidates::new();
        let lines: Vec<f32> =
            (0..480i32).map(|at| ((at * 7_919) % 1_009 - 500) as f32 * 0.99f32.powi(at)).collect();
        candidates.fill(&table, &bearable, &lines);
        for price in [1e-4, 1e-2, 1.0, 100.0] {
            let plan = Plan::new(&table, &candidates, &bearable, price);
            let mut bytes = Vec::new();
            crate::eld::encoder::write::frame(&plan, None, &table, &lines, &mut bytes);
            assert_eq!(bytes.len() as u32, plan.bits.div_ceil(8), "{plan:?}");
        }
    }
}
