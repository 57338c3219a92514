//! Training samples, and the network passes that their losses need.

use super::cpu::Input;
use super::recordings::Crop;
use super::resize::bicubic;

/// A sample of a self-supervised batch (GEM, section 3.3). `L(x -> y)` is the network applied to
/// the blur `x` and the events that lead from it to `y`.
#[derive(Clone, Debug, PartialEq)]
pub struct Unlabelled {
    /// One of the pair's blurry frames, `(3, height, width)`.
    pub blur: Vec<f32>,
    /// The mean of both frames.
    pub large: Vec<f32>,
    /// Rows of the images.
    pub height: usize,
    /// Columns of the images.
    pub width: usize,
    /// EGER from the frame to the sharp instant, `(96, event_height, event_width)`.
    pub blur_to_sharp: Vec<f32>,
    /// EGER from the large blur to the frame's exposure.
    pub large_to_blur: Vec<f32>,
    /// EGER from the large blur to the sharp instant.
    pub large_to_sharp: Vec<f32>,
    /// Rows of the event maps.
    pub event_height: usize,
    /// Columns of the event maps.
    pub event_width: usize,
    /// Rows and columns that the second stage reduces the image to.
    pub reduced: (usize, usize),
}

impl Unlabelled {
    /// The size of the crop.
    pub fn crop(&self) -> Crop {
        let scale = self.height / self.event_height.max(1);
        Crop { events: (self.event_height, self.event_width), scale }
    }

    /// The network's input that restores the sharp instant from the frame.
    pub fn blur_to_sharp(&self) -> Input {
        self.input(&self.blur_to_sharp, self.blur.clone(), (self.height, self.width))
    }

    /// All network inputs of this sample's losses; the last one only in the second stage.
    pub fn passes(&self, second: bool) -> ForwardPasses<Input> {
        let size = (self.height, self.width);
        let reduced = || {
            // Clamped, because bicubic weights overshoot at edges.
            let mut small = bicubic(&self.large, size, self.reduced);
            clamp(&mut small);
            self.input(&self.large_to_sharp, small, self.reduced)
        };
        ForwardPasses {
            large_to_blur: self.input(&self.large_to_blur, self.large.clone(), size),
            large_to_sharp: self.input(&self.large_to_sharp, self.large.clone(), size),
            blur_to_sharp: self.blur_to_sharp(),
            reduced: second.then(reduced),
        }
    }

    fn input(&self, events: &[f32], blur: Vec<f32>, (height, width): (usize, usize)) -> Input {
        let (event_height, event_width) = (self.event_height, self.event_width);
        Input { events: events.to_vec(), event_height, event_width, blur, height, width }
    }
}

/// One value for every network pass of a sample's losses.
#[derive(Clone, Debug, PartialEq)]
pub struct ForwardPasses<T> {
    /// From the large blur to the frame.
    pub large_to_blur: T,
    /// From the large blur to the sharp instant.
    pub large_to_sharp: T,
    /// From the frame to the sharp instant.
    pub blur_to_sharp: T,
    /// From the large blur to the sharp instant, at a smaller image; second stage only.
    pub reduced: Option<T>,
}

impl<T> ForwardPasses<T> {
    /// All of them in the order of the fields.
    pub fn each(&self) -> impl Iterator<Item = &T> {
        [&self.large_to_blur, &self.large_to_sharp, &self.blur_to_sharp]
            .into_iter()
            .chain(&self.reduced)
    }

    /// As [`Self::each`], consuming `self`.
    pub fn into_each(self) -> impl Iterator<Item = T> {
        [self.large_to_blur, self.large_to_sharp, self.blur_to_sharp]
            .into_iter()
            .chain(self.reduced)
    }

    /// From three or four values in the order of [`Self::each`]; `None` if there are fewer.
    pub fn from_each(mut each: impl Iterator<Item = T>) -> Option<Self> {
        Some(Self {
            large_to_blur: each.next()?,
            large_to_sharp: each.next()?,
            blur_to_sharp: each.next()?,
            reduced: each.next(),
        })
    }

    /// Applies `f` to each.
    ///
    /// # Errors
    /// Those of `f`.
    pub fn map<'a, U, E>(
        &'a self,
        mut f: impl FnMut(&'a T) -> Result<U, E>,
    ) -> Result<ForwardPasses<U>, E> {
        Ok(ForwardPasses {
            large_to_blur: f(&self.large_to_blur)?,
            large_to_sharp: f(&self.large_to_sharp)?,
            blur_to_sharp: f(&self.blur_to_sharp)?,
            reduced: self.reduced.as_ref().map(f).transpose()?,
        })
    }
}

/// A sample with ground truth.
#[derive(Clone, Debug, PartialEq)]
pub struct Labelled {
    /// The network's input.
    pub input: Input,
    /// The sharp image, `(3, height, width)` in `[0, 1]`: planes of blue, green and red.
    pub sharp: Vec<f32>,
}

/// Limits an image to the range of valid intensities.
pub(super) fn clamp(image: &mut [f32]) {
    image.iter_mut().for_each(|v| *v = v.clamp(0.0, 1.0));
}
