//! From events, or an event tensor, to what the fusion reads of them.

use super::Shape;
use super::builder::{Builder, Map};
use crate::engine::graph::Encoder;
use crate::engine::wgpu::pack::vectors;
use crate::engine::wgpu::parameters::{Cells, Planes};
use crate::engine::wgpu::shaders::KernelName;
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
            None => {
                let channels = self.layers.input.channels();
                let map = self.map(shape.padded, channels.div_ceil(4) as u32);
                self.planes(&map, channels, input, [0.0, 1.0], false);
                map
            }
        };
        self.encoded(Encoder::Events(shape.image), map)
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

    /// Planes to a map: `(v - subtract) * factor`. If `bytes`, they are in eight bits, and otherwise
    /// in single precision.
    pub(super) fn planes(
        &mut self,
        map: &Map,
        channels: usize,
        planes: &Buffer,
        [subtract, factor]: [f32; 2],
        bytes: bool,
    ) {
        let area = map.size.area();
        let block = Planes { area: area as u32, channels: channels as u32, subtract, factor };
        let items = area * map.vectors as usize;
        self.flat(KernelName::Planes { bytes }, items, 64, &block, &[planes, &map.buffer]);
    }

    /// The bias of the fusion's first layer on event features, with the constants of the sizes.
    pub(super) fn event_bias(&mut self, level: usize, features: &Map, image: Size) -> Buffer {
        let image = Size::new(image.width >> level, image.height >> level);
        let first = self.layers.first.get(level);
        let bias = first.map(|first| first.bias(features.size, image)).unwrap_or_default();
        self.device.upload("bias of events", &vectors(&bias, features.vectors as usize))
    }
}
