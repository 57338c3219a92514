//! From the image to what the fusion reads of it, and from the fusion to images.

use super::super::arguments as args;
use super::super::arguments::Address;
use super::builder::{Builder, Map};
use super::{Shape, image_bytes};
use crate::engine::graph::{Encoder, Graph, Post, Source};
use crate::image::Size;
use cudarc::driver::DriverError;

impl Builder<'_> {
    /// From one lane's image to what the fusion reads of it.
    pub(super) fn image_part(
        &mut self,
        shape: Shape,
        blur: Address,
        eight_bit: bool,
    ) -> Result<Vec<Map>, DriverError> {
        let stem = self.stem(shape.image, blur, eight_bit)?;
        self.encode(Encoder::Image, stem)
    }

    pub(super) fn stem(
        &mut self,
        size: Size,
        blur: Address,
        eight_bit: bool,
    ) -> Result<Map, DriverError> {
        let eight_bit = i32::from(eight_bit);
        if !self.half() {
            let input = self.map(size, 3)?;
            let (height, width) = (size.height as i32, size.width as i32);
            let a = args::Resize {
                input: blur,
                output: input.at,
                height,
                width,
                channels: 3,
                source_height: height,
                source_width: width,
                eight_bit,
            };
            self.flat("single_image", size.area() * 3, 256, &a)?;
            return self.conv(&Encoder::Image.stem(), &input, Source::Plain, &Post::Relu);
        }
        let output = self.map(size, 16)?;
        let (weights, bias) = self.layers.of(&Encoder::Image.stem())?;
        let a = args::Stem {
            image: blur,
            weights,
            bias,
            output: output.at,
            height: size.height as i32,
            width: size.width as i32,
            eight_bit,
            unused: 0,
        };
        self.launch("stem", (size.width.div_ceil(16), size.height.div_ceil(16)), 128, &a)?;
        self.cost(size, 7 * 7 * 3 * 16, &[output], 7 * 7 * 3 * 16);
        if let Some(launch) = self.launches.last_mut() {
            launch.cost.bytes += image_bytes(size, eight_bit != 0);
        }
        Ok(output)
    }

    /// The last convolution, where it is a separate launch.
    pub(super) fn last_sums(&mut self, x: Map) -> Result<Map, DriverError> {
        self.conv("dec.conv", &x, Source::Plain, &Post::Linear)
    }

    /// The end of the network, whose inputs and outputs are not set yet; returns its arguments.
    pub(super) fn head(&mut self, x: Map) -> Result<args::Head, DriverError> {
        let (weights, bias) = self.layers.of("dec.conv")?;
        let a = args::Head {
            input: x.at,
            weights,
            bias,
            height: x.size.height as i32,
            width: x.size.width as i32,
            noise: self.layers.residual_noise,
            ..args::Head::default()
        };
        let cells = (x.size.width.div_ceil(16), x.size.height.div_ceil(16));
        if self.half() {
            self.launch("head", cells, 128, &a)?;
            // Image and results are added when they are known.
            self.cost(x.size, 432, &[x], 432);
        } else {
            self.launch("finish_single", cells, 256, &args::Finish { head: a, sums: 0 })?;
        }
        Ok(a)
    }
}
