//! Restores only the parts of an image in which something moved.
//!
//! Where an exposure has no events, the scene did not change and the sharp image is the blurry one.
//! The regions with events, extended by a margin for the network's receptive field, go through
//! another engine; the rest is copied. At a region's border the result changes over to the copy
//! gradually.

#![allow(clippy::indexing_slicing, reason = "regions lie within the image by construction")]

mod regions;
mod steady;

use super::{Engine, EngineError, EventTensor, Events, Image, OutputFormat, OutputRef, Restored};
use crate::event::{Event, EventInput};
use crate::image::Size;
use regions::{BLEND_PX, Grid, Region};
use steady::Steady;

/// An engine that gives only the moving parts of an exposure to another one.
///
/// The other engine sees images of changing sizes, up to four per exposure. One that has to prepare
/// itself for a size ([`Engine::prepares_sizes`]) sees one whose size changes seldom. Nothing is
/// computed asynchronously.
pub struct SparseEngine {
    engine: Box<dyn Engine>,
    /// The present region's part of the image and its events.
    image: Vec<f32>,
    events: Vec<Event>,
    counts: Vec<u32>,
    steady: Steady,
    /// Results by target.
    results: Vec<Restored>,
    pixels: Vec<u8>,
    computed_pixels: usize,
    /// Pixels of the last exposure's image.
    image_pixels: usize,
    /// Number of exposures of each image size that are computed as a whole.
    warm_up: usize,
    warm_up_left: usize,
}

impl SparseEngine {
    /// Wraps an engine.
    pub fn new(engine: Box<dyn Engine>) -> Self {
        Self::with_warm_up(engine, 0)
    }

    /// Like [`SparseEngine::new`], but the first exposures of every image size are computed as a
    /// whole, so that their duration measures the engine where everything moves.
    pub fn with_warm_up(engine: Box<dyn Engine>, exposures: usize) -> Self {
        Self {
            warm_up: exposures,
            warm_up_left: 0,
            image_pixels: 0,
            engine,
            image: Vec::new(),
            events: Vec::new(),
            counts: Vec::new(),
            steady: Steady::default(),
            results: Vec::new(),
            pixels: Vec::new(),
            computed_pixels: 0,
        }
    }

    /// Number of image pixels that the other engine computed for the last exposure.
    pub fn computed_pixels(&self) -> usize {
        self.computed_pixels
    }

    /// The regions of an exposure that have to be computed; `None` for the whole image.
    fn regions(&mut self, blur: &Image<'_>, events: &Events<'_>) -> Option<Vec<Region>> {
        let sensor = events.sensor;
        let inside =
            |e: &Event| usize::from(e.x) < sensor.width && usize::from(e.y) < sensor.height;
        // The engine reports events that lie outside the sensor.
        if !events.events.iter().all(inside) {
            return None;
        }
        let grid = Grid::new(Size::new(blur.width, blur.height), events.padded)?;
        if !self.engine.prepares_sizes() {
            return grid.regions(events.events, events.exposure, &mut self.counts);
        }
        // Regions at the edge of a padded map would have sensors of other sizes.
        if events.padded != sensor {
            return None;
        }
        let moved = grid.moved(events.events, events.exposure, &mut self.counts);
        self.steady.regions(grid, moved)
    }

    /// Computes one region for all targets and inserts it into the results.
    fn compute(
        &mut self,
        blur: &Image<'_>,
        events: &Events<'_>,
        region: Region,
    ) -> Result<(), EngineError> {
        let Size { width, height } = region.size;
        self.image.clear();
        for plane in blur.data.chunks_exact(blur.width * blur.height) {
            for y in 0..height {
                let from = (region.at.1 + y) * blur.width + region.at.0;
                self.image.extend_from_slice(&plane[from..][..width]);
            }
        }
        let (x0, y0) = region.event_at;
        let padded = region.event_size;
        // Beyond the sensor's edge the engine mirrors, as it does for the whole image.
        let sensor = Size::new(
            padded.width.min(events.sensor.width - x0),
            padded.height.min(events.sensor.height - y0),
        );
        self.events.clear();
        for event in events.events {
            let (x, y) = (usize::from(event.x), usize::from(event.y));
            if (x0..x0 + sensor.width).contains(&x) && (y0..y0 + sensor.height).contains(&y) {
                self.events.push(Event { x: (x - x0) as u16, y: (y - y0) as u16, ..*event });
            }
        }
        let crop = Image { data: &self.image, height, width };
        let cropped = Events { events: &self.events, sensor, padded, ..*events };
        let (results, whole) = (&mut self.results, Size::new(blur.width, blur.height));
        self.engine.restore_borrowed(&crop, &cropped, OutputFormat::F32, &mut |i, view| {
            if let (OutputRef::F32 { latent, ratio }, Some(result)) = (view, results.get_mut(i)) {
                insert(latent, &mut result.latent, region, whole);
                insert(ratio, &mut result.ratio, region, whole);
            }
        })?;
        self.computed_pixels += region.size.area();
        Ok(())
    }
}

/// Blends a region's planes into those of the whole image.
fn insert(from: &[f32], to: &mut [f32], region: Region, whole: Size) {
    let Size { width, height } = region.size;
    let planes = from.chunks_exact(region.size.area()).zip(to.chunks_exact_mut(whole.area()));
    for (from, to) in planes {
        for (y, line) in from.chunks_exact(width).enumerate() {
            let vertical = weight(y, height, region.at.1, whole.height);
            let at = (region.at.1 + y) * whole.width + region.at.0;
            for (x, (to, from)) in to[at..][..width].iter_mut().zip(line).enumerate() {
                let w = vertical.min(weight(x, width, region.at.0, whole.width));
                *to = if w >= 1.0 { *from } else { *to + w * (from - *to) };
            }
        }
    }
}

/// The share of the computed value at position `i` of a region's side of `length` pixels that
/// begins at `start`: rises from 0 to 1 over [`BLEND_PX`], except at the edge of the whole image.
fn weight(i: usize, length: usize, start: usize, whole: usize) -> f32 {
    let ramp = |distance: usize| ((distance as f32 + 0.5) / BLEND_PX as f32).min(1.0);
    let before = if start == 0 { 1.0 } else { ramp(i) };
    let after = if start + length == whole { 1.0 } else { ramp(length - 1 - i) };
    before.min(after)
}

impl Engine for SparseEngine {
    fn event_input(&self) -> EventInput {
        self.engine.event_input()
    }

    fn restore(
        &mut self,
        blur: &Image<'_>,
        targets: &[EventTensor<'_>],
    ) -> Result<Vec<Restored>, EngineError> {
        self.image_pixels = blur.width * blur.height;
        self.computed_pixels = self.image_pixels;
        self.engine.restore(blur, targets)
    }

    fn computed_share(&self) -> f64 {
        self.computed_pixels as f64 / self.image_pixels.max(1) as f64
    }

    fn restore_events(
        &mut self,
        blur: &Image<'_>,
        events: &Events<'_>,
    ) -> Result<Vec<Restored>, EngineError> {
        let mut out = Vec::with_capacity(events.targets.len());
        self.restore_borrowed(blur, events, OutputFormat::F32, &mut |i, view| {
            out.truncate(i);
            if let OutputRef::F32 { latent, ratio } = view {
                out.push(Restored { latent: latent.to_vec(), ratio: ratio.to_vec() });
            }
        })?;
        Ok(out)
    }

    fn restore_borrowed(
        &mut self,
        blur: &Image<'_>,
        events: &Events<'_>,
        form: OutputFormat,
        take: &mut dyn FnMut(usize, OutputRef<'_>),
    ) -> Result<(), EngineError> {
        blur.check()?;
        if self.image_pixels != blur.width * blur.height {
            self.image_pixels = blur.width * blur.height;
            self.warm_up_left = self.warm_up;
        }
        let whole = self.warm_up_left > 0;
        self.warm_up_left = self.warm_up_left.saturating_sub(1);
        let regions = if whole { None } else { self.regions(blur, events) };
        let Some(regions) = regions else {
            self.computed_pixels = self.image_pixels;
            return self.engine.restore_borrowed(blur, events, form, take);
        };
        self.computed_pixels = 0;
        self.results.resize_with(events.targets.len().max(self.results.len()), Restored::default);
        for result in self.results.iter_mut().take(events.targets.len()) {
            result.latent.clear();
            result.latent.extend_from_slice(blur.data);
            result.ratio.clear();
            result.ratio.resize(blur.data.len(), 1.0);
        }
        regions.into_iter().try_for_each(|region| self.compute(blur, events, region))?;
        for (i, result) in self.results.iter().take(events.targets.len()).enumerate() {
            match form {
                OutputFormat::F32 => {
                    take(i, OutputRef::F32 { latent: &result.latent, ratio: &result.ratio });
                }
                OutputFormat::U8(rounding) => {
                    result.pixels_in(rounding, &mut self.pixels);
                    take(i, OutputRef::U8(&self.pixels));
                }
            }
        }
        Ok(())
    }
}
