//! G.711: 8 bits a sample, µ-law and A-law.
//!
//! Source: ITU-T G.711 tables 1a to 2b. Codes are as on the wire: µ-law inverted, A-law with every second bit inverted.
use crate::sample;

/// The two laws.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Law {
    /// µ-law, `PCMU`.
    Mu,
    /// A-law, `PCMA`.
    A,
}

static MU: [f32; 256] = table(Law::Mu);
static A: [f32; 256] = table(Law::A);

impl Law {
    /// Appends one sample for each byte.
    pub(crate) fn decode(self, data: &[u8], out: &mut Vec<f32>) {
        let table = match self {
            Law::Mu => &MU,
            Law::A => &A,
        };
        out.extend(data.iter().map(|code| table[usize::from(*code)]));
    }

    /// Appends one byte for each sample.
    pub(crate) fn encode(self, samples: &[f32], out: &mut Vec<u8>) {
        let samples = samples.iter().map(|value| sample::to_i16(*value));
        match self {
            Law::Mu => out.extend(samples.map(mu_from_linear)),
            Law::A => out.extend(samples.map(a_from_linear)),
        }
    }
}

const fn table(law: Law) -> [f32; 256] {
    let mut table = [0.0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = sample::from_i16(match law {
            Law::Mu => mu_to_linear(code as u8),
            Law::A => a_to_linear(code as u8),
        });
        code += 1;
    }
    table
}

/// Added to a magnitude before its segment is looked for: 33 of 14 bits, 132 of 16.
const MU_BIAS: i16 = 132;

const fn mu_to_linear(code: u8) -> i16 {
    let code = !code;
    let segment = (code >> 4) & 7;
    let step = ((code & 15) as i16) << 3;
    let magnitude = ((step + MU_BIAS) << segment) - MU_BIAS;
    if code & 0x80 == 0 { magnitude } else { -magnitude }
}

const fn mu_from_linear(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    // One's complement: -1 is as quiet as 0, and i16::MIN has no magnitude of its own in two's.
    let magnitude = (if sample < 0 { !sample } else { sample }) as u16 + MU_BIAS as u16;
    let magnitude = if magnitude > 0x7fff { 0x7fff } else { magnitude };
    let segment = 8 - magnitude.leading_zeros() as u16;
    let step = (magnitude >> (segment + 3)) & 15;
    !(sign | (segment << 4 | step) as u8)
}

const fn a_to_linear(code: u8) -> i16 {
    let code = code ^ 0x55;
    let segment = (code >> 4) & 7;
    let step = (((code & 15) as i16) << 4) + 8;
    let magnitude = if segment == 0 { step } else { (step + 0x100) << (segment - 1) };
    if code & 0x80 == 0 { -magnitude } else { magnitude }
}

const fn a_from_linear(sample: i16) -> u8 {
    let sign = if sample < 0 { 0 } else { 0x80 };
    let magnitude = (if sample < 0 { !sample } else { sample }) as u16;
    let segment = if magnitude < 0x100 { 0 } else { 8 - magnitude.leading_zeros() as u16 };
    let step = if segment == 0 { magnitude >> 4 } else { (magnitude >> (segment + 3)) & 15 };
    (sign | (segment << 4 | step) as u8) ^ 0x55
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spot_values_of_the_recommendation_hold() {
        // Tables 2a and 1a, in 14 and 13 bits there, so four and eight times as much here.
        for (code, sample) in [(0x80, 8031), (0xff, 0), (0xfe, 2), (0xef, 33), (0x8f, 4191), (0x00, -8031)] {
            assert_eq!(mu_to_linear(code), sample * 4, "µ-law {code:#x}");
        }
        for (code, sample) in [(0xaa, 4032), (0xd5, 1), (0xd4, 3), (0xc5, 33), (0xf5, 66), (0x2a, -4032)] {
            assert_eq!(a_to_linear(code), sample * 8, "A-law {code:#x}");
        }
    }

    #[test]
    fn all_256_codes_of_both_laws_survive() {
        for code in 0..=255 {
            // µ-law has two zeros, and a 16-bit sample only one.
            let mu = if code == 0x7f { 0xff } else { code };
            assert_eq!(mu_from_linear(mu_to_linear(code)), mu);
            assert_eq!(a_from_linear(a_to_linear(code)), code);
        }
    }

    #[test]
    fn louder_stays_louder_and_no_sample_is_off_by_more_than_half_a_step() {
        for (decode, encode) in
            [(mu_to_linear as fn(u8) -> i16, mu_from_linear as fn(i16) -> u8), (a_to_linear, a_from_linear)]
        {
            let mut before = i32::MIN;
            for sample in i16::MIN..=i16::MAX {
                let (sample, coded) = (i32::from(sample), i32::from(decode(encode(sample))));
                // A segment begins at 16 steps, µ-law's 132 earlier.
                assert!((coded - sample).abs() <= (sample.abs() + 132) / 32 + 8, "{sample}: {coded}");
                assert!(coded >= before, "{sample}: {coded} after {before}");
                before = coded;
            }
        }
    }
}
