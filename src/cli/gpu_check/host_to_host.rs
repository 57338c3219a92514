//! Measures restorations from frame and events in host memory to pixels in host memory.

use super::scene::{EVENTS, Scene};
use crate::cli::failure::Failure;
use gem_live::Deblurrer;
use gem_live::exposure::Exposure;
use gem_live::image::{Rounding, Size};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Number of exposures in the sequence that is restored with two in flight.
const SEQUENCE: usize = 30;

/// Milliseconds from frame and events in host memory to pixels in host memory, with padding.
pub(super) struct HostToHost {
    pub(super) one_instant_ms: f64,
    pub(super) one_instant_p95_ms: f64,
    pub(super) further_instant_ms: f64,
    pub(super) sequence_ms: f64,
}

/// What is repeated how often.
pub(super) struct Timing {
    /// Number of repetitions; medians are reported.
    pub(super) repeats: usize,
    /// Number of instants besides the first, to measure the cost of one more.
    pub(super) further: usize,
    /// Whether to measure without waiting for the clocks of the device to settle.
    pub(super) quick: bool,
    pub(super) image: Size,
    pub(super) sensor: Size,
}

impl Timing {
    /// Measures one size.
    pub(super) fn run(&self, deblurrer: &mut Deblurrer) -> Result<HostToHost, Failure> {
        let exposure = Arc::new(Scene::new(self.image, self.sensor, EVENTS).exposure()?);
        let one = self.times(deblurrer, &exposure, &[0.5])?;
        let (one_instant_ms, one_instant_p95_ms) = (quantile(&one, 0.5), quantile(&one, 0.95));
        let count = self.further + 1;
        let all: Vec<f64> = (0..count).map(|i| (i as f64 + 0.5) / count as f64).collect();
        let all_ms = quantile(&self.times(deblurrer, &exposure, &all)?, 0.5);
        let further_instant_ms = (all_ms - one_instant_ms) / self.further as f64;
        let sequence_ms = self.sequence(deblurrer, &exposure)?;
        Ok(HostToHost { one_instant_ms, one_instant_p95_ms, further_instant_ms, sequence_ms })
    }

    /// Milliseconds of each repetition, sorted, after the device's clocks have settled.
    fn times(
        &self,
        deblurrer: &mut Deblurrer,
        exposure: &Arc<Exposure>,
        instants: &[f64],
    ) -> Result<Vec<f64>, Failure> {
        let mut once = || {
            let start = Instant::now();
            deblurrer.submit(exposure.clone(), instants, Rounding::Nearest)?;
            deblurrer.collect()?;
            Ok::<_, Failure>(start.elapsed().as_secs_f64() * 1e3)
        };
        // The first calls capture graphs, one per lane and slot.
        once()?;
        once()?;
        if !self.quick {
            settle(&mut once)?;
        }
        let mut all: Vec<f64> = (0..self.repeats).map(|_| once()).collect::<Result<_, _>>()?;
        all.sort_by(f64::total_cmp);
        Ok(all)
    }

    /// Milliseconds per exposure of a sequence, with two in flight.
    fn sequence(
        &self,
        deblurrer: &mut Deblurrer,
        exposure: &Arc<Exposure>,
    ) -> Result<f64, Failure> {
        let start = Instant::now();
        let length = SEQUENCE.min(self.repeats);
        let mut submitted = 0;
        for _ in 0..length {
            while submitted < length && deblurrer.free_slots() > 0 {
                deblurrer.submit(exposure.clone(), &[0.5], Rounding::Nearest)?;
                submitted += 1;
            }
            deblurrer.collect()?;
        }
        Ok(start.elapsed().as_secs_f64() * 1e3 / length as f64)
    }
}

/// An idle device runs at a fraction of its clock: repeats until the median of ten runs no longer
/// falls by more than 2 %, for at most five seconds.
fn settle(once: &mut impl FnMut() -> Result<f64, Failure>) -> Result<(), Failure> {
    let start = Instant::now();
    let mut before = f64::INFINITY;
    while start.elapsed() < Duration::from_secs(5) {
        let mut ten: Vec<f64> = (0..10).map(|_| once()).collect::<Result<_, _>>()?;
        ten.sort_by(f64::total_cmp);
        let now = quantile(&ten, 0.5);
        if now > 0.98 * before {
            break;
        }
        before = now;
    }
    Ok(())
}

/// A quantile of sorted values; 0 without values.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((q * last as f64).round() as usize).copied().unwrap_or_default()
}
