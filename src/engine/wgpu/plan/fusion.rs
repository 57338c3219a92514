//! The fusion of both encodings and its deformable convolutions.

use super::builder::{Builder, Map};
use super::convolution::Rows;
use crate::engine::corners::corners;
use crate::engine::graph::{Graph, Post, Source};
use crate::engine::wgpu::parameters::{Corner, Deform, Fuse};
use crate::engine::wgpu::shaders::KernelName;
use crate::image::Size;

/// Largest buffer of a deformable convolution's offsets: as many rows are computed at a time.
const OFFSETS_BYTES: usize = 64 << 20;
/// Rows of a workgroup's tile.
const TILE_ROWS: usize = 16;

impl Builder<'_> {
    /// One level: both encodings to the decoder's input.
    pub(super) fn fuse_and_deform(&mut self, level: usize, event: Map, image: &Map) -> Map {
        let fused = self.fuse(level, &event, image);
        self.release(event);
        let output = self.deform(level, &fused);
        self.release(fused);
        output
    }

    fn fuse(&mut self, level: usize, event: &Map, image: &Map) -> Map {
        let (size, vectors) = (image.size, image.vectors);
        let output = self.map(size, vectors);
        let axis = |image: usize, event: usize| {
            [-1.0, 1.0].into_iter().flat_map(move |side| corners(image, event, side))
        };
        let rows = axis(size.height, event.size.height);
        let table: Vec<Corner> = (rows.chain(axis(size.width, event.size.width)))
            .map(|k| Corner { event: k.event as u32, image: k.image as u32, relative: k.relative })
            .collect();
        let table = self.device.upload("corners", &table);
        let layer = self.layers.of(&format!("msff{}.mlp", level + 1));
        let block = Fuse {
            height: size.height as u32,
            width: size.width as u32,
            event_width: event.size.width as u32,
            weights: layer.weights,
            bias: layer.bias,
            position: self.layers.position.get(level).copied().unwrap_or_default(),
            rows: 0,
            columns: 2 * size.height as u32,
        };
        let (weights, bias) = (self.layers.weights.clone(), self.layers.bias.clone());
        let bindings = [&event.buffer, &weights, &bias, &image.buffer, &output.buffer, &table];
        let pixels = 512 / vectors.max(1) as usize;
        self.flat(KernelName::Fuse { vectors }, size.area(), pixels, &block, &bindings);
        output
    }

    /// Offsets of all taps of a full image would be larger than any map: rows are computed in
    /// parts.
    fn deform(&mut self, level: usize, input: &Map) -> Map {
        let name = format!("msff{}.dcn", level + 1);
        let layer = self.layers.of(&name);
        let offsets = self.layers.of(&format!("{name}.conv_offset_mask"));
        let (size, vectors) = (input.size, input.vectors);
        let output = self.map(size, vectors);
        let row_bytes = size.width * offsets.outputs as usize * 16;
        let rows = (OFFSETS_BYTES / row_bytes.max(1) / TILE_ROWS * TILE_ROWS).max(TILE_ROWS);
        let rows = rows.min(size.height);
        let scratch = self.scratch((rows * row_bytes) as u64);
        for first in (0..size.height).step_by(rows) {
            let count = rows.min(size.height - first);
            let (bias, weights) = (self.layers.bias.clone(), self.layers.weights.clone());
            let part = Rows { first, count, to: &scratch, wide: true };
            self.conv_rows(offsets, &bias, input, size, Source::Plain, &Post::Linear, &part);
            let Size { width, height } = size;
            let block = Deform {
                height: height as u32,
                width: width as u32,
                weights: layer.weights,
                bias: layer.bias,
                first_row: first as u32,
                rows: count as u32,
                stride: offsets.outputs * 4,
                unused: 0,
            };
            let kernel = KernelName::Deform { kernel: layer.kernel, vectors };
            let outputs = 2 * KernelName::deform_groups(vectors);
            let groups =
                [width.div_ceil(16), count.div_ceil(8), vectors.div_ceil(outputs.max(1)) as usize];
            let bindings = [&input.buffer, &weights, &bias, &scratch, &output.buffer];
            self.launch(kernel, groups, &block, &bindings);
        }
        self.reuse(scratch);
        output
    }
}
