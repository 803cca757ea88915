//! How much noise each band bears: a simple model of hearing.
//!
//! A band hides noise in itself and, less, in its neighbours, more upwards than downwards. The louder it is, the more of
//! its own loudness the noise may have, but not in proportion: at few bits, noise that follows the loudness in full
//! leaves quiet bands without any sound.
use crate::eld::spectrum::BANDS_MAX;
use crate::eld::tables::Bands;

/// How the bearable noise grows with loudness: energy to this power.
const GROWTH: f32 = 0.4;
/// Bearable noise of a line at an energy of 1: some −25 dB for a voice of −20 dBFS.
const SHARE: f32 = 3_000.0;
/// What the noise of 16 bits makes of a line: nobody hears noise below that.
const FLOOR: f32 = 80.0;
/// How fast hiding falls, in dB a Bark, towards higher and lower bands.
const FALL_UP_DB: f32 = 12.0;
const FALL_DOWN_DB: f32 = 25.0;

/// The model for one rate.
#[derive(Debug)]
pub(super) struct Hearing {
    /// What of a band's energy hides noise in the next, and of the next in this.
    up: [f32; BANDS_MAX],
    down: [f32; BANDS_MAX],
    bearable: [f32; BANDS_MAX],
}

impl Hearing {
    pub(super) fn new(table: &Bands, rate: u32, frame: usize) -> Self {
        let hz_per_line = rate as f32 / 2.0 / frame as f32;
        let middle = |band: usize| {
            let lines = table.lines(band);
            bark((lines.start + lines.end) as f32 / 2.0 * hz_per_line)
        };
        let mut this = Self { up: [0.0; BANDS_MAX], down: [0.0; BANDS_MAX], bearable: [0.0; BANDS_MAX] };
        for band in 0..table.count() - 1 {
            let apart = middle(band + 1) - middle(band);
            this.up[band] = 10f32.powf(-FALL_UP_DB * apart / 10.0);
            this.down[band] = 10f32.powf(-FALL_DOWN_DB * apart / 10.0);
        }
        this
    }

    /// For each band the energy of noise that it bears, as a whole: a wide band takes its noise cheaply.
    pub(super) fn bearable(&mut self, table: &Bands, lines: &[f32]) -> &[f32] {
        let count = table.count();
        let spread = &mut self.bearable[..count];
        for (band, energy) in spread.iter_mut().enumerate() {
            let lines = &lines[table.lines(band)];
            *energy = lines.iter().map(|line| line * line).sum::<f32>() / lines.len() as f32;
        }
        for band in 1..count {
            spread[band] = spread[band].max(spread[band - 1] * self.up[band - 1]);
        }
        for band in (0..count - 1).rev() {
            spread[band] = spread[band].max(spread[band + 1] * self.down[band]);
        }
        for (band, energy) in spread.iter_mut().enumerate() {
            *energy = (energy.powf(GROWTH) * SHARE + FLOOR) * table.lines(band).len() as f32;
        }
        spread
    }
}

/// The Bark scale. Source: Traunmüller 1990.
fn bark(hz: f32) -> f32 {
    26.81 * hz / (1_960.0 + hz) - 0.53
}
