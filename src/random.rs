//! Random numbers that depend on a key and on nothing else.
//!
//! Work is shared between threads by rows; a generator of its own for every row and step makes
//! the result the same whatever the number of threads. The algorithm is fixed here because data
//! made from a seed must stay the same when a dependency is renewed.

use std::sync::LazyLock;

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
#[derive(Clone, Debug)]
pub struct KeyedRng(u64);

impl KeyedRng {
    /// The stream that belongs to `key`, for instance seed, purpose, step and row.
    pub fn keyed(key: &[u64]) -> Self {
        let mut stream = Self(0);
        for part in key {
            stream.0 = stream.bits() ^ part;
        }
        stream.0 = stream.bits();
        stream
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

    /// Uniform among `0..n`; 0 for an empty range.
    pub fn below(&mut self, n: usize) -> usize {
        ((self.unit() * n as f64) as usize).min(n.saturating_sub(1))
    }

    /// Normally distributed, mean 0 and standard deviation 1 (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Nearly normal and many times faster, for sensor noise: quantiles of the normal
    /// distribution, from a table of 4096, four from 64 bits. Never beyond 3.7 standard
    /// deviations, mean 0 and standard deviation 1 to the rounding of floats.
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

    /// Waiting time until the next of random events that come `rate` times per unit of time.
    pub fn wait(&mut self, rate: f64) -> f64 {
        -(1.0 - self.unit()).ln() / rate
    }
}

/// Quantiles in the table.
const LENGTH: usize = 4096;

/// The normal distribution at the middles of so many equally likely parts.
static QUANTILES: LazyLock<Box<[f32; LENGTH]>> = LazyLock::new(|| {
    /// Steps of the integral from 0 to this many standard deviations.
    const STEPS: u32 = 200_000;
    const REACH: f64 = 5.0;
    let mut upper = Vec::with_capacity(LENGTH / 2);
    let step = REACH / f64::from(STEPS);
    let (mut below, peak) = (0.5, 1.0 / std::f64::consts::TAU.sqrt());
    for i in 0..STEPS {
        let x = (f64::from(i) + 0.5) * step;
        below += peak * (-x * x / 2.0).exp() * step;
        let wanted = 0.5 + (upper.len() as f64 + 0.5) / LENGTH as f64;
        if below >= wanted && upper.len() < LENGTH / 2 {
            upper.push(x + step / 2.0);
        }
    }
    // The middles of parts vary a little less than the whole.
    let square = upper.iter().map(|x| x * x).sum::<f64>() / upper.len().max(1) as f64;
    let mut table = Box::new([0.0; LENGTH]);
    for (i, x) in upper.iter().enumerate() {
        let x = (x / square.sqrt()) as f32;
        table[LENGTH / 2 + i] = x;
        table[LENGTH / 2 - 1 - i] = -x;
    }
    table
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_the_moments_of_the_normal_distribution() {
        let mut values = vec![0.0; 1 << 20];
        KeyedRng::keyed(&[1]).normals(&mut values);
        let mean = |power: i32| {
            values.iter().map(|v| f64::from(*v).powi(power)).sum::<f64>() / values.len() as f64
        };
        // Four standard errors of a million: 1, 2, 15 - 0 and 96 are the variances.
        for (power, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0)] {
            let bound = 4.0 * f64::sqrt(variance) / 1024.0;
            assert!((mean(power) - expected).abs() < bound, "{power}: {}", mean(power));
        }
        // The tails that a table leaves out are worth a fiftieth of the fourth moment.
        assert!((mean(4) - 3.0).abs() < 0.06, "{}", mean(4));
        assert!(QUANTILES.is_sorted());
    }
}
