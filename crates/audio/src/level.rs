//! Loudness of a window of sound, for a meter: peak and RMS.
//!
//! In dBFS as AES17 defines it: a sine at full scale reads 0 in both, so that a tone reads its own level.

/// What silence reads: −90 dBFS, just above where 16 bits end.
pub const SILENCE_DBFS: f32 = -90.0;

/// Windows a second: a meter that moves ten times a second looks alive, and shows single syllables.
const WINDOWS_PER_SECOND: u32 = 10;

/// Loudness of one window of 100 ms.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Reading {
    /// Root mean square over all channels, dBFS; −90 for silence.
    pub rms_dbfs: f32,
    /// Loudest sample of any channel, dBFS; −90 for silence.
    pub peak_dbfs: f32,
}

impl Reading {
    /// Nothing to hear.
    pub const SILENCE: Reading = Reading { rms_dbfs: SILENCE_DBFS, peak_dbfs: SILENCE_DBFS };
}

/// Measures windows of 100 ms, one behind the other. Two operations a sample.
#[derive(Clone, Debug)]
pub struct Level {
    window: usize,
    samples: usize,
    squares: f32,
    peak: f32,
    latest: Reading,
}

impl Level {
    /// For sound of this rate and so many channels.
    pub const fn new(rate: u32, channels: u8) -> Self {
        let frames = (rate / WINDOWS_PER_SECOND) as usize;
        let window = frames * channels as usize;
        let window = if window == 0 { 1 } else { window };
        Self { window, samples: 0, squares: 0.0, peak: 0.0, latest: Reading::SILENCE }
    }

    /// Takes interleaved samples.
    pub fn push(&mut self, samples: &[f32]) {
        let mut rest = samples;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(self.window - self.samples));
            for sample in now {
                self.squares += sample * sample;
                self.peak = self.peak.max(sample.abs());
            }
            self.samples += now.len();
            if self.samples == self.window {
                self.finish();
            }
            rest = later;
        }
    }

    /// The last whole window; silence before the first.
    pub const fn latest(&self) -> Reading {
        self.latest
    }

    fn finish(&mut self) {
        // Twice: a sine at full scale has half the power of the square wave around it.
        let rms = (2.0 * self.squares / self.window as f32).sqrt();
        self.latest = Reading { rms_dbfs: dbfs(rms), peak_dbfs: dbfs(self.peak) };
        (self.samples, self.squares, self.peak) = (0, 0.0, 0.0);
    }
}

/// An amplitude in dBFS, not below the floor.
pub(crate) fn dbfs(amplitude: f32) -> f32 {
    // `max` takes the other side where one is no number.
    (20.0 * amplitude.log10()).max(SILENCE_DBFS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::Sine;

    #[test]
    fn a_tone_reads_its_own_level_in_both_channels() {
        let mut level = Level::new(48_000, 2);
        let mono = Sine::new(48_000, 1_000.0, -20.0).take(4_800);
        let stereo: Vec<f32> = mono.flat_map(|sample| [sample; 2]).collect();
        level.push(&stereo[..9_000]);
        assert_eq!(level.latest(), Reading::SILENCE, "the window is not over");
        level.push(&stereo[9_000..]);
        let reading = level.latest();
        assert!(
            (reading.rms_dbfs + 20.0).abs() < 0.1 && (reading.peak_dbfs + 20.0).abs() < 0.1,
            "{reading:?}"
        );
    }

    #[test]
    fn silence_and_what_is_no_number_read_the_floor() {
        let mut level = Level::new(8_000, 1);
        level.push(&[0.0; 800]);
        assert_eq!(level.latest(), Reading::SILENCE);
        level.push(&[f32::NAN; 800]);
        assert_eq!(level.latest(), Reading::SILENCE);
        level.push(&[1.0; 800]);
        assert!(level.latest().rms_dbfs > 2.9, "and the next window is whole again");
    }
}
