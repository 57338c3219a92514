//! Arithmetic: SAN on tensors. Knows nothing of cameras.

pub mod cpu;
pub mod cuda;
mod select;

pub use select::{Choice, Failover, Notice, Selected, select};

use crate::event::{
    CHANNELS, EgerError, Event, EventInput, TargetBins, Thresholds, append_prior, eger_into,
};
use crate::image::{Rounding, Size, reflect_plane};
use crate::time::TimeRange;
use crossbeam_channel::Receiver;

/// Why an engine could not restore.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The worker threads could not be started.
    #[error("cannot start the engine's threads: {0}")]
    Threads(String),
    /// A tensor has a shape that the network cannot take.
    #[error("{0}")]
    Shape(String),
    /// The events do not fit the exposure or the sensor.
    #[error(transparent)]
    Events(#[from] EgerError),
    /// A device could not be used, or failed while it worked.
    #[error("{0}")]
    Device(String),
    /// The device failed and another engine took its place; what was in flight is to be given
    /// to that one again.
    #[error("the engine was replaced while it worked")]
    Replaced,
}

/// A blurry image: `(3, height, width)` numbers in `[0, 1]`, both sides multiples of 16.
///
/// The planes are blue, green, red, in this order, as [`crate::image`] stores them and as the
/// published network was trained; what an engine gives back has the same order. Planes in another
/// order are no error, but are restored worse.
///
/// ```
/// use gem_live::engine::Image;
/// use gem_live::frame::{Picture, Size};
///
/// // Pure red, from interleaved red, green, blue bytes as a picture file has them.
/// let size = Size::new(16, 16);
/// let frame = Picture::from_rgb(size, &[255, 0, 0].repeat(size.area()))?.to_planes();
/// let image = Image { data: frame.data(), height: size.height, width: size.width };
/// let (blue, rest) = image.data.split_at(size.area());
/// let (green, red) = rest.split_at(size.area());
/// assert_eq!((blue[0], green[0], red[0]), (0.0, 0.0, 1.0));
/// # Ok::<(), gem_live::frame::FrameError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    /// The numbers, in blue, green, red planes.
    pub data: &'a [f32],
    /// Rows.
    pub height: usize,
    /// Columns.
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

/// What the network reads of the events for one target: `(channels, height, width)`, both sides at
/// least 16. The weights' [`EventInput`] decides how many channels; see [`Events::tensor`].
#[derive(Clone, Copy, Debug)]
pub struct EventTensor<'a> {
    /// The numbers.
    pub data: &'a [f32],
    /// Rows of the event sensor.
    pub height: usize,
    /// Columns of the event sensor.
    pub width: usize,
}

impl EventTensor<'_> {
    fn check(&self, input: EventInput) -> Result<(), EngineError> {
        let (h, w) = (self.height, self.width);
        if h < 16 || w < 16 {
            let text = format!("a {w}x{h} event map: the network needs at least 16x16");
            return Err(EngineError::Shape(text));
        }
        length("event map", self.data.len(), input.channels(), h, w)
    }
}

/// The events of one exposure, and the targets to restore it at.
#[derive(Clone, Copy, Debug)]
pub struct Events<'a> {
    /// Events in any order; those outside the exposure are passed over.
    pub events: &'a [Event],
    /// The exposure.
    pub exposure: TimeRange,
    /// What to restore: instants, or spans within the exposure.
    pub targets: &'a [TimeRange],
    /// Size of the sensor that `x` and `y` of the events lie within.
    pub sensor: Size,
    /// Size of the event map that the network is to see: the sensor's, or larger; the rest is
    /// the sensor's map mirrored at its right and lower edge (the edge itself not repeated).
    pub padded: Size,
    /// The camera's contrast thresholds; only weights that read the event prior use them.
    pub thresholds: Thresholds,
}

/// Memory of [`Events::voxels_in`].
#[derive(Debug, Default)]
pub struct EventMap {
    /// EGER of the sensor, where it is to be padded.
    counted: Vec<f32>,
    /// What the network is to see.
    padded: Vec<f32>,
}

impl Events<'_> {
    /// What weights of `input` read for one target, `(channels, padded.height, padded.width)`.
    ///
    /// # Errors
    /// As [`eger_into`].
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
    /// As [`eger_into`].
    pub fn voxels(&self, target: TimeRange) -> Result<Vec<f32>, EgerError> {
        let mut map = EventMap::default();
        self.voxels_in(target, &mut map)?;
        Ok(map.padded)
    }

    /// As [`Events::voxels`], in memory of an earlier one.
    ///
    /// # Errors
    /// As [`eger_into`].
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
    Err(EngineError::Shape(format!("a {w}x{h} {what} of {found} numbers instead of {needed}")))
}

/// What the network gives for one target, `(3, height, width)` each.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    /// The sharp image: blurry image times ratio; not clamped.
    pub latent: Vec<f32>,
    /// Sharp over blurry, positive.
    pub ratio: Vec<f32>,
}

impl Restored {
    /// The latent image in eight bits.
    pub fn pixels(&self, rounding: Rounding) -> Vec<u8> {
        let mut pixels = Vec::new();
        self.pixels_in(rounding, &mut pixels);
        pixels
    }

    /// As [`Restored::pixels`], in memory of an earlier one.
    pub fn pixels_in(&self, rounding: Rounding, pixels: &mut Vec<u8>) {
        pixels.clear();
        pixels.extend(self.latent.iter().map(|v| rounding.byte(*v)));
    }
}

/// In which form restored images are handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutputFormat {
    /// Latent image and ratio as numbers.
    F32,
    /// The latent image in eight bits: an eighth of the bytes.
    U8(Rounding),
}

/// What came of one target, lent from where the engine has it.
#[derive(Clone, Copy, Debug)]
pub enum OutputRef<'a> {
    /// For [`OutputFormat::F32`]; as in [`Restored`].
    F32 {
        /// The sharp image.
        latent: &'a [f32],
        /// Sharp over blurry.
        ratio: &'a [f32],
    },
    /// For [`OutputFormat::U8`]: `(3, height, width)`, planes ordered as the blurry image's.
    U8(&'a [u8]),
}

/// A blurry image that is written straight to where an engine wants it.
pub trait Blurry {
    /// Its size, both sides multiples of 16.
    fn size(&self) -> Size;

    /// Writes plane `channel` (0, 1, 2; numbers in `[0, 1]`) to `to`, which has its size.
    fn write_plane(&self, channel: usize, to: &mut [f32]);
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
}

/// The side of an engine that has several exposures in flight: while it computes one, the next
/// is on its way to it, and the one before on its way back.
pub trait AsyncEngine {
    /// How many more exposures may be submitted before one has to be collected.
    fn free_slots(&mut self) -> usize;

    /// Starts on an exposure and returns before it is done. The events go first: an engine may
    /// count and encode them while the image is still being written.
    ///
    /// `false` if it cannot be taken together with those in flight: collect them first.
    ///
    /// # Errors
    /// As [`Engine::restore_events`].
    fn submit(
        &mut self,
        blur: &dyn Blurry,
        events: &Events<'_>,
        form: OutputFormat,
    ) -> Result<bool, EngineError>;

    /// Waits for the exposure that was submitted first, and lends `take` what came of each of
    /// its targets, in order.
    ///
    /// # Errors
    /// A device that failed: nothing is in flight then, and what `take` had seen of this
    /// exposure is not all of it. Also if nothing was submitted.
    fn collect(&mut self, take: &mut dyn FnMut(OutputRef<'_>)) -> Result<(), EngineError>;

    /// Whether the exposure that was submitted first has (at least its first target) arrived, so
    /// that [`AsyncEngine::collect`] need not wait. True after a failure.
    fn is_ready(&mut self) -> bool;

    /// Gets something whenever [`AsyncEngine::is_ready`] may have become true.
    fn ready_channel(&mut self) -> Receiver<()>;
}

/// Something that computes SAN.
pub trait Engine: Send {
    /// What its weights read of the events.
    fn event_input(&self) -> EventInput;

    /// Restores one exposure at every target; the image is encoded once.
    ///
    /// # Errors
    /// Tensors of the wrong shape, or a device that failed.
    fn restore(
        &mut self,
        blur: &Image<'_>,
        targets: &[EventTensor<'_>],
    ) -> Result<Vec<Restored>, EngineError>;

    /// As [`Engine::restore`], from events. An engine that counts events faster than they can
    /// be handed over as maps overrides this.
    ///
    /// # Errors
    /// As [`Engine::restore`], and events that do not fit exposure or sensor.
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

    /// As [`Engine::restore_events`], but lends `take` what came of each target, with the
    /// target's index, in order. An engine that has it in memory of its own overrides this. One
    /// that is replaced begins again with the first target.
    ///
    /// # Errors
    /// As [`Engine::restore_events`].
    fn restore_lent(
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

    /// The engine's queue, if it can have several exposures in flight. While some are, the
    /// other methods are refused.
    fn queue(&mut self) -> Option<&mut dyn AsyncEngine> {
        None
    }
}
