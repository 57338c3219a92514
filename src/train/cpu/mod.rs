//! SAN on the CPU, forward and backward. The graph is fixed, so the backward pass is written by
//! hand instead of recorded. A sample runs on one thread; samples run in parallel.

#![allow(clippy::indexing_slicing, reason = "indices follow from shapes that are checked on entry")]

mod buffer;
mod conv;
mod deform;
mod encoder;
mod few_outputs;
mod fuse;
mod gradients;
mod map;
mod passes;
mod resample;
mod softplus;
#[cfg(test)]
mod tests;
mod weight_grad;

use super::ForwardOutput;
use super::layout::{Layout, Slot};
use crate::engine::EngineError;
use crate::engine::cpu::Isa;
use crate::event::EventInput;
use crate::network::{FUSION_LEVELS, contributing_levels, decoder_layers};
pub use gradients::Processor;

use conv::Conv;
use deform::Deform;
use encoder::{Encoded, Encoder};
use fuse::parts::{Fused, Fusion};
use map::Map;
use rayon::prelude::*;
use std::ops::Range;

/// Whether the deformable convolutions use their offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Offsets {
    /// Learned offsets, as published.
    #[serde(rename = "learned", alias = "free", alias = "Free")]
    Learned,
    /// Offsets fixed at zero, independent of the parameters: plain convolutions with half their
    /// weight (the mask of a zero logit), which cost less. The offset parameters get no derivative.
    #[serde(rename = "zero", alias = "rigid", alias = "Rigid")]
    Zero,
}

/// One input of the network.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// The network's event input, `(channels, event_height, event_width)`: see [`EventInput`].
    pub events: Vec<f32>,
    /// Rows of the event map, at least 16.
    pub event_height: usize,
    /// Columns of the event map, at least 16.
    pub event_width: usize,
    /// The blurry image, `(3, height, width)` in `[0, 1]`: planes of blue, green and red.
    pub blur: Vec<f32>,
    /// Rows of the image, a multiple of 16.
    pub height: usize,
    /// Columns of the image, a multiple of 16.
    pub width: usize,
}

impl Input {
    /// Checks the shapes.
    ///
    /// # Errors
    /// The error names the shape that the network cannot process.
    pub fn check(&self, input: EventInput) -> Result<(), EngineError> {
        let Self { height: h, width: w, event_height: eh, event_width: ew, .. } = *self;
        let sides = h > 0 && w > 0 && h.is_multiple_of(16) && w.is_multiple_of(16);
        if !sides || self.blur.len() != 3 * h * w {
            let found = self.blur.len();
            return Err(EngineError::Shape(format!("{found} values for a {w}x{h} image")));
        }
        if eh < 16 || ew < 16 || self.events.len() != input.channels() * eh * ew {
            let found = self.events.len();
            return Err(EngineError::Shape(format!("{found} values for a {ew}x{eh} event map")));
        }
        Ok(())
    }
}

/// The network's outputs for one input, `(3, height, width)` each, and the intermediate results for
/// the backward pass.
pub struct Output {
    /// The sharp image, not clamped: planes of blue, green and red.
    pub latent: Vec<f32>,
    /// The ratio of the sharp to the blurry image.
    pub ratio: Vec<f32>,
    saved: Saved,
}

impl Output {
    /// The outputs that a loss reads.
    pub fn seen(&self) -> ForwardOutput<'_> {
        ForwardOutput { latent: &self.latent, ratio: &self.ratio }
    }
}

/// The convolution after the fusion: deformable, or with zero offsets.
enum Joint {
    Plain(Box<Conv>),
    Deformable(Box<(Conv, Deform)>),
}

/// What a level has beside its encoders and its decoder.
struct Level {
    fusion: Fusion,
    joint: Joint,
    /// The border that `joint` needs around its input.
    pad: usize,
}

/// Intermediate results that the backward pass reads.
struct Saved {
    image: Encoded,
    events: Encoded,
    /// Per level: those of the fusion, its output, and the offsets if they are learned.
    joined: Vec<(Fused, Map, Option<Map>)>,
    decoder: Vec<Up>,
    /// Derivatives of the ratio with respect to the decoder's output.
    slope: Vec<f32>,
}

/// Intermediate results of a step of the decoder.
struct Up {
    /// The coarser level, enlarged, and the first convolution's output on it; none where no coarser
    /// level contributes.
    coarser: Option<[Map; 2]>,
    sum: Map,
    output: Map,
}

/// The network with one set of weights, packed; it must be built again when they change.
pub struct Net {
    isa: Isa,
    event_input: EventInput,
    image: Encoder,
    events: Encoder,
    levels: Vec<Level>,
    /// See [`decoder_layers`].
    bottom: Option<Box<Conv>>,
    steps: Vec<[Conv; 2]>,
    last: Conv,
}

impl Net {
    /// The best instruction set that this CPU supports.
    pub fn isa() -> Isa {
        Isa::available().first().copied().unwrap_or(Isa::Portable)
    }

    /// The layout of the network that reads `event_input`, for this CPU.
    pub fn layout(event_input: EventInput) -> Layout {
        Layout::new(event_input, Self::isa().lanes())
    }

    /// Packs a parameter vector in the order of `layout`, which is [`Net::layout`]. Levels that do not contribute
    /// ([`Weights::contributing_levels`](crate::network::Weights::contributing_levels)) are left out:
    /// their derivatives are zero.
    ///
    /// # Panics
    /// The vector is shorter than [`Layout::parameters`].
    pub fn new(layout: &Layout, parameters: &[f32], offsets: Offsets) -> Self {
        let levels = contributing_levels(|name| {
            let slot = layout.slot(name);
            [slot.weight_range(), slot.bias_range()].map(|range| &parameters[range])
        });
        Self::with_levels(layout, parameters, offsets, levels)
    }

    fn with_levels(layout: &Layout, parameters: &[f32], offsets: Offsets, levels: usize) -> Self {
        let isa = Self::isa();
        let conv = |name: &str, scale| Conv::new(isa, parameters, layout.slot(name), scale, true);
        let level = |(i, level): (usize, &crate::network::FusionLevel)| {
            let name = format!("msff{}", i + 1);
            let dcn = format!("{name}.dcn");
            let joint = match offsets {
                // The sigmoid of a zero logit is one half.
                Offsets::Zero => Joint::Plain(Box::new(conv(&dcn, 0.5))),
                Offsets::Learned => Joint::Deformable(Box::new((
                    conv(&format!("{dcn}.conv_offset_mask"), 1.0),
                    Deform::new(isa, parameters, layout.slot(&dcn)),
                ))),
            };
            let fusion = Fusion::new(isa, layout, parameters, &name, level.channels);
            Level { fusion, joint, pad: level.kernel / 2 }
        };
        // Packing takes a good part of a short step, so it runs in parallel.
        let encoder = |name| Encoder::new(isa, layout, parameters, name, levels);
        let decoder = decoder_layers(levels);
        let bottom = || decoder.bottom.as_deref().map(|name| Box::new(conv(name, 1.0)));
        let step = |names: &[String; 2]| names.each_ref().map(|name| conv(name, 1.0));
        let steps = || decoder.steps.iter().map(step).collect();
        let ((image, events), (levels, (bottom, steps, last))) = rayon::join(
            || rayon::join(|| encoder("im_enc"), || encoder("ev_enc")),
            || {
                rayon::join(
                    || FUSION_LEVELS.par_iter().take(levels).enumerate().map(level).collect(),
                    || (bottom(), steps(), conv("dec.conv", 1.0)),
                )
            },
        );
        let event_input = layout.event_input();
        Self { isa, event_input, image, events, levels, bottom, steps, last }
    }

    /// The ranges of a [`Gradient`](super::layout::Gradient) that [`Net::backward`] adds to.
    pub(crate) fn work_ranges(&self) -> Vec<Range<usize>> {
        let encoders = self.image.slots().chain(self.events.slots());
        let levels = self.levels.iter().flat_map(|level| {
            let joint = match &level.joint {
                Joint::Plain(conv) => vec![&conv.slot],
                Joint::Deformable(both) => vec![&both.0.slot, &both.1.slot],
            };
            level.fusion.slots().into_iter().chain(joint)
        });
        let decoder = self.bottom.iter().map(AsRef::as_ref).chain(self.steps.iter().flatten());
        let decoder = decoder.chain([&self.last]).map(|conv| &conv.slot);
        encoders.chain(levels).chain(decoder).map(Slot::work_range).collect()
    }
}
