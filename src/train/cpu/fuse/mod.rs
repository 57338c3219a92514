//! The fusion MLP, forward and backward, in the reduced form (see `engine/cpu/fusion.rs`): the
//! first layer runs before the gathers, the last one after the blend. The backward pass recomputes
//! what lies between, a few pixels at a time, instead of storing it.

mod corners;
pub(crate) mod parts;
mod passes;
mod tasks;

use super::map::Map;
use super::weight_grad::{Operand, Pixels, outer};
use crate::engine::cpu::Isa;
use crate::engine::cpu::isa::Task;
use crate::engine::cpu::kernel::{Packed, Post};
use crate::engine::cpu::simd::Simd;
use crate::train::cpu::fuse::parts::{Fused, Fusion, Square};
use crate::train::layout::{Gradient, Layout};
use corners::CornerPositions;
use passes::Derivatives;

impl Fusion {
    pub(super) fn new(isa: Isa, layout: &Layout, all: &[f32], name: &str, c: usize) -> Self {
        let slot = |layer: usize| layout.slot(&format!("{name}.mlp.imnet.layers.{layer}"));
        let lanes = isa.lanes();
        let square = |layer| {
            let slot = slot(layer);
            let bias = &all[slot.bias_range()];
            let weight = |row, o| all[slot.place(row, o)];
            Square {
                forward: Packed::new(lanes, c, c, |o| bias[o], |o, row| weight(row, o)),
                transposed: Packed::new(lanes, c, c, |_| 0.0, weight),
                slot,
            }
        };
        let first = slot(0);
        let part = |from: usize| {
            let weight = |row: usize, o: usize| all[first.place(from + row, o)];
            [
                Packed::new(lanes, c, c, |_| 0.0, |o, row| weight(row, o)),
                Packed::new(lanes, c, c, |_| 0.0, weight),
            ]
        };
        Self {
            isa,
            c,
            event: part(0),
            image: part(c + 4),
            hidden: [square(2), square(4)],
            last: square(6),
            position: std::array::from_fn(|p| (0..c).map(|o| all[first.place(c + p, o)]).collect()),
            bias: all[first.bias_range()].to_vec(),
            first,
        }
    }

    fn project(&self, packed: &Packed, input: &Map) -> Map {
        let mut out = Map::unset(input.h, input.w, self.c, 0);
        assert_eq!(input.c, self.c);
        for y in 0..input.h {
            // SAFETY: both rows have w pixels of c values; the instruction set was detected.
            unsafe { self.product(packed, input.row(y), input.w, out.row_mut(y), Post::None) };
        }
        out
    }

    /// Back through a projection of `input`, and through the ReLU whose output `input` is: from the
    /// derivative `output` of the projection and its transposed matrix it computes that of the input, with a
    /// border of `pad`, and adds that of the weights to `weights`.
    fn project_back(
        &self,
        packed: &Packed,
        output: &Map,
        input: &Map,
        pad: usize,
        weights: &mut [f32],
    ) -> Map {
        assert_eq!((input.h, input.w, input.c), (output.h, output.w, output.c));
        assert_eq!(output.c, self.c);
        let mut out = Map::unset(output.h, output.w, self.c, pad);
        let (isa, c, w) = (self.isa, self.c, output.w);
        // Both for every row, while it is in the cache.
        for y in 0..output.h {
            let (input, output) = (input.row(y), output.row(y));
            // SAFETY: all rows have as many pixels of c values, and `weights` c rows of c; the
            // instruction set was detected.
            unsafe {
                isa.run(Products { input, output, c, out: weights });
                let post = Post::Gate(input.as_ptr());
                self.product(packed, output, w, out.row_mut(y), post);
            }
        }
        out
    }

    /// The cell's size in half image pixels, an input of the first layer.
    fn cell(event: &Map, image: &Map) -> [f32; 2] {
        [2.0 * event.h as f32 / image.h as f32, 2.0 * event.w as f32 / image.w as f32]
    }

    /// Fuses into a map of the image's size with a border of `pad`.
    pub(super) fn run(&self, event: &Map, image: &Map, pad: usize) -> (Map, Fused) {
        let c = self.c;
        let mut fused = Fused {
            event: self.project(&self.event[0], event),
            image: self.project(&self.image[0], image),
        };
        let [high, wide] = Self::cell(event, image);
        let constant: Vec<f32> = (0..c)
            .map(|o| self.bias[o] + self.position[2][o] * high + self.position[3][o] * wide)
            .collect();
        for pixel in fused.event.data.chunks_exact_mut(c) {
            pixel.iter_mut().zip(&constant).for_each(|(v, k)| *v += k);
        }
        let mut out = Map::unset(image.h, image.w, c, pad);
        let corners = CornerPositions::new(&fused);
        self.forward_pass(&fused, &corners, &mut out);
        (out, fused)
    }

    /// Computes the derivatives of both inputs before their ReLU, `(event, image)` with a border of
    /// `pad`, from the output's; adds those of the parameters to `gradient`.
    pub(super) fn backward(
        &self,
        event: &Map,
        image: &Map,
        fused: &Fused,
        output: &Map,
        pad: usize,
        gradient: &mut Gradient,
    ) -> (Map, Map) {
        let c = self.c;
        let mut to_event = Map::zeros(event.h, event.w, c, 0);
        let mut to_image = Map::zeros(image.h, image.w, c, 0);
        let mut squares: [Vec<f32>; 3] = std::array::from_fn(|_| vec![0.0; (c + 1) * c]);
        let mut position = vec![0.0_f32; 2 * c];
        let corners = CornerPositions::new(fused);
        let to = Derivatives {
            event: &mut to_event,
            image: &mut to_image,
            squares: &mut squares,
            position: &mut position,
        };
        self.backward_pass(fused, &corners, output, to);
        let [high, wide] = Self::cell(event, image);
        let slots = [&self.hidden[0].slot, &self.hidden[1].slot, &self.last.slot];
        for (slot, sums) in slots.into_iter().zip(&squares) {
            let work = &mut gradient.work[slot.work_range()];
            work.iter_mut().zip(sums).for_each(|(a, b)| *a += b);
        }
        // The first layer: event features, relative y and x, cell height and width, image features
        // and bias, each with c values.
        let work = &mut gradient.work[self.first.work_range()];
        let mut bias = vec![0.0_f32; c];
        for pixel in to_event.data.chunks_exact(c) {
            bias.iter_mut().zip(pixel).for_each(|(b, v)| *b += v);
        }
        let (event_rows, rest) = work.split_at_mut(c * c);
        let (numbers, rest) = rest.split_at_mut(4 * c);
        numbers.iter_mut().zip(&position).for_each(|(a, b)| *a += b);
        for (row, size) in numbers[2 * c..].chunks_exact_mut(c).zip([high, wide]) {
            row.iter_mut().zip(&bias).for_each(|(a, b)| *a += size * b);
        }
        let (image_rows, rest) = rest.split_at_mut(c * c);
        rest.iter_mut().zip(&bias).for_each(|(a, b)| *a += b);
        (
            self.project_back(&self.event[1], &to_event, event, pad, event_rows),
            self.project_back(&self.image[1], &to_image, image, pad, image_rows),
        )
    }
}

/// Adds the products of two rows of pixels to `c` rows of `c` values.
struct Products<'a> {
    input: &'a [f32],
    output: &'a [f32],
    c: usize,
    out: &'a mut [f32],
}

impl Task for Products<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { input, output, c, out } = self;
        let pixels = Pixels { rows: 1, count: output.len() / c };
        let [left, right] =
            [input, output].map(|row| Operand { start: row.as_ptr(), step: c, line: 0 });
        // SAFETY: both rows hold as many pixels; `out` has c rows of c values.
        unsafe { outer::<S>(pixels, left, c, right, c, out.as_mut_ptr()) };
    }
}
