//! The brightness that the events of a pixel predict.

use crate::event::Thresholds;

/// Expected change, in thresholds, since the last event in the same direction that has not fired:
/// between zero and one threshold. Without it, the change that a pixel must catch up after a
/// reversal looks like a larger threshold (by half at an edge of two thresholds).
const UNFIRED: f32 = 0.5;
/// The same before the first event, against its direction: the change lies between half a threshold
/// in the other direction, where the brightness reversed, and half a threshold in this one.
const BEFORE_FIRST: f32 = 0.25;

/// Brightness of a pixel relative to the start of the first exposure, and events so far.
pub(super) struct Level {
    factor: f32,
    /// Number of ON and OFF events.
    counts: [f32; 2],
    /// Expected change that has not fired yet, as counts and as a factor.
    unfired: [f32; 2],
    unfired_factor: f32,
    /// Factors of one event, and of [`UNFIRED`], for either polarity.
    steps: [f32; 2],
    halves: [f32; 2],
}

/// Means over an exposure, weighted by brightness.
pub(super) struct Means {
    pub(super) mean: f32,
    /// Of the counts times the brightness.
    pub(super) counts: [f32; 2],
    /// Number of events within the exposure.
    pub(super) taken: usize,
}

impl Level {
    /// State before a pixel's first event, which has the polarity `first`.
    pub(super) fn new(at: Thresholds, first: Option<bool>) -> Self {
        let logs = [at.on as f32, -at.off as f32];
        let mut level = Self {
            factor: 1.0,
            counts: [0.0; 2],
            unfired: [0.0; 2],
            unfired_factor: 1.0,
            steps: logs.map(f32::exp),
            halves: logs.map(|log| (log * UNFIRED).exp()),
        };
        if let Some(on) = first {
            let other = usize::from(on);
            level.unfired[other] = BEFORE_FIRST;
            level.unfired_factor = (logs[other] * BEFORE_FIRST).exp();
        }
        level
    }

    /// Adds an event.
    pub(super) fn step(&mut self, on: bool) {
        let polarity = usize::from(!on);
        self.factor *= self.steps[polarity];
        self.counts[polarity] += 1.0;
        self.unfired = [0.0; 2];
        self.unfired[polarity] = UNFIRED;
        self.unfired_factor = self.halves[polarity];
    }

    /// Advances to the end of an exposure and returns the means over it.
    pub(super) fn integrate(&mut self, events: &[(f32, bool)], (start, end): (f32, f32)) -> Means {
        let mut means = Means { mean: 0.0, counts: [0.0; 2], taken: 0 };
        let mut since = start;
        let share = 1.0 / (end - start);
        let mut hold = |level: &Self, until: f32, since: f32| {
            let weight = level.factor * level.unfired_factor * (until - since) * share;
            means.mean += weight;
            means.counts[0] += weight * (level.counts[0] + level.unfired[0]);
            means.counts[1] += weight * (level.counts[1] + level.unfired[1]);
        };
        let mut taken = 0;
        for (t, on) in events.iter().take_while(|e| e.0 < end) {
            hold(self, *t, since);
            since = *t;
            self.step(*on);
            taken += 1;
        }
        hold(self, end, since);
        Means { taken, ..means }
    }
}
