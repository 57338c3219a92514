//! A running estimate of an event camera's contrast thresholds from frames and events.
//!
//! Between two blurry frames of one scene, the logarithm of a pixel's mean brightness changes by
//! what its events say: `ln B2 - ln B1 = ln mean(exp S over exposure 2) - ln mean(exp S over
//! exposure 1)`, where `S(t) = c_on * ON events - c_off * OFF events` up to `t` (the event-based
//! double integral of both exposures, Pan et al., CVPR 2019). The frames are accurate, the events
//! are not: noise events, and up to one threshold of change at either end that has not fired yet.
//! A least-squares fit of the frames by the events is therefore pulled towards zero by noise.
//! Here the change of the frames around a pixel, which that noise does not know, serves as
//! instrument (instrumental variables), positive and negative changes apart, and a constant
//! absorbs leak and changes of exposure or light. The sums are collected over pairs, with
//! forgetting; a jackknife over parts of the image tells how sure the result is.
//!
//! Frames are taken as linear in light. Of a camera that stores `light^(1/g)`, the estimate is of
//! the thresholds on the stored numbers, `1/g` of the sensor's own, which is what EDI and the
//! network apply to those numbers.

mod frames;
mod pair;
mod solve;
mod trace;

pub use pair::{FramePair, Unused};

use crate::event::{Contrast, ContrastSource};
use frames::Frames;
use solve::{Moments, Prior, Solution};
use trace::Traces;

/// Estimates the contrast thresholds from pairs of frames, one pair after the other.
///
/// It starts from [`Thresholds::DEFAULT`]. Buffers are kept, so that a steady stream of pairs of
/// one size allocates nothing once they have grown.
#[derive(Debug)]
pub struct ThresholdEstimator {
    moments: Moments,
    frames: Frames,
    traces: Traces,
    prior: Prior,
    solution: Solution,
    before: Contrast,
    pairs: u64,
}

impl Default for ThresholdEstimator {
    fn default() -> Self {
        Self::starting_from(Contrast::default())
    }
}

/// Share of the sums that is kept from one pair to the next: the last 50 pairs count.
const KEPT: f64 = 0.98;
/// Gauss-Newton steps for one pair.
const STEPS: usize = 4;
/// The least correlation between the change of the frames and what the events say.
const LEAST_CORRELATION: f64 = 0.25;

impl ThresholdEstimator {
    /// Starts from an earlier estimate for the same camera.
    pub fn starting_from(before: Contrast) -> Self {
        let prior = Prior::earlier(before);
        Self {
            moments: Moments::default(),
            frames: Frames::default(),
            traces: Traces::default(),
            solution: prior.solution(),
            prior,
            before,
            pairs: 0,
        }
    }

    /// Takes a pair of frames into account, or says why not.
    ///
    /// # Errors
    /// [`Unused`], after which the estimate is as it was before.
    pub fn observe(&mut self, pair: &FramePair<'_>) -> Result<(), Unused> {
        self.frames.compare(pair)?;
        self.traces.collect(pair, &mut self.frames)?;
        let mut at = self.solution.thresholds;
        let mut moments = Moments::default();
        for _ in 0..STEPS {
            let correlation = self.traces.linearize(at, &mut moments);
            if correlation < LEAST_CORRELATION {
                return Err(Unused::Unrelated);
            }
            at = moments.solve(&Prior::WIDE).thresholds;
        }
        self.moments.decay(KEPT);
        self.moments.add(&moments);
        self.solution = self.moments.solve(&self.prior);
        self.pairs += 1;
        Ok(())
    }

    /// The present estimate, with its standard error; what it started from until a pair was used.
    pub fn contrast(&self) -> Contrast {
        if self.pairs == 0 {
            return self.before;
        }
        Contrast {
            thresholds: self.solution.thresholds,
            source: ContrastSource::Estimated,
            uncertainty: Some(self.solution.uncertainty()),
        }
    }

    /// Pairs that were used.
    pub fn pairs(&self) -> u64 {
        self.pairs
    }
}
