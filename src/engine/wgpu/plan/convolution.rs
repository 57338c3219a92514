//! Convolutions, and the two encoders that are made of them.

use super::builder::{Builder, Map};
use crate::engine::wgpu::layers::Layer;
use crate::engine::wgpu::parameters::Conv;
use crate::engine::wgpu::shaders::{Kernel, KernelName, Source};
use crate::image::Size;
use wgpu::Buffer;

/// Rows of a workgroup of `conv_matrix.wgsl`.
const MATRIX_ROWS: usize = 4;

/// What a convolution does with its sums.
#[derive(Clone, Copy)]
pub(super) enum Post<'a> {
    Linear,
    Relu,
    /// Then the sum with a map of the output's size.
    ReluAdd(&'a Map),
}

/// Rows of an output, and where they are written.
pub(super) struct Rows<'a> {
    pub(super) first: usize,
    pub(super) count: usize,
    pub(super) to: &'a Buffer,
    /// In single precision, whatever maps are stored in.
    pub(super) wide: bool,
}

impl Builder<'_> {
    /// A convolution by the name of its weights.
    pub(super) fn conv(&mut self, name: &str, input: &Map, source: Source, post: Post<'_>) -> Map {
        let (layer, bias) = (self.layers.of(name), self.layers.bias.clone());
        self.conv_with(layer, &bias, input, source, post)
    }

    /// The same with a bias of another buffer.
    pub(super) fn conv_with(
        &mut self,
        layer: Layer,
        bias: &Buffer,
        input: &Map,
        source: Source,
        post: Post<'_>,
    ) -> Map {
        let Size { width, height } = input.size;
        let size = match source {
            Source::Plain => input.size,
            Source::Pooled => Size::new(width / 2, height / 2),
            Source::Upsampled => Size::new(2 * width, 2 * height),
        };
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
        post: Post<'_>,
        rows: &Rows<'_>,
    ) {
        let (rectify, skip) = match post {
            Post::Linear => (false, None),
            Post::Relu => (true, None),
            Post::ReluAdd(skip) => (true, Some(skip)),
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

    /// An encoder: features of the five levels, each projected by `project` while its successor is
    /// computed from it.
    pub(super) fn encoder(
        &mut self,
        name: &str,
        input: Map,
        mut project: impl FnMut(&mut Self, usize, &Map) -> Map,
    ) -> Vec<Map> {
        let stem = self.conv(&format!("{name}.conv1"), &input, Source::Plain, Post::Relu);
        self.release(input.buffer);
        let mut x = self.conv(&format!("{name}.conv2"), &stem, Source::Plain, Post::Relu);
        self.release(stem.buffer);
        let mut projected = vec![project(self, 0, &x)];
        for level in 1..=4 {
            let layer = |j: usize| format!("{name}.down{level}.conv{j}");
            let first = self.conv(&layer(1), &x, Source::Pooled, Post::Relu);
            self.release(x.buffer);
            x = self.conv(&layer(2), &first, Source::Plain, Post::Relu);
            self.release(first.buffer);
            projected.push(project(self, level, &x));
        }
        self.release(x.buffer);
        projected
    }
}
