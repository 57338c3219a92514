//! Engines that run SAN on tensors. Independent of cameras.

pub mod cpu;
pub mod cuda;
mod graphics;
mod mlp;
mod queued;
mod select;
mod sparse;
#[cfg(feature = "wgpu")]
pub mod wgpu;

pub use graphics::{DevicePicture, SharedDevice};
pub use select::{Choice, Failover, Notice, Selected, is_available, select, select_with};
pub use sparse::SparseEngine;

use crate::event::{
    CHANNELS, EgerError, Event, EventInput, TargetBins, Thresholds, append_prior, eger_into,
};
use crate::image::{Rounding, Size, exact_bytes, reflect_plane};
use crate::time::TimeRange;
use crossbeam_channel::Receiver;

/// Why an engine could not restore an exposure.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The worker threads could not be started.
    #[error("cannot start the engine's threads: {0}")]
    Threads(String),
    /// A tensor has a shape that the network does not support.
    #[error("{0}")]
    Shape(String),
    /// The events do not fit the exposure or the sensor.
    #[error(transparent)]
    Events(#[from] EgerError),
    /// A device is unusable, or failed while it was working.
    #[error("{0}")]
    Device(String),
    /// The device failed and was replaced by another engine. Exposures in flight must be submitted
    /// again.
    #[error("the engine failed and was replaced")]
    Replaced,
}

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
/// let frame = ImageU8::from_rgb(size, &[255, 0, 0].repeat(size.area()))?.to_planes();
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
    fn check(&self) -> Result<(), EngineError> {
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
    fn check(&self, input: EventInput) -> Result<(), EngineError> {
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

/// Reusable buffers for [`Events::voxels_in`].
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
        let mut tensor = self.voxels(target)?;
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
    pub fn voxels(&self, target: TimeRange) -> Result<Vec<f32>, EgerError> {
        let mut map = EventMap::default();
        self.voxels_in(target, &mut map)?;
        Ok(map.padded)
    }

    /// Like [`Events::voxels`], in reused buffers.
    ///
    /// # Errors
    /// Like [`eger_into`].
    pub fn voxels_in<'a>(
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

/// The network's output for one target, `(3, height, width)` each.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    /// The sharp image: blurry image times ratio; not clamped.
    pub latent: Vec<f32>,
    /// Ratio of sharp to blurry, positive.
    pub ratio: Vec<f32>,
}

impl Restored {
    /// The latent image in eight bits.
    pub fn pixels(&self, rounding: Rounding) -> Vec<u8> {
        let mut pixels = Vec::new();
        self.pixels_in(rounding, &mut pixels);
        pixels
    }

    /// Like [`Restored::pixels`], in a reused buffer.
    pub fn pixels_in(&self, rounding: Rounding, pixels: &mut Vec<u8>) {
        pixels.clear();
        pixels.extend(self.latent.iter().map(|v| rounding.byte(*v)));
    }
}

/// The format of restored images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutputFormat {
    /// Latent image and ratio in single precision.
    F32,
    /// The latent image in eight bits: an eighth of the bytes.
    U8(Rounding),
}

/// The result for one target, borrowed from the engine.
#[derive(Clone, Copy, Debug)]
pub enum OutputRef<'a> {
    /// For [`OutputFormat::F32`]; like [`Restored`].
    F32 {
        /// The sharp image.
        latent: &'a [f32],
        /// Ratio of sharp to blurry.
        ratio: &'a [f32],
    },
    /// For [`OutputFormat::U8`]: `(3, height, width)`, in the blurry image's plane order.
    U8(&'a [u8]),
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

/// What becomes of a picture that stays on a [`SharedDevice`].
#[derive(Clone, Copy, Debug)]
pub struct DeviceOutput {
    /// Size of the frame, the upper left part of the padded image.
    pub frame: Size,
    /// Every colour is the mean of the three.
    pub gray: bool,
    /// How it is converted to eight bits.
    pub rounding: Rounding,
    /// Copy the result to the host too: in single precision if `gray`, otherwise in eight bits.
    pub read_back: bool,
}

/// The asynchronous interface of an engine with several exposures in flight: upload, computation
/// and download of different exposures overlap.
pub trait AsyncEngine {
    /// Number of exposures that can be submitted before one has to be collected.
    fn free_slots(&mut self) -> usize;

    /// Starts to restore an exposure and returns before it is done. The events are submitted
    /// first, so that an engine can process them while the image is still being written.
    ///
    /// Returns `false` if the exposure cannot be combined with those in flight: collect them first.
    ///
    /// # Errors
    /// Like [`Engine::restore_events`].
    fn submit(
        &mut self,
        blur: &dyn Blurry,
        events: &Events<'_>,
        form: OutputFormat,
    ) -> Result<bool, EngineError>;

    /// Like [`AsyncEngine::submit`], for a single target whose picture stays on the device that the
    /// engine shares with its owner. [`AsyncEngine::collect`] passes it on only if `output` asks
    /// for a copy.
    ///
    /// Returns `false`, too, if no device is shared or all its pictures are in use: then it can be
    /// submitted as others are.
    ///
    /// # Errors
    /// Like [`AsyncEngine::submit`].
    fn submit_to_device(
        &mut self,
        blur: &dyn Blurry,
        events: &Events<'_>,
        output: DeviceOutput,
    ) -> Result<bool, EngineError> {
        let _ = (blur, events, output);
        Ok(false)
    }

    /// The picture of the exposure that was collected last, if it stayed on the device.
    fn take_device_picture(&mut self) -> Option<DevicePicture> {
        None
    }

    /// Waits for the exposure that was submitted first and calls `take` with the result for each
    /// target, in order.
    ///
    /// # Errors
    /// Fails if nothing was submitted or the device failed. After a device failure nothing is in
    /// flight, and the results passed to `take` are incomplete.
    fn collect(&mut self, take: &mut dyn FnMut(OutputRef<'_>)) -> Result<(), EngineError>;

    /// Whether the result for the first target of the oldest exposure has arrived, so that
    /// [`AsyncEngine::collect`] need not wait. True after a failure.
    fn is_ready(&mut self) -> bool;

    /// Receives a message whenever [`AsyncEngine::is_ready`] may have become true.
    fn ready_channel(&mut self) -> Receiver<()>;
}

/// An implementation of SAN.
pub trait Engine: Send {
    /// The event input of the engine's weights.
    fn event_input(&self) -> EventInput;

    /// Restores one exposure at every target; the image is encoded only once.
    ///
    /// # Errors
    /// Fails if a tensor has the wrong shape, or the device fails.
    fn restore(
        &mut self,
        blur: &Image<'_>,
        targets: &[EventTensor<'_>],
    ) -> Result<Vec<Restored>, EngineError>;

    /// Like [`Engine::restore`], from events. An engine overrides this if it bins events faster
    /// than the tensors can be transferred.
    ///
    /// # Errors
    /// Like [`Engine::restore`], and if the events do not match the exposure or the sensor.
    fn restore_events(
        &mut self,
        blur: &Image<'_>,
        events: &Events<'_>,
    ) -> Result<Vec<Restored>, EngineError> {
        let Size { width, height } = events.padded;
        let maps: Vec<Vec<f32>> = events
            .targets
            .iter()
            .map(|t| events.tensor(*t, self.event_input()))
            .collect::<Result<_, _>>()?;
        let voxels: Vec<EventTensor<'_>> =
            maps.iter().map(|data| EventTensor { data, height, width }).collect();
        self.restore(blur, &voxels)
    }

    /// Like [`Engine::restore_events`], but calls `take` with the index and the borrowed result of
    /// each target, in order. An engine overrides this if the result is in its own memory. An
    /// engine that is replaced starts again with the first target.
    ///
    /// # Errors
    /// Like [`Engine::restore_events`].
    fn restore_borrowed(
        &mut self,
        blur: &Image<'_>,
        events: &Events<'_>,
        form: OutputFormat,
        take: &mut dyn FnMut(usize, OutputRef<'_>),
    ) -> Result<(), EngineError> {
        let restored = self.restore_events(blur, events)?;
        for (i, one) in restored.iter().enumerate() {
            let Restored { latent, ratio } = one;
            match form {
                OutputFormat::F32 => take(i, OutputRef::F32 { latent, ratio }),
                OutputFormat::U8(rounding) => take(i, OutputRef::U8(&one.pixels(rounding))),
            }
        }
        Ok(())
    }

    /// The share of the last exposure's image that was computed; less than 1 only if the rest was
    /// copied.
    fn computed_share(&self) -> f64 {
        1.0
    }

    /// The asynchronous interface, if the engine supports several exposures in flight. While
    /// exposures are in flight, the other methods fail.
    fn queue(&mut self) -> Option<&mut dyn AsyncEngine> {
        None
    }
}
