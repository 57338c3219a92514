//! SAN on the CPU, forward and backward. The graph is fixed, so the backward pass is written by
//! hand instead of recorded. A sample runs on one thread; samples run in parallel.

#![allow(clippy::indexing_slicing, reason = "indices follow from shapes that are checked on entry")]

mod conv;
mod deform;
mod encoder;
mod fuse;
mod gradients;
mod map;
mod resample;
#[cfg(test)]
mod tests;
mod weight_grad;

use super::ForwardOutput;
use super::layout::{Gradient, Layout};
use crate::engine::EngineError;
use crate::engine::cpu::Isa;
use crate::event::EventInput;
use crate::network::{FUSION_LEVELS, contributing_levels};
pub use gradients::Processor;

use conv::Conv;
use deform::Deform;
use encoder::{Encoded, Encoder};
use fuse::parts::{Fused, Fusion};
use map::Map;
use rayon::prelude::*;
use resample::{downsample, upsample};

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
    /// The blurry image, `(3, height, width)` in `[0, 1]`.
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
    /// The sharp image, not clamped.
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

/// Intermediate results that the backward pass reads.
struct Saved {
    image: Encoded,
    events: Encoded,
    /// Per level: those of the fusion, its output, and the offsets if they are free.
    joined: Vec<(Fused, Map, Option<Map>)>,
    decoder: Vec<Up>,
}

struct Up {
    /// The coarser level, enlarged, and the first convolution's output on it; none where no coarser
    /// level contributes.
    coarser: Option<[Map; 2]>,
    sum: Map,
    output: Map,
}

/// The network with one set of weights, packed; it must be built again when they change.
pub struct Net {
    event_input: EventInput,
    image: Encoder,
    events: Encoder,
    levels: Vec<(Fusion, Joint, usize)>,
    up: Vec<[Conv; 2]>,
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

    /// Packs a parameter vector, which must have the length of `layout`. Levels that do not contribute
    /// ([`Weights::contributing_levels`](crate::network::Weights::contributing_levels)) are left out:
    /// their derivatives are zero.
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
            (fusion, joint, level.kernel / 2)
        };
        // Packing takes a good part of a short step, so it runs in parallel.
        let encoder = |name| Encoder::new(isa, layout, parameters, name, levels);
        let up = |i: usize| [1, 2].map(|j| conv(&format!("dec.up{i}.conv{j}"), 1.0));
        let ((image, events), (levels, (up, last))) = rayon::join(
            || rayon::join(|| encoder("im_enc"), || encoder("ev_enc")),
            || {
                rayon::join(
                    || FUSION_LEVELS.par_iter().take(levels).enumerate().map(level).collect(),
                    || ((1..=4).map(up).collect(), conv("dec.conv", 1.0)),
                )
            },
        );
        Self { event_input: layout.event_input(), image, events, levels, up, last }
    }

    /// Runs one input.
    ///
    /// # Errors
    /// The network cannot process the shapes.
    pub fn forward(&self, input: &Input) -> Result<Output, EngineError> {
        input.check(self.event_input)?;
        let (h, w) = (input.height, input.width);
        let image = Map::from_planes(&input.blur, (h, w), 3, 3, |v| (v - 0.5) / 0.5);
        let image = self.image.run(image);
        let sensor = (input.event_height, input.event_width);
        let channels = self.event_input.channels();
        let events = self.events.run(Map::from_planes(&input.events, sensor, channels, 3, |v| v));
        let (mut joined, mut skips) = (Vec::new(), Vec::new());
        for (i, (fusion, joint, pad)) in self.levels.iter().enumerate() {
            let (out, fused) = fusion.run(&events.features[i], &image.features[i], *pad);
            let (skip, offsets) = match joint {
                Joint::Plain(conv) => (conv.run(&out, 0, false), None),
                Joint::Deformable(both) => {
                    let (offsets, deform) = both.as_ref();
                    let offsets = offsets.run(&out, 0, false);
                    (deform.run(&out, &offsets), Some(offsets))
                }
            };
            joined.push((fused, out, offsets));
            skips.push(skip);
        }
        let mut x = skips.pop().unwrap_or_else(|| Map::zeros(1, 1, 1, 0));
        let mut decoder: Vec<Up> = Vec::new();
        let (missing, steps) = self.up.split_at(self.up.len().saturating_sub(skips.len()));
        if let Some([_, b]) = missing.last() {
            let sum = x.padded(1);
            let output = b.run(&sum, 1, true);
            decoder.push(Up { coarser: None, sum, output });
        }
        for [a, b] in steps {
            let input = upsample(decoder.last().map_or(&x, |up| &up.output), 1);
            let first = a.run(&input, 0, true);
            let mut sum = first.padded(1);
            skips.pop().iter().for_each(|skip| sum.add(skip));
            let output = b.run(&sum, 1, true);
            decoder.push(Up { coarser: Some([input, first]), sum, output });
        }
        if let Some(up) = decoder.last() {
            x = self.last.run(&up.output, 0, false);
        }
        let mut ratio = vec![0.0_f32; 3 * h * w];
        for (i, v) in ratio.iter_mut().enumerate() {
            let o = x.data[i % (h * w) * x.c + i / (h * w)];
            // ln(1 + e^o), without overflow.
            *v = o.max(0.0) + (-o.abs()).exp().ln_1p();
        }
        let latent = ratio.iter().zip(&input.blur).map(|(r, b)| r * b).collect();
        let saved = Saved { image, events, joined, decoder };
        Ok(Output { latent, ratio, saved })
    }

    /// Computes the parameter derivatives from a loss's derivatives with respect to latent image
    /// and ratio, `(3, height, width)` each, and adds them to `gradient`.
    pub fn backward(
        &self,
        input: &Input,
        output: &Output,
        by_latent: &[f32],
        by_ratio: &[f32],
        gradient: &mut Gradient,
    ) {
        let area = input.height * input.width;
        let saved = &output.saved;
        let mut d = Map::zeros(input.height, input.width, self.last.forward.columns, 1);
        for y in 0..d.h {
            let w = d.w;
            let c = d.c;
            for (x, pixel) in d.row_mut(y).chunks_exact_mut(c).enumerate() {
                for (channel, v) in pixel.iter_mut().take(3).enumerate() {
                    let i = channel * area + y * w + x;
                    // The derivative of softplus is the sigmoid: 1 - e^-softplus.
                    let slope = -(-output.ratio[i]).exp_m1();
                    *v = (by_ratio[i] + input.blur[i] * by_latent[i]) * slope;
                }
            }
        }
        let Some(top) = saved.decoder.last() else { return };
        self.last.weights(&top.output, &d, gradient);
        let mut d = self.last.input(&d, 0);
        let mut skips = Vec::new();
        // From the last step back; the first ones may be missing.
        for ([a, b], up) in self.up.iter().rev().zip(saved.decoder.iter().rev()) {
            let before = d.before_relu(&up.output, 1);
            b.weights(&up.sum, &before, gradient);
            let sum = b.input(&before, 0);
            if let Some([input, first]) = &up.coarser {
                let before = sum.before_relu(first, 1);
                a.weights(input, &before, gradient);
                d = downsample(&a.input(&before, 0));
            }
            skips.push(sum);
        }
        if saved.decoder.len() < self.levels.len() {
            skips.push(d);
        }
        let (mut by_image, mut by_events) = (Vec::new(), Vec::new());
        for (i, (fusion, joint, pad)) in self.levels.iter().enumerate() {
            let (fused, out, offsets) = &saved.joined[i];
            let d = skips[i].padded(*pad);
            let by_out = match (joint, offsets) {
                (Joint::Deformable(both), Some(offsets)) => {
                    let (conv, deform) = both.as_ref();
                    let (mut by_out, shifts) = deform.backward(out, offsets, &d, *pad, gradient);
                    conv.weights(out, &shifts, gradient);
                    by_out.add(&conv.input(&shifts, 0));
                    by_out
                }
                (Joint::Plain(conv), _) => {
                    conv.weights(out, &d, gradient);
                    conv.input(&d, 0)
                }
                (Joint::Deformable(_), None) => continue,
            };
            let (events, image) = (&saved.events.features[i], &saved.image.features[i]);
            let (to_event, to_image) = fusion.backward(events, image, fused, &by_out, gradient);
            by_events.push(to_event);
            by_image.push(to_image);
        }
        self.image.backward(&saved.image, by_image, gradient);
        self.events.backward(&saved.events, by_events, gradient);
    }
}
