//! What engines with exposures in flight have in common.

use super::{
    AsyncEngine, EngineError, EventTensor, Events, Image, OutputFormat, OutputRef, Restored,
};
use crate::event::EventInput;
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

/// Rejects sizes of images that the network does not accept.
pub(super) fn check_size(image: Size) -> Result<(), EngineError> {
    if image.area() > 0 && image.width.is_multiple_of(16) && image.height.is_multiple_of(16) {
        return Ok(());
    }
    Err(EngineError::Shape(format!("a {image} image: the network needs multiples of 16")))
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
