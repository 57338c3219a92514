//! What engines with exposures in flight have in common.

use super::{
    AsyncEngine, EngineError, EventTensor, Events, Image, OutputFormat, OutputRef, Restored,
};
use crate::event::{EgerError, Event, EventInput};
use crate::image::Size;

/// Exposures in flight, and targets whose results are on their way.
pub(super) const DEPTH: usize = 2;

/// Number of exposures that can be submitted before one has to be collected.
pub(super) fn free_slots(in_flight: usize) -> usize {
    DEPTH.saturating_sub(in_flight)
}

/// Refuses while exposures are in flight.
pub(super) fn idle(in_flight: usize) -> Result<(), EngineError> {
    if in_flight == 0 {
        return Ok(());
    }
    Err(EngineError::Shape("exposures are in flight: collect them first".into()))
}

/// Rejects sizes of images that the network does not accept, and events that EGER on the host
/// refuses.
pub(super) fn check(image: Size, events: &Events<'_>) -> Result<(), EngineError> {
    if image.area() == 0 || !image.width.is_multiple_of(16) || !image.height.is_multiple_of(16) {
        let text = format!("a {image} image: the network needs multiples of 16");
        return Err(EngineError::Shape(text));
    }
    let (padded, sensor) = (events.padded, events.sensor);
    let fits = padded.width >= sensor.width && padded.height >= sensor.height;
    if padded.width < 16 || padded.height < 16 || !fits || sensor.area() == 0 {
        return Err(refused_map(events));
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

/// The error for events whose map cannot be computed.
pub(super) fn refused_map(events: &Events<'_>) -> EngineError {
    EngineError::Shape(format!("a {} event map from a {} sensor", events.padded, events.sensor))
}

/// The events of the exposure, in their order; an error in place of one that is outside the sensor.
pub(super) fn within_exposure<'a>(
    events: &Events<'a>,
) -> impl Iterator<Item = Result<&'a Event, EngineError>> + use<'a> {
    let (span, Size { width, height }) = (events.exposure, events.sensor);
    let during = move |e: &&Event| {
        let t_us = e.t_us as f64;
        t_us >= span.start_us && t_us < span.end_us
    };
    events.events.iter().filter(during).map(move |event| {
        let (x, y) = (event.x, event.y);
        if usize::from(x) < width && usize::from(y) < height {
            return Ok(event);
        }
        Err(EgerError::Outside { x, y, width, height }.into())
    })
}

/// A copy of borrowed numbers.
pub(super) fn owned(one: OutputRef<'_>) -> Option<Restored> {
    match one {
        OutputRef::F32 { latent, ratio } => {
            Some(Restored { latent: latent.to_vec(), ratio: ratio.to_vec() })
        }
        OutputRef::U8(_) => None,
    }
}

/// [`super::Engine::restore`]: `run` restores targets whose tensors have one size, given the sizes
/// of image and tensors. They share an encoding of the image.
pub(super) fn restore(
    blur: &Image<'_>,
    targets: &[EventTensor<'_>],
    input: EventInput,
    mut run: impl FnMut(Size, Size, &[EventTensor<'_>]) -> Result<Vec<Restored>, EngineError>,
) -> Result<Vec<Restored>, EngineError> {
    blur.check()?;
    targets.iter().try_for_each(|t| t.check(input))?;
    let image = Size::new(blur.width, blur.height);
    let size = |t: &EventTensor<'_>| Size::new(t.width, t.height);
    let mut out = Vec::with_capacity(targets.len());
    for same in targets.chunk_by(|a, b| size(a) == size(b)) {
        let tensors = same.first().map_or(Size::new(16, 16), size);
        out.extend(run(image, tensors, same)?);
    }
    Ok(out)
}

/// [`super::Engine::restore_events`] through a queue.
pub(super) fn restore_events(
    queue: &mut dyn AsyncEngine,
    blur: &Image<'_>,
    events: &Events<'_>,
) -> Result<Vec<Restored>, EngineError> {
    let mut out = Vec::with_capacity(events.targets.len());
    let take = &mut |_, one: OutputRef<'_>| out.extend(owned(one));
    restore_borrowed(queue, blur, events, OutputFormat::F32, take)?;
    Ok(out)
}

/// [`super::Engine::restore_borrowed`] through a queue in which nothing is in flight.
pub(super) fn restore_borrowed(
    queue: &mut dyn AsyncEngine,
    blur: &Image<'_>,
    events: &Events<'_>,
    form: OutputFormat,
    take: &mut dyn FnMut(usize, OutputRef<'_>),
) -> Result<(), EngineError> {
    idle(DEPTH - queue.free_slots().min(DEPTH))?;
    blur.check()?;
    queue.submit(blur, events, form)?;
    let mut index = 0;
    queue.collect(&mut |one| {
        take(index, one);
        index += 1;
    })
}

/// A step of several targets through the slots.
#[derive(Clone, Copy)]
pub(super) enum Step {
    /// Start the target of this index.
    Start(usize),
    /// Wait for the result of the target of this index.
    Collect(usize),
}

/// Starts and collects `count` targets in order, as many at a time as there are slots.
pub(super) fn run_pipelined<E>(
    count: usize,
    mut step: impl FnMut(Step) -> Result<(), E>,
) -> Result<(), E> {
    for i in 0..count + DEPTH {
        if i >= DEPTH && i - DEPTH < count {
            step(Step::Collect(i - DEPTH))?;
        }
        if i < count {
            step(Step::Start(i))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Thresholds;
    use crate::time::TimeRange;

    #[test]
    fn what_no_engine_can_compute_is_refused() {
        let size = Size::new;
        let targets = [TimeRange::instant(5.0)];
        let good = Events {
            events: &[],
            exposure: TimeRange::new(0.0, 10.0),
            targets: &targets,
            sensor: size(20, 16),
            padded: size(32, 16),
            thresholds: Thresholds::DEFAULT,
        };
        assert!(check(size(32, 16), &good).is_ok());
        for image in [size(0, 16), size(33, 16), size(32, 15)] {
            assert!(check(image, &good).is_err(), "{image}");
        }
        let reversed = [TimeRange::new(5.0, 4.0)];
        let wrong = [
            Events { padded: size(15, 16), sensor: size(15, 16), ..good },
            Events { padded: size(16, 16), ..good },
            Events { sensor: size(0, 16), ..good },
            Events { exposure: TimeRange::new(10.0, 10.0), ..good },
            Events { exposure: TimeRange::new(0.0, f64::NAN), ..good },
            Events { targets: &reversed, ..good },
        ];
        for events in wrong {
            assert!(check(size(32, 16), &events).is_err(), "{events:?}");
        }
    }
}
