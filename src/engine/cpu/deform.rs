//! Modulated deformable convolution (DCNv2): offsets, sampling and product in one pass, a few
//! pixels at a time, so that neither offsets nor columns reach main memory.

use super::Isa;
use super::isa::Task;
use super::kernel::{Packed, Post, Rows, matmul};
use super::layers::{Activation, Conv};
use super::map::Map;
use super::simd::Simd;
use crate::network::Weights;

/// Number of pixels sampled together.
const TILE: usize = 12;

/// A deformable convolution.
pub(super) enum DeformConv {
    /// With offsets and masks.
    Deformed(Box<Deformed>),
    /// All weights of the offsets and masks are zero: a plain convolution with half the weights,
    /// because the mask of a zero logit is one half. The results are bit-identical.
    Plain(Conv),
}

/// A deformable convolution and the plain convolution that computes its offsets and masks.
pub(super) struct Deformed {
    isa: Isa,
    c: usize,
    k: usize,
    offsets: Conv,
    product: Packed,
}

impl DeformConv {
    pub(super) fn new(isa: Isa, weights: &Weights, name: &str, c: usize, k: usize) -> Self {
        let parts = ["weight", "bias"].map(|part| format!("{name}.conv_offset_mask.{part}"));
        let zero = parts.iter().all(|name| weights.get(name).iter().all(|v| *v == 0.0));
        if zero {
            return Self::Plain(Conv::from_packed(isa, k, product(isa, weights, name, c, k, 0.5)));
        }
        Self::Deformed(Box::new(Deformed::new(isa, weights, name, c, k)))
    }

    /// `input` has a border of at least `k / 2`; the result has none.
    pub(super) fn run(&self, input: &Map) -> Map {
        match self {
            Self::Deformed(conv) => conv.run(input),
            Self::Plain(conv) => conv.run(input, 0, &Activation::Linear),
        }
    }
}

/// The convolution's own weights, times `scale`.
fn product(isa: Isa, weights: &Weights, name: &str, c: usize, k: usize, scale: f32) -> Packed {
    let taps = k * k;
    let w = weights.get(&format!("{name}.weight"));
    let bias = weights.get(&format!("{name}.bias"));
    let weight = |o: usize, i: usize| scale * w[(o * c + i % c) * taps + i / c];
    Packed::new(isa.lanes(), c, taps * c, |o| bias[o], weight)
}

impl Deformed {
    fn new(isa: Isa, weights: &Weights, name: &str, c: usize, k: usize) -> Self {
        let taps = k * k;
        // Published order: dy, dx interleaved per tap, then masks. Here: all dy, all dx, masks.
        let order = |o: usize| if o < 2 * taps { o % taps * 2 + o / taps } else { o };
        let offsets = Conv::new(isa, weights, &format!("{name}.conv_offset_mask"), k, order);
        Self { isa, c, k, offsets, product: product(isa, weights, name, c, k, 1.0) }
    }

    fn run(&self, input: &Map) -> Map {
        let mut out = input.another(input.h, input.w, self.c, 0);
        let (offsets, column) = (self.offsets.packed.columns, self.k * self.k * self.c);
        out.for_rows(TILE * (offsets + column) + 128, |scratch, y, row| {
            let (offsets, columns) = scratch.split_at_mut(TILE * offsets + 128);
            // SAFETY: the scratch buffer has space for a tile of offsets and of columns.
            unsafe {
                self.isa.run(DeformRow { conv: self, input, y, offsets, columns, out: row });
            }
        });
        out
    }
}

struct DeformRow<'a> {
    conv: &'a Deformed,
    input: &'a Map,
    y: usize,
    offsets: &'a mut [f32],
    columns: &'a mut [f32],
    out: &'a mut [f32],
}

impl Task for DeformRow<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Deformed { c, k, offsets: conv, product, .. } = self.conv;
        let (c, k, taps) = (*c, *k, self.conv.k * self.conv.k);
        let (width, step) = (self.input.w, conv.packed.columns);
        let mut mask = [0.0_f32; 48];
        let mut x0 = 0;
        while x0 < width {
            let n = TILE.min(width - x0);
            // SAFETY: the border covers the window, `offsets` has TILE rows of `step`.
            unsafe {
                let rows = conv.rows(self.input, self.y, x0, n);
                matmul::<S>(&conv.packed, rows, self.offsets.as_mut_ptr(), step, Post::None);
            }
            for x in 0..n {
                let given = &self.offsets[x * step..];
                let mut i = 0;
                while i < taps {
                    // SAFETY: 128 spare values follow the offsets; `mask` has 48 >= 25 + 16.
                    unsafe {
                        let logits = S::load(given.as_ptr().add(2 * taps + i));
                        S::store(mask.as_mut_ptr().add(i), S::sigmoid(logits));
                    }
                    i += S::LANES;
                }
                let column = &mut self.columns[x * taps * c..][..taps * c];
                for (tap, to) in column.chunks_exact_mut(c).enumerate() {
                    let sy = (self.y + tap / k) as f32 - (k / 2) as f32 + given[tap];
                    let sx = (x0 + x + tap % k) as f32 - (k / 2) as f32 + given[taps + tap];
                    // SAFETY: `to` has c values.
                    unsafe { sample::<S>(self.input, sy, sx, mask[tap], to) };
                }
            }
            let depth = taps * c;
            let rows = Rows::dense(self.columns.as_ptr(), depth, n);
            // SAFETY: `columns` has n rows of `depth`, `out` has `width` pixels of c.
            unsafe {
                let out = self.out.as_mut_ptr().add(x0 * c);
                matmul::<S>(product, rows, out, c, Post::None);
            }
            x0 += n;
        }
    }
}

/// The bilinear sample at `(sy, sx)`, times `mask`. Zero outside the map; NaN counts as outside.
#[inline(always)]
unsafe fn sample<S: Simd>(input: &Map, sy: f32, sx: f32, mask: f32, to: &mut [f32]) {
    let (h, w) = (input.h as f32, input.w as f32);
    if !(sy > -1.0 && sy < h && sx > -1.0 && sx < w) {
        to.fill(0.0);
        return;
    }
    let (y0, x0) = (sy.floor(), sx.floor());
    let (fy, fx) = (sy - y0, sx - x0);
    let (y0, x0) = (y0 as isize, x0 as isize);
    let (stride, c) = (input.stride() as isize, input.c as isize);
    // The border of at least one zero pixel covers the taps in (-1, 0) and (n-1, n).
    let at = input.window(0, 0, 1).wrapping_offset(y0 * stride + x0 * c);
    let weights = [
        (1.0 - fy) * (1.0 - fx) * mask,
        (1.0 - fy) * fx * mask,
        fy * (1.0 - fx) * mask,
        fy * fx * mask,
    ];
    // SAFETY: -1 <= y0 < h and likewise for x0, so all four pixels are within map and border.
    unsafe {
        let [a, b, d, e] = weights;
        let (a, b, d, e) = (S::splat(a), S::splat(b), S::splat(d), S::splat(e));
        let mut i = 0;
        while i < to.len() {
            let p = at.add(i);
            let v = S::mul(a, S::load(p));
            let v = S::fma(b, S::load(p.offset(c)), v);
            let v = S::fma(d, S::load(p.offset(stride)), v);
            let v = S::fma(e, S::load(p.offset(stride + c)), v);
            S::store(to.as_mut_ptr().add(i), v);
            i += S::LANES;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::map::Buffers;
    use super::*;
    use crate::network::{Tensor, tensors};
    use std::collections::BTreeMap;

    /// Runs the layer with given offsets and masks. They are passed as additional input channels,
    /// which the offset convolution selects at its centre tap and the product ignores.
    fn with_given_offsets(case: &BTreeMap<String, Tensor>, isa: Isa) -> Vec<f32> {
        let get = |name: &str| (&case[name].data, &case[name].shape);
        let ((x, xs), (offset, _), (mask, _)) = (get("x"), get("offset"), get("mask"));
        let ((weight, ws), (bias, _)) = (get("weight"), get("bias"));
        let (inputs, h, w, outputs, k) = (xs[1], xs[2], xs[3], ws[0], ws[2]);
        let taps = k * k;
        let c = (inputs.max(outputs) + 3 * taps).next_multiple_of(16);
        let mut chw = vec![0.0; c * h * w];
        chw[..x.len()].copy_from_slice(x);
        let given = &mut chw[(c - 3 * taps) * h * w..];
        given[..offset.len()].copy_from_slice(offset);
        for (to, m) in given[offset.len()..].iter_mut().zip(mask) {
            *to = (m / (1.0 - m)).ln();
        }
        let mut full = Tensor { shape: vec![c, c, k, k], data: vec![0.0; c * c * taps] };
        for o in 0..outputs {
            let from = &weight[o * inputs * taps..][..inputs * taps];
            full.data[o * c * taps..][..inputs * taps].copy_from_slice(from);
        }
        let mut pick =
            Tensor { shape: vec![3 * taps, c, k, k], data: vec![0.0; 3 * taps * c * taps] };
        for o in 0..3 * taps {
            pick.data[(o * c + c - 3 * taps + o) * taps + taps / 2] = 1.0;
        }
        let vector = |n: usize, values: &[f32]| {
            let mut data = values.to_vec();
            data.resize(n, 0.0);
            Tensor { shape: vec![n], data }
        };
        let weights = Weights::unchecked([
            ("d.weight", full),
            ("d.bias", vector(c, bias)),
            ("d.conv_offset_mask.weight", pick),
            ("d.conv_offset_mask.bias", vector(3 * taps, &[])),
        ]);
        let map = Map::from_chw(&Buffers::default(), &chw, (c, h, w), k / 2, |v| v);
        let out = DeformConv::new(isa, &weights, "d", c, k).run(&map);
        (0..outputs * h * w).map(|i| out.row(i / w % h)[i % w * c + i / (h * w)]).collect()
    }

    #[test]
    fn without_offsets_a_plain_convolution_gives_the_same_bits() {
        let (c, k, h, w) = (16, 5, 19, 26);
        let mut random = crate::random::KeyedRng::keyed(&[7]);
        let mut values = |n: usize| (0..n).map(|_| random.normal() as f32).collect::<Vec<_>>();
        let tensor = |shape: &[usize], data: Vec<f32>| Tensor { shape: shape.to_vec(), data };
        let outputs = 3 * k * k;
        let weights = Weights::unchecked([
            ("d.weight", tensor(&[c, c, k, k], values(c * c * k * k))),
            ("d.bias", tensor(&[c], values(c))),
            (
                "d.conv_offset_mask.weight",
                tensor(&[outputs, c, k, k], vec![0.0; outputs * c * k * k]),
            ),
            ("d.conv_offset_mask.bias", tensor(&[outputs], vec![0.0; outputs])),
        ]);
        let input = values(c * h * w);
        for isa in Isa::available() {
            let map = Map::from_chw(&Buffers::default(), &input, (c, h, w), k / 2, |v| v);
            let plain = DeformConv::new(isa, &weights, "d", c, k);
            assert!(matches!(plain, DeformConv::Plain(_)));
            let deformed = Deformed::new(isa, &weights, "d", c, k).run(&map);
            let plain = plain.run(&map);
            assert!((0..h).all(|y| plain.row(y) == deformed.row(y)), "{isa:?}");
        }
    }

    #[test]
    fn deformable_convolutions_equal_torchvision() {
        for case in 0..3 {
            let name = format!("tests/golden/deform_conv_{case}.safetensors");
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(&name);
            let bytes = std::fs::read(path).unwrap();
            let golden = tensors(&bytes).unwrap();
            for isa in Isa::available() {
                let got = with_given_offsets(&golden, isa);
                let want = &golden["y"].data;
                assert_eq!(got.len(), want.len());
                let worst = got.iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(worst < 1e-4, "case {case}, {isa:?}: off by {worst}");
            }
        }
    }
}
