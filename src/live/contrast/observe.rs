//! Two consecutive exposures as input of the estimate.

use crate::deblur::{FramePair, ThresholdEstimator, Unused};
use crate::event::Event;
use crate::rig::sync::SyncedExposure;
use crate::time::TimeRange;

/// Adds two consecutive exposures to the estimate.
pub(super) fn observe(
    estimator: &mut ThresholdEstimator,
    first: &SyncedExposure,
    second: &SyncedExposure,
) -> Result<(), Unused> {
    let span = |s: &SyncedExposure| {
        let span = s.span();
        TimeRange::new(span.from_us as f64, span.until_us as f64)
    };
    let since = second.events.partition_point(|e| e.t_us < first.span().until_us);
    let events: [&[Event]; 2] =
        [first.exposure_events(), second.events.get(since..).unwrap_or(&[])];
    estimator.observe(&FramePair {
        frames: [&first.frame.picture, &second.frame.picture],
        spans: [span(first), span(second)],
        events: &events,
        sensor: second.sensor,
    })
}
