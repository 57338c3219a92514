//! Learning rate schedules: the published ones by epoch, and one by step.

/// The decay after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decay {
    /// Constant.
    None,
    /// A cosine decay over `epochs`, down to `least` (PyTorch's `CosineAnnealingLR`).
    Cosine {
        /// Length of the decay in epochs.
        epochs: usize,
        /// Final learning rate.
        least: f64,
    },
    /// Multiplied by `factor` every `epochs` epochs (PyTorch's `StepLR`).
    Step {
        /// Epochs between two steps.
        epochs: usize,
        /// Factor of every step.
        factor: f64,
    },
}

/// A published schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Learning rate after the warm-up.
    pub rate: f64,
    /// Epochs of linear warm-up from zero.
    pub warmup: usize,
    /// The decay.
    pub decay: Decay,
}

impl Schedule {
    /// The learning rate of an epoch, the first being 0. As in the warm-up package of the authors'
    /// code, it starts at zero, reaches the full rate in epoch `warmup` and stays there for one
    /// more epoch before the decay begins. Without warm-up the decay begins at once.
    pub fn at(&self, epoch: usize) -> f64 {
        if self.warmup > 0 && epoch <= self.warmup {
            return self.rate * epoch as f64 / self.warmup as f64;
        }
        let t = if self.warmup > 0 { epoch - self.warmup - 1 } else { epoch };
        match self.decay {
            Decay::None => self.rate,
            Decay::Cosine { epochs, least } => {
                let phase = std::f64::consts::PI * t as f64 / epochs.max(1) as f64;
                least + (self.rate - least) * (1.0 + phase.cos()) / 2.0
            }
            Decay::Step { epochs, factor } => {
                let steps = i32::try_from(t / epochs.max(1)).unwrap_or(i32::MAX);
                self.rate * factor.powi(steps)
            }
        }
    }
}

/// The supervised stage's learning rate at `step` of `total`: `warmup` steps of linear warm-up,
/// then a cosine decay to a fiftieth.
pub fn by_step(rate: f64, step: u64, total: u64, warmup: u64) -> f64 {
    let up = ((step + 1) as f64 / warmup.max(1) as f64).min(1.0);
    let done = (step as f64 / total.max(1) as f64).min(1.0);
    rate * up * (0.02 + 0.49 * (1.0 + (std::f64::consts::PI * done).cos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_first_stage_warms_up_and_decays_to_the_minimum() {
        let cosine = Decay::Cosine { epochs: 200, least: 1e-5 };
        let first = Schedule { rate: 1e-3, warmup: 10, decay: cosine };
        assert_eq!(first.at(0), 0.0);
        assert!((first.at(5) - 5e-4).abs() < 1e-12);
        assert_eq!((first.at(10), first.at(11)), (1e-3, 1e-3));
        assert!((first.at(111) - (1e-3 + 1e-5) / 2.0).abs() < 1e-9);
        assert!(first.at(209) < 1.1e-5);
        let cycle = Schedule { warmup: 0, rate: 5e-4, ..first };
        assert_eq!(cycle.at(0), 5e-4);
    }

    #[test]
    fn step_decay_multiplies_the_rate() {
        let steps =
            Schedule { rate: 1.0, warmup: 0, decay: Decay::Step { epochs: 3, factor: 0.5 } };
        assert_eq!([0, 2, 3, 6].map(|e| steps.at(e)), [1.0, 1.0, 0.5, 0.25]);
    }
}
