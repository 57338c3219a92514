//! Convolutions, of which encoders and decoder are made.

use super::builder::{Builder, Map};
use crate::engine::graph::{Encoder, Graph, Post, Source};
use crate::engine::wgpu::layers::Layer;
use crate::engine::wgpu::parameters::Conv;
use crate::engine::wgpu::shaders::{Kernel, KernelName};
use crate::image::Size;
use std::convert::Infallible;
use wgpu::Buffer;

/// Rows of a workgroup of `conv_matrix.wgsl`.
const MATRIX_ROWS: usize = 4;

/// Rows of an output, and where they are written.
pub(super) struct Rows<'a> {
    pub(super) first: usize,
    pub(super) count: usize,
    pub(super) to: &'a Buffer,
    /// In single precision, independent of how maps are stored.
    pub(super) wide: bool,
}

impl Graph for Builder<'_> {
    type Map = Map;
    type Error = Infallible;

    fn levels(&self) -> usize {
        self.layers.levels
    }

    fn conv(
        &mut self,
        name: &str,
        input: &Map,
        source: Source,
        post: &Post<'_, Map>,
    ) -> Result<Map, Infallible> {
        let (layer, bias) = (self.layers.of(name), self.layers.bias.clone());
        Ok(self.conv_with(layer, &bias, input, source, post))
    }

    fn projected(
        &mut self,
        name: &str,
        input: Map,
        encoder: Encoder,
        level: usize,
    ) -> Result<(Map, Map), Infallible> {
        let features = self.conv(name, &input, Source::Plain, &Post::Relu)?;
        self.release(input);
        let layer = self.layers.of(&encoder.projection(level));
        let (layer, bias) = match encoder {
            Encoder::Image => (layer, self.layers.bias.clone()),
            Encoder::Events(image) => {
                let bias = self.event_bias(level, &features, image);
                (Layer { bias: 0, ..layer }, bias)
            }
        };
        let projected = self.conv_with(layer, &bias, &features, Source::Plain, &Post::Linear);
        Ok((features, projected))
    }

    fn release(&mut self, map: Map) {
        self.reuse(map.buffer);
    }
}

impl Builder<'_> {
    /// An encoder's result on a map, which is released.
    pub(super) fn encoded(&mut self, encoder: Encoder, input: Map) -> Vec<Map> {
        let Ok(stem) = self.conv(&encoder.stem(), &input, Source::Plain, &Post::Relu);
        self.release(input);
        let Ok(maps) = self.encode(encoder, stem);
        maps
    }

    /// A convolution with a bias of this buffer.
    pub(super) fn conv_with(
        &mut self,
        layer: Layer,
        bias: &Buffer,
        input: &Map,
        source: Source,
        post: &Post<'_, Map>,
    ) -> Map {
        let size = source.output(input.size);
        let output = self.map(size, layer.outputs);
        let rows = Rows { first: 0, count: size.height, to: &output.buffer, wide: false };
        self.conv_rows(layer, bias, input, size, source, post, &rows);
        output
    }

    /// Some rows of a convolution whose output has the given size.
    #[allow(clippy::too_many_arguments, reason = "a convolution has as many properties")]
    pub(super) fn conv_rows(
        &mut self,
        layer: Layer,
        bias: &Buffer,
        input: &Map,
        size: Size,
        source: Source,
        post: &Post<'_, Map>,
        rows: &Rows<'_>,
    ) {
        let (rectify, skip) = match post {
            Post::Linear => (false, None),
            Post::Relu => (true, None),
            Post::ReluAdd(skip) => (true, Some(*skip)),
        };
        let add = skip.is_some();
        let matrices = self.device.used.matrices.zip(layer.tiles);
        let block = Conv {
            height: size.height as u32,
            width: size.width as u32,
            source_height: input.size.height as u32,
            source_width: input.size.width as u32,
            inputs: layer.inputs,
            outputs: layer.outputs,
            weights: matrices.map_or(layer.weights, |(_, tiles)| tiles),
            bias: layer.bias,
            first_row: rows.first as u32,
            rows: rows.count as u32,
            ..Conv::default()
        };
        let shape = matrices.map(|(shape, _)| shape);
        let name = KernelName::Conv { kernel: layer.kernel, source, rectify, add, matrices: shape };
        // Columns, rows and outputs of a workgroup.
        let tile = shape.map_or([16; 3], |s| [s.tile as usize, MATRIX_ROWS, s.tile as usize]);
        let outputs = 4 * layer.outputs as usize;
        let groups =
            [size.width.div_ceil(tile[0]), rows.count.div_ceil(tile[1]), outputs / tile[2]];
        let weights = if shape.is_some() { &self.layers.tiles } else { &self.layers.weights };
        let weights = weights.clone();
        // A binding that the shader does not use must be there all the same.
        let skip = skip.map_or(&input.buffer, |skip| &skip.buffer);
        let bindings = [&input.buffer, &weights, bias, skip, rows.to];
        let kernel = Kernel { wide: rows.wide, ..name.into() };
        self.launch(kernel, groups, &block, &bindings);
    }
}
