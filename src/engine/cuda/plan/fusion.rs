//! The fusion of both encodings and its deformable convolutions.

use super::super::arguments as args;
use super::builder::{Builder, Map};
use super::convolution::{Post, Source};
use crate::engine::cpu::fusion::corners;
use crate::network::FUSION_LEVELS;
use cudarc::driver::DriverError;

impl Builder<'_> {
    pub(super) fn fuse(
        &mut self,
        level: usize,
        event: Map,
        image: Map,
    ) -> Result<Map, DriverError> {
        let (c, size, name) = (image.channels, image.size, format!("msff{}", level + 1));
        let output = self.map(size, c)?;
        let mut axis = |image: usize, event: usize| {
            let both = [-1.0, 1.0].into_iter().flat_map(|side| corners(image, event, side));
            let table: Vec<args::Corner> = both
                .map(|k| args::Corner {
                    event: k.event as i32,
                    image: k.image as i32,
                    relative: k.relative,
                })
                .collect();
            self.upload(&table)
        };
        let (rows, columns) =
            (axis(size.height, event.size.height)?, axis(size.width, event.size.width)?);
        let (weights, bias) = self.layers.of(&format!("{name}.mlp"))?;
        let a = args::Fuse {
            event: event.at,
            image: image.at,
            weights,
            bias,
            position: self.layers.position(&name)?.relative.at,
            rows,
            columns,
            output: output.at,
            height: size.height as i32,
            width: size.width as i32,
            event_width: event.size.width as i32,
            channels: c as i32,
        };
        if self.half() {
            let grid = (size.width.div_ceil(16), size.height.div_ceil(4));
            self.launch(&format!("fuse_{c}"), grid, 128, &a)?;
            self.reads(&[event, image]);
        } else {
            self.launch("single_fuse", (size.area().div_ceil(128 / c), 1), 128, &a)?;
        }
        self.cost(size, 9 * c * c, &[event, image, output], 3 * c * c);
        Ok(output)
    }

    pub(super) fn deform(&mut self, level: usize, input: Map) -> Result<Map, DriverError> {
        let (c, size, k) = (input.channels, input.size, FUSION_LEVELS[level].kernel);
        let name = format!("msff{}.dcn", level + 1);
        let (weights, bias) = self.layers.of(&name)?;
        let offsets = format!("{name}.conv_offset_mask");
        let (height, width) = (size.height as i32, size.width as i32);
        if !self.half() {
            let offsets = self.conv(&offsets, k, input, 3 * k * k, Source::Plain, Post::Linear)?.at;
            let output = self.map(size, c)?;
            let a = args::SingleDeform {
                input: input.at,
                offsets,
                weights,
                bias,
                output: output.at,
                height,
                width,
                kernel: k as i32,
                channels: c as i32,
            };
            self.launch("single_deform", (size.area().div_ceil(128 / c), 1), 128, &a)?;
            return Ok(output);
        }
        let output = self.map(size, c)?;
        let (offset_weights, offset_bias) = self.layers.of(&offsets)?;
        let a = args::Deform {
            input: input.at,
            offset_weights,
            offset_bias,
            weights,
            bias,
            output: output.at,
            height,
            width,
        };
        self.launch(
            &format!("deform{k}_{c}"),
            (size.width.div_ceil(16), size.height.div_ceil(8)),
            128,
            &a,
        )?;
        self.reads(&[input]);
        let products = k * k * c * (3 * k * k + c);
        self.cost(size, products, &[input, output], products);
        Ok(output)
    }
}
