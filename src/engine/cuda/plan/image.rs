//! From the image to what the fusion reads of it, and from the fusion to images.

use super::super::arguments as args;
use super::super::arguments::Address;
use super::builder::{Builder, Map};
use super::convolution::{Post, Source};
use super::{Shape, image_bytes};
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
        self.encoder("im_enc", stem, |b, level, _| b.layers.of(&format!("msff{}.image", level + 1)))
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
            return self.conv("im_enc.conv1", 7, input, 16, Source::Plain, Post::Relu);
        }
        let output = self.map(size, 16)?;
        let (weights, bias) = self.layers.of("im_enc.conv1")?;
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

    pub(super) fn decode(&mut self, fused: &[Map]) -> Result<Map, DriverError> {
        let mut levels = fused.iter().rev().copied();
        let none = Map { at: 0, size: Size::new(0, 0), channels: 0, made_by: None };
        let mut x = levels.next().unwrap_or(none);
        for (i, skip) in levels.enumerate() {
            let layer = |j: usize| format!("dec.up{}.conv{j}", i + 1);
            let c = skip.channels;
            x = self.conv(&layer(1), 3, x, c, Source::Upsampled, Post::ReluAdd(skip))?;
            x = self.conv(&layer(2), 3, x, c, Source::Plain, Post::Relu)?;
        }
        Ok(x)
    }

    /// The last convolution, where it is a separate launch.
    pub(super) fn last_sums(&mut self, x: Map) -> Result<Map, DriverError> {
        self.conv("dec.conv", 3, x, 3, Source::Plain, Post::Linear)
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
            ..args::Head::default()
        };
        if self.half() {
            self.launch("head", (x.size.width.div_ceil(16), x.size.height.div_ceil(16)), 128, &a)?;
            // Image and results are added when they are known.
            self.cost(x.size, 432, &[x], 432);
        } else {
            self.flat("finish_single", x.size.area() * 3, 256, &args::Finish { head: a, sums: 0 })?;
        }
        Ok(a)
    }
}
