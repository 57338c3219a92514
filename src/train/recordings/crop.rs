//! The part of a recording that a sample is cut from.

use crate::engine::Events;
use crate::event::{EgerError, Event, EventInput, Thresholds};
use crate::exposure::Exposure;
use crate::formats::limits::check_image;
use crate::image::{ImageF32, Size};
use crate::random::KeyedRng;
use crate::sequence::{Pair, largest_crop};
use crate::time::TimeRange;
use crate::train::TrainError;

/// Converts events to the network's input.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EventReader {
    /// The kind of event input.
    pub event_input: EventInput,
    /// The camera's contrast thresholds.
    pub thresholds: Thresholds,
}

impl EventReader {
    /// The event input of an exposure, `(channels, sensor.height, sensor.width)` values.
    ///
    /// # Errors
    /// As the event tensors of [`crate::exposure`].
    pub fn tensor(
        self,
        events: &[Event],
        exposure: TimeRange,
        target: TimeRange,
        sensor: Size,
    ) -> Result<Vec<f32>, EgerError> {
        let (thresholds, padded) = (self.thresholds, sensor);
        Events { events, exposure, targets: &[], sensor, padded, thresholds }
            .tensor(target, self.event_input)
    }
}

/// The size of a crop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crop {
    /// Rows and columns in event pixels.
    pub events: (usize, usize),
    /// Image pixels per event pixel along either axis.
    pub scale: usize,
}

impl Crop {
    /// Rows and columns in image pixels.
    pub fn image(self) -> (usize, usize) {
        // Configurations can state any numbers; `check` refuses sizes that no image has.
        (self.events.0.saturating_mul(self.scale), self.events.1.saturating_mul(self.scale))
    }

    /// Checks that the network can process the crop.
    ///
    /// # Errors
    /// An image side is not a multiple of 16, an event map is smaller than 16, or the crop is larger
    /// than any image.
    pub fn check(self) -> Result<(), TrainError> {
        let (h, w) = self.image();
        check_image(Size::new(w, h)).map_err(|e| TrainError::Data(format!("crops of {e}")))?;
        let small = self.events.0.min(self.events.1) < 16;
        if small || !h.is_multiple_of(16) || !w.is_multiple_of(16) {
            let (eh, ew) = self.events;
            return Err(TrainError::Data(format!(
                "crops of {ew}x{eh} event pixels at scale {}: the network needs at least 16 event \
                 pixels and image sides that are multiples of 16",
                self.scale
            )));
        }
        Ok(())
    }

    /// A crop with the same image size for recordings with another ratio of resolutions.
    ///
    /// # Errors
    /// The image size is not a whole number of event pixels at that ratio.
    pub fn at_scale(self, scale: usize) -> Result<Self, TrainError> {
        let (h, w) = self.image();
        if scale == 0 || h % scale != 0 || w % scale != 0 {
            let what = format!("crops of {w}x{h} pixels cannot be cut at a scale of {scale}");
            return Err(TrainError::Data(what));
        }
        Ok(Self { events: (h / scale, w / scale), scale })
    }

    /// The largest crop of a recording whose image sides are at most `side`, or those of 16 event
    /// pixels if that is more. `None` if the image size is not a whole multiple of the event map's, or
    /// nothing fits.
    pub fn fitting(pair: &Pair, side: usize) -> Option<Self> {
        let scale = pair.scale_factor.round();
        if scale < 1.0 || (pair.scale_factor - scale).abs() > 1e-6 {
            return None;
        }
        let scale = scale as usize;
        let events = largest_crop(pair.sensor().ok()?, scale, side)?;
        Some(Self { events, scale })
    }
}

/// The position of a crop: its size, and its upper left corner in event pixels.
pub(super) struct Place {
    pub(super) crop: Crop,
    top: usize,
    left: usize,
}

impl Place {
    /// A random position for the crop; without a crop, the largest central one.
    pub(super) fn random(pair: &Pair, crop: Option<Crop>, random: &mut KeyedRng) -> Option<Self> {
        let sensor = pair.sensor().ok()?;
        if let Some(crop) = crop {
            let top = random.below((sensor.height + 1).checked_sub(crop.events.0)?);
            let left = random.below((sensor.width + 1).checked_sub(crop.events.1)?);
            return Some(Self { crop, top, left });
        }
        let scale = pair.scale_factor.round().max(1.0) as usize;
        // Event pixels for which the image side is a multiple of 16.
        let step = (1..=16).find(|n| (n * scale).is_multiple_of(16)).unwrap_or(16);
        let (height, width) = (sensor.height / step * step, sensor.width / step * step);
        let crop = Crop { events: (height, width), scale };
        crop.check().ok()?;
        let (top, left) = ((sensor.height - height) / 2, (sensor.width - width) / 2);
        Some(Self { crop, top, left })
    }

    /// The crop's part of an image as `(3, height, width)` values.
    pub(super) fn image(&self, frame: &ImageF32) -> Option<Vec<f32>> {
        let (h, w) = self.crop.image();
        let (top, left) = (self.top * self.crop.scale, self.left * self.crop.scale);
        let width = frame.size().width;
        let mut out = Vec::with_capacity(3 * h * w);
        for channel in 0..3 {
            let plane = frame.plane(channel);
            for y in top..top + h {
                out.extend_from_slice(plane.get(y * width + left..)?.get(..w)?);
            }
        }
        Some(out)
    }

    /// The network's input from the crop's events.
    pub(super) fn tensor(
        &self,
        exposure: &Exposure,
        target: TimeRange,
        reader: EventReader,
    ) -> Option<Vec<f32>> {
        let (h, w) = self.crop.events;
        let moved = |e: &Event| {
            let x = usize::from(e.x).checked_sub(self.left).filter(|x| *x < w)?;
            let y = usize::from(e.y).checked_sub(self.top).filter(|y| *y < h)?;
            Some(Event { x: u16::try_from(x).ok()?, y: u16::try_from(y).ok()?, ..*e })
        };
        let events: Vec<Event> = exposure.events.iter().filter_map(moved).collect();
        reader.tensor(&events, exposure.span, target, Size::new(w, h)).ok()
    }
}

/// The reduced image size of the second stage: the height is a random multiple of 32 between the
/// event map's height and the image's. The width is scaled by the same factor and rounded up to a
/// multiple of 16.
pub fn reduced(crop: Crop, random: &mut KeyedRng) -> (usize, usize) {
    let (h, w) = crop.image();
    let low = crop.events.0;
    let drawn = (low + random.below(h + 1 - low)) / 32 * 32;
    let height = drawn.clamp(32.min(h), h);
    let width = (w * height / h).next_multiple_of(16).min(w);
    (height, width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crops_of_any_numbers_are_checked() {
        let crop = |rows, columns, scale| Crop { events: (rows, columns), scale };
        assert!(crop(64, 96, 4).check().is_ok());
        for huge in [crop(1 << 32, 1 << 32, usize::MAX), crop(4096, 64, 4), crop(64, 64, 1 << 60)] {
            let error = huge.check().err().map(|e| e.to_string()).unwrap_or_default();
            assert!(error.contains("crops of an image of"), "{error}");
        }
        assert!(crop(8, 64, 4).check().is_err() && crop(64, 63, 4).check().is_err());
    }
}
