//! SAN in burn's tensors, `(batch, channels, height, width)`: the same reduced form of the fusion
//! as on the CPU (see `engine/cpu/fusion.rs`), recorded by burn for the backward pass.

use super::shapes::{Level, Shapes};
use crate::network::{FUSION_LEVELS, parameters};
use crate::train::cpu::Offsets;
use crate::train::layout::Layout;
use burn_tensor::activation::{relu, sigmoid};
use burn_tensor::backend::{AutodiffBackend, ExecutionError};
use burn_tensor::module::{avg_pool2d, conv2d, deform_conv2d};
use burn_tensor::ops::{ConvOptions, DeformConvOptions};
use burn_tensor::{Device, Tensor, TensorData};
use std::collections::BTreeMap;
use std::ops::Range;

/// A layer's weights `(outputs, inputs, kernel, kernel)` and bias; the kernel of a matrix is 1.
struct Layer<B: AutodiffBackend> {
    weight: Tensor<B, 4>,
    bias: Tensor<B, 1>,
    kernel: usize,
}

/// The network with one set of parameters on a device.
pub(super) struct San<B: AutodiffBackend> {
    layout: Layout,
    layers: BTreeMap<String, Layer<B>>,
    offsets: Offsets,
}

impl<B: AutodiffBackend> San<B> {
    /// Uploads a parameter vector; with `learn`, burn tracks gradients with respect to it.
    pub(super) fn new(
        layout: &Layout,
        all: &[f32],
        offsets: Offsets,
        device: &Device<B>,
        learn: bool,
    ) -> Self {
        let mut layers = BTreeMap::new();
        for (name, shape) in parameters(layout.event_input()) {
            let Some(layer) = name.strip_suffix(".weight") else { continue };
            let slot = layout.slot(layer);
            let part = |range: Range<usize>| all.get(range).unwrap_or_default().to_vec();
            let side = slot.kernel;
            debug_assert_eq!(shape.first(), Some(&slot.outputs));
            let weight =
                TensorData::new(part(slot.weight_range()), [slot.outputs, slot.inputs, side, side]);
            let bias = TensorData::new(part(slot.bias_range()), [slot.outputs]);
            layers.insert(
                layer.to_owned(),
                Layer {
                    weight: Tensor::from_data(weight, device).set_require_grad(learn),
                    bias: Tensor::from_data(bias, device).set_require_grad(learn),
                    kernel: side,
                },
            );
        }
        Self { layout: layout.clone(), layers, offsets }
    }

    /// The gradient of every parameter in the order of the parameter vector; zero where burn has
    /// none.
    pub(super) fn collect(&self, mut gradients: B::Gradients) -> Result<Vec<f32>, ExecutionError> {
        let mut out = vec![0.0_f32; self.layout.parameters()];
        let mut put = |range: Range<usize>, values: Vec<f32>| {
            let to = out.get_mut(range).unwrap_or_default();
            to.iter_mut().zip(values).for_each(|(to, v)| *to = v);
        };
        for (name, layer) in &self.layers {
            let slot = self.layout.slot(name);
            if let Some(d) = layer.weight.grad_remove(&mut gradients) {
                put(slot.weight_range(), super::read::read(d)?);
            }
            if let Some(d) = layer.bias.grad_remove(&mut gradients) {
                put(slot.bias_range(), super::read::read(d)?);
            }
        }
        Ok(out)
    }

    fn layer(&self, name: &str) -> Option<&Layer<B>> {
        let found = self.layers.get(name);
        debug_assert!(found.is_some(), "{name}");
        found
    }

    /// A convolution with the same output size.
    fn conv(&self, name: &str, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let Some(layer) = self.layer(name) else { return x };
        let pad = layer.kernel / 2;
        let options = ConvOptions::new([1, 1], [pad, pad], [1, 1], 1);
        conv2d(x, layer.weight.clone(), Some(layer.bias.clone()), options)
    }

    fn encode(&self, name: &str, x: Tensor<B, 4>) -> Vec<Tensor<B, 4>> {
        let conv = |layer: &str, x| relu(self.conv(&format!("{name}.{layer}"), x));
        let mut x = conv("conv2", conv("conv1", x));
        let mut features = vec![x.clone()];
        for i in 1..=4 {
            // An odd last row or column is dropped.
            let pooled = avg_pool2d(x, [2, 2], [2, 2], [0, 0], true, false);
            x = conv(&format!("down{i}.conv2"), conv(&format!("down{i}.conv1"), pooled));
            features.push(x.clone());
        }
        features
    }

    fn fuse(
        &self,
        name: &str,
        event: Tensor<B, 4>,
        image: Tensor<B, 4>,
        level: &Level<B>,
    ) -> Tensor<B, 4> {
        let mlp = |layer: usize| format!("{name}.mlp.imnet.layers.{layer}");
        let Some(first) = self.layer(&mlp(0)) else { return image };
        let c = first.bias.dims()[0];
        // The order of the inputs: event features, relative y and x, cell height and width, image
        // features.
        let part = |from: usize, to: usize| first.weight.clone().slice([0..c, from..to]);
        let plain = || ConvOptions::new([1, 1], [0, 0], [1, 1], 1);
        let event = conv2d(event, part(0, c), None, plain());
        let image = conv2d(image, part(c + 4, 2 * c + 4), None, plain());
        let number = |from: usize| part(from, from + 1).reshape([1, c, 1, 1]);
        let [high, wide] = level.cell;
        let constant = first.bias.clone().reshape([1, c, 1, 1])
            + number(c + 2).mul_scalar(high)
            + number(c + 3).mul_scalar(wide);
        let mut sum: Option<Tensor<B, 4>> = None;
        for corner in &level.corners {
            let [ey, ex, iy, ix] = corner.samples.clone();
            let e = event.clone().select(2, ey).select(3, ex);
            let i = image.clone().select(2, iy).select(3, ix);
            let position = number(c) * corner.down.clone()
                + number(c + 1) * corner.across.clone()
                + constant.clone();
            let z = relu(e + i + position);
            let z = relu(self.conv(&mlp(4), relu(self.conv(&mlp(2), z))));
            let z = z * corner.share.clone();
            sum = Some(match sum {
                Some(sum) => sum + z,
                None => z,
            });
        }
        // The last layer is linear, and the shares add up to one.
        sum.map_or(image, |sum| self.conv(&mlp(6), sum))
    }

    fn join(&self, name: &str, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let Some(layer) = self.layer(name) else { return x };
        let (k, pad) = (layer.kernel, layer.kernel / 2);
        let (weight, bias) = (layer.weight.clone(), Some(layer.bias.clone()));
        if self.offsets == Offsets::Zero {
            let options = ConvOptions::new([1, 1], [pad, pad], [1, 1], 1);
            // The sigmoid of a zero logit is one half.
            return conv2d(x, weight.mul_scalar(0.5), bias, options);
        }
        let given = self.conv(&format!("{name}.conv_offset_mask"), x.clone());
        let [n, _, h, w] = given.dims();
        let offsets = given.clone().slice([0..n, 0..2 * k * k, 0..h, 0..w]);
        let mask = sigmoid(given.slice([0..n, 2 * k * k..3 * k * k, 0..h, 0..w]));
        let options = DeformConvOptions::new([1, 1], [pad, pad], [1, 1], 1, 1);
        deform_conv2d(x, offsets, weight, Some(mask), bias, options)
    }

    /// Computes the sharp image and its ratio to the blurry one, from EGER and the blurry image in
    /// `[0, 1]`.
    pub(super) fn forward(
        &self,
        events: Tensor<B, 4>,
        blur: Tensor<B, 4>,
        shapes: &Shapes<B>,
    ) -> (Tensor<B, 4>, Tensor<B, 4>) {
        let image = self.encode("im_enc", blur.clone().sub_scalar(0.5).div_scalar(0.5));
        let events = self.encode("ev_enc", events);
        let pairs = events.into_iter().zip(image).zip(&shapes.levels);
        let mut skips: Vec<Tensor<B, 4>> = (pairs.zip(1..=FUSION_LEVELS.len()))
            .map(|(((event, image), level), i)| {
                let fused = self.fuse(&format!("msff{i}"), event, image, level);
                self.join(&format!("msff{i}.dcn"), fused)
            })
            .collect();
        let mut x = skips.pop().unwrap_or_else(|| blur.clone());
        for (i, up) in (1..=4).zip(&shapes.ups) {
            let [rows, columns] = up.clone();
            x = rows.matmul(x).matmul(columns);
            x = relu(self.conv(&format!("dec.up{i}.conv1"), x));
            if let Some(skip) = skips.pop() {
                x = x + skip;
            }
            x = relu(self.conv(&format!("dec.up{i}.conv2"), x));
        }
        let x = self.conv("dec.conv", x);
        // ln(1 + e^x), without overflow.
        let ratio = relu(x.clone()) + x.abs().neg().exp().log1p();
        (blur * ratio.clone(), ratio)
    }
}
