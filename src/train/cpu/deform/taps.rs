//! The sampling positions and weights of all taps of a pixel, and their derivatives, computed for a
//! register of taps at a time.

use crate::engine::cpu::simd::Simd;

/// Room for the taps of a kernel of side 5, rounded up to whole registers.
const MAX_TAPS: usize = 32;

/// A value of every tap.
type PerTap = [f32; MAX_TAPS];

/// A register of values from tap `i` on. A function, because a closure would not be compiled for the
/// instruction set.
///
/// # Safety
/// `S` is available, and `i + S::LANES` is at most [`MAX_TAPS`].
#[inline(always)]
unsafe fn load<S: Simd>(values: &PerTap, i: usize) -> S::V {
    // SAFETY: guaranteed by the caller.
    unsafe { S::load(values.as_ptr().add(i)) }
}

/// The taps of one pixel.
#[derive(Default)]
pub(super) struct Taps {
    /// Number of taps.
    count: usize,
    /// Position of the tap relative to the kernel's centre.
    row: PerTap,
    column: PerTap,
    /// Upper left of the four pixels that a tap samples.
    y0: PerTap,
    x0: PerTap,
    /// Distance from there to the sampling position.
    fy: PerTap,
    fx: PerTap,
    mask: PerTap,
    /// Weights of the four pixels, times the mask.
    weights: [PerTap; 4],
    /// The products of a tap's derivative with the four pixels, set by [`Taps::set_products`].
    products: [PerTap; 4],
}

impl Taps {
    /// For a kernel of side `k`, at most 5.
    pub(super) fn new(k: usize) -> Self {
        let half = (k / 2) as f32;
        let mut taps = Self { count: k * k, ..Self::default() };
        for tap in 0..k * k {
            taps.row[tap] = (tap / k) as f32 - half;
            taps.column[tap] = (tap % k) as f32 - half;
        }
        taps
    }

    /// Moves to a pixel. `given` holds dy and dx of every tap, then the mask logit of every tap.
    ///
    /// # Safety
    /// `S` is available.
    #[inline(always)]
    pub(super) unsafe fn set<S: Simd>(&mut self, (y, x): (usize, usize), given: &[f32]) {
        let (offsets, logits) = given.split_at(2 * self.count);
        for (tap, offset) in offsets.chunks_exact(2).enumerate() {
            self.y0[tap] = offset[0];
            self.x0[tap] = offset[1];
        }
        self.mask[..self.count].copy_from_slice(&logits[..self.count]);
        // Positions and mask are replaced in place; values after those of the taps are not used.
        let mut i = 0;
        while i < self.count {
            // SAFETY: i + S::LANES <= MAX_TAPS, a multiple of the lanes.
            unsafe {
                let one = S::splat(1.0);
                let sy = S::add(
                    S::add(load::<S>(&self.row, i), S::splat(y as f32)),
                    load::<S>(&self.y0, i),
                );
                let sx = S::add(
                    S::add(load::<S>(&self.column, i), S::splat(x as f32)),
                    load::<S>(&self.x0, i),
                );
                let (y0, x0) = (S::floor(sy), S::floor(sx));
                let (fy, fx) = (S::sub(sy, y0), S::sub(sx, x0));
                let logit = load::<S>(&self.mask, i);
                // A logit that is not finite gives NaN, not the limit of the exponential.
                let mask = S::add(S::sigmoid(logit), S::sub(logit, logit));
                let (upper, lower) = (S::mul(S::sub(one, fy), mask), S::mul(fy, mask));
                let left = S::sub(one, fx);
                S::store(self.y0.as_mut_ptr().add(i), y0);
                S::store(self.x0.as_mut_ptr().add(i), x0);
                S::store(self.fy.as_mut_ptr().add(i), fy);
                S::store(self.fx.as_mut_ptr().add(i), fx);
                S::store(self.mask.as_mut_ptr().add(i), mask);
                let [a, b, c, d] = &mut self.weights;
                S::store(a.as_mut_ptr().add(i), S::mul(upper, left));
                S::store(b.as_mut_ptr().add(i), S::mul(upper, fx));
                S::store(c.as_mut_ptr().add(i), S::mul(lower, left));
                S::store(d.as_mut_ptr().add(i), S::mul(lower, fx));
            }
            i += S::LANES;
        }
    }

    /// Upper left of the four pixels that a tap samples; `None` if the tap lies outside a map of
    /// `height` by `width` and reads zero.
    #[inline(always)]
    pub(super) fn position(&self, tap: usize, height: f32, width: f32) -> Option<(isize, isize)> {
        let (y0, x0) = (self.y0[tap], self.x0[tap]);
        // At exactly -1 the sample is zero but its derivative is not, as in torchvision.
        let inside = y0 >= -1.0 && y0 < height && x0 >= -1.0 && x0 < width;
        inside.then_some((y0 as isize, x0 as isize))
    }

    /// Weights of the four pixels that a tap samples, times its mask.
    #[inline(always)]
    pub(super) fn weights(&self, tap: usize) -> [f32; 4] {
        let [a, b, c, d] = &self.weights;
        [a[tap], b[tap], c[tap], d[tap]]
    }

    /// Sets the products of a tap's derivative, before the mask, with the four pixels that it samples;
    /// `None` if it lies outside.
    #[inline(always)]
    pub(super) fn set_products(&mut self, tap: usize, products: Option<[f32; 4]>) {
        if products.is_none() {
            // Offsets that are not finite have no fraction; their derivatives are zero as well.
            (self.fy[tap], self.fx[tap]) = (0.0, 0.0);
        }
        let products = products.unwrap_or_default();
        self.products.iter_mut().zip(products).for_each(|(to, from)| to[tap] = from);
    }

    /// Writes the derivatives with respect to dy and dx of every tap, then to its mask logit, and zeros
    /// after those.
    ///
    /// # Safety
    /// `S` is available, and the products of all taps were set.
    #[inline(always)]
    pub(super) unsafe fn derivatives<S: Simd>(&self, to: &mut [f32]) {
        let (mut by_y, mut by_x, mut by_logit) =
            ([0.0; MAX_TAPS], [0.0; MAX_TAPS], [0.0; MAX_TAPS]);
        let mut i = 0;
        while i < self.count {
            // SAFETY: i + S::LANES <= MAX_TAPS, a multiple of the lanes.
            unsafe {
                let one = S::splat(1.0);
                let [a, b, c, d] = &self.products;
                let (a, b, c, d) =
                    (load::<S>(a, i), load::<S>(b, i), load::<S>(c, i), load::<S>(d, i));
                let (fy, fx, mask) =
                    (load::<S>(&self.fy, i), load::<S>(&self.fx, i), load::<S>(&self.mask, i));
                let (above, left) = (S::sub(one, fy), S::sub(one, fx));
                let y = S::fma(fx, S::sub(d, b), S::mul(left, S::sub(c, a)));
                let x = S::fma(fy, S::sub(d, c), S::mul(above, S::sub(b, a)));
                let upper = S::fma(fx, b, S::mul(left, a));
                let lower = S::fma(fx, d, S::mul(left, c));
                let sample = S::fma(fy, lower, S::mul(above, upper));
                S::store(by_y.as_mut_ptr().add(i), S::mul(y, mask));
                S::store(by_x.as_mut_ptr().add(i), S::mul(x, mask));
                let slope = S::mul(mask, S::sub(one, mask));
                S::store(by_logit.as_mut_ptr().add(i), S::mul(sample, slope));
            }
            i += S::LANES;
        }
        let (offsets, logits) = to.split_at_mut(2 * self.count);
        for (tap, offset) in offsets.chunks_exact_mut(2).enumerate() {
            (offset[0], offset[1]) = (by_y[tap], by_x[tap]);
        }
        let (logits, rest) = logits.split_at_mut(self.count);
        logits.copy_from_slice(&by_logit[..self.count]);
        rest.fill(0.0);
    }
}
