//! Events as the counting kernel reads them.

use super::arguments::{EgerHeader, PriorTarget};
use crate::engine::{EngineError, Events};
use crate::event::{BINS, EgerError, TargetBins, count_scales};
use crate::image::Size;
use crate::time::TimeRange;

/// Refuses what EGER on the host refuses, and what does not fit the packed form.
pub(super) fn check(events: &Events<'_>) -> Result<(), EngineError> {
    let Size { width, height } = events.padded;
    let fits = width >= events.sensor.width && height >= events.sensor.height;
    // A row is packed into 16 bits and a column into 15.
    if width < 16 || height < 16 || !fits || events.sensor.area() == 0 || width > 1 << 15 {
        let text = format!("a {width}x{height} event map from a {} sensor", events.sensor);
        return Err(EngineError::Shape(text));
    }
    check_exposure(events.exposure)?;
    events.targets.iter().try_for_each(|t| check_target(*t))
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

/// Accepts the exposures that EGER accepts, if they are short enough for 32 bits of microseconds.
fn check_exposure(span: TimeRange) -> Result<(), EngineError> {
    let duration = span.duration_us();
    if !(duration.is_finite() && duration > 0.0 && duration < f64::from(u32::MAX) - 1.0) {
        return Err(EgerError::Exposure(span.start_us, span.end_us).into());
    }
    Ok(())
}

fn check_target(span: TimeRange) -> Result<(), EngineError> {
    let duration = span.duration_us();
    if duration.is_finite() && duration >= 0.0 {
        return Ok(());
    }
    Err(EgerError::Target(span.start_us, span.end_us).into())
}

/// Packs the events of the exposure into two words each and returns how many there are.
pub(super) fn pack(events: &Events<'_>, to: &mut [u32]) -> Result<usize, EngineError> {
    let (span, Size { width, height }) = (events.exposure, events.sensor);
    let base_us = span.start_us.floor() as i64;
    let mut slots = to.as_chunks_mut::<2>().0.iter_mut();
    let mut count = 0;
    for event in events.events {
        let t_us = event.t_us as f64;
        if t_us < span.start_us || t_us >= span.end_us {
            continue;
        }
        let (x, y) = (event.x, event.y);
        if usize::from(x) >= width || usize::from(y) >= height {
            return Err(EgerError::Outside { x, y, width, height }.into());
        }
        if let Some(slot) = slots.next() {
            let place = u32::from(y) << 16 | u32::from(event.polarity) << 15 | u32::from(x);
            *slot = [(event.t_us - base_us) as u32, place];
            count += 1;
        }
    }
    Ok(count)
}
