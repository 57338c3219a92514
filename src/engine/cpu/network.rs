//! SAN's layers and their order.

use super::deform::DeformConv;
use super::fusion::Fusion;
use super::isa::{Isa, Task};
use super::layers::{Activation, Conv, average_pool, bordered, upsample};
use super::map::{Buffers, Map};
use super::parts::{Parts, timed};
use super::prior::{Counts, prior_map};
use super::shrink::shrink;
use super::simd::Simd;
use crate::engine::{EventTensor, Events, Image, Restored};
use crate::event::{EventInput, TargetBins};
use crate::network::{FUSION_LEVELS, Weights, decoder_layers};
use crate::time::TimeRange;
use rayon::prelude::*;

/// Kernel sides of an encoder's four downsampling blocks.
const DOWN_KERNELS: [usize; 4] = [5, 3, 3, 3];

struct Encoder {
    stem: [Conv; 2],
    down: Vec<[Conv; 2]>,
}

impl Encoder {
    fn new(isa: Isa, weights: &Weights, name: &str, levels: usize) -> Self {
        let conv = |layer: String, k| Conv::new(isa, weights, &format!("{name}.{layer}"), k, |o| o);
        Self {
            stem: [conv("conv1".into(), 7), conv("conv2".into(), 7)],
            down: (DOWN_KERNELS.into_iter().take(levels.saturating_sub(1)).enumerate())
                .map(|(i, k)| [1, 2].map(|j| conv(format!("down{}.conv{j}", i + 1), k)))
                .collect(),
        }
    }

    /// Features of the levels that contribute, full resolution first. `input` has a border of 3.
    fn run(&self, input: &Map) -> Vec<Map> {
        let two = |[a, b]: &[Conv; 2], input: &Map| {
            b.run(&a.run(input, b.k / 2, &Activation::Relu), 0, &Activation::Relu)
        };
        let mut features = vec![two(&self.stem, input)];
        for pair in &self.down {
            let pooled = features.last().map(|f| average_pool(f, pair[0].k / 2));
            features.extend(pooled.map(|p| two(pair, &p)));
        }
        features
    }
}

/// The network in the layout of an instruction set.
pub(super) struct Network {
    pub(super) isa: Isa,
    pub(super) event_input: EventInput,
    residual_noise: f32,
    image_encoder: Encoder,
    event_encoder: Encoder,
    /// Per level: fusion, deformable convolution, and half of its kernel's side.
    fusion: Vec<(Fusion, DeformConv, usize)>,
    /// See [`decoder_layers`].
    bottom: Option<Conv>,
    steps: Vec<[Conv; 2]>,
    last: Conv,
}

impl Network {
    pub(super) fn new(isa: Isa, weights: &Weights) -> Self {
        let conv = |name: &str| Conv::new(isa, weights, name, 3, |o| o);
        let levels = weights.contributing_levels();
        let decoder = decoder_layers(levels);
        let fusion = (FUSION_LEVELS.iter().take(levels).enumerate())
            .map(|(i, level)| {
                let (name, c) = (format!("msff{}", i + 1), level.channels);
                let dcn = DeformConv::new(isa, weights, &format!("{name}.dcn"), c, level.kernel);
                (Fusion::new(isa, weights, &name, c), dcn, level.kernel / 2)
            })
            .collect();
        Self {
            isa,
            event_input: weights.event_input(),
            residual_noise: weights.residual_noise(),
            image_encoder: Encoder::new(isa, weights, "im_enc", levels),
            event_encoder: Encoder::new(isa, weights, "ev_enc", levels),
            fusion,
            bottom: decoder.bottom.as_deref().map(conv),
            steps: decoder
                .steps
                .iter()
                .map(|step| step.each_ref().map(|name| conv(name)))
                .collect(),
            last: conv("dec.conv"),
        }
    }

    /// The image's features, projected for the fusion, once for all instants.
    pub(super) fn encode_image(
        &self,
        buffers: &Buffers,
        parts: &mut Parts,
        blur: &Image<'_>,
    ) -> Vec<Map> {
        let features = timed(&mut parts.image_encoder, || {
            let shape = (3, blur.height, blur.width);
            let input = Map::from_chw(buffers, blur.data, shape, 3, |x| (x - 0.5) / 0.5);
            self.image_encoder.run(&input)
        });
        timed(&mut parts.fusion, || {
            (self.fusion.iter().zip(features)).map(|((f, ..), i)| f.project_image(&i)).collect()
        })
    }

    /// Restores one instant: from projected image features and event features to the decoder's
    /// output.
    pub(super) fn decode(
        &self,
        buffers: &Buffers,
        parts: &mut Parts,
        image: &[Map],
        target: &Target<'_>,
    ) -> Map {
        let events = timed(&mut parts.event_encoder, || {
            let input = match target {
                Target::Tensor(t) => {
                    let shape = (self.event_input.channels(), t.height, t.width);
                    Map::from_chw(buffers, t.data, shape, 3, |x| x)
                }
                Target::Counts(counts) => prior_map(buffers, self.isa, counts, 3),
            };
            self.event_encoder.run(&input)
        });
        let mut fused = Vec::with_capacity(image.len());
        for (((fusion, dcn, pad), e), i) in self.fusion.iter().zip(events).zip(image) {
            let joined = timed(&mut parts.fusion, || fusion.run(&e, i, *pad));
            fused.push(timed(&mut parts.deformable, || dcn.run(&joined)));
        }
        timed(&mut parts.decoder, || {
            let mut x = fused.pop().unwrap_or_else(|| buffers.map(1, 1, 1, 0));
            if let Some(bottom) = &self.bottom {
                x = bottom.run(&bordered(&x, 1), usize::from(fused.is_empty()), &Activation::Relu);
            }
            for [a, b] in &self.steps {
                if let Some(skip) = fused.pop() {
                    let sum = a.run(&upsample(&x, 1), 1, &Activation::ReluAdd(&skip));
                    x = b.run(&sum, usize::from(fused.is_empty()), &Activation::Relu);
                }
            }
            self.last.run(&x, 0, &Activation::Linear)
        })
    }

    /// Softplus of the decoder's output is the ratio; the ratio times the blurry image is sharp.
    pub(super) fn finish(&self, output: &Map, blur: &Image<'_>, restored: &mut Restored) {
        let (h, w) = (blur.height, blur.width);
        let Restored { latent, ratio } = &mut *restored;
        latent.resize(3 * h * w, 0.0);
        ratio.resize(3 * h * w, 0.0);
        (ratio.par_chunks_mut(w).zip(latent.par_chunks_mut(w)).zip(blur.data.par_chunks(w)))
            .enumerate()
            .for_each(|(i, ((ratio, latent), blur))| {
                let (channel, y) = (i / h, i % h);
                for (v, pixel) in ratio.iter_mut().zip(output.row(y).chunks_exact(output.c)) {
                    *v = pixel[channel];
                }
                // SAFETY: a row is a multiple of 16 pixels, which the registers of every set
                // divide.
                unsafe { self.isa.run(FinishRow { ratio, latent, blur }) }
            });
        shrink(restored, blur, self.residual_noise);
    }
}

/// The network's event input for one target.
pub(super) enum Target<'a> {
    /// The complete input.
    Tensor(EventTensor<'a>),
    /// Counts, from which the event prior is computed.
    Counts(Counts<'a>),
}

impl<'a> Target<'a> {
    /// Counts of events, from which the event prior is computed too.
    pub(super) fn of_counts(
        counts: &EventTensor<'a>,
        events: &Events<'_>,
        target: TimeRange,
    ) -> Self {
        Self::Counts(Counts {
            data: counts.data,
            height: counts.height,
            width: counts.width,
            thresholds: events.thresholds,
            target: TargetBins::new(events.exposure, target),
        })
    }
}

struct FinishRow<'a> {
    ratio: &'a mut [f32],
    latent: &'a mut [f32],
    blur: &'a [f32],
}

impl Task for FinishRow<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let mut x = 0;
        while x + S::LANES <= self.ratio.len() {
            // SAFETY: the three rows have the same length, and a register fits at x.
            unsafe {
                let ratio = S::softplus(S::load(self.ratio.as_ptr().add(x)));
                S::store(self.ratio.as_mut_ptr().add(x), ratio);
                let blur = S::load(self.blur.as_ptr().add(x));
                S::store(self.latent.as_mut_ptr().add(x), S::mul(blur, ratio));
            }
            x += S::LANES;
        }
    }
}
