//! The Ev-REDS recipe: sharp frames at a high rate become pairs of blurry frames with events.
//!
//! The mean of 49 consecutive frames is one blurry frame. Every eighth of them, both ends included,
//! is kept as ground truth, which makes seven. The mean covers the time from half a frame interval
//! before the first frame to half an interval after the last; this is the exposure. Events are
//! simulated from the same frames, reduced by the scale factor.

use crate::event::Event;
use crate::image::{ImageU8, Size};
use crate::random::KeyedRng;
use crate::sequence::Entry;
use crate::sequence::{GroundTruth, Pair};
use crate::simulate::{
    CameraSettings, EventSensor, LightImage, PushError, SensorSettings, Shutter, Transfer,
};

/// How frames are combined into pairs.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Frames per second, after interpolation.
    pub rate_hz: f64,
    /// Number of frames averaged into one blurry frame.
    pub average: usize,
    /// Number of those frames that are kept as ground truth, evenly spaced, ends included.
    pub truths: usize,
    /// Frames between two exposures, which only the event camera sees.
    pub gap: usize,
    /// Interpolation factor: output frames per input frame, 1 without interpolation. Every pair
    /// starts with this many frames that only the event camera sees, so that the first frame of an
    /// exposure and its ground truth are input frames, not interpolated ones.
    pub interpolated: usize,
    /// Ratio of image to event resolution.
    pub scale: usize,
    /// The event camera. Its thresholds vary per pair by `spread`; the seed of a pair is derived
    /// from this one's.
    pub pixels: SensorSettings,
    /// Thresholds are multiplied by a random factor within `1 - spread` to `1 + spread`.
    pub spread: f64,
}

impl Recipe {
    /// The published numbers: seven frames become 49 by interpolation, those seven are kept, and
    /// the events have a quarter of the resolution. With a gap of 7 frames the second exposure also
    /// starts with a frame that was not interpolated.
    pub fn published(rate_hz: f64) -> Self {
        Self {
            rate_hz,
            average: 49,
            truths: 7,
            gap: 7,
            interpolated: 8,
            scale: 4,
            // The sensor compares pixel values, as in VID2E, not linear light.
            pixels: SensorSettings { gamma: 1.0, ..SensorSettings::default() },
            spread: 0.25,
        }
    }

    /// Frames from the start of one pair to the start of the next.
    pub fn stride(&self) -> usize {
        self.length().max(self.length() - 1 + self.gap).next_multiple_of(self.interpolated.max(1))
    }

    /// Frames of one pair: the frames before it, both exposures, the gap, and one frame after it,
    /// which produces the last events.
    pub fn length(&self) -> usize {
        self.interpolated.max(1) + 2 * self.average + self.gap + 1
    }

    fn time_us(&self, frame: f64) -> i64 {
        (frame * 1e6 / self.rate_hz).round() as i64
    }
}

/// Why frames cannot become a pair.
#[derive(Debug, thiserror::Error)]
pub enum SequenceError {
    /// A frame differs from the earlier ones in size or channels.
    #[error("frame {0}: its size or number of channels differs from the earlier frames")]
    Shape(usize),
    /// The scale factor does not divide the frame size.
    #[error("the scale factor {scale} does not divide the frame size {size}")]
    Scale {
        /// Frame size.
        size: Size,
        /// The scale factor.
        scale: usize,
    },
    /// The sensor refused a frame: its time or size is invalid.
    #[error(transparent)]
    Sensor(#[from] PushError),
}

/// Collects the frames of one pair, one after another.
pub struct PairMaker {
    recipe: Recipe,
    first: usize,
    taken: usize,
    size: Size,
    sensor: EventSensor,
    thresholds: [f32; 2],
    shutter: Shutter,
    frames: Vec<ImageU8>,
    truth: GroundTruth,
    events: Vec<Event>,
    seen: Vec<f32>,
}

impl PairMaker {
    /// Starts pair `number` of the sequence `name`; its first frame is `number * stride`. Name and
    /// seed determine the event camera's parameters.
    ///
    /// # Errors
    /// The scale factor does not divide the frame size.
    pub fn new(
        recipe: &Recipe,
        name: &str,
        number: usize,
        size: Size,
    ) -> Result<Self, SequenceError> {
        let scale = recipe.scale.max(1);
        let Size { width, height } = size;
        if width % scale != 0 || height % scale != 0 || size.area() == 0 {
            return Err(SequenceError::Scale { size, scale });
        }
        let hash = name.bytes().fold(0_u64, |h, b| h.wrapping_mul(31).wrapping_add(b.into()));
        let mut random = KeyedRng::keyed(&[recipe.pixels.seed, hash, number as u64]);
        let mut vary =
            |c: f32| c * random.range(1.0 - recipe.spread, 1.0 + recipe.spread).max(0.05) as f32;
        let thresholds = [vary(recipe.pixels.on), vary(recipe.pixels.off)];
        let pixels = SensorSettings {
            on: thresholds[0],
            off: thresholds[1],
            seed: random.bits(),
            ..recipe.pixels
        };
        Ok(Self {
            first: number * recipe.stride(),
            taken: 0,
            size,
            sensor: EventSensor::new(Size::new(width / scale, height / scale), pixels),
            thresholds,
            shutter: Shutter::new(size),
            frames: Vec::new(),
            truth: GroundTruth { images: Vec::new(), timestamps_us: Vec::new() },
            events: Vec::new(),
            seen: Vec::new(),
            recipe: recipe.clone(),
        })
    }

    /// Adds the next frame. Returns `true` when the pair is complete, that is, after the frame that
    /// follows the second exposure.
    ///
    /// # Errors
    /// A frame of another size.
    pub fn push(&mut self, frame: &ImageU8) -> Result<bool, SequenceError> {
        if frame.size() != self.size {
            return Err(SequenceError::Shape(self.first + self.taken));
        }
        let light = LightImage::from_picture(frame, Transfer::Linear);
        light.brightness(self.sensor.size(), &mut self.seen);
        let t_us = (self.first + self.taken) as f64 * 1e6 / self.recipe.rate_hz;
        self.sensor.push(t_us, &self.seen, &mut self.events)?;
        let (average, gap) = (self.recipe.average, self.recipe.gap);
        let before = self.recipe.interpolated.max(1);
        let place =
            self.taken.checked_sub(before).map(|k| (k / (average + gap), k % (average + gap)));
        if let Some((0 | 1, k)) = place.filter(|(_, k)| *k < average) {
            self.shutter.add(&light, 1.0);
            if is_kept(k, self.recipe.truths, average) {
                self.truth.images.push(frame.clone());
                self.truth.timestamps_us.push(t_us.round() as i64);
            }
            if k + 1 == average {
                let camera = CameraSettings::noiseless(Transfer::Linear);
                self.frames.push(self.shutter.read_out(0, &camera));
            }
        }
        self.taken += 1;
        Ok(self.taken >= self.recipe.length())
    }

    /// The pair; `None` before it is complete.
    pub fn finish(mut self) -> Option<(Pair, Entry)> {
        let frames: [ImageU8; 2] = self.frames.try_into().ok()?;
        let (r, first) = (&self.recipe, self.first as f64);
        let exposures_us = [0, 1].map(|i| {
            let start = first - 0.5 + (r.interpolated.max(1) + i * (r.average + r.gap)) as f64;
            [r.time_us(start), r.time_us(start + r.average as f64)]
        });
        let [[from, _], [_, to]] = exposures_us;
        self.events.retain(|e| (from..to).contains(&e.t_us));
        let entry = Entry {
            source: String::new(),
            thresholds: Some(self.thresholds.map(f64::from)),
            threshold_source: None,
            threshold_uncertainty: None,
            blur_px: None,
            events: self.events.len(),
        };
        let truth = (r.truths > 0).then_some(self.truth);
        let scale_factor = r.scale.max(1) as f64;
        Some((Pair { frames, exposures_us, events: self.events, scale_factor, truth }, entry))
    }
}

/// Whether frame `k` of the `average` frames of an exposure is one of the `truths` kept ones.
pub(super) fn is_kept(k: usize, truths: usize, average: usize) -> bool {
    let last = average.saturating_sub(1);
    match truths {
        0 => false,
        1 => k == last / 2,
        n => (0..n).any(|i| (i * last + (n - 1) / 2) / (n - 1) == k),
    }
}
