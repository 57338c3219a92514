//! What an engine reads: a blurry image, and events or event tensors.

use super::error::EngineError;
use crate::event::{
    CHANNELS, EgerError, Event, EventInput, TargetBins, Thresholds, append_prior, eger_into,
};
use crate::image::{Size, exact_bytes, reflect_plane};
use crate::time::TimeRange;

/// A blurry image: `(3, height, width)` values in `[0, 1]`, both sides multiples of 16.
///
/// The planes are blue, green, red, in this order, as [`crate::image`] stores them and as the
/// published network was trained. Restored images have the same order. Another order is not
/// detected, but reduces the quality.
///
/// ```
/// use gem_live::engine::Image;
/// use gem_live::image::{ImageU8, Size};
///
/// // Pure red, from interleaved red, green, blue bytes as in an image file.
/// let size = Size::new(16, 16);
/// let frame = ImageU8::from_rgb(size, &[255, 0, 0].repeat(size.area()))?.to_f32();
/// let image = Image { data: frame.data(), height: size.height, width: size.width };
/// let (blue, rest) = image.data.split_at(size.area());
/// let (green, red) = rest.split_at(size.area());
/// assert_eq!((blue[0], green[0], red[0]), (0.0, 0.0, 1.0));
/// # Ok::<(), gem_live::image::FrameError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    /// The values, in blue, green, red planes.
    pub data: &'a [f32],
    /// Number of rows.
    pub height: usize,
    /// Number of columns.
    pub width: usize,
}

impl Image<'_> {
    pub(super) fn check(&self) -> Result<(), EngineError> {
        let (h, w) = (self.height, self.width);
        if h == 0 || w == 0 || !h.is_multiple_of(16) || !w.is_multiple_of(16) {
            let text = format!("a {w}x{h} image: the network needs multiples of 16");
            return Err(EngineError::Shape(text));
        }
        length("image", self.data.len(), 3, h, w)
    }
}

/// The network's event input for one target: `(channels, height, width)`, both sides at least 16.
/// The weights' [`EventInput`] determines the number of channels; see [`Events::tensor`].
#[derive(Clone, Copy, Debug)]
pub struct EventTensor<'a> {
    /// The values.
    pub data: &'a [f32],
    /// Number of rows.
    pub height: usize,
    /// Number of columns.
    pub width: usize,
}

impl EventTensor<'_> {
    pub(super) fn check(&self, input: EventInput) -> Result<(), EngineError> {
        let (h, w) = (self.height, self.width);
        if h < 16 || w < 16 {
            let text = format!("a {w}x{h} event tensor: the network needs at least 16x16");
            return Err(EngineError::Shape(text));
        }
        length("event tensor", self.data.len(), input.channels(), h, w)
    }
}

/// The events of one exposure, and the targets to restore it at.
#[derive(Clone, Copy, Debug)]
pub struct Events<'a> {
    /// Events in any order; those outside the exposure are ignored.
    pub events: &'a [Event],
    /// The exposure.
    pub exposure: TimeRange,
    /// Targets to restore: instants, or time ranges within the exposure.
    pub targets: &'a [TimeRange],
    /// Size of the event sensor, which bounds `x` and `y` of the events.
    pub sensor: Size,
    /// Size of the event tensor for the network: the sensor's, or larger. The rest is filled by
    /// mirroring at the right and lower edge (without repeating the edge itself).
    pub padded: Size,
    /// The camera's contrast thresholds, used only by weights that read the event prior.
    pub thresholds: Thresholds,
}

/// Reusable buffers for [`Events::counts_into`].
#[derive(Debug, Default)]
pub struct EventMap {
    /// EGER at the sensor's size, if padding is needed.
    counted: Vec<f32>,
    /// The padded result.
    padded: Vec<f32>,
}

impl Events<'_> {
    /// The input for weights of the given kind and one target, `(channels, padded.height,
    /// padded.width)`.
    ///
    /// # Errors
    /// Like [`eger_into`].
    pub fn tensor(&self, target: TimeRange, input: EventInput) -> Result<Vec<f32>, EgerError> {
        let mut tensor = self.counts(target)?;
        if input == EventInput::Prior {
            let bins = TargetBins::new(self.exposure, target);
            append_prior(&mut tensor, self.padded.area(), self.thresholds, &bins);
        }
        Ok(tensor)
    }

    /// EGER for one target, `(96, padded.height, padded.width)`.
    ///
    /// # Errors
    /// Like [`eger_into`].
    pub fn counts(&self, target: TimeRange) -> Result<Vec<f32>, EgerError> {
        let mut map = EventMap::default();
        self.counts_into(target, &mut map)?;
        Ok(map.padded)
    }

    /// Like [`Events::counts`], in reused buffers.
    ///
    /// # Errors
    /// Like [`eger_into`].
    pub fn counts_into<'a>(
        &self,
        target: TimeRange,
        map: &'a mut EventMap,
    ) -> Result<&'a [f32], EgerError> {
        let Size { width, height } = self.sensor;
        map.padded.resize(CHANNELS * self.padded.area(), 0.0);
        if self.padded == self.sensor {
            eger_into(self.events, self.exposure, target, height, width, &mut map.padded)?;
            return Ok(&map.padded);
        }
        map.counted.resize(CHANNELS * self.sensor.area(), 0.0);
        eger_into(self.events, self.exposure, target, height, width, &mut map.counted)?;
        let planes = map.counted.chunks_exact(self.sensor.area());
        for (plane, out) in planes.zip(map.padded.chunks_exact_mut(self.padded.area())) {
            reflect_plane(plane, self.sensor, self.padded, out);
        }
        Ok(&map.padded)
    }
}

fn length(what: &str, found: usize, c: usize, h: usize, w: usize) -> Result<(), EngineError> {
    if found == c * h * w {
        return Ok(());
    }
    let needed = c * h * w;
    Err(EngineError::Shape(format!("a {w}x{h} {what} of {found} values instead of {needed}")))
}

/// A blurry image that is written directly to the engine's memory, possibly by several threads.
pub trait Blurry: Sync {
    /// Its size, both sides multiples of 16.
    fn size(&self) -> Size;

    /// Writes plane `channel` (0, 1, 2; values in `[0, 1]`) to `to`, which has the image's size.
    fn write_plane(&self, channel: usize, to: &mut [f32]);

    /// Writes plane `channel` in eight bits, of which 255 is 1. False if the image has other values,
    /// or it is unknown: then the engine takes [`Blurry::write_plane`].
    fn write_bytes(&self, channel: usize, to: &mut [u8]) -> bool {
        let _ = (channel, to);
        false
    }
}

impl Blurry for Image<'_> {
    fn size(&self) -> Size {
        Size::new(self.width, self.height)
    }

    fn write_plane(&self, channel: usize, to: &mut [f32]) {
        if let Some(plane) = self.data.chunks_exact(to.len()).nth(channel) {
            to.copy_from_slice(plane);
        }
    }

    fn write_bytes(&self, channel: usize, to: &mut [u8]) -> bool {
        let plane = self.data.chunks_exact(to.len()).nth(channel);
        plane.is_some_and(|plane| exact_bytes(plane, to))
    }
}
