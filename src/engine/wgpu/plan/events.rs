//! From events, or an event tensor, to what the fusion reads of them.

use super::Shape;
use super::builder::{Builder, Map};
use super::convolution::Post;
use crate::engine::wgpu::pack::vectors;
use crate::engine::wgpu::parameters::{Cells, Planes};
use crate::engine::wgpu::shaders::{KernelName, Source};
use crate::event::{CHANNELS, EventInput};
use crate::image::Size;
use wgpu::Buffer;

/// Groups that count events, 64 threads each; every thread counts more than one if need be.
const COUNT_GROUPS: usize = 1024;

impl Builder<'_> {
    /// Counts events whose places are in `keys`.
    pub(super) fn count(&mut self, target: &Buffer, keys: &Buffer, counts: &Buffer) {
        let block = target.as_entire_binding();
        let groups = [COUNT_GROUPS, 1, 1];
        let step = self.step_of(&KernelName::Count.into(), groups, block, &[keys, counts]);
        self.steps.push(step);
    }

    /// The event encoder for one target: from counts of events, or from an event tensor in `input`,
    /// to one map per level, multiplied by the event part of the fusion's first layer.
    pub(super) fn event_part(
        &mut self,
        shape: Shape,
        target: &Buffer,
        input: &Buffer,
        counts: &Buffer,
    ) -> Vec<Map> {
        let map = match shape.events {
            Some(_) => self.counts_to_map(shape, target, counts),
            None => self.planes(shape.padded, self.layers.input.channels(), input, 0.0, 1.0),
        };
        self.encoder("ev_enc", map, |b, level, features| {
            b.project_events(level, features, shape.image)
        })
    }

    fn counts_to_map(&mut self, shape: Shape, target: &Buffer, counts: &Buffer) -> Map {
        let (size, sensor) = (shape.padded, shape.sensor);
        let vectors = self.layers.input.channels().div_ceil(4) as u32;
        let map = self.map(size, vectors);
        let cells = Cells {
            height: size.height as u32,
            width: size.width as u32,
            sensor_height: sensor.height as u32,
            sensor_width: sensor.width as u32,
        };
        let bindings = [target, counts, &map.buffer];
        let scale = KernelName::ScaleCounts { vectors };
        self.flat(scale, size.area() * CHANNELS / 4, 64, &cells, &bindings);
        if self.layers.input == EventInput::Prior {
            let prior = KernelName::AppendPrior { vectors };
            self.flat(prior, size.area(), 64, &cells, &bindings);
        }
        map
    }

    /// Planes in single precision as a map: `(v - subtract) * factor`.
    pub(super) fn planes(
        &mut self,
        size: Size,
        channels: usize,
        planes: &Buffer,
        subtract: f32,
        factor: f32,
    ) -> Map {
        let vectors = channels.div_ceil(4);
        let map = self.map(size, vectors as u32);
        let block =
            Planes { area: size.area() as u32, channels: channels as u32, subtract, factor };
        let bindings = [planes, &map.buffer];
        self.flat(KernelName::Planes, size.area() * vectors, 64, &block, &bindings);
        map
    }

    /// The fusion's first layer on event features, with the constants of the sizes in its bias.
    fn project_events(&mut self, level: usize, features: &Map, image: Size) -> Map {
        let (h, w) = (image.height >> level, image.width >> level);
        let Size { width, height } = features.size;
        let cell = [2.0 * height as f32 / h as f32, 2.0 * width as f32 / w as f32];
        let bias = self.layers.first.get(level).map(|f| f.bias(cell)).unwrap_or_default();
        let bias = vectors(&bias, features.vectors as usize);
        let bias = self.device.upload("bias of events", &bias);
        let mut layer = self.layers.of(&format!("msff{}.event", level + 1));
        layer.bias = 0;
        self.conv_with(layer, &bias, features, Source::Plain, Post::Linear)
    }
}
