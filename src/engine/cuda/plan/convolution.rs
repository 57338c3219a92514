//! Convolutions in either precision, and the two encoders that are made of them.

use super::super::arguments as args;
use super::super::arguments::Address;
use super::builder::{Builder, Map};
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

/// What a convolution does with its sums.
#[derive(Clone, Copy)]
pub(super) enum Post {
    Linear,
    Relu,
    ReluAdd(Map),
}

impl Post {
    /// What is added to the sums.
    fn skip(self) -> Option<Map> {
        match self {
            Self::ReluAdd(skip) => Some(skip),
            Self::Linear | Self::Relu => None,
        }
    }
}

impl Builder<'_> {
    pub(super) fn conv(
        &mut self,
        name: &str,
        k: usize,
        input: Map,
        cout: usize,
        source: Source,
        post: Post,
    ) -> Result<Map, DriverError> {
        let (weights, bias) = self.layers.of(name)?;
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
        post: Post,
    ) -> Result<Map, DriverError> {
        let Size { width, height } = input.size;
        let size = match source {
            Source::Plain | Source::Counts => input.size,
            Source::Pooled => Size::new(width / 2, height / 2),
            Source::Upsampled => Size::new(2 * width, 2 * height),
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
        let skip = post.skip().map_or(0, |skip| skip.at);
        let a = conv_arguments(weights, bias, input, skip, output);
        self.launch(
            &format!("conv{k}_{}_{cout}{suffix}", input.channels),
            conv_grid(output),
            128,
            &a,
        )?;
        let weights = k * k * input.channels * cout;
        let mut maps = vec![input];
        maps.extend(post.skip());
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
        post: Post,
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
            skip: post.skip().map_or(0, |skip| skip.at),
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

    /// The rest of an encoder after its first convolution, and on the features of the five levels the
    /// fusion's first layer, whose maps are returned. `first_layer` gives its weights and bias for a
    /// level and its size.
    pub(super) fn encoder(
        &mut self,
        name: &str,
        stem: Map,
        first_layer: impl Fn(&mut Self, usize, Size) -> Result<(Address, Address), DriverError>,
    ) -> Result<Vec<Map>, DriverError> {
        let next = first_layer(self, 0, stem.size)?;
        let (mut x, first) = self.projected(&format!("{name}.conv2"), 7, stem, next)?;
        let mut out = vec![first];
        for (i, (c, k)) in [(32, 5), (64, 3), (128, 3), (128, 3)].into_iter().enumerate() {
            let layer = |j: usize| format!("{name}.down{}.conv{j}", i + 1);
            x = self.conv(&layer(1), k, x, c, Source::Pooled, Post::Relu)?;
            let next = first_layer(self, i + 1, x.size)?;
            let (features, projected) = self.projected(&layer(2), k, x, next)?;
            x = features;
            out.push(projected);
        }
        Ok(out)
    }

    /// A convolution with as many outputs as inputs and a ReLU, and on its outputs a layer of one
    /// pixel's channels, whose weights and bias are `next`: the maps of both.
    fn projected(
        &mut self,
        name: &str,
        k: usize,
        input: Map,
        next: (Address, Address),
    ) -> Result<(Map, Map), DriverError> {
        let (c, size) = (input.channels, input.size);
        if !self.half() {
            let features = self.conv(name, k, input, c, Source::Plain, Post::Relu)?;
            let (weights, bias) = next;
            let projected =
                self.conv_with(weights, bias, 1, features, c, Source::Plain, Post::Linear)?;
            return Ok((features, projected));
        }
        let (weights, bias) = self.layers.of(name)?;
        let (features, projected) = (self.map(size, c)?, self.map(size, c)?);
        let a = args::Project {
            conv: conv_arguments(weights, bias, input, 0, features),
            weights: next.0,
            bias: next.1,
            output: projected.at,
        };
        self.launch(&format!("conv{k}_{c}_{c}_project"), conv_grid(features), 128, &a)?;
        self.reads(&[input]);
        let products = (k * k + 1) * c * c;
        self.cost(size, products, &[input, features, projected], products);
        Ok((features, projected))
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
