//! One band of G.722: the quantiser that adapts its steps, and the predictor. Source: ITU-T G.722 §6.2, blocks 2L to 4H.
use super::saturated;

/// Output levels of the low band's upper 4 bits, which the predictor hears. Table 8/G.722 (QM4).
const QM4: [i32; 16] =
    [0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0];
/// Output levels of the high band. Table 8/G.722 (QM2).
const QM2: [i32; 4] = [-7408, -1616, 7408, 1616];
/// How each 4-bit code changes the low band's step, as a logarithm. Tables 10 and 11/G.722 (RL4, WL).
const WL: [i32; 16] = [-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60];
/// How each 2-bit code changes the high band's step. Tables 10 and 11/G.722 (RH2, WH).
const WH: [i32; 4] = [798, -214, 798, -214];
/// The logarithm's table. Table 12/G.722 (ILB).
const ILB: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896,
    2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];

/// State of one band.
#[derive(Debug)]
pub(super) struct Band {
    /// Logarithm of the step (NBL, NBH).
    log: i32,
    /// The step (DETL, DETH).
    step: i32,
    /// Prediction, and its part from the zeros (S, SZ).
    predicted: i32,
    from_zeros: i32,
    /// The last two reconstructed samples (RLT) and signs of partly reconstructed ones (PLT).
    reconstructed: [i32; 2],
    partial_negative: [bool; 2],
    /// Coefficients of the two poles (AL).
    poles: [i32; 2],
    /// Coefficients of the six zeros (BL) and the last six differences (DLT).
    zeros: [i32; 6],
    differences: [i32; 6],
}

impl Band {
    pub(super) const fn low() -> Self {
        Self::new(32)
    }

    pub(super) const fn high() -> Self {
        Self::new(8)
    }

    const fn new(step: i32) -> Self {
        Self {
            log: 0,
            step,
            predicted: 0,
            from_zeros: 0,
            reconstructed: [0; 2],
            partial_negative: [false; 2],
            poles: [0; 2],
            zeros: [0; 6],
            differences: [0; 6],
        }
    }

    pub(super) const fn predicted(&self) -> i32 {
        self.predicted
    }

    pub(super) const fn scale(&self) -> i32 {
        self.step
    }

    /// A level of the quantiser in the current step.
    pub(super) const fn scaled(&self, level: i32) -> i32 {
        (self.step * level) >> 15
    }

    /// Learns from a code of 6 bits (blocks 2L to 4L).
    pub(super) fn adapt_low(&mut self, code: usize) {
        let code = code >> 2;
        let difference = self.scaled(QM4[code]);
        self.log = (((self.log * 127) >> 7) + WL[code]).clamp(0, 18_432);
        self.step = step(self.log, 8);
        self.predict(difference);
    }

    /// Learns from a code of 2 bits (blocks 2H to 4H); gives the difference it stands for.
    pub(super) fn adapt_high(&mut self, code: usize) -> i32 {
        let difference = self.scaled(QM2[code]);
        self.log = (((self.log * 127) >> 7) + WH[code]).clamp(0, 22_528);
        self.step = step(self.log, 10);
        self.predict(difference);
        difference
    }

    /// Block 4: both predictors learn from the difference, then predict.
    fn predict(&mut self, difference: i32) {
        let reconstructed = saturated(self.predicted + difference);
        let negative = saturated(self.from_zeros + difference) < 0;
        let [before, before_that] = self.partial_negative;
        self.adapt_poles(negative == before, negative == before_that);
        self.adapt_zeros(difference);
        self.partial_negative = [negative, before];
        self.reconstructed = [reconstructed, self.reconstructed[0]];
        self.differences.copy_within(..5, 1);
        self.differences[0] = difference;
        let part = |coefficient: i32, value: i32| (coefficient * saturated(value * 2)) >> 15;
        let from_poles = saturated(
            part(self.poles[0], self.reconstructed[0]) + part(self.poles[1], self.reconstructed[1]),
        );
        let from_zeros = self.zeros.iter().zip(self.differences);
        self.from_zeros = saturated(from_zeros.map(|(zero, difference)| part(*zero, difference)).sum());
        self.predicted = saturated(from_poles + self.from_zeros);
    }

    /// UPPOL2, then UPPOL1.
    fn adapt_poles(&mut self, same_as_last: bool, same_as_second_last: bool) {
        let [first, second] = self.poles;
        let four_firsts = saturated(first * 4);
        let turned = if same_as_last { saturated(-four_firsts) } else { four_firsts };
        let grown = if same_as_second_last { 128 } else { -128 };
        let second = (grown + (turned >> 7) + ((second * 32_512) >> 15)).clamp(-12_288, 12_288);
        let grown = if same_as_last { 192 } else { -192 };
        let bound = saturated(15_360 - second);
        let first = saturated(grown + ((first * 32_640) >> 15)).clamp(-bound, bound);
        self.poles = [first, second];
    }

    /// UPZERO.
    fn adapt_zeros(&mut self, difference: i32) {
        let grown = if difference == 0 { 0 } else { 128 };
        for (zero, before) in self.zeros.iter_mut().zip(self.differences) {
            let grown = if (before < 0) == (difference < 0) { grown } else { -grown };
            *zero = saturated(grown + ((*zero * 32_640) >> 15));
        }
    }
}

/// SCALEL and SCALEH: the step for a logarithm.
const fn step(log: i32, shift: i32) -> i32 {
    let mantissa = ILB[((log >> 6) & 31) as usize];
    let shift = shift - (log >> 11);
    (if shift < 0 { mantissa << -shift } else { mantissa >> shift }) << 2
}
