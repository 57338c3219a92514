//! Validates recordings that could be read.

use super::Crop;
use crate::exposure::consistency::{Finding, check_truth};
use crate::sequence::Pair;

/// Share of a recording's events, and share of the sensor's pixels: if this few pixels cause this
/// many events, they are hot pixels.
const STORM: (f64, f64) = (0.5, 0.001);
/// Largest relative difference of the two exposure times: cameras only round them.
const EXPOSURES_DIFFER: f64 = 0.01;

/// Why a recording should not be used for training: exposures of different lengths, one without
/// events or with events at other times, hot pixels, or images that the crop does not fit.
pub fn fault(pair: &Pair, crop: Option<Crop>) -> Option<String> {
    let [a, b] = pair.exposures_us.map(|[start, end]| end.saturating_sub(start));
    if a.saturating_sub(b).saturating_abs() as f64 > EXPOSURES_DIFFER * a.max(b) as f64 {
        return Some(format!("exposures of different lengths, {a} us and {b} us"));
    }
    use Finding::{NoEvents, Rate, Times};
    let misplaced = |f: &Finding| matches!(f, NoEvents | Times { .. } | Rate { .. });
    if let Some(finding) = pair.findings().into_iter().find(misplaced) {
        return Some(finding.to_string());
    }
    let sensor = pair.sensor().ok()?;
    let mut counts = vec![0_usize; sensor.area()];
    for e in &pair.events {
        let at = usize::from(e.y) * sensor.width + usize::from(e.x);
        counts.get_mut(at).into_iter().for_each(|n| *n += 1);
    }
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let few = ((sensor.area() as f64 * STORM.1) as usize).max(1);
    let busiest: usize = counts.iter().take(few).sum();
    if pair.events.len() > 1000 && busiest as f64 > STORM.0 * pair.events.len() as f64 {
        let (n, of) = (busiest, pair.events.len());
        return Some(format!("{n} of its {of} events come from {few} hot pixel(s)"));
    }
    let crop = crop?;
    let size = pair.frames.first()?.size();
    if (pair.scale_factor - crop.scale as f64).abs() > 1e-6 {
        let (found, wanted) = (pair.scale_factor, crop.scale);
        return Some(format!("scale factor {found} instead of {wanted}"));
    }
    let (h, w) = crop.image();
    (size.height < h
        || size.width < w
        || sensor.height < crop.events.0
        || sensor.width < crop.events.1)
        .then(|| format!("{size} is smaller than crops of {w}x{h}"))
}

/// Why the sharp images of a recording should not be used for training: their times are in another
/// unit or on another clock. Single ones outside the exposures are left out when one is drawn.
pub(super) fn truth_fault(pair: &Pair) -> Option<String> {
    let times = pair.truth.as_ref().map_or(&[][..], |truth| truth.timestamps_us.as_slice());
    let finding = check_truth(times, &pair.exposures_us)?;
    (!finding.leaves_out_truths()).then(|| finding.to_string())
}
