//! From the image to what the fusion reads of it, and from the fusion to images.

use super::builder::{Block, Builder, Map};
use super::step::Step;
use crate::engine::graph::{Encoder, Graph};
use crate::engine::wgpu::device::Device;
use crate::engine::wgpu::parameters::Head;
use crate::engine::wgpu::shaders::{HeadOutput, KernelName};
use crate::image::Size;
use std::mem::take;
use wgpu::Buffer;

impl Builder<'_> {
    /// What the fusion reads of the image, and the steps that make it: of an image in single
    /// precision, and of one in eight bits.
    pub(super) fn image_part(&mut self, size: Size, blurry: &Buffer) -> (Vec<Map>, [Vec<Step>; 2]) {
        let input = self.map(size, 1);
        let first = [false, true].map(|bytes| {
            self.planes(&input, 3, blurry, [0.5, 2.0], bytes);
            take(&mut self.steps)
        });
        let maps = self.encoded(Encoder::Image, input);
        let rest = take(&mut self.steps);
        let steps = first.map(|first| first.into_iter().chain(rest.iter().cloned()).collect());
        (maps, steps)
    }

    /// From the fused levels, finest first, to the head's input.
    pub(super) fn decoded(&mut self, fused: Vec<Map>) -> Map {
        let Ok(x) = self.decode(fused);
        x.unwrap_or_else(|| self.map(Size::new(16, 16), 4))
    }

    /// What the end of the network reads, for every form of its result.
    pub(super) fn head_bindings(
        &mut self,
        x: &Map,
        blurry: &Buffer,
        target: &Buffer,
    ) -> HeadBindings {
        let layer = self.layers.of("dec.conv");
        let Size { width, height } = x.size;
        let block = Head {
            height: height as u32,
            width: width as u32,
            weights: layer.weights,
            bias: layer.bias,
            noise: self.layers.residual_noise,
            ..Head::default()
        };
        HeadBindings {
            block: self.block(&block),
            map: x.buffer.clone(),
            weights: self.layers.weights.clone(),
            bias: self.layers.bias.clone(),
            blurry: blurry.clone(),
            target: target.clone(),
            groups: [width.div_ceil(16), height.div_ceil(16), 1],
        }
    }
}

/// What the end of the network reads.
pub(super) struct HeadBindings {
    block: Block,
    map: Buffer,
    weights: Buffer,
    bias: Buffer,
    blurry: Buffer,
    target: Buffer,
    groups: [usize; 3],
}

impl HeadBindings {
    /// The dispatch that writes its result to `to`.
    pub(super) fn step(
        &self,
        device: &mut Device,
        output: HeadOutput,
        to: wgpu::BindingResource<'_>,
    ) -> Step {
        let read = [&self.map, &self.weights, &self.bias, &self.blurry];
        let read = read.map(|buffer| buffer.as_entire_binding());
        let last = [to, self.target.as_entire_binding()];
        let resources = std::iter::once(self.block.binding()).chain(read).chain(last);
        Step::new(device, &KernelName::Head(output).into(), self.groups, resources)
    }
}
