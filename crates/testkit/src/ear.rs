//! How late sound is: a loudspeaker that plays what comes as soon as it can, and where in it a tone changes its pitch.
//!
//! Times are milliseconds of the caller's clock. A real device may keep sound back on top of this; by how much is its own
//! affair.
use crate::tone::power_at;

/// Sound as it came.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Piece {
    /// When.
    pub at_ms: f64,
    /// How much.
    pub samples: usize,
}

/// Plays pieces in their order: each at once, unless the one before it is still to be heard.
#[derive(Clone, PartialEq, Debug)]
pub struct Loudspeaker {
    rate: u32,
    /// Of each piece: its first sample, when it came, when it begins to be heard.
    played: Vec<(usize, f64, f64)>,
    /// How long there was nothing to play between the first piece and the last.
    dry_ms: f64,
}

impl Loudspeaker {
    /// One that plays these, at so many samples a second.
    pub fn new(pieces: &[Piece], rate: u32) -> Self {
        let (mut played, mut dry_ms) = (Vec::new(), 0.0);
        let (mut first, mut free_at) = (0, None);
        for piece in pieces {
            let begins = free_at.map_or(piece.at_ms, |free_at: f64| free_at.max(piece.at_ms));
            dry_ms += free_at.map_or(0.0, |free_at| begins - free_at);
            played.push((first, piece.at_ms, begins));
            first += piece.samples;
            free_at = Some(begins + piece.samples as f64 * 1_000.0 / f64::from(rate));
        }
        Self { rate, played, dry_ms }
    }

    /// How long there was nothing to play between the first piece and the last.
    pub const fn dry_ms(&self) -> f64 {
        self.dry_ms
    }

    /// When a sample came.
    pub fn arrived_ms(&self, sample: usize) -> Option<f64> {
        self.piece(sample).map(|(_, arrived, _)| arrived)
    }

    /// When it is heard.
    pub fn heard_ms(&self, sample: usize) -> Option<f64> {
        let (first, _, begins) = self.piece(sample)?;
        Some(begins + (sample - first) as f64 * 1_000.0 / f64::from(self.rate))
    }

    fn piece(&self, sample: usize) -> Option<(usize, f64, f64)> {
        self.played.iter().rfind(|(first, ..)| *first <= sample).copied()
    }
}

/// The pitch is looked at through a window of 10 ms: whole waves of every pitch that is a multiple of 100 Hz.
const WINDOWS_A_SECOND: u32 = 100;
/// It is looked at every millisecond.
const STEPS_A_SECOND: u32 = 1_000;
/// It has changed when so many looks in a row say so: 50 ms. What a lost packet leaves behind is shorter.
const LOOKS: usize = 50;
/// What is weaker than a sine of a fiftieth of full scale is no tone.
const AMPLITUDE_MIN: f64 = 32_768.0 / 50.0;

/// The samples at which a tone that is always one of two pitches changes from one to the other, right to a millisecond.
pub fn changes(samples: &[i16], rate: u32, pitches_hz: [f64; 2]) -> Vec<usize> {
    let (window, step) = ((rate / WINDOWS_A_SECOND) as usize, (rate / STEPS_A_SECOND) as usize);
    // The squared magnitude of a sine's line.
    let floor = (AMPLITUDE_MIN * window as f64 / 2.0).powi(2);
    let looks: Vec<(usize, Option<bool>)> = (0..samples.len().saturating_sub(window))
        .step_by(step)
        .map(|at| {
            let [one, other] = pitches_hz.map(|hz| power_at(&samples[at..at + window], rate, hz));
            (at + window / 2, (one.max(other) > floor).then_some(other > one))
        })
        .collect();
    let (mut changes, mut now) = (Vec::new(), None);
    for (index, (middle, pitch)) in looks.iter().enumerate() {
        if pitch.is_none() || *pitch == now {
            continue;
        }
        let lasts = looks.iter().skip(index).take(LOOKS).all(|(_, next)| next == pitch);
        if lasts {
            if now.is_some() {
                changes.push(*middle);
            }
            now = *pitch;
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::sine_from;

    #[test]
    fn a_loudspeaker_never_plays_two_pieces_at_once_nor_one_before_it_came() {
        let piece = |at_ms| Piece { at_ms, samples: 160 };
        let speaker = Loudspeaker::new(&[1_000.0, 1_001.0, 1_030.0, 1_100.0].map(piece), 8_000);
        let heard = [0, 80, 160, 320, 480].map(|sample| speaker.heard_ms(sample).unwrap());
        assert_eq!(heard, [1_000.0, 1_010.0, 1_020.0, 1_040.0, 1_100.0]);
        assert_eq!((speaker.arrived_ms(480), speaker.dry_ms()), (Some(1_100.0), 40.0));
        assert_eq!(Loudspeaker::new(&[], 8_000).heard_ms(0), None);
    }

    #[test]
    fn a_change_of_pitch_is_found_to_a_millisecond_and_a_glitch_is_none() {
        for rate in [8_000, 16_000] {
            let ms = rate as usize / 1_000;
            let tone = |hz, from: usize, to: usize| sine_from(hz, rate, from * ms, (to - from) * ms);
            let mut said = vec![0; 300 * ms];
            said.extend(tone(1_000.0, 300, 707));
            said.extend(tone(1_500.0, 707, 1_203));
            said.extend(tone(1_000.0, 1_203, 1_800));
            // Lost: 30 ms.
            said[1_500 * ms..1_530 * ms].fill(0);
            let found = changes(&said, rate, [1_000.0, 1_500.0]);
            assert_eq!(found.len(), 2, "{found:?}");
            for (sample, wanted) in found.iter().zip([707.0, 1_203.0]) {
                let at = *sample as f64 / ms as f64;
                assert!((at - wanted).abs() <= 1.5, "{at} for {wanted}");
            }
        }
    }
}
