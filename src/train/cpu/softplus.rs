//! The network's last operation: the ratio of the sharp to the blurry image is the softplus of the
//! decoder's output.

use super::map::Map;
use crate::engine::cpu::Isa;
use crate::engine::cpu::isa::Task;
use crate::engine::cpu::simd::Simd;

/// Planes of the image's three channels.
pub(super) struct Softplus {
    /// ln(1 + e^x).
    pub(super) value: Vec<f32>,
    /// Its derivative, the sigmoid of x.
    pub(super) slope: Vec<f32>,
}

impl Softplus {
    /// Of the first three channels of `x`, whose number of pixels is a multiple of 16.
    pub(super) fn new(isa: Isa, x: &Map) -> Self {
        let area = x.h * x.w;
        let mut value = vec![0.0_f32; 3 * area];
        for (channel, plane) in value.chunks_exact_mut(area).enumerate() {
            for (y, line) in plane.chunks_exact_mut(x.w).enumerate() {
                let pixels = x.row(y).chunks_exact(x.c);
                line.iter_mut().zip(pixels).for_each(|(to, pixel)| *to = pixel[channel]);
            }
        }
        let mut slope = vec![0.0_f32; 3 * area];
        // SAFETY: the instruction set was detected.
        unsafe { isa.run(Evaluate { value: &mut value, slope: &mut slope }) };
        Self { value, slope }
    }
}

/// Replaces every value by its softplus, and sets `slope`, of the same length.
struct Evaluate<'a> {
    value: &'a mut [f32],
    slope: &'a mut [f32],
}

impl Task for Evaluate<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { value, slope } = self;
        debug_assert!(value.len().is_multiple_of(S::LANES) && value.len() == slope.len());
        for (v, s) in value.chunks_exact_mut(S::LANES).zip(slope.chunks_exact_mut(S::LANES)) {
            // SAFETY: both hold as many values as a register.
            unsafe {
                let x = S::load(v.as_ptr());
                // Zero, or NaN where x is not finite: exp limits its argument, and a training that
                // diverges must be noticed.
                let check = S::sub(x, x);
                S::store(v.as_mut_ptr(), S::add(S::softplus(x), check));
                S::store(s.as_mut_ptr(), S::add(S::sigmoid(x), check));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_match_the_formula_and_non_finite_ones_stay_visible() {
        let mut x = Map::zeros(16, 16, 16, 0);
        let inputs = [-90.0, -20.0, -1.0, 0.0, 0.5, 3.0, 40.0, f32::NAN, f32::INFINITY];
        for (pixel, input) in x.data.chunks_exact_mut(16).zip(inputs) {
            pixel[2] = input;
        }
        for isa in Isa::available() {
            let Softplus { value, slope } = Softplus::new(isa, &x);
            assert_eq!(value[0], std::f32::consts::LN_2);
            for (i, input) in inputs.into_iter().enumerate() {
                let (value, slope) = (value[2 * 256 + i], slope[2 * 256 + i]);
                if !input.is_finite() {
                    assert!(value.is_nan() && slope.is_nan(), "{isa:?}: {input}");
                    continue;
                }
                let exact = f64::from(input).exp().ln_1p() as f32;
                let sigmoid = (1.0 / (1.0 + (-f64::from(input)).exp())) as f32;
                // Below -87 the exponential is limited.
                let close = |a: f32, b: f32| (a - b).abs() <= 2e-6 * b + 1e-37;
                assert!(close(value, exact) && close(slope, sigmoid), "{isa:?}: {input}");
            }
        }
    }
}
