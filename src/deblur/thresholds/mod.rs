//! A running estimate of an event camera's contrast thresholds from frames and events.
//!
//! Between two blurry frames of one scene, the events describe how the logarithm of a pixel's mean
//! brightness changes: `ln B2 - ln B1 = ln mean(exp S over exposure 2) - ln mean(exp S over
//! exposure 1)`, where `S(t) = c_on * ON events - c_off * OFF events` up to `t` (the event-based
//! double integral of both exposures, Pan et al., CVPR 2019). The frames are accurate, the events
//! are not: they contain noise, and at either end a change of up to one threshold has not fired
//! yet. A least-squares fit of the frames by the events is therefore biased towards zero.
//! Here the change of the frames around a pixel, which is independent of that noise, is the
//! instrument (instrumental variables), with positive and negative changes separated. A constant
//! absorbs leak events and changes of exposure or light. Two more unknowns describe how the event
//! camera's view may differ from the frames: in its zero level (dark current, black level), and in
//! its sharpness, since the optics of one of them may be softer. Events that see the scene blurred
//! by a fifth of an event pixel would otherwise look like thresholds that are 15 % too large. The
//! sums are accumulated over pairs with exponential forgetting; a jackknife over parts of the image
//! estimates the uncertainty.
//!
//! Frames are assumed to be linear in light. For a camera that stores `light^(1/g)`, the estimated
//! thresholds are those of the stored values, `1/g` of the sensor's own. These are the thresholds
//! that EDI and the network need for such frames.

mod frames;
mod pair;
mod solve;
mod trace;

pub use pair::{FramePair, Unused};

use crate::event::{Contrast, ContrastSource};
use frames::Frames;
use solve::{Moments, Prior, Solution};
use trace::Traces;

/// Estimates the contrast thresholds from successive pairs of frames.
///
/// It starts from [`Thresholds::DEFAULT`](crate::event::Thresholds::DEFAULT). Buffers are reused,
/// so that pairs of constant size allocate nothing once the buffers have grown.
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

/// Factor of the old sums at every pair: about the last 50 pairs count.
const KEPT: f64 = 0.98;
/// Number of Gauss-Newton steps per pair.
const STEPS: usize = 4;
/// Smallest accepted correlation between the change of the frames and that of the events.
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

    /// Uses a pair of frames.
    ///
    /// # Errors
    /// [`Unused`] with the reason if the pair is rejected; the estimate is then unchanged.
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

    /// The current estimate with its standard error; the initial value until a pair was used.
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

    /// Number of used pairs.
    pub fn pairs(&self) -> u64 {
        self.pairs
    }
}
