//! Bicubic upsampling by 2 along one axis: which samples an output reads, and with which weights.

/// Weights of the four [`samples`] around an output, for even and odd outputs: cubic convolution with
/// a = -0.75, as in PyTorch. Pixel centres are aligned as with `align_corners=False`: output `i` reads
/// at `i/2 - 1/4`, so that there are two phases.
pub(crate) fn phases() -> [[f32; 4]; 2] {
    const A: f32 = -0.75;
    let near = |x: f32| ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
    let far = |x: f32| ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A;
    let taps = |t: f32| [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)];
    [taps(0.75), taps(0.25)]
}

/// The four samples around output `i` of an axis with `n` samples, clamped to the edge.
pub(crate) fn samples(i: usize, n: usize) -> [usize; 4] {
    let base = i.div_ceil(2);
    std::array::from_fn(|k| (base + k).saturating_sub(2).min(n - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_are_mirrored_and_edges_repeat() {
        // As torch.nn.functional.interpolate weighs the samples at a distance of a quarter.
        let odd = [-0.10546875, 0.87890625, 0.26171875, -0.03515625];
        let mut even = odd;
        even.reverse();
        assert_eq!(phases(), [even, odd]);
        // Outputs 6 and 7 lie at 2.75 and 3.25.
        assert_eq!((samples(6, 8), samples(7, 8)), ([1, 2, 3, 4], [2, 3, 4, 5]));
        assert_eq!((samples(0, 8), samples(15, 8)), ([0, 0, 0, 1], [6, 7, 7, 7]));
        assert_eq!(samples(1, 1), [0; 4]);
    }
}
