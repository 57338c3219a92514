//! Bilinear sampling of textures.

use crate::image::Size;
use wide::f32x4;

/// A texel: blue, green and red light multiplied by coverage, then coverage.
pub(super) type Texel = [f32; 4];

/// Interpolates between four neighbours (top left, top right, bottom left, bottom right).
#[inline(always)]
fn blend([a, b, c, d]: [&Texel; 4], fx: f32, fy: f32) -> Texel {
    let (fx, fy) = (f32x4::splat(fx), f32x4::splat(fy));
    let [a, b, c, d] = [a, b, c, d].map(|texel| f32x4::new(*texel));
    let (top, below) = (a + (b - a) * fx, c + (d - c) * fx);
    (top + (below - top) * fy).to_array()
}

/// Composites `near` over `below`.
#[inline(always)]
pub(super) fn over(near: Texel, below: Texel) -> Texel {
    let rest = f32x4::splat(1.0 - near[3]);
    (f32x4::new(below) * rest + f32x4::new(near)).to_array()
}

/// Texels, row by row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid<'a> {
    pub(super) size: Size,
    pub(super) texels: &'a [Texel],
}

impl Grid<'_> {
    /// Samples at a position in texels (0.5 is the centre of the first texel), within the image
    /// only.
    #[inline]
    pub(super) fn inside(&self, x: f32, y: f32) -> Texel {
        let Size { width, height } = self.size;
        let (x, y) = (x - 0.5, y - 0.5);
        let (left, top) = (x.floor(), y.floor());
        let (fx, fy) = (x - left, y - top);
        // Near the horizon positions grow without bound; no texture is this large.
        let far = |v: f32| v.clamp(-1e9, 1e9) as isize;
        let (left, top) = (far(left), far(top));
        let at = |x: isize, y: isize| {
            if x < 0 || y < 0 || x >= width as isize || y >= height as isize {
                return [0.0; 4];
            }
            self.texels[y as usize * width + x as usize]
        };
        let (right, below) = (left + 1, top + 1);
        blend([&at(left, top), &at(right, top), &at(left, below), &at(right, below)], fx, fy)
    }

    /// As [`Self::inside`], for positions whose four neighbours are known to exist.
    #[inline(always)]
    pub(super) fn interior(&self, x: f32, y: f32) -> Texel {
        let [first, ..] = self.interiors(f32x4::splat(x), f32x4::splat(y));
        first
    }

    /// As [`Self::interior`], at four positions.
    #[inline(always)]
    pub(super) fn interiors(&self, x: f32x4, y: f32x4) -> [Texel; 4] {
        let half = f32x4::splat(0.5);
        let (x, y) = (x - half, y - half);
        let (left, top) = (x.fast_trunc_int(), y.fast_trunc_int());
        let (fx, fy) = (x - left.round_float(), y - top.round_float());
        let (left, top) = (left.to_array(), top.to_array());
        let (fx, fy) = (fx.to_array(), fy.to_array());
        let width = self.size.width;
        let sample = |i: usize| {
            let first = top[i] as usize * width + left[i] as usize;
            let (above, below) =
                (&self.texels[first..first + 2], &self.texels[first + width..first + width + 2]);
            blend([&above[0], &above[1], &below[0], &below[1]], fx[i], fy[i])
        };
        // Unrolled by hand: compilers do not inline a closure per sample into the loop.
        [sample(0), sample(1), sample(2), sample(3)]
    }

    /// As [`Self::inside`], with the image mirrored beyond its edges.
    #[inline]
    pub(super) fn reflected(&self, x: f32, y: f32) -> Texel {
        let Size { width, height } = self.size;
        let fold = |v: f32, n: usize| {
            let n = n as f32;
            if v >= 1.0 && v <= n - 1.0 {
                return v;
            }
            // A triangle wave, kept half a texel away from the edge, so that all four neighbours
            // exist.
            let v = v.rem_euclid(2.0 * n);
            let v = if v > n { 2.0 * n - v } else { v };
            v.min(n - 0.500_1).max(0.5)
        };
        let (x, y) = (fold(x, width), fold(y, height));
        let (x, y) = (x - 0.5, y - 0.5);
        let (left, top) = (x as usize, y as usize);
        let (fx, fy) = (x - left as f32, y - top as f32);
        let (right, below) = ((left + 1).min(width - 1), (top + 1).min(height - 1));
        let (a, b) = (top * width, below * width);
        let t = self.texels;
        blend([&t[a + left], &t[a + right], &t[b + left], &t[b + right]], fx, fy)
    }
}
