//! SIMD registers behind one trait, so that every kernel is written once.
//!
//! All methods are `inline(always)`: they compile to SIMD instructions only inside a function with
//! the matching target feature.

#[cfg(test)]
mod tests;

/// The largest number of values in a register.
pub(crate) const MAX_LANES: usize = 16;

/// A register of `LANES` single-precision values and the operations that the kernels need.
///
/// # Safety
/// The methods of an implementation may only be called on a CPU that supports its instructions;
/// [`super::Isa::available`] checks that.
pub(crate) trait Simd: Copy + Send + Sync + 'static {
    /// Register contents.
    type V: Copy;
    /// Number of values per register.
    const LANES: usize;
    /// Number of architectural registers, which limits the size of an accumulator tile.
    const REGISTERS: usize;

    unsafe fn splat(x: f32) -> Self::V;
    unsafe fn load(p: *const f32) -> Self::V;
    unsafe fn store(p: *mut f32, v: Self::V);
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V;
    /// `a` where `gate` is positive, else zero.
    unsafe fn where_positive(a: Self::V, gate: Self::V) -> Self::V;
    /// `a * b + c`, with a single rounding if the CPU supports it.
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The sum of the lanes of each.
    unsafe fn lane_sums(v: [Self::V; 4]) -> [f32; 4];
    /// Rounds towards minus infinity.
    unsafe fn floor(a: Self::V) -> Self::V;
    /// 2 to the power of `a`, which must be an integer in -126..=127.
    unsafe fn exp2_int(a: Self::V) -> Self::V;

    /// e to the power of `x`, relative error below 2e-7 on the clamped range ±87.
    #[inline(always)]
    unsafe fn exp(x: Self::V) -> Self::V {
        // SAFETY: the caller guarantees the instruction set.
        unsafe {
            let x = Self::max(Self::min(x, Self::splat(87.0)), Self::splat(-87.0));
            let n =
                Self::floor(Self::fma(x, Self::splat(std::f32::consts::LOG2_E), Self::splat(0.5)));
            // ln 2 in two parts (Cody and Waite) keeps the reduction exact.
            let r = Self::fma(n, Self::splat(-0.693_359_4), x);
            let r = Self::fma(n, Self::splat(2.121_944_4e-4), r);
            // Taylor coefficients 1/k!; |r| <= ln 2 / 2, so the remainder is below 1e-8.
            let mut p = Self::splat(1.0 / 5040.0);
            for c in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
                p = Self::fma(p, r, Self::splat(c));
            }
            Self::mul(p, Self::exp2_int(n))
        }
    }

    /// 1 / (1 + e^-x).
    #[inline(always)]
    unsafe fn sigmoid(x: Self::V) -> Self::V {
        // SAFETY: the caller guarantees the instruction set.
        unsafe {
            let one = Self::splat(1.0);
            let e = Self::exp(Self::sub(Self::splat(0.0), x));
            Self::div(one, Self::add(one, e))
        }
    }

    /// ln(1 + e^x), like PyTorch's softplus: relative error below 1e-6.
    #[inline(always)]
    unsafe fn softplus(x: Self::V) -> Self::V {
        // SAFETY: the caller guarantees the instruction set.
        unsafe {
            let zero = Self::splat(0.0);
            let magnitude = Self::max(x, Self::sub(zero, x));
            let u = Self::exp(Self::sub(zero, magnitude));
            // ln(1 + u) = 2 artanh(s) with s = u / (2 + u) <= 1/3: the remainder of the series
            // after s^15 is below 1e-9.
            let s = Self::div(u, Self::add(u, Self::splat(2.0)));
            let square = Self::mul(s, s);
            let mut p = Self::splat(1.0 / 15.0);
            for k in [13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
                p = Self::fma(p, square, Self::splat(1.0 / k));
            }
            let rest = Self::mul(Self::add(s, s), p);
            Self::add(rest, Self::max(x, zero))
        }
    }
}

/// Plain Rust with eight lanes: runs everywhere, and is the reference for the others.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

#[inline(always)]
fn map(a: [f32; 8], f: impl Fn(f32) -> f32) -> [f32; 8] {
    a.map(f)
}

#[inline(always)]
fn zip(a: [f32; 8], b: [f32; 8], f: impl Fn(f32, f32) -> f32) -> [f32; 8] {
    std::array::from_fn(|i| f(a[i], b[i]))
}

impl Simd for Portable {
    type V = [f32; 8];
    const LANES: usize = 8;
    const REGISTERS: usize = 16;

    #[inline(always)]
    unsafe fn splat(x: f32) -> [f32; 8] {
        [x; 8]
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> [f32; 8] {
        // SAFETY: the caller passes eight readable values.
        unsafe { p.cast::<[f32; 8]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, v: [f32; 8]) {
        // SAFETY: the caller passes eight writable values.
        unsafe { p.cast::<[f32; 8]>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn add(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        zip(a, b, |x, y| x + y)
    }
    #[inline(always)]
    unsafe fn sub(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        zip(a, b, |x, y| x - y)
    }
    #[inline(always)]
    unsafe fn mul(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        zip(a, b, |x, y| x * y)
    }
    #[inline(always)]
    unsafe fn div(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        zip(a, b, |x, y| x / y)
    }
    #[inline(always)]
    unsafe fn max(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        zip(a, b, |x, y| if x > y { x } else { y })
    }
    #[inline(always)]
    unsafe fn min(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        zip(a, b, |x, y| if x < y { x } else { y })
    }
    #[inline(always)]
    unsafe fn where_positive(a: [f32; 8], gate: [f32; 8]) -> [f32; 8] {
        zip(a, gate, |x, g| if g > 0.0 { x } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn fma(a: [f32; 8], b: [f32; 8], c: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    unsafe fn lane_sums(v: [[f32; 8]; 4]) -> [f32; 4] {
        v.map(|lanes| lanes.iter().sum())
    }
    #[inline(always)]
    unsafe fn floor(a: [f32; 8]) -> [f32; 8] {
        map(a, f32::floor)
    }
    #[inline(always)]
    unsafe fn exp2_int(a: [f32; 8]) -> [f32; 8] {
        map(a, |x| f32::from_bits(((x as i32 + 127) as u32) << 23))
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Simd;
    use std::arch::x86_64::*;

    /// AVX2: eight lanes, Haswell and Zen onwards.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx2;

    /// AVX-512: sixteen lanes and twice as many registers.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx512;

    macro_rules! methods {
        ($($name:ident($($a:ident),*) = $e:expr;)*) => {$(
            #[inline(always)]
            unsafe fn $name($($a: Self::V),*) -> Self::V {
                // SAFETY: the trait requires that the CPU supports these instructions.
                unsafe { $e }
            }
        )*};
    }

    impl Simd for Avx2 {
        type V = __m256;
        const LANES: usize = 8;
        const REGISTERS: usize = 16;

        #[inline(always)]
        unsafe fn splat(x: f32) -> __m256 {
            // SAFETY: the trait's contract.
            unsafe { _mm256_set1_ps(x) }
        }
        #[inline(always)]
        unsafe fn load(p: *const f32) -> __m256 {
            // SAFETY: the caller passes eight readable values.
            unsafe { _mm256_loadu_ps(p) }
        }
        #[inline(always)]
        unsafe fn store(p: *mut f32, v: __m256) {
            // SAFETY: the caller passes eight writable values.
            unsafe { _mm256_storeu_ps(p, v) }
        }
        #[inline(always)]
        unsafe fn lane_sums([a, b, c, d]: [__m256; 4]) -> [f32; 4] {
            // SAFETY: the trait's contract; the array holds four values.
            unsafe {
                // Adjacent lanes twice: a, b, c and d of either half.
                let sums = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
                let (low, high) = (_mm256_castps256_ps128(sums), _mm256_extractf128_ps::<1>(sums));
                let mut out = [0.0; 4];
                _mm_storeu_ps(out.as_mut_ptr(), _mm_add_ps(low, high));
                out
            }
        }
        methods! {
            add(a, b) = _mm256_add_ps(a, b);
            sub(a, b) = _mm256_sub_ps(a, b);
            mul(a, b) = _mm256_mul_ps(a, b);
            div(a, b) = _mm256_div_ps(a, b);
            max(a, b) = _mm256_max_ps(a, b);
            min(a, b) = _mm256_min_ps(a, b);
            where_positive(a, gate) = _mm256_and_ps(
                a, _mm256_cmp_ps::<_CMP_GT_OQ>(gate, _mm256_setzero_ps()));
            fma(a, b, c) = _mm256_fmadd_ps(a, b, c);
            floor(a) = _mm256_floor_ps(a);
            exp2_int(a) = _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_add_epi32(
                _mm256_cvtps_epi32(a), _mm256_set1_epi32(127))));
        }
    }

    /// The sum of both halves.
    #[inline(always)]
    unsafe fn halves(v: __m512) -> __m256 {
        // SAFETY: the caller guarantees AVX-512 F.
        unsafe {
            let high = _mm512_extractf64x4_pd::<1>(_mm512_castps_pd(v));
            _mm256_add_ps(_mm512_castps512_ps256(v), _mm256_castpd_ps(high))
        }
    }

    impl Simd for Avx512 {
        type V = __m512;
        const LANES: usize = 16;
        const REGISTERS: usize = 32;

        #[inline(always)]
        unsafe fn splat(x: f32) -> __m512 {
            // SAFETY: the trait's contract.
            unsafe { _mm512_set1_ps(x) }
        }
        #[inline(always)]
        unsafe fn load(p: *const f32) -> __m512 {
            // SAFETY: the caller passes sixteen readable values.
            unsafe { _mm512_loadu_ps(p) }
        }
        #[inline(always)]
        unsafe fn store(p: *mut f32, v: __m512) {
            // SAFETY: the caller passes sixteen writable values.
            unsafe { _mm512_storeu_ps(p, v) }
        }
        #[inline(always)]
        unsafe fn lane_sums(v: [__m512; 4]) -> [f32; 4] {
            // SAFETY: the trait's contract; AVX-512 includes AVX2.
            unsafe {
                let [a, b, c, d] = v;
                Avx2::lane_sums([halves(a), halves(b), halves(c), halves(d)])
            }
        }
        methods! {
            add(a, b) = _mm512_add_ps(a, b);
            sub(a, b) = _mm512_sub_ps(a, b);
            mul(a, b) = _mm512_mul_ps(a, b);
            div(a, b) = _mm512_div_ps(a, b);
            max(a, b) = _mm512_max_ps(a, b);
            min(a, b) = _mm512_min_ps(a, b);
            where_positive(a, gate) = _mm512_maskz_mov_ps(
                _mm512_cmp_ps_mask::<_CMP_GT_OQ>(gate, _mm512_setzero_ps()), a);
            fma(a, b, c) = _mm512_fmadd_ps(a, b, c);
            floor(a) = _mm512_roundscale_ps::<0x09>(a);
            exp2_int(a) = _mm512_castsi512_ps(_mm512_slli_epi32::<23>(_mm512_add_epi32(
                _mm512_cvtps_epi32(a), _mm512_set1_epi32(127))));
        }
    }
}
