//! The event prior (defined in `event/prior.rs`) in SIMD, block by block, while the counts are
//! rearranged for the first convolution.

use super::Isa;
use super::isa::Task;
use super::map::{Buffers, Map};
use super::simd::Simd;
use crate::event::{
    BINS, CHANNELS, COUNT_UNIT, EventInput, MAX_LEVEL, TargetBins, Thresholds, count_scales,
    prior_channels,
};

/// Pixels that are processed together: their counts fit into the first-level cache, so that the
/// tensor is read only once. A multiple of every register.
const BLOCK: usize = 32;

/// EGER of one target, and the other inputs of the prior.
#[derive(Clone, Copy)]
pub(super) struct Counts<'a> {
    /// `(96, height, width)`.
    pub(super) data: &'a [f32],
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) thresholds: Thresholds,
    pub(super) target: TargetBins,
}

/// The input of weights with the event prior, `(height, width, 98)` inside a border of `pad`.
pub(super) fn prior_map(buffers: &Buffers, isa: Isa, counts: &Counts<'_>, pad: usize) -> Map {
    let (h, w) = (counts.height, counts.width);
    let channels = EventInput::Prior.channels();
    let scales = count_scales(counts.thresholds);
    let planes = &counts.data[..CHANNELS * h * w];
    let instant = counts.target.total <= 0.0;
    let mut map = buffers.map(h, w, channels, pad);
    map.for_rows((CHANNELS + 2) * BLOCK, |scratch, y, row| {
        let (block, sums) = scratch[..(CHANNELS + 2) * BLOCK].split_at_mut(CHANNELS * BLOCK);
        let (sharp, blurry) = sums.split_at_mut(BLOCK);
        for (i, pixels) in row.chunks_mut(BLOCK * channels).enumerate() {
            let (start, count) = (y * w + i * BLOCK, pixels.len() / channels);
            for (to, plane) in block.chunks_exact_mut(BLOCK).zip(planes.chunks_exact(h * w)) {
                to[..count].copy_from_slice(&plane[start..][..count]);
            }
            let means = BlockMeans {
                counts: block,
                contrasts: scales.map(|s| s * COUNT_UNIT),
                target: &counts.target,
                sharp,
                blurry,
            };
            // SAFETY: the instruction set was detected.
            unsafe { isa.run(means) };
            for (channel, counts) in block.chunks_exact(BLOCK).enumerate() {
                let scale = scales[channel % 2];
                for (pixel, v) in pixels.chunks_exact_mut(channels).zip(counts) {
                    pixel[channel] = v * scale;
                }
            }
            let sums = sharp.iter().zip(blurry.iter());
            for (pixel, (sharp, blurry)) in pixels.chunks_exact_mut(channels).zip(sums) {
                let sharp = if instant { *sharp } else { (sharp / counts.target.total).ln() };
                let ratio = sharp - (blurry / BINS as f32).ln();
                pixel[CHANNELS..].copy_from_slice(&prior_channels(ratio));
            }
        }
    });
    map
}

/// A block's sums over the exposure and the target, as defined in [`crate::event::log_ratio`]. For
/// an instant, `sharp` is its level; for a longer target, the sum over it.
struct BlockMeans<'a> {
    /// `(96, BLOCK)`.
    counts: &'a [f32],
    /// Thresholds of both polarities, OFF first.
    contrasts: [f32; 2],
    target: &'a TargetBins,
    /// `BLOCK` values.
    sharp: &'a mut [f32],
    /// `BLOCK` values.
    blurry: &'a mut [f32],
}

impl Task for BlockMeans<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(mut self) {
        assert!(self.counts.len() == CHANNELS * BLOCK);
        assert!(self.sharp.len() == BLOCK && self.blurry.len() == BLOCK);
        for x in (0..BLOCK).step_by(S::LANES) {
            // SAFETY: registers divide a block, which all three slices hold.
            unsafe { self.register::<S>(x) };
        }
    }
}

impl BlockMeans<'_> {
    #[inline(always)]
    unsafe fn register<S: Simd>(&mut self, x: usize) {
        // SAFETY: the caller guarantees the instruction set, and a whole register at `x` in every
        // channel and in both sums.
        unsafe {
            let off = S::splat(self.contrasts[0]);
            let on = S::splat(self.contrasts[1]);
            let zero = S::splat(0.0);
            let (mut level, mut at_level) = (zero, S::splat(1.0));
            let (mut instant, mut sharp, mut blurry) = (zero, zero, zero);
            let base = self.counts.as_ptr().add(x);
            for (bin, overlap) in self.target.overlap.iter().enumerate() {
                let parts = base.add(bin * 6 * BLOCK);
                let before = change::<S>(parts, off, on);
                let within = change::<S>(parts.add(2 * BLOCK), off, on);
                let after = change::<S>(parts.add(4 * BLOCK), off, on);
                let reached = S::add(level, before);
                let end = S::add(S::add(reached, within), after);
                let at_end = exp::<S>(end);
                blurry = S::add(blurry, mean_exp::<S>((level, at_level), (end, at_end)));
                if *overlap > 0.0 {
                    let left = S::add(reached, within);
                    let (at_reached, at_left) = (exp::<S>(reached), exp::<S>(left));
                    let part = mean_exp::<S>((reached, at_reached), (left, at_left));
                    sharp = S::fma(part, S::splat(*overlap), sharp);
                }
                instant = S::add(instant, before);
                (level, at_level) = (end, at_end);
            }
            let sharp = if self.target.total > 0.0 { sharp } else { clamp::<S>(instant) };
            S::store(self.sharp.as_mut_ptr().add(x), sharp);
            S::store(self.blurry.as_mut_ptr().add(x), blurry);
        }
    }
}

/// The change of log intensity of one part of a bin, whose OFF counts are at `part`.
#[inline(always)]
unsafe fn change<S: Simd>(part: *const f32, off: S::V, on: S::V) -> S::V {
    // SAFETY: the caller guarantees the instruction set, and a register at `part` in both channels.
    unsafe { S::sub(S::mul(S::load(part.add(BLOCK)), on), S::mul(S::load(part), off)) }
}

/// A level, limited to what may be exponentiated.
#[inline(always)]
unsafe fn clamp<S: Simd>(level: S::V) -> S::V {
    // SAFETY: the caller guarantees the instruction set.
    unsafe { S::max(S::min(level, S::splat(MAX_LEVEL)), S::splat(-MAX_LEVEL)) }
}

/// The exponential of a level.
#[inline(always)]
unsafe fn exp<S: Simd>(level: S::V) -> S::V {
    // SAFETY: the caller guarantees the instruction set.
    unsafe { S::exp(clamp::<S>(level)) }
}

/// The mean of the exponential between two levels, each with its exponential (Simpson's rule).
#[inline(always)]
unsafe fn mean_exp<S: Simd>((from, at_from): (S::V, S::V), (to, at_to): (S::V, S::V)) -> S::V {
    // SAFETY: the caller guarantees the instruction set.
    unsafe {
        let middle = exp::<S>(S::mul(S::add(from, to), S::splat(0.5)));
        let sum = S::add(S::fma(middle, S::splat(4.0), at_from), at_to);
        S::mul(sum, S::splat(1.0 / 6.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::append_prior;
    use crate::random::KeyedRng;
    use crate::time::TimeRange;

    #[test]
    fn every_instruction_set_matches_the_definition() {
        let (h, w) = (3, 37);
        let mut random = KeyedRng::keyed(&[0x7072_696f]);
        let data: Vec<f32> = (0..CHANNELS * h * w)
            .map(|_| if random.below(3) == 0 { random.below(9) as f32 } else { 0.0 })
            // A hot pixel.
            .enumerate()
            .map(|(i, v)| if i % (h * w) == 40 { v * 300.0 } else { v })
            .collect();
        let thresholds = Thresholds { on: 0.23, off: 0.17 };
        let exposure = TimeRange::new(100.0, 1700.0);
        for target in [TimeRange::instant(830.0), TimeRange::new(350.0, 900.0), exposure] {
            let target = TargetBins::new(exposure, target);
            let mut expected = data.clone();
            append_prior(&mut expected, h * w, thresholds, &target);
            for isa in Isa::available() {
                let counts = Counts { data: &data, height: h, width: w, thresholds, target };
                let map = prior_map(&Buffers::default(), isa, &counts, 3);
                for (i, want) in expected.iter().enumerate() {
                    let (channel, y, x) = (i / (h * w), i / w % h, i % w);
                    let got = map.row(y)[x * map.c + channel];
                    assert!(got.is_finite());
                    let off = (got - want).abs();
                    assert!(off <= 2e-5 * want.abs().max(1.0), "{isa:?} {channel} {got} {want}");
                }
            }
        }
    }
}
