//! Fuses event and image features of different resolution (SAN's implicit fusion MLP).
//!
//! Two identities save most of the work without changing the result. The first layer is linear,
//! so it is applied to both maps before the nearest-neighbour gathers. The last layer is linear
//! and the corner weights sum to one, so it is applied once, after the blend.

use super::Isa;
use super::isa::Task;
use super::kernel::{Packed, Post, Rows, matmul};
use super::map::Map;
use super::simd::Simd;
use crate::engine::corners::{Corner, corners};
use crate::engine::mlp::FirstLayer;
use crate::image::Size;
use crate::network::Weights;

/// Number of pixels that go through the MLP together: small enough for the first-level cache.
const TILE: usize = 24;

/// The fusion MLP of one level.
pub(super) struct Fusion {
    isa: Isa,
    c: usize,
    event: Packed,
    image: Packed,
    hidden: [Packed; 2],
    last: Packed,
    first: FirstLayer,
}

impl Fusion {
    pub(super) fn new(isa: Isa, weights: &Weights, name: &str, c: usize) -> Self {
        let get = |layer: usize, what: &str| {
            weights.get(&format!("{name}.mlp.imnet.layers.{layer}.{what}"))
        };
        let (first, lanes) = (FirstLayer::new(weights, name, c), isa.lanes());
        let square = |layer| {
            let (w, b) = (get(layer, "weight"), get(layer, "bias"));
            Packed::new(lanes, c, c, |o| b[o], |o, i| w[o * c + i])
        };
        Self {
            isa,
            c,
            event: Packed::new(lanes, c, c, |_| 0.0, |o, i| first.event[o * c + i]),
            image: Packed::new(lanes, c, c, |_| 0.0, |o, i| first.image[o * c + i]),
            hidden: [square(2), square(4)],
            last: square(6),
            first,
        }
    }

    /// The image's part of the first layer, which is the same for every instant of an exposure.
    pub(super) fn project_image(&self, image: &Map) -> Map {
        self.project(&self.image, image)
    }

    fn project(&self, packed: &Packed, input: &Map) -> Map {
        let mut out = input.another(input.h, input.w, self.c, 0);
        out.for_rows(0, |_, y, row| {
            let rows = Rows::dense(input.row(y).as_ptr(), self.c, input.w);
            // SAFETY: both rows have `w` pixels of `c` values; the instruction set was detected.
            unsafe {
                self.isa.run(Product { packed, rows, out: row.as_mut_ptr(), step: self.c });
            }
        });
        out
    }

    /// Fuses into a map of the image's size with a border of `pad`.
    pub(super) fn run(&self, event: &Map, projected_image: &Map, pad: usize) -> Map {
        let (h, w, c) = (projected_image.h, projected_image.w, self.c);
        let mut projected_event = self.project(&self.event, event);
        let constant = self.first.bias(Size::new(event.w, event.h), Size::new(w, h));
        projected_event.for_rows(0, |_, _, row| {
            for pixel in row.chunks_exact_mut(c) {
                pixel.iter_mut().zip(&constant).for_each(|(v, k)| *v += k);
            }
        });
        let rows = [corners(h, event.h, -1.0), corners(h, event.h, 1.0)];
        let columns = [corners(w, event.w, -1.0), corners(w, event.w, 1.0)];
        let mut out = event.another(h, w, c, pad);
        out.for_rows(3 * TILE * c, |scratch, y, row| {
            let task = FuseRow {
                fusion: self,
                event: &projected_event,
                image: projected_image,
                rows: [rows[0][y], rows[1][y]],
                columns: &columns,
                scratch,
                out: row,
            };
            // SAFETY: scratch and row have the sizes that the task reads and writes.
            unsafe { self.isa.run(task) }
        });
        out
    }
}

struct Product<'a> {
    packed: &'a Packed,
    rows: Rows,
    out: *mut f32,
    step: usize,
}

impl Task for Product<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // SAFETY: the caller of the task guarantees what `matmul` requires.
        unsafe { matmul::<S>(self.packed, self.rows, self.out, self.step, Post::None) }
    }
}

struct FuseRow<'a> {
    fusion: &'a Fusion,
    event: &'a Map,
    image: &'a Map,
    rows: [Corner; 2],
    columns: &'a [Vec<Corner>; 2],
    scratch: &'a mut [f32],
    out: &'a mut [f32],
}

impl FuseRow<'_> {
    /// The first layer at one corner for `count` pixels starting at `x0`: the sum of the projected
    /// features and the corner's position.
    #[inline(always)]
    unsafe fn gather<S: Simd>(
        &self,
        row: usize,
        column: usize,
        x0: usize,
        count: usize,
        z: *mut f32,
    ) {
        let c = self.fusion.c;
        let (wy, wx) = self.fusion.first.relative.split_at(c);
        let corner = self.rows[row];
        let (events, images) = (self.event.row(corner.event), self.image.row(corner.image));
        // SAFETY: `corners` returns indices within both maps, whose pixels have c values, a
        // multiple of the lanes; z has space for `count` pixels.
        unsafe {
            let (zero, ry) = (S::splat(0.0), S::splat(corner.relative));
            let mut o = 0;
            while o < c {
                let down = S::mul(S::load(wy.as_ptr().add(o)), ry);
                let across = S::load(wx.as_ptr().add(o));
                for (x, q) in self.columns[column][x0..x0 + count].iter().enumerate() {
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

impl Task for FuseRow<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let c = self.fusion.c;
        let z = self.scratch.as_mut_ptr();
        let t = z.wrapping_add(TILE * c);
        let blend = t.wrapping_add(TILE * c);
        let width = self.image.w;
        let mut x0 = 0;
        while x0 < width {
            let n = TILE.min(width - x0);
            let mut areas = [[0.0_f32; 4]; TILE];
            for (x, of) in areas[..n].iter_mut().enumerate() {
                for (i, area) in of.iter_mut().enumerate() {
                    let (row, column) = (self.rows[i / 2], self.columns[i % 2][x0 + x]);
                    *area = (row.relative * column.relative).abs() + 1e-9;
                }
                let total = of[0] + of[1] + of[2] + of[3];
                *of = of.map(|area| area / total);
            }
            for corner in 0..4 {
                // SAFETY: z, t and blend have space for TILE rows of c values each, and n <= TILE.
                unsafe {
                    self.gather::<S>(corner / 2, corner % 2, x0, n, z);
                    let [a, b] = &self.fusion.hidden;
                    matmul::<S>(a, Rows::dense(z, c, n), t, c, Post::Relu);
                    matmul::<S>(b, Rows::dense(t, c, n), z, c, Post::Relu);
                    for (x, of) in areas[..n].iter().enumerate() {
                        // The weight of a corner is the area of the rectangle opposite to it.
                        let weight = S::splat(of[3 - corner]);
                        let (from, to) = (z.add(x * c), blend.add(x * c));
                        let mut o = 0;
                        while o < c {
                            let v = S::load(from.add(o));
                            let sum = if corner == 0 {
                                S::mul(weight, v)
                            } else {
                                S::fma(weight, v, S::load(to.add(o)))
                            };
                            S::store(to.add(o), sum);
                            o += S::LANES;
                        }
                    }
                }
            }
            // SAFETY: `out` has `width` pixels of c values.
            unsafe {
                let out = self.out.as_mut_ptr().add(x0 * c);
                matmul::<S>(&self.fusion.last, Rows::dense(blend, c, n), out, c, Post::None);
            }
            x0 += n;
        }
    }
}
