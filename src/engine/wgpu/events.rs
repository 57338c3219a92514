//! Events as the counting shader reads them: every event is the place of its count.

use crate::engine::{EngineError, Events};
use crate::event::{BINS, CHANNELS, EgerError};
use crate::image::Size;
use crate::time::TimeRange;

/// An event of an exposure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packed {
    /// Its count's place if it is before the target.
    key: u32,
    t_us: f64,
}

/// Refuses what EGER on the host refuses.
pub(super) fn check(events: &Events<'_>) -> Result<(), EngineError> {
    let Size { width, height } = events.padded;
    let fits = width >= events.sensor.width && height >= events.sensor.height;
    let cells = events.padded.area();
    if width < 16
        || height < 16
        || !fits
        || events.sensor.area() == 0
        || u32::try_from(cells.saturating_mul(CHANNELS)).is_err()
    {
        let text = format!("a {width}x{height} event map from a {} sensor", events.sensor);
        return Err(EngineError::Shape(text));
    }
    let span = events.exposure;
    if !(span.duration_us().is_finite() && span.duration_us() > 0.0) {
        return Err(EgerError::Exposure(span.start_us, span.end_us).into());
    }
    for target in events.targets {
        if !(target.duration_us().is_finite() && target.duration_us() >= 0.0) {
            return Err(EgerError::Target(target.start_us, target.end_us).into());
        }
    }
    Ok(())
}

/// The events of the exposure, sorted into bins as `src/event/eger.rs` does.
pub(super) fn pack(events: &Events<'_>, to: &mut Vec<Packed>) -> Result<(), EngineError> {
    let (span, Size { width, height }) = (events.exposure, events.sensor);
    let bin_us = span.duration_us() / BINS as f64;
    to.clear();
    for event in events.events {
        let t_us = event.t_us as f64;
        if t_us < span.start_us || t_us >= span.end_us {
            continue;
        }
        let (x, y) = (usize::from(event.x), usize::from(event.y));
        if x >= width || y >= height {
            return Err(EgerError::Outside { x: event.x, y: event.y, width, height }.into());
        }
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
