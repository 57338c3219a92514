//! The fusion MLP forward and backward, in the reduced form (see `engine/cpu/fusion.rs`): the
//! first layer before the gathers, the last one after the blend. What lies between is computed
//! again on the way back, a few pixels at a time, instead of being kept.

use super::map::Map;
use super::outer::{Operand, Pixels, outer};
use crate::engine::cpu::Isa;
use crate::engine::cpu::fusion::{Corner, corners};
use crate::engine::cpu::kernel::{Packed, Post, Rows, Task, matmul};
use crate::engine::cpu::simd::Simd;
use crate::train::layout::{Gradient, Layout, Slot};

/// Pixels that go through the MLP together.
const TILE: usize = 24;

/// A square layer, and its transpose for the way back.
struct Square {
    slot: Slot,
    forward: Packed,
    transposed: Packed,
}

/// The fusion MLP of one level.
pub(super) struct Fusion {
    isa: Isa,
    c: usize,
    first: Slot,
    /// The first layer's columns for event and image features, and their transposes.
    event: [Packed; 2],
    image: [Packed; 2],
    hidden: [Square; 2],
    last: Square,
    /// First-layer weights of relative y and x, then of the cell's height and width.
    position: [Vec<f32>; 4],
    bias: Vec<f32>,
}

/// What the way back needs of the way there.
pub(super) struct Fused {
    event: Map,
    image: Map,
}

fn dense(start: *const f32, depth: usize, count: usize) -> Rows {
    Rows { start, step: depth, runs: 1, run_len: depth, run_step: 0, count }
}

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
        let mut out = Map::zeros(input.h, input.w, self.c, 0);
        // SAFETY: both maps have pixels of c numbers; the instruction set was detected.
        unsafe { self.isa.run(Project { packed, input, out: &mut out }) };
        out
    }

    /// The cell's size in half image pixels, as the first layer reads it.
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
        let mut out = Map::zeros(image.h, image.w, c, pad);
        let places = Places::new(&fused);
        // SAFETY: all maps have pixels of c numbers; the instruction set was detected.
        unsafe {
            self.isa.run(Forward { fusion: self, fused: &fused, places, out: &mut out });
        }
        (out, fused)
    }

    /// From the output's derivative to those of both inputs, `(event, image)`, without border;
    /// adds those of the parameters.
    pub(super) fn back(
        &self,
        event: &Map,
        image: &Map,
        fused: &Fused,
        output: &Map,
        gradient: &mut Gradient,
    ) -> (Map, Map) {
        let c = self.c;
        let mut to_event = Map::zeros(event.h, event.w, c, 0);
        let mut to_image = Map::zeros(image.h, image.w, c, 0);
        let mut squares: [Vec<f32>; 3] = std::array::from_fn(|_| vec![0.0; (c + 1) * c]);
        let mut position = vec![0.0_f32; 2 * c];
        let places = Places::new(fused);
        // SAFETY: all maps have pixels of c numbers, the sums of squares c + 1 rows of c, the
        // position's two; the instruction set was detected.
        unsafe {
            self.isa.run(Backward {
                fusion: self,
                fused,
                places,
                output,
                to_event: &mut to_event,
                to_image: &mut to_image,
                squares: &mut squares,
                position: &mut position,
            });
        }
        let [high, wide] = Self::cell(event, image);
        let slots = [&self.hidden[0].slot, &self.hidden[1].slot, &self.last.slot];
        for (slot, sums) in slots.into_iter().zip(&squares) {
            let work = &mut gradient.work[slot.work_range()];
            work.iter_mut().zip(sums).for_each(|(a, b)| *a += b);
        }
        // The first layer: event features, relative y and x, cell height and width, image
        // features, bias; c numbers each.
        let work = &mut gradient.work[self.first.work_range()];
        let mut bias = vec![0.0_f32; c];
        for pixel in to_event.data.chunks_exact(c) {
            bias.iter_mut().zip(pixel).for_each(|(b, v)| *b += v);
        }
        let (features, rest) = work.split_at_mut(c * c);
        self.products(event, &to_event, features);
        let (numbers, rest) = rest.split_at_mut(4 * c);
        numbers.iter_mut().zip(&position).for_each(|(a, b)| *a += b);
        for (row, size) in numbers[2 * c..].chunks_exact_mut(c).zip([high, wide]) {
            row.iter_mut().zip(&bias).for_each(|(a, b)| *a += size * b);
        }
        let (features, rest) = rest.split_at_mut(c * c);
        self.products(image, &to_image, features);
        rest.iter_mut().zip(&bias).for_each(|(a, b)| *a += b);
        (self.project(&self.event[1], &to_event), self.project(&self.image[1], &to_image))
    }

    fn products(&self, input: &Map, output: &Map, out: &mut [f32]) {
        // SAFETY: two maps of one size with pixels of c numbers, and c rows of c.
        unsafe { self.isa.run(Products { input, output, out }) };
    }
}

struct Project<'a> {
    packed: &'a Packed,
    input: &'a Map,
    out: &'a mut Map,
}

impl Task for Project<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let c = self.input.c;
        for y in 0..self.input.h {
            let rows = dense(self.input.row(y).as_ptr(), c, self.input.w);
            let out = self.out.row_mut(y).as_mut_ptr();
            // SAFETY: both rows hold w pixels of c numbers.
            unsafe { matmul::<S>(self.packed, rows, out, c, Post::None) };
        }
    }
}

struct Products<'a> {
    input: &'a Map,
    output: &'a Map,
    out: &'a mut [f32],
}

impl Task for Products<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let c = self.output.c;
        for y in 0..self.output.h {
            let pixels = Pixels { rows: 1, count: self.output.w };
            let left = Operand { start: self.input.row(y).as_ptr(), step: self.input.c, line: 0 };
            let right = Operand { start: self.output.row(y).as_ptr(), step: c, line: 0 };
            // SAFETY: both rows hold w pixels; `out` has c rows of c numbers.
            unsafe { outer::<S>(pixels, left, c, right, c, self.out.as_mut_ptr()) };
        }
    }
}

/// Where the corners are read, per axis and side.
struct Places {
    rows: [Vec<Corner>; 2],
    columns: [Vec<Corner>; 2],
}

impl Places {
    fn new(fused: &Fused) -> Self {
        let (e, i) = (&fused.event, &fused.image);
        Self {
            rows: [corners(i.h, e.h, -1.0), corners(i.h, e.h, 1.0)],
            columns: [corners(i.w, e.w, -1.0), corners(i.w, e.w, 1.0)],
        }
    }

    /// The weight of every corner for the pixels from `x0` on: the share of the rectangle
    /// opposite to it.
    fn weights(&self, y: usize, x0: usize, n: usize) -> [[f32; 4]; TILE] {
        let mut areas = [[0.0_f32; 4]; TILE];
        for (x, of) in areas[..n].iter_mut().enumerate() {
            let area: [f32; 4] = std::array::from_fn(|i| {
                let (row, column) = (self.rows[i / 2][y], self.columns[i % 2][x0 + x]);
                (row.relative * column.relative).abs() + 1e-9
            });
            let total = area[0] + area[1] + area[2] + area[3];
            *of = std::array::from_fn(|i| area[3 - i] / total);
        }
        areas
    }

    /// The first layer's result at one corner for `n` pixels from `x0` on.
    #[inline(always)]
    unsafe fn gather<S: Simd>(
        &self,
        fusion: &Fusion,
        fused: &Fused,
        corner: usize,
        (y, x0, n): (usize, usize, usize),
        z: *mut f32,
    ) {
        let c = fusion.c;
        let [wy, wx, ..] = &fusion.position;
        let row = self.rows[corner / 2][y];
        let (events, images) = (fused.event.row(row.event), fused.image.row(row.image));
        // SAFETY: `corners` gives indices within both maps, whose pixels have c numbers, a
        // multiple of the lanes; z holds n pixels.
        unsafe {
            let (zero, ry) = (S::splat(0.0), S::splat(row.relative));
            let mut o = 0;
            while o < c {
                let down = S::mul(S::load(wy.as_ptr().add(o)), ry);
                let across = S::load(wx.as_ptr().add(o));
                for (x, q) in self.columns[corner % 2][x0..x0 + n].iter().enumerate() {
                    let e = S::load(events.as_ptr().add(q.event * c + o));
                    let i = S::load(images.as_ptr().add(q.image * c + o));
                    let v = S::fma(across, S::splat(q.relative), S::add(S::add(e, i), down));
                    S::store(z.add(x * c + o), S::max(v, zero));
                }
                o += S::LANES;
            }
        }
    }
}

/// `to[pixel] += weight(pixel) * from[pixel]` for pixels of `c` numbers.
#[inline(always)]
unsafe fn blend<S: Simd>(
    c: usize,
    weights: &[[f32; 4]],
    corner: usize,
    from: &[f32],
    to: *mut f32,
) {
    for (x, of) in weights.iter().enumerate() {
        let mut o = 0;
        while o < c {
            // SAFETY: both hold as many pixels as there are weights.
            unsafe {
                let at = to.add(x * c + o);
                let v = S::load(from.as_ptr().add(x * c + o));
                S::store(at, S::fma(S::splat(of[corner]), v, S::load(at)));
            }
            o += S::LANES;
        }
    }
}

struct Forward<'a> {
    fusion: &'a Fusion,
    fused: &'a Fused,
    places: Places,
    out: &'a mut Map,
}

impl Task for Forward<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { fusion, fused, places, out } = self;
        let c = fusion.c;
        let mut scratch = vec![0.0_f32; 3 * TILE * c];
        let (z, rest) = scratch.split_at_mut(TILE * c);
        let (t, sum) = rest.split_at_mut(TILE * c);
        for y in 0..out.h {
            let mut x0 = 0;
            while x0 < out.w {
                let n = TILE.min(out.w - x0);
                let weights = places.weights(y, x0, n);
                sum.fill(0.0);
                // SAFETY: z, t and sum hold TILE pixels of c numbers, and n <= TILE.
                unsafe {
                    for corner in 0..4 {
                        places.gather::<S>(fusion, fused, corner, (y, x0, n), z.as_mut_ptr());
                        let [a, b] = &fusion.hidden;
                        let rows = dense(z.as_ptr(), c, n);
                        matmul::<S>(&a.forward, rows, t.as_mut_ptr(), c, Post::Relu);
                        let rows = dense(t.as_ptr(), c, n);
                        matmul::<S>(&b.forward, rows, z.as_mut_ptr(), c, Post::Relu);
                        blend::<S>(c, &weights[..n], corner, z, sum.as_mut_ptr());
                    }
                    let to = out.row_mut(y)[x0 * c..].as_mut_ptr();
                    let rows = dense(sum.as_ptr(), c, n);
                    matmul::<S>(&fusion.last.forward, rows, to, c, Post::None);
                }
                x0 += n;
            }
        }
    }
}

/// Adds to a square layer's weights and bias, from `n` pixels of its input and of its output's
/// derivative. A function and not a closure: a closure here would not get the instruction set
/// that the task runs with.
///
/// # Safety
/// `square` holds c rows of c numbers and the bias, both slices n pixels of c numbers.
#[inline(always)]
unsafe fn square_products<S: Simd>(
    square: &mut [f32],
    input: &[f32],
    derivative: &[f32],
    (n, c): (usize, usize),
) {
    let pixels = Pixels { rows: 1, count: n };
    let (weights, bias) = square.split_at_mut(c * c);
    let left = Operand { start: input.as_ptr(), step: c, line: 0 };
    let right = Operand { start: derivative.as_ptr(), step: c, line: 0 };
    // SAFETY: as the caller promised.
    unsafe { outer::<S>(pixels, left, c, right, c, weights.as_mut_ptr()) };
    for pixel in derivative.chunks_exact(c).take(n) {
        bias.iter_mut().zip(pixel).for_each(|(b, v)| *b += v);
    }
}

struct Backward<'a> {
    fusion: &'a Fusion,
    fused: &'a Fused,
    places: Places,
    output: &'a Map,
    to_event: &'a mut Map,
    to_image: &'a mut Map,
    /// For both hidden layers and the last one: c rows of weights, then the bias.
    squares: &'a mut [Vec<f32>; 3],
    position: &'a mut [f32],
}

/// Zeroes derivatives where the ReLU gave zero.
fn through_relu(derivative: &mut [f32], output: &[f32]) {
    for (d, v) in derivative.iter_mut().zip(output) {
        *d = if *v > 0.0 { *d } else { 0.0 };
    }
}

impl Task for Backward<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { fusion, fused, places, output, to_event, to_image, squares, position } = self;
        let c = fusion.c;
        let mut scratch = vec![0.0_f32; 6 * TILE * c];
        let mut parts = scratch.chunks_exact_mut(TILE * c);
        let mut part = || parts.next().unwrap_or_default();
        let (z, t, u, d, e, sum) = (part(), part(), part(), part(), part(), part());
        for y in 0..output.h {
            let mut x0 = 0;
            while x0 < output.w {
                let n = TILE.min(output.w - x0);
                let weights = places.weights(y, x0, n);
                let given = &output.row(y)[x0 * c..][..n * c];
                sum.fill(0.0);
                // SAFETY: every part holds TILE pixels of c
                // numbers, and n <= TILE.
                unsafe {
                    // The derivative of the blend, in e.
                    let rows = dense(given.as_ptr(), c, n);
                    let last = &fusion.last.transposed;
                    matmul::<S>(last, rows, e.as_mut_ptr(), c, Post::None);
                    for corner in 0..4 {
                        places.gather::<S>(fusion, fused, corner, (y, x0, n), z.as_mut_ptr());
                        let [a, b] = &fusion.hidden;
                        let rows = dense(z.as_ptr(), c, n);
                        matmul::<S>(&a.forward, rows, t.as_mut_ptr(), c, Post::Relu);
                        let rows = dense(t.as_ptr(), c, n);
                        matmul::<S>(&b.forward, rows, u.as_mut_ptr(), c, Post::Relu);
                        blend::<S>(c, &weights[..n], corner, u, sum.as_mut_ptr());
                        // Through the second hidden layer.
                        d.fill(0.0);
                        blend::<S>(c, &weights[..n], corner, e, d.as_mut_ptr());
                        through_relu(&mut d[..n * c], u);
                        square_products::<S>(&mut squares[1], t, d, (n, c));
                        let rows = dense(d.as_ptr(), c, n);
                        matmul::<S>(&b.transposed, rows, u.as_mut_ptr(), c, Post::None);
                        // Through the first one.
                        through_relu(&mut u[..n * c], t);
                        square_products::<S>(&mut squares[0], z, u, (n, c));
                        let rows = dense(u.as_ptr(), c, n);
                        matmul::<S>(&a.transposed, rows, d.as_mut_ptr(), c, Post::None);
                        through_relu(&mut d[..n * c], z);
                        // To both projections and the position.
                        let row = places.rows[corner / 2][y];
                        let events = to_event.row_mut(row.event);
                        let images = to_image.row_mut(row.image);
                        let columns = &places.columns[corner % 2][x0..x0 + n];
                        let (down, across) = position.split_at_mut(c);
                        for (q, v) in columns.iter().zip(d.chunks_exact(c)) {
                            let event = &mut events[q.event * c..][..c];
                            let image = &mut images[q.image * c..][..c];
                            for (o, v) in v.iter().enumerate() {
                                event[o] += v;
                                image[o] += v;
                                down[o] += row.relative * v;
                                across[o] += q.relative * v;
                            }
                        }
                    }
                    square_products::<S>(&mut squares[2], sum, given, (n, c));
                }
                x0 += n;
            }
        }
    }
}
