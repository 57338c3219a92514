//! Random numbers that depend on a key and on nothing else.
//!
//! Work is shared between threads by rows; a generator of its own for every row and step makes
//! the result the same whatever the number of threads. The algorithm is fixed here because data
//! made from a seed must stay the same when a dependency is renewed.

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
#[derive(Clone, Debug)]
pub struct Stream(u64);

impl Stream {
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

    /// Nearly normal and several times faster, for sensor noise: the number of ones among 64
    /// bits, made continuous. Never beyond 8.1 standard deviations.
    pub fn quick_normal(&mut self) -> f32 {
        // A binomial of 64 halves has variance 16, the uniform that fills its steps 1/12.
        const SCALE: f32 = 0.249_351_2;
        let fill = (self.bits() >> 40) as f32 / (1_u32 << 24) as f32 - 0.5;
        (self.bits().count_ones() as f32 - 32.0 + fill) * SCALE
    }

    /// Waiting time until the next of random events that come `rate` times per unit of time.
    pub fn wait(&mut self, rate: f64) -> f64 {
        -(1.0 - self.unit()).ln() / rate
    }
}
