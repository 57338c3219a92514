//! Whether sharp images belong to the exposures that they were recorded with.

use super::finding::Finding;

/// Sharp images of a pair that all lie within this share of its exposures have times in a longer unit.
const MOMENT: f64 = 0.01;
/// Programs round the times of exposures and of sharp images differently.
const ROUNDING_US: i64 = 1;

/// Whether a time lies within one of the exposures (start and end in microseconds), or is rounded from
/// one that does.
pub fn is_exposed(t_us: i64, exposures_us: &[[i64; 2]]) -> bool {
    let during = |[start, end]: &[i64; 2]| {
        (start.saturating_sub(ROUNDING_US)..=end.saturating_add(ROUNDING_US)).contains(&t_us)
    };
    exposures_us.iter().any(during)
}

/// Compares the times of sharp images with exposures (start and end in microseconds, in order of
/// time). With other times, scores compare images of different instants.
pub fn check_truth(truths_us: &[i64], exposures_us: &[[i64; 2]]) -> Option<Finding> {
    let (first, last) = (exposures_us.first()?, exposures_us.last()?);
    let whole = [first[0], last[1]];
    let range = [*truths_us.iter().min()?, *truths_us.iter().max()?];
    let outside = truths_us.iter().filter(|t| !is_exposed(**t, exposures_us)).count();
    // Two may be close to each other: one of each exposure's end and start.
    let length = |[from, until]: [i64; 2]| until as f64 - from as f64;
    let exposed: f64 = exposures_us.iter().map(|exposure| length(*exposure).max(1.0)).sum();
    let moment = truths_us.len() > 2 && length(range) <= MOMENT * exposed;
    let finding = Finding::Truth {
        truths: (truths_us.len(), outside),
        truths_us: range,
        exposures_us: whole,
    };
    (outside > 0 || moment).then_some(finding)
}
