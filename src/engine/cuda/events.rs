//! Events as the counting kernel reads them.

use super::arguments::{EgerHeader, PriorTarget};
use crate::engine::queued;
use crate::engine::{EngineError, Events};
use crate::event::{BINS, EgerError, TargetBins, count_scales};
use crate::time::TimeRange;

/// Refuses what does not fit the packed form.
pub(super) fn check(events: &Events<'_>) -> Result<(), EngineError> {
    // A row is packed into 16 bits and a column into 15.
    if events.padded.width > 1 << 15 {
        return Err(queued::refused_map(events));
    }
    // Times are packed as 32 bits of microseconds.
    let span = events.exposure;
    if span.duration_us() >= f64::from(u32::MAX) - 1.0 {
        return Err(EgerError::Exposure(span.start_us, span.end_us).into());
    }
    Ok(())
}

/// One target's header; which events it is about is added where they are sent.
pub(super) fn header(events: &Events<'_>, target: TimeRange, count: usize) -> EgerHeader {
    let exposure = events.exposure;
    let TargetBins { overlap, total } = TargetBins::new(exposure, target);
    let scales = count_scales(events.thresholds);
    EgerHeader {
        base: exposure.start_us.floor(),
        start: exposure.start_us,
        bin: exposure.duration_us() / BINS as f64,
        target_start: target.start_us,
        target_end: target.end_us,
        events: count as u32,
        prior: PriorTarget { overlap, total, scales, unused: 0.0 },
        ..EgerHeader::default()
    }
}

/// Packs the events of the exposure into two words each and returns how many there are.
pub(super) fn pack(events: &Events<'_>, to: &mut [u32]) -> Result<usize, EngineError> {
    let base_us = events.exposure.start_us.floor() as i64;
    let mut slots = to.as_chunks_mut::<2>().0.iter_mut();
    let mut count = 0;
    for event in queued::within_exposure(events) {
        let event = event?;
        if let Some(slot) = slots.next() {
            let (row, column) = (u32::from(event.y) << 16, u32::from(event.x));
            let place = row | u32::from(event.polarity) << 15 | column;
            *slot = [(event.t_us - base_us) as u32, place];
            count += 1;
        }
    }
    Ok(count)
}
