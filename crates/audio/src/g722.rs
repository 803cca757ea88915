//! G.722: 7 kHz of sound in 64 kbit/s, two bands of ADPCM. One byte holds two samples at 16 kHz.
//!
//! Source: ITU-T G.722 (2012) §3 to §6; names of blocks and tables are the recommendation's. On RTP its clock is
//! 8,000 Hz although it samples at 16,000 (RFC 3551 §4.5.2): one byte is one tick. Only the mode of 64 kbit/s is here,
//! which is the only one that RTP and devices use.
use crate::sample;
use band::Band;

mod band;

/// QMF coefficients of every second tap; the other half is the same backwards. Table 4/G.722, times 8,192.
const QMF: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];
/// Decision levels of the low band's 6 bits. Table 6/G.722.
const Q6: [i32; 30] = [
    0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121,
    1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
];
/// Output levels of the low band's 6 bits. Table 8/G.722 (QM6).
const QM6: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360,
    -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688,
    -1360, -1040, -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856,
    7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136,
    -432, -136,
];
/// Decision level of the high band's 2 bits. Table 7/G.722.
const Q2: i32 = 564;

/// One direction of a G.722 stream: both have the same state.
#[derive(Debug)]
pub(crate) struct G722 {
    low: Band,
    high: Band,
    /// The last 24 samples of the filter that splits or joins the bands.
    line: [i32; 24],
}

impl G722 {
    pub(crate) const fn new() -> Self {
        Self { low: Band::low(), high: Band::high(), line: [0; 24] }
    }

    /// Appends two samples for each byte.
    pub(crate) fn decode(&mut self, data: &[u8], out: &mut Vec<f32>) {
        for code in data {
            let (low_code, high_code) = (usize::from(code & 63), usize::from(code >> 6));
            let low = (self.low.predicted() + self.low.scaled(QM6[low_code])).clamp(-16_384, 16_383);
            self.low.adapt_low(low_code);
            let high = self.high.predicted() + self.high.adapt_high(high_code);
            let high = high.clamp(-16_384, 16_383);
            let (first, second) = self.filter(low + high, low - high);
            out.extend([second, first].map(|sum| sample::from_i16(saturated(sum >> 11) as i16)));
        }
    }

    /// Appends a byte for every two samples; a last single one is left out.
    pub(crate) fn encode(&mut self, samples: &[f32], out: &mut Vec<u8>) {
        for pair in samples.chunks_exact(2) {
            let (odd, even) =
                self.filter(i32::from(sample::to_i16(pair[0])), i32::from(sample::to_i16(pair[1])));
            let low_code = self.low_code((even + odd) >> 14);
            self.low.adapt_low(low_code);
            let high_code = self.high_code((even - odd) >> 14);
            self.high.adapt_high(high_code);
            out.push((high_code << 6 | low_code) as u8);
        }
    }

    /// Moves two samples into the filter and gives its two sums: over the older and over the newer of each pair.
    fn filter(&mut self, older: i32, newer: i32) -> (i32, i32) {
        self.line.copy_within(2.., 0);
        (self.line[22], self.line[23]) = (older, newer);
        let mut sums = (0, 0);
        for (index, pair) in self.line.chunks_exact(2).enumerate() {
            sums.0 += pair[0] * QMF[index];
            sums.1 += pair[1] * QMF[11 - index];
        }
        sums
    }

    fn low_code(&self, low: i32) -> usize {
        let error = saturated(low - self.low.predicted());
        let magnitude = if error < 0 { -(error + 1) } else { error };
        let above = |level: &&i32| magnitude >= (**level * self.low.scale()) >> 12;
        let interval = Q6[1..].iter().take_while(above).count();
        // Table 9/G.722: the codes of the two innermost negative intervals lie apart from the others'.
        match (error < 0, interval) {
            (true, 0) => 63,
            (true, 1) => 62,
            (true, interval) => 33 - interval,
            (false, interval) => 61 - interval,
        }
    }

    fn high_code(&self, high: i32) -> usize {
        let error = saturated(high - self.high.predicted());
        let magnitude = if error < 0 { -(error + 1) } else { error };
        match (error < 0, magnitude >= (Q2 * self.high.scale()) >> 12) {
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => 2,
            (false, false) => 3,
        }
    }
}

/// To 16 bits.
const fn saturated(value: i32) -> i32 {
    if value > 32_767 {
        32_767
    } else if value < -32_768 {
        -32_768
    } else {
        value
    }
}

#[cfg(test)]
mod tests;
