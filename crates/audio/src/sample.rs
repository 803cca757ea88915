//! One sample: between 16 bits and `f32`.

/// Full scale of 16 bits.
const FULL: f32 = 32_768.0;

/// 16 bits to −1.0 … 1.0.
pub(crate) const fn from_i16(sample: i16) -> f32 {
    sample as f32 / FULL
}

/// To 16 bits, rounded to the nearest; what is above full scale is clipped, what is no number is silence.
pub(crate) fn to_i16(sample: f32) -> i16 {
    let scaled = sample * FULL;
    // Not `round`: without SSE4.1 that is a call of the C library for each sample. The cast saturates.
    (if scaled < 0.0 { scaled - 0.5 } else { scaled + 0.5 }) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_16_bit_sample_survives() {
        for sample in i16::MIN..=i16::MAX {
            assert_eq!(to_i16(from_i16(sample)), sample);
        }
    }

    #[test]
    fn what_is_too_loud_is_clipped_and_what_is_no_number_is_silence() {
        assert_eq!(
            [1.0, 7.0, -7.0, f32::NAN, f32::INFINITY].map(to_i16),
            [i16::MAX, i16::MAX, i16::MIN, 0, i16::MAX]
        );
    }
}
