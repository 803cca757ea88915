//! A small complex FFT, of sizes whose factors are 2, 3, 4 and 5, and the DCT-IV made of it.
//!
//! The FFT is Stockham's: each pass takes one factor and sorts as it goes. Frames of 480 samples need 240 points, 512
//! need 256.
use std::f64::consts::TAU;

/// Real and imaginary part.
#[derive(Clone, Copy, Default, Debug)]
struct Complex(f32, f32);

impl Complex {
    fn turned(turns: f64) -> Self {
        let (sine, cosine) = (TAU * turns).sin_cos();
        Self(cosine as f32, sine as f32)
    }

    const fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0, self.1 + other.1)
    }

    const fn minus(self, other: Self) -> Self {
        Self(self.0 - other.0, self.1 - other.1)
    }

    const fn times(self, other: Self) -> Self {
        Self(self.0 * other.0 - self.1 * other.1, self.0 * other.1 + self.1 * other.0)
    }
}

/// One factor of the size.
#[derive(Debug)]
struct Pass {
    factor: usize,
    /// Product of the factors before.
    done: usize,
    /// For each of the `done` places, what its second, third… point is turned by.
    twiddles: Vec<Complex>,
}

/// DCT-IV of one size: `X[k] = Σ x[n] cos(π/N (n + ½)(k + ½))`; it is its own inverse, but for a factor of 2/N.
#[derive(Debug)]
pub(super) struct Dct {
    passes: Vec<Pass>,
    /// Turns before and after the FFT.
    turns: Vec<Complex>,
    points: Vec<Complex>,
    spare: Vec<Complex>,
    roots: [[Complex; 5]; 2],
}

impl Dct {
    /// Of `size` points, twice a product of 2, 3, 4 and 5.
    pub(super) fn new(size: usize) -> Self {
        let half = size / 2;
        let (mut passes, mut done) = (Vec::new(), 1);
        for factor in [4, 2, 3, 5] {
            while (half / done).is_multiple_of(factor) {
                let turn = |at: usize, point: usize| {
                    Complex::turned(-((at * point) as f64) / (done * factor) as f64)
                };
                let twiddles =
                    (0..done).flat_map(|at| (1..factor).map(move |point| turn(at, point))).collect();
                passes.push(Pass { factor, done, twiddles });
                done *= factor;
            }
        }
        let turn = |at: usize| Complex::turned(-(at as f64 + 0.125) / (2 * size) as f64);
        let root = |of: usize| std::array::from_fn(|at| Complex::turned(-(at as f64) / of as f64));
        Self {
            passes,
            turns: (0..half).map(turn).collect(),
            points: vec![Complex::default(); half],
            spare: vec![Complex::default(); half],
            roots: [root(3), root(5)],
        }
    }

    /// Transforms in place.
    pub(super) fn run(&mut self, values: &mut [f32]) {
        let size = values.len();
        for (at, (point, turn)) in self.points.iter_mut().zip(&self.turns).enumerate() {
            *point = Complex(values[2 * at], values[size - 1 - 2 * at]).times(*turn);
        }
        for pass in &self.passes {
            pass.run(&self.points, &mut self.spare, &self.roots);
            std::mem::swap(&mut self.points, &mut self.spare);
        }
        for (at, (point, turn)) in self.points.iter().zip(&self.turns).enumerate() {
            let Complex(real, imaginary) = point.times(*turn);
            (values[2 * at], values[size - 1 - 2 * at]) = (real, -imaginary);
        }
    }
}

impl Pass {
    fn run(&self, from: &[Complex], to: &mut [Complex], roots: &[[Complex; 5]; 2]) {
        match self.factor {
            2 => self.each::<2>(from, to, |[a, b]| [a.plus(b), a.minus(b)]),
            3 => self.each::<3>(from, to, |points| sums(points, &roots[0])),
            4 => self.each::<4>(from, to, quarter),
            _ => self.each::<5>(from, to, |points| sums(points, &roots[1])),
        }
    }

    fn each<const N: usize>(
        &self,
        from: &[Complex],
        to: &mut [Complex],
        small: impl Fn([Complex; N]) -> [Complex; N],
    ) {
        let apart = from.len() / N;
        for (block, out) in to.chunks_exact_mut(self.done * N).enumerate() {
            for (place, twiddles) in (0..self.done).zip(self.twiddles.chunks_exact(N - 1)) {
                let mut points: [Complex; N] =
                    std::array::from_fn(|point| from[block * self.done + place + point * apart]);
                for (point, twiddle) in points[1..].iter_mut().zip(twiddles) {
                    *point = point.times(*twiddle);
                }
                for (point, value) in small(points).into_iter().enumerate() {
                    out[place + point * self.done] = value;
                }
            }
        }
    }
}

/// The transform of four points.
const fn quarter([a, b, c, d]: [Complex; 4]) -> [Complex; 4] {
    let (even, odd) = (a.plus(c), a.minus(c));
    let (sum, Complex(real, imaginary)) = (b.plus(d), b.minus(d));
    let turned = Complex(imaginary, -real);
    [even.plus(sum), odd.plus(turned), even.minus(sum), odd.minus(turned)]
}

/// The transform of few points, by its definition.
fn sums<const N: usize>(points: [Complex; N], roots: &[Complex; 5]) -> [Complex; N] {
    std::array::from_fn(|line| {
        let terms = points.iter().enumerate().map(|(at, point)| point.times(roots[at * line % N]));
        terms.fold(Complex::default(), Complex::plus)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    #[test]
    fn it_is_the_sum_of_its_definition() {
        for size in [12, 40, 480, 512, 30] {
            let values: Vec<f32> = (0..size).map(|at| ((at * 7919) % 101) as f32 / 50.0 - 1.0).collect();
            let mut found = values.clone();
            Dct::new(size).run(&mut found);
            for (line, found) in found.iter().enumerate() {
                let angle = |at: usize| PI / size as f64 * (at as f64 + 0.5) * (line as f64 + 0.5);
                let wanted: f64 = (0..size).map(|at| f64::from(values[at]) * angle(at).cos()).sum();
                assert!((f64::from(*found) - wanted).abs() < 1e-4, "{size} {line}: {found} {wanted}");
            }
        }
    }
}
