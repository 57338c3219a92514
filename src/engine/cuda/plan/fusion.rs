//! The fusion of both encodings and its deformable convolutions.

use super::super::arguments as args;
use super::builder::{Builder, Map};
use crate::engine::corners::{self, corners};
use crate::engine::graph::{Graph, Post, Source};
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
        // Of an axis with so many positions, and the numbers in the maps from one to the next.
        let mut axis = |image: usize, event: usize, image_step: usize, event_step: usize| {
            let sides = [-1.0, 1.0].map(|side| corners(image, event, side));
            let corner = |(this, other): (&corners::Corner, &corners::Corner)| args::Corner {
                event: (this.event * event_step) as u32,
                image: (this.image * image_step) as u32,
                relative: this.relative,
                opposite: other.relative.abs(),
            };
            let [first, second] = &sides;
            let both = first.iter().zip(second).chain(second.iter().zip(first));
            self.upload(&both.map(corner).collect::<Vec<_>>())
        };
        let rows = axis(size.height, event.size.height, size.width * c, event.size.width * c)?;
        let columns = axis(size.width, event.size.width, c, c)?;
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
            channels: c as i32,
            unused: 0,
        };
        if self.half() {
            // As fuse_rows in fuse.cu, by four warps.
            let rows = if c < 64 { 8 } else { 4 };
            let grid = (size.width.div_ceil(16), size.height.div_ceil(rows));
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
            let offsets = self.conv(&offsets, &input, Source::Plain, &Post::Linear)?.at;
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
        // As deform_rows in deform.cu.
        let rows = if c < 128 { 8 } else { 4 };
        let grid = (size.width.div_ceil(16), size.height.div_ceil(rows));
        self.launch(&format!("deform{k}_{c}"), grid, 128, &a)?;
        self.reads(&[input]);
        let products = k * k * c * (3 * k * k + c);
        self.cost(size, products, &[input, output], products);
        Ok(output)
    }
}
