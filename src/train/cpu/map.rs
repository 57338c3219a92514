//! Feature maps that are kept for the backward pass: channels last, inside a border of zeros.

use super::buffer::Buffer;
use crate::engine::cpu::Isa;
use crate::engine::cpu::isa::Task;
use crate::engine::cpu::simd::Simd;

/// Planes that [`Map::from_planes`] reads at once: the processor fetches as many ahead.
const PLANES: usize = 8;

/// `(height, width, channels)` values inside a border of `pad` zero pixels.
#[derive(Debug)]
pub(crate) struct Map {
    pub(crate) h: usize,
    pub(crate) w: usize,
    pub(crate) c: usize,
    pub(crate) pad: usize,
    pub(crate) data: Buffer,
}

impl Map {
    pub(crate) fn zeros(h: usize, w: usize, c: usize, pad: usize) -> Self {
        let mut map = Self { h, w, c, pad, data: Buffer::unset((h + 2 * pad) * (w + 2 * pad) * c) };
        map.data.fill(0.0);
        map
    }

    /// A map of which only the border is set, to zero: its creator writes every pixel.
    pub(crate) fn unset(h: usize, w: usize, c: usize, pad: usize) -> Self {
        let mut map = Self { h, w, c, pad, data: Buffer::unset((h + 2 * pad) * (w + 2 * pad) * c) };
        // From the end of a row to the start of the next one, both borders are adjacent.
        let (start, stride) = (map.offset(0, 0), map.stride());
        map.data[..start].fill(0.0);
        for y in 1..h {
            map.data[start + y * stride - 2 * pad * c..][..2 * pad * c].fill(0.0);
        }
        map.data[start + h * stride - 2 * pad * c..].fill(0.0);
        map
    }

    /// Converts planes; `f` is applied to every value. Channels beyond the planes stay zero.
    pub(crate) fn from_planes(
        planes: &[f32],
        (h, w): (usize, usize),
        c: usize,
        pad: usize,
        f: impl Fn(f32) -> f32,
    ) -> Self {
        let all = planes.len() == h * w * c;
        let mut map = if all { Self::unset(h, w, c, pad) } else { Self::zeros(h, w, c, pad) };
        let (area, channels) = (h * w, planes.len() / (h * w).max(1));
        let mut first = 0;
        while first < channels {
            let rest = &planes[first * area..];
            first += if channels - first < PLANES {
                map.set_channels::<1>(rest, first, &f)
            } else {
                map.set_channels::<PLANES>(rest, first, &f)
            };
        }
        map
    }

    /// Sets channels `first..first + N` from the first `N` of `planes`; returns `N`.
    fn set_channels<const N: usize>(
        &mut self,
        planes: &[f32],
        first: usize,
        f: impl Fn(f32) -> f32,
    ) -> usize {
        let (w, c, area) = (self.w, self.c, self.h * self.w);
        for y in 0..self.h {
            let lines: [&[f32]; N] = std::array::from_fn(|i| &planes[i * area + y * w..][..w]);
            for (x, pixel) in self.row_mut(y).chunks_exact_mut(c).enumerate() {
                let pixel = &mut pixel[first..first + N];
                pixel.iter_mut().zip(lines).for_each(|(to, line)| *to = f(line[x]));
            }
        }
        N
    }

    /// Values from one row to the next.
    pub(crate) fn stride(&self) -> usize {
        (self.w + 2 * self.pad) * self.c
    }

    fn offset(&self, y: usize, x: usize) -> usize {
        (y + self.pad) * self.stride() + (x + self.pad) * self.c
    }

    /// Address of the first pixel of the window of side `k` centred on `(y, x)`.
    pub(crate) fn window(&self, y: usize, x: usize, k: usize) -> *const f32 {
        debug_assert!(k / 2 <= self.pad && y < self.h && x < self.w);
        let back = k / 2 * (self.stride() + self.c);
        self.data.as_ptr().wrapping_add(self.offset(y, x) - back)
    }

    /// Address of a pixel that may lie in the border.
    pub(crate) fn pixel_mut(&mut self, y: isize, x: isize) -> *mut f32 {
        let (stride, c, at) = (self.stride() as isize, self.c as isize, self.offset(0, 0));
        self.data.as_mut_ptr().wrapping_add(at).wrapping_offset(y * stride + x * c)
    }

    /// The pixels of a row, without its border.
    pub(crate) fn row(&self, y: usize) -> &[f32] {
        &self.data[self.offset(y, 0)..][..self.w * self.c]
    }

    /// The pixels of a row without its border, mutable.
    pub(crate) fn row_mut(&mut self, y: usize) -> &mut [f32] {
        let (at, len) = (self.offset(y, 0), self.w * self.c);
        &mut self.data[at..][..len]
    }

    /// The same pixels inside a border of `pad`.
    pub(crate) fn padded(&self, pad: usize) -> Self {
        let mut out = Self::unset(self.h, self.w, self.c, pad);
        (0..self.h).for_each(|y| out.row_mut(y).copy_from_slice(self.row(y)));
        out
    }

    /// The sum with a map of the same size, inside a border of `pad`.
    pub(crate) fn sum(&self, other: &Self, pad: usize) -> Self {
        assert_eq!((self.h, self.w, self.c), (other.h, other.w, other.c));
        let mut out = Self::unset(self.h, self.w, self.c, pad);
        for y in 0..self.h {
            let from = self.row(y).iter().zip(other.row(y));
            out.row_mut(y).iter_mut().zip(from).for_each(|(to, (a, b))| *to = a + b);
        }
        out
    }

    /// Adds a map of the same size; borders may differ.
    pub(crate) fn add(&mut self, other: &Self) {
        assert_eq!((self.h, self.w, self.c), (other.h, other.w, other.c));
        for y in 0..self.h {
            self.row_mut(y).iter_mut().zip(other.row(y)).for_each(|(a, b)| *a += b);
        }
    }

    /// The derivative before a ReLU with the given `output`, inside a border of `pad`.
    pub(crate) fn before_relu(&self, isa: Isa, output: &Self, pad: usize) -> Self {
        assert_eq!((self.h, self.w, self.c), (output.h, output.w, output.c));
        let mut out = Self::unset(self.h, self.w, self.c, pad);
        // SAFETY: the instruction set was detected.
        unsafe { isa.run(BeforeRelu { derivative: self, output, out: &mut out }) };
        out
    }
}

struct BeforeRelu<'a> {
    derivative: &'a Map,
    output: &'a Map,
    out: &'a mut Map,
}

impl Task for BeforeRelu<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { derivative, output, out } = self;
        for y in 0..out.h {
            let from = derivative.row(y).iter().zip(output.row(y));
            for (to, (d, v)) in out.row_mut(y).iter_mut().zip(from) {
                *to = if *v > 0.0 { *d } else { 0.0 };
            }
        }
    }
}
