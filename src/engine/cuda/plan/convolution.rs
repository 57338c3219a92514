//! Convolutions in either precision, of which encoders and decoder are made.

use super::super::arguments as args;
use super::super::arguments::Address;
use super::builder::{Builder, Map};
use crate::engine::graph::{self, Encoder, Graph, Post};
use crate::image::Size;
use cudarc::driver::DriverError;

/// How a convolution reads its input, as `Source` in `conv.cuh`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Plain,
    Counts,
    Pooled,
    Upsampled,
}

impl From<graph::Source> for Source {
    fn from(source: graph::Source) -> Self {
        match source {
            graph::Source::Plain => Self::Plain,
            graph::Source::Pooled => Self::Pooled,
            graph::Source::Upsampled => Self::Upsampled,
        }
    }
}

/// What is added to the sums.
fn skip_of(post: &Post<'_, Map>) -> Option<Map> {
    match post {
        Post::ReluAdd(skip) => Some(**skip),
        Post::Linear | Post::Relu => None,
    }
}

impl Graph for Builder<'_> {
    type Map = Map;
    type Error = DriverError;

    fn levels(&self) -> usize {
        self.layers.levels
    }

    fn conv(
        &mut self,
        name: &str,
        input: &Map,
        source: graph::Source,
        post: &Post<'_, Map>,
    ) -> Result<Map, DriverError> {
        self.conv_from(name, *input, source.into(), post)
    }

    /// In half precision it is one launch.
    fn projected(
        &mut self,
        name: &str,
        input: Map,
        encoder: Encoder,
        level: usize,
    ) -> Result<(Map, Map), DriverError> {
        let (c, size) = (input.channels, input.size);
        let (next, next_bias) = self.layers.of(&encoder.projection(level))?;
        let next_bias = match encoder {
            Encoder::Image => next_bias,
            Encoder::Events(image) => self.event_bias(level, size, image)?,
        };
        if !self.half() {
            let features = self.conv_from(name, input, Source::Plain, &Post::Relu)?;
            let projected =
                self.conv_with(next, next_bias, 1, features, c, Source::Plain, &Post::Linear)?;
            return Ok((features, projected));
        }
        let ((weights, bias), [k, _]) = (self.layers.of(name)?, self.layers.sizes(name)?);
        let (features, projected) = (self.map(size, c)?, self.map(size, c)?);
        let a = args::Project {
            conv: conv_arguments(weights, bias, input, 0, features),
            weights: next,
            bias: next_bias,
            output: projected.at,
        };
        self.launch(&format!("conv{k}_{c}_{c}_project"), conv_grid(features), 128, &a)?;
        self.reads(&[input]);
        let products = (k * k + 1) * c * c;
        self.cost(size, products, &[input, features, projected], products);
        Ok((features, projected))
    }

    /// Launches that may run at the same time share no memory.
    fn release(&mut self, _: Map) {}
}

impl Builder<'_> {
    /// A convolution by the name of its weights.
    pub(super) fn conv_from(
        &mut self,
        name: &str,
        input: Map,
        source: Source,
        post: &Post<'_, Map>,
    ) -> Result<Map, DriverError> {
        let ((weights, bias), [k, cout]) = (self.layers.of(name)?, self.layers.sizes(name)?);
        self.conv_with(weights, bias, k, input, cout, source, post)
    }

    #[allow(clippy::too_many_arguments, reason = "a layer is what it is")]
    pub(super) fn conv_with(
        &mut self,
        weights: Address,
        bias: Address,
        k: usize,
        input: Map,
        cout: usize,
        source: Source,
        post: &Post<'_, Map>,
    ) -> Result<Map, DriverError> {
        let size = match source {
            Source::Plain | Source::Counts => input.size,
            Source::Pooled => graph::Source::Pooled.output(input.size),
            Source::Upsampled => graph::Source::Upsampled.output(input.size),
        };
        if !self.half() {
            return self.single_conv(weights, bias, k, input, size, cout, source, post);
        }
        let suffix = match source {
            Source::Plain => "",
            Source::Counts => "_counts",
            Source::Pooled => "_pooled",
            Source::Upsampled => "_upsampled",
        };
        let output = self.map(size, cout)?;
        let skip = skip_of(post).map_or(0, |skip| skip.at);
        let a = conv_arguments(weights, bias, input, skip, output);
        self.launch(
            &format!("conv{k}_{}_{cout}{suffix}", input.channels),
            conv_grid(output),
            128,
            &a,
        )?;
        let weights = k * k * input.channels * cout;
        let mut maps = vec![input];
        maps.extend(skip_of(post));
        self.reads(&maps);
        maps.push(output);
        self.cost(size, weights, &maps, weights);
        Ok(output)
    }

    #[allow(clippy::too_many_arguments, reason = "a layer is what it is")]
    pub(super) fn single_conv(
        &mut self,
        weights: Address,
        bias: Address,
        k: usize,
        input: Map,
        size: Size,
        cout: usize,
        source: Source,
        post: &Post<'_, Map>,
    ) -> Result<Map, DriverError> {
        let input = match source {
            Source::Plain | Source::Counts => input,
            Source::Pooled => self.resize("single_pool", input, size)?,
            Source::Upsampled => self.resize("single_upsample", input, size)?,
        };
        let output = self.map(size, cout)?;
        let a = args::SingleConv {
            input: input.at,
            weights,
            bias,
            skip: skip_of(post).map_or(0, |skip| skip.at),
            output: output.at,
            height: size.height as i32,
            width: size.width as i32,
            kernel: k as i32,
            cin: input.channels as i32,
            cout: cout as i32,
            relu: i32::from(!matches!(post, Post::Linear)),
        };
        self.flat("single_conv", size.area() * cout.div_ceil(8), 128, &a)?;
        let weights = k * k * input.channels * cout;
        self.cost(size, weights, &[input, output], weights);
        Ok(output)
    }

    pub(super) fn resize(
        &mut self,
        name: &str,
        input: Map,
        size: Size,
    ) -> Result<Map, DriverError> {
        let map = self.map(size, input.channels)?;
        let a = args::Resize {
            input: input.at,
            output: map.at,
            height: size.height as i32,
            width: size.width as i32,
            channels: input.channels as i32,
            source_height: input.size.height as i32,
            source_width: input.size.width as i32,
            eight_bit: 0,
        };
        self.flat(name, size.area() * input.channels, 256, &a)?;
        Ok(map)
    }
}

fn conv_arguments(
    weights: Address,
    bias: Address,
    input: Map,
    skip: Address,
    output: Map,
) -> args::Conv {
    args::Conv {
        input: input.at,
        weights,
        bias,
        skip,
        output: output.at,
        height: output.size.height as i32,
        width: output.size.width as i32,
        source_height: input.size.height as i32,
        source_width: input.size.width as i32,
    }
}

/// As CONV in conv.cu.
fn conv_grid(output: Map) -> (usize, usize) {
    let rows = (512 / output.channels).min(16);
    (output.size.width.div_ceil(16), output.size.height.div_ceil(rows))
}
