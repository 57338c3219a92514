//! The second micro-kernel: products summed over pixels, for the gradients of weights.

use crate::engine::cpu::simd::Simd;

/// Pixels that two operands share: `rows` lines of `count` pixels.
#[derive(Clone, Copy)]
pub(super) struct Pixels {
    pub(super) rows: usize,
    pub(super) count: usize,
}

/// One operand: the address of its first pixel, and the distances to the next pixel and line.
#[derive(Clone, Copy)]
pub(super) struct Operand {
    pub(super) start: *const f32,
    pub(super) step: usize,
    pub(super) line: usize,
}

/// `out[m][n] += sum over pixels of left[pixel][m] * right[pixel][n]` for `m` below `depth` and `n`
/// below `columns`, a multiple of the lanes; `out` has rows of `columns` values.
///
/// # Safety
/// Every pixel of both operands is readable, `out` is writable, and `S` is available.
#[inline(always)]
pub(super) unsafe fn outer<S: Simd>(
    pixels: Pixels,
    left: Operand,
    depth: usize,
    right: Operand,
    columns: usize,
    out: *mut f32,
) {
    let mut first = 0;
    while first < columns {
        let vectors = (columns - first) / S::LANES;
        let n = if vectors >= 2 { 2 } else { 1 };
        let right = Operand { start: right.start.wrapping_add(first), ..right };
        // SAFETY: the blocks partition the columns; the caller guarantees the rest.
        unsafe {
            let out = out.add(first);
            if n == 2 {
                panel::<S, 2>(pixels, left, depth, right, columns, out);
            } else {
                panel::<S, 1>(pixels, left, depth, right, columns, out);
            }
        }
        first += n * S::LANES;
    }
}

#[inline(always)]
unsafe fn panel<S: Simd, const N: usize>(
    pixels: Pixels,
    left: Operand,
    depth: usize,
    right: Operand,
    columns: usize,
    out: *mut f32,
) {
    let mut m = 0;
    macro_rules! tiles {
        ($m:literal) => {
            while depth - m >= $m {
                let left = Operand { start: left.start.wrapping_add(m), ..left };
                // SAFETY: rows m..m + tile exist in `out`, and in every pixel of `left`.
                unsafe { tile::<S, $m, N>(pixels, left, right, columns, out.add(m * columns)) };
                m += $m;
            }
        };
    }
    if S::REGISTERS == 32 {
        if N == 1 {
            // 21 and 9: rows of windows of 7 and 3 pixels with three channels. A tile of fewer rows takes
            // as long as one of 8, the latency of the multiply-add.
            tiles!(24);
            tiles!(21);
            tiles!(16);
        }
        tiles!(12);
        if N == 1 {
            tiles!(9);
        }
        tiles!(8);
    } else {
        // Twelve accumulators cover the latency of the multiply-add; eight just do.
        if N == 1 {
            tiles!(12);
        }
        tiles!(6);
    }
    tiles!(4);
    tiles!(2);
    tiles!(1);
}

/// `out[n] += sum over pixels of right[pixel][n]` for `n` below `columns`, a multiple of the lanes.
///
/// # Safety
/// Every pixel is readable, `out` holds `columns` values, and `S` is available.
#[inline(always)]
pub(super) unsafe fn sums<S: Simd>(
    pixels: Pixels,
    right: Operand,
    columns: usize,
    out: &mut [f32],
) {
    /// Partial sums, because an addition waits for the one before it.
    const PARTS: usize = 4;
    debug_assert!(out.len() >= columns);
    let mut n = 0;
    while n < columns {
        // SAFETY: guaranteed by the caller.
        unsafe {
            let mut parts = [S::splat(0.0); PARTS];
            parts[0] = S::load(out.as_ptr().add(n));
            for row in 0..pixels.rows {
                let mut b = right.start.add(row * right.line + n);
                let mut left = pixels.count;
                while left >= PARTS {
                    for part in &mut parts {
                        *part = S::add(*part, S::load(b));
                        b = b.wrapping_add(right.step);
                    }
                    left -= PARTS;
                }
                for _ in 0..left {
                    parts[0] = S::add(parts[0], S::load(b));
                    b = b.wrapping_add(right.step);
                }
            }
            let sum = S::add(S::add(parts[0], parts[1]), S::add(parts[2], parts[3]));
            S::store(out.as_mut_ptr().add(n), sum);
        }
        n += S::LANES;
    }
}

#[inline(always)]
unsafe fn tile<S: Simd, const M: usize, const N: usize>(
    pixels: Pixels,
    left: Operand,
    right: Operand,
    columns: usize,
    out: *mut f32,
) {
    // SAFETY: guaranteed by the caller.
    unsafe {
        let mut sum = [[S::splat(0.0); N]; M];
        for row in 0..pixels.rows {
            let mut a = left.start.add(row * left.line);
            let mut b = right.start.add(row * right.line);
            for _ in 0..pixels.count {
                let mut v = [S::splat(0.0); N];
                for (n, r) in v.iter_mut().enumerate() {
                    *r = S::load(b.add(n * S::LANES));
                }
                for (m, line) in sum.iter_mut().enumerate() {
                    let l = S::splat(*a.add(m));
                    for (s, r) in line.iter_mut().zip(v) {
                        *s = S::fma(l, r, *s);
                    }
                }
                a = a.wrapping_add(left.step);
                b = b.wrapping_add(right.step);
            }
        }
        for (m, line) in sum.into_iter().enumerate() {
            for (n, s) in line.into_iter().enumerate() {
                let to = out.add(m * columns + n * S::LANES);
                S::store(to, S::add(S::load(to), s));
            }
        }
    }
}
