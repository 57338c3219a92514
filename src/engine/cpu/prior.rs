//! The event prior (defined in `event/prior.rs`) in SIMD, row by row, while the counts are
//! rearranged for the first convolution.

use super::Isa;
use super::isa::Task;
use super::map::{Buffers, Map};
use super::simd::Simd;
use crate::event::{
    BINS, CHANNELS, COUNT_UNIT, EventInput, MAX_LEVEL, TargetBins, Thresholds, count_scales,
    prior_channels,
};

/// EGER of one target, and the other inputs of the prior.
#[derive(Clone, Copy)]
pub(super) struct Counts<'a> {
    /// `(96, height, width)`, `width` at least 16.
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
    let mut map = buffers.map(h, w, channels, pad);
    map.for_rows(2 * w, |scratch, y, row| {
        let (sharp, blurry) = scratch[..2 * w].split_at_mut(w);
        let means = MeansRow {
            counts: &counts.data[y * w..],
            area: h * w,
            contrasts: scales.map(|s| s * COUNT_UNIT),
            target: &counts.target,
            sharp,
            blurry,
        };
        // SAFETY: a row has at least 16 pixels, as many as the widest register has lanes.
        unsafe { isa.run(means) };
        for (channel, plane) in counts.data.chunks_exact(h * w).take(CHANNELS).enumerate() {
            let scale = scales[channel % 2];
            for (x, v) in plane[y * w..][..w].iter().enumerate() {
                row[x * channels + channel] = v * scale;
            }
        }
        let instant = counts.target.total <= 0.0;
        for (x, (sharp, blurry)) in sharp.iter().zip(blurry.iter()).enumerate() {
            let sharp = if instant { *sharp } else { (sharp / counts.target.total).ln() };
            let ratio = sharp - (blurry / BINS as f32).ln();
            row[x * channels + CHANNELS..][..2].copy_from_slice(&prior_channels(ratio));
        }
    });
    map
}

/// One row's sums over the exposure and the target, as defined in [`crate::event::log_ratio`]. For
/// an instant, `sharp` is its level; for a longer target, the sum over it.
struct MeansRow<'a> {
    /// Starts at the row's first count; planes are `area` apart.
    counts: &'a [f32],
    area: usize,
    /// Thresholds of both polarities, OFF first.
    contrasts: [f32; 2],
    target: &'a TargetBins,
    sharp: &'a mut [f32],
    blurry: &'a mut [f32],
}

impl Task for MeansRow<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(mut self) {
        let width = self.sharp.len();
        let mut x = 0;
        while x < width {
            // The last register overlaps the previous one.
            let first = x.min(width - S::LANES);
            // SAFETY: the row in every plane has `width` values, at least one register.
            unsafe { self.register::<S>(first) };
            x += S::LANES;
        }
    }
}

impl MeansRow<'_> {
    #[inline(always)]
    unsafe fn register<S: Simd>(&mut self, x: usize) {
        // SAFETY: the caller guarantees the instruction set, and a whole register at `x` in every
        // plane's row and in both rows of sums.
        unsafe {
            let [off, on] = self.contrasts.map(|c| S::splat(c));
            let (low, high) = (S::splat(-MAX_LEVEL), S::splat(MAX_LEVEL));
            let exp = |level| S::exp(S::max(S::min(level, high), low));
            let (half, sixth, four) = (S::splat(0.5), S::splat(1.0 / 6.0), S::splat(4.0));
            let mean = |from, at_from, to| {
                let (middle, at_to) = (exp(S::mul(S::add(from, to), half)), exp(to));
                (S::mul(S::add(S::fma(middle, four, at_from), at_to), sixth), at_to)
            };
            let zero = S::splat(0.0);
            let (mut level, mut at_level) = (zero, S::splat(1.0));
            let (mut instant, mut sharp, mut blurry) = (zero, zero, zero);
            let base = self.counts.as_ptr().add(x);
            for (bin, overlap) in self.target.overlap.iter().enumerate() {
                let change = |part: usize| {
                    let at = base.add((bin * 6 + part * 2) * self.area);
                    let darker = S::mul(S::load(at), off);
                    S::sub(S::mul(S::load(at.add(self.area)), on), darker)
                };
                let (before, within, after) = (change(0), change(1), change(2));
                let reached = S::add(level, before);
                let end = S::add(S::add(reached, within), after);
                let (whole, at_end) = mean(level, at_level, end);
                blurry = S::add(blurry, whole);
                if *overlap > 0.0 {
                    let (part, _) = mean(reached, exp(reached), S::add(reached, within));
                    sharp = S::fma(part, S::splat(*overlap), sharp);
                }
                instant = S::add(instant, before);
                (level, at_level) = (end, at_end);
            }
            let instant = S::max(S::min(instant, high), low);
            let sharp = if self.target.total > 0.0 { sharp } else { instant };
            S::store(self.sharp.as_mut_ptr().add(x), sharp);
            S::store(self.blurry.as_mut_ptr().add(x), blurry);
        }
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
