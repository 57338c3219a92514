//! Random numbers that depend only on a key.
//!
//! Work is split between threads by rows. Each row and step has its own generator, so that the
//! result does not depend on the number of threads. The algorithm is fixed here because data
//! made from a seed must not change when a dependency is updated.

#![allow(clippy::indexing_slicing, reason = "indices are taken modulo the table's length")]

use std::sync::LazyLock;

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
#[derive(Clone, Debug)]
pub struct KeyedRng(u64);

impl KeyedRng {
    /// The generator for `key`, for example seed, purpose, step and row.
    pub fn keyed(key: &[u64]) -> Self {
        let mut rng = Self(0);
        for part in key {
            rng.0 = rng.bits() ^ part;
        }
        rng.0 = rng.bits();
        rng
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in `[low, high)`.
    pub fn range(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Uniform integer in `0..n`; 0 for an empty range.
    pub fn below(&mut self, n: usize) -> usize {
        ((self.unit() * n as f64) as usize).min(n.saturating_sub(1))
    }

    /// Normally distributed, mean 0 and standard deviation 1 (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Approximately normal and many times faster, for sensor noise: quantiles of the normal
    /// distribution from a table of 4096 entries, four per 64 random bits. Values stay within 3.7
    /// standard deviations; mean 0 and standard deviation 1 up to float rounding.
    pub fn normals(&mut self, out: &mut [f32]) {
        let table = &**QUANTILES;
        for four in out.chunks_mut(4) {
            let mut bits = self.bits();
            for v in four {
                *v = table[bits as usize % LENGTH];
                bits >>= 16;
            }
        }
    }

    /// Waiting time until the next event of a Poisson process with `rate` events per unit of time.
    pub fn wait(&mut self, rate: f64) -> f64 {
        -(1.0 - self.unit()).ln() / rate
    }
}

/// Number of quantiles in the table.
const LENGTH: usize = 4096;

/// The normal distribution at the midpoints of `LENGTH` equally likely intervals.
static QUANTILES: LazyLock<Box<[f32; LENGTH]>> = LazyLock::new(|| {
    /// Steps of the numerical integral from 0 to `REACH` standard deviations.
    const STEPS: u32 = 200_000;
    const REACH: f64 = 5.0;
    let mut upper = Vec::with_capacity(LENGTH / 2);
    let step = REACH / f64::from(STEPS);
    let (mut below, peak) = (0.5, 1.0 / std::f64::consts::TAU.sqrt());
    for i in 0..STEPS {
        let x = (f64::from(i) + 0.5) * step;
        below += peak * (-x * x / 2.0).exp() * step;
        let quantile = 0.5 + (upper.len() as f64 + 0.5) / LENGTH as f64;
        if below >= quantile && upper.len() < LENGTH / 2 {
            upper.push(x + step / 2.0);
        }
    }
    // The midpoints have a slightly smaller variance than the distribution.
    let variance = upper.iter().map(|x| x * x).sum::<f64>() / upper.len().max(1) as f64;
    let mut table = Box::new([0.0; LENGTH]);
    for (i, x) in upper.iter().enumerate() {
        let x = (x / variance.sqrt()) as f32;
        table[LENGTH / 2 + i] = x;
        table[LENGTH / 2 - 1 - i] = -x;
    }
    table
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_has_the_moments_of_the_normal_distribution() {
        let mut values = vec![0.0; 1 << 20];
        KeyedRng::keyed(&[1]).normals(&mut values);
        let mean = |power: i32| {
            values.iter().map(|v| f64::from(*v).powi(power)).sum::<f64>() / values.len() as f64
        };
        // Four standard errors for 2^20 samples. The variances are 1, 2 and 15 (96 for the 4th).
        for (power, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0)] {
            let bound = 4.0 * f64::sqrt(variance) / 1024.0;
            assert!((mean(power) - expected).abs() < bound, "{power}: {}", mean(power));
        }
        // The truncated tails reduce the fourth moment by a fiftieth.
        assert!((mean(4) - 3.0).abs() < 0.06, "{}", mean(4));
        assert!(QUANTILES.is_sorted());
    }
}
