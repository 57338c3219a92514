//! From the image to what the fusion reads of it, and from the fusion to images.

use super::super::arguments as args;
use super::super::arguments::Address;
use super::Shape;
use super::builder::{Builder, Map};
use super::convolution::{Post, Source};
use crate::image::Size;
use cudarc::driver::DriverError;

impl Builder<'_> {
    /// From one lane's image to what the fusion reads of it.
    pub(super) fn image_part(
        &mut self,
        shape: Shape,
        blur: Address,
    ) -> Result<Vec<Map>, DriverError> {
        let stem = self.stem(shape.image, blur)?;
        let features = self.encoder("im_enc", stem)?;
        let project = |(i, f): (usize, &Map)| {
            let name = format!("msff{}.image", i + 1);
            self.conv(&name, 1, *f, f.channels, Source::Plain, Post::Linear)
        };
        features.iter().enumerate().map(project).collect()
    }

    pub(super) fn stem(&mut self, size: Size, blur: Address) -> Result<Map, DriverError> {
        if !self.half() {
            let planes = Map { at: blur, size, channels: 3 };
            let input = self.resize("single_image", planes, size)?;
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
        };
        self.launch("stem", (size.width.div_ceil(16), size.height.div_ceil(16)), 128, &a)?;
        // The image comes in single precision: twice the bytes of a half map.
        self.cost(
            size,
            7 * 7 * 3 * 16,
            &[Map { at: blur, size, channels: 6 }, output],
            7 * 7 * 3 * 16,
        );
        Ok(output)
    }

    pub(super) fn decode(&mut self, fused: &[Map]) -> Result<Map, DriverError> {
        let mut levels = fused.iter().rev().copied();
        let mut x = levels.next().unwrap_or(Map { at: 0, size: Size::new(0, 0), channels: 0 });
        for (i, skip) in levels.enumerate() {
            let layer = |j: usize| format!("dec.up{}.conv{j}", i + 1);
            let c = skip.channels;
            x = self.conv(&layer(1), 3, x, c, Source::Upsampled, Post::ReluAdd(skip))?;
            x = self.conv(&layer(2), 3, x, c, Source::Plain, Post::Relu)?;
        }
        Ok(x)
    }

    /// The last convolution, where it is a launch of its own.
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
            // Beside the map the image in single precision (three numbers of twice the bytes)
            // and pixels (three of half).
            self.cost(x.size, 432, &[x, Map { channels: 6, ..x }], 432);
            if let Some(launch) = self.launches.last_mut() {
                launch.cost.bytes += 3 * x.size.area() as u64;
            }
        } else {
            self.flat("finish_single", x.size.area() * 3, 256, &args::Finish { head: a, sums: 0 })?;
        }
        Ok(a)
    }
}
