//! Events as the counting shader reads them: every event is the place of its count.

use crate::engine::queued;
use crate::engine::{EngineError, Events};
use crate::event::{BINS, CHANNELS};
use crate::time::TimeRange;

/// An event of an exposure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packed {
    /// Its count's place if it is before the target.
    key: u32,
    t_us: f64,
}

/// Refuses maps whose counts have no number in 32 bits.
pub(super) fn check(events: &Events<'_>) -> Result<(), EngineError> {
    match u32::try_from(events.padded.area().saturating_mul(CHANNELS)) {
        Ok(_) => Ok(()),
        Err(_) => Err(queued::refused_map(events)),
    }
}

/// The events of the exposure, sorted into bins as `src/event/eger.rs` does.
pub(super) fn pack(events: &Events<'_>, to: &mut Vec<Packed>) -> Result<(), EngineError> {
    let (span, width) = (events.exposure, events.sensor.width);
    let bin_us = span.duration_us() / BINS as f64;
    to.clear();
    for event in queued::within_exposure(events) {
        let event = event?;
        let (t_us, x, y) = (event.t_us as f64, usize::from(event.x), usize::from(event.y));
        let bin = (((t_us - span.start_us) / bin_us) as usize).min(BINS - 1);
        let place = (y * width + x) * CHANNELS + bin * 6 + usize::from(event.polarity);
        to.push(Packed { key: place as u32, t_us });
    }
    Ok(())
}

/// The places of the counts for one target.
pub(super) fn keys(packed: &[Packed], target: TimeRange, to: &mut Vec<u32>) {
    let part =
        |p: &Packed| u32::from(p.t_us >= target.start_us) + u32::from(p.t_us >= target.end_us);
    to.clear();
    to.extend(packed.iter().map(|p| p.key + 2 * part(p)));
}
