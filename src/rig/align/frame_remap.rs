//! Crops and scales frames to the aligned frame grid.
//!
//! This runs on the rig thread, so it uses no other threads: those of rayon's global pool may be
//! busy with a restoration, and the rig thread would wait for them.

use super::Alignment;
use crate::image::{ImagePool, ImageU8, Size};

/// Fixed-point sum of the weights of an output pixel along one axis. 255 times this is the largest
/// sum of a column, which fits into 16 bits.
const ONE: u16 = 1 << 8;
/// Half of the last place of a result, for rounding to the nearest level.
const HALF: u32 = 1 << 15;

/// Source pixels of the output pixels along one axis.
#[derive(Clone, Debug, PartialEq)]
struct Axis {
    /// The range of source pixels that are used.
    used: std::ops::Range<usize>,
    /// Index of the first source pixel of each output pixel, counted from the start of `used`.
    first: Vec<usize>,
    /// Number of source pixels of an output pixel.
    taps: usize,
    /// Weights of the source pixels, `taps` for each output pixel.
    weights: Vec<u16>,
}

/// Crops and scales frames. Each output pixel is the mean over the area that it covers.
#[derive(Clone, Debug)]
pub struct FrameCrop {
    source: Size,
    target: Size,
    columns: Axis,
    rows: Axis,
    /// Buffer pool for the output images.
    pictures: ImagePool<u8>,
}

impl FrameCrop {
    /// Prepares the resampling for an alignment.
    pub fn new(alignment: &Alignment) -> Self {
        let (source, target) = (Size::from(alignment.warp.frames), alignment.target.image());
        let crop = alignment.crop;
        Self {
            source,
            target,
            columns: Axis::new(crop.x, crop.width, source.width, target.width),
            rows: Axis::new(crop.y, crop.height, source.height, target.height),
            pictures: ImagePool::default(),
        }
    }

    /// Size of the input frames.
    pub fn source(&self) -> Size {
        self.source
    }

    /// Size of the output frames.
    pub fn target(&self) -> Size {
        self.target
    }

    /// Crops and scales a frame. `None` for a frame of another size.
    pub fn apply(&self, picture: &ImageU8) -> Option<ImageU8> {
        if picture.size() != self.source {
            return None;
        }
        let Self { columns, rows, target, .. } = self;
        let mut out = ImageU8::in_pool(&self.pictures, picture.channels() == 3, *target, 0);
        let mut sums = vec![0_u16; columns.used.len()];
        for (channel, plane) in out.data_mut().chunks_exact_mut(target.area()).enumerate() {
            let lines = picture.plane(channel).chunks_exact(self.source.width);
            let lines = lines.skip(rows.used.start);
            for ((row, first), weights) in plane
                .chunks_exact_mut(target.width)
                .zip(&rows.first)
                .zip(rows.weights.chunks_exact(rows.taps))
            {
                sums.fill(0);
                for (line, weight) in lines.clone().skip(*first).zip(weights) {
                    add_line(&mut sums, line.get(columns.used.clone()).unwrap_or(&[]), *weight);
                }
                columns.means(&sums, row);
            }
        }
        Some(out)
    }
}

/// Adds a weighted line to sums of columns. The weights of all lines add up to at most [`ONE`], so
/// nothing overflows; wrapping arithmetic, unlike checked, becomes vector instructions.
fn add_line(sums: &mut [u16], line: &[u8], weight: u16) {
    for (sum, v) in sums.iter_mut().zip(line) {
        *sum = sum.wrapping_add(weight.wrapping_mul(u16::from(*v)));
    }
}

/// The mean of sums of columns, rounded to the nearest level.
#[inline]
fn mean(sums: &[u16], weights: &[u16]) -> u8 {
    let sum = sums.iter().zip(weights).fold(HALF, |sum, (s, w)| {
        // At most 255 x 2^16 + 2^15, see `ONE`.
        sum.wrapping_add(u32::from(*s).wrapping_mul(u32::from(*w)))
    });
    (sum >> 16) as u8
}

impl Axis {
    /// Where the output is finer than the source, each output pixel covers the width of one source
    /// pixel, which is linear interpolation.
    fn new(from: f64, length: f64, source: usize, target: usize) -> Self {
        let step = length / target.max(1) as f64;
        let areas: Vec<(usize, Vec<u16>)> = (0..target)
            .map(|i| weights(from + (i as f64 + 0.5) * step, step.max(1.0), source))
            .collect();
        let taps = areas.iter().map(|(_, weights)| weights.len()).max().unwrap_or(1);
        // All output pixels have the same number of taps, some with weight zero at an end.
        let begin_of = |first: usize| first.min(source.saturating_sub(taps));
        let start = areas.iter().map(|(first, _)| begin_of(*first)).min().unwrap_or(0);
        let mut axis = Self { used: start..start, first: Vec::new(), taps, weights: Vec::new() };
        for (first, area) in areas {
            let begin = begin_of(first);
            axis.used.end = axis.used.end.max(begin + taps);
            axis.first.push(begin - start);
            let end = axis.weights.len() + taps;
            axis.weights.extend(std::iter::repeat_n(0, first - begin));
            axis.weights.extend(area);
            axis.weights.resize(end, 0);
        }
        axis
    }

    /// The means of sums of columns that the output pixels of a row have.
    fn means(&self, sums: &[u16], row: &mut [u8]) {
        match self.taps {
            1 => self.means_of::<1>(sums, row),
            2 => self.means_of::<2>(sums, row),
            3 => self.means_of::<3>(sums, row),
            4 => self.means_of::<4>(sums, row),
            taps => {
                let weights = self.weights.chunks_exact(taps);
                for ((v, first), weights) in row.iter_mut().zip(&self.first).zip(weights) {
                    *v = mean(sums.get(*first..).unwrap_or(&[]), weights);
                }
            }
        }
    }

    /// As [`Axis::means`], with a number of taps that the compiler knows, as this takes most of the
    /// time.
    fn means_of<const TAPS: usize>(&self, sums: &[u16], row: &mut [u8]) {
        let (weights, _) = self.weights.as_chunks::<TAPS>();
        for ((v, first), weights) in row.iter_mut().zip(&self.first).zip(weights) {
            let sums = sums.get(*first..).and_then(|sums| sums.first_chunk::<TAPS>());
            *v = sums.map_or(0, |sums| mean(sums, weights));
        }
    }
}

/// The source pixels of an area of this middle and width: the index of the first, and the weights
/// of it and of those after it.
fn weights(middle: f64, cover: f64, source: usize) -> (usize, Vec<u16>) {
    let limit = source as f64;
    let (low, high) = (middle - cover / 2.0, middle + cover / 2.0);
    // Rounding may put the area slightly outside the image; it is clamped to the border.
    let low = low.clamp(0.0, limit - 1e-3);
    let high = high.clamp(low + 1e-3, limit);
    let first = low.floor() as usize;
    let last = (high.ceil() as usize).clamp(first + 1, source.max(1));
    let share = |k: usize| (high.min((k + 1) as f64) - low.max(k as f64)).max(0.0);
    let total: f64 = (first..last).map(share).sum();
    let mut weights: Vec<u16> = (first..last)
        .map(|k| (share(k) / total.max(1e-9) * f64::from(ONE)).round() as u16)
        .collect();
    // The rounded weights must still add up to `ONE`.
    let sum: u16 = weights.iter().sum();
    if let Some(largest) = weights.iter_mut().max() {
        *largest = (*largest + ONE).saturating_sub(sum);
    }
    // Of more than a hundred pixels the last ones may be too many.
    let mut left = ONE;
    for weight in &mut weights {
        *weight = (*weight).min(left);
        left -= *weight;
    }
    (first, weights)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use super::*;
    use crate::rig::align::{Crop, Side, Target, Warp};

    fn crop(source: Size, target: Size, crop: Crop) -> FrameCrop {
        let warp = Warp {
            events: Side::from(target),
            frames: Side::from(source),
            homography: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
            event_radial: [0.0; 2],
            frame_radial: [0.0; 2],
        };
        let target = Target::new(target, 1).unwrap();
        FrameCrop::new(&Alignment { warp, crop, target, residual: Default::default() })
    }

    /// An output pixel along one axis, of this many: the source pixels and their weights.
    fn area(i: usize, from: f64, length: f64, source: usize, target: usize) -> Vec<(usize, u32)> {
        let step = length / target as f64;
        let (first, weights) = weights(from + (i as f64 + 0.5) * step, step.max(1.0), source);
        weights.iter().enumerate().map(|(k, w)| (first + k, u32::from(*w))).collect()
    }

    #[test]
    fn every_output_pixel_is_the_weighted_sum_over_its_area() {
        let source = Size::new(61, 47);
        let mut state = 1_u32;
        let data = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        });
        let picture = ImageU8::new(3, source, data.take(3 * source.area()).collect()).unwrap();
        let gray = ImageU8::new(1, source, picture.plane(1).to_vec()).unwrap();
        let whole = Crop { x: 0.0, y: 0.0, width: 61.0, height: 47.0 };
        let part = Crop { x: 11.3, y: 5.9, width: 40.1, height: 30.7 };
        // Copied, enlarged, and reduced to one, two to five, and more source pixels along an axis.
        for target in [(61, 47), (90, 70), (50, 40), (30, 20), (20, 12), (7, 3), (1, 1)] {
            let target = Size::new(target.0, target.1);
            for place in [whole, part] {
                let cropped = crop(source, target, place);
                let (out, out_gray) =
                    (cropped.apply(&picture).unwrap(), cropped.apply(&gray).unwrap());
                assert_eq!((out.size(), out_gray.channels()), (target, 1));
                assert_eq!(out_gray.plane(0), out.plane(1));
                for channel in 0..3 {
                    let plane = picture.plane(channel);
                    for (i, v) in out.plane(channel).iter().enumerate() {
                        let (x, y) = (i % target.width, i / target.width);
                        let columns = area(x, place.x, place.width, 61, target.width);
                        let rows = area(y, place.y, place.height, 47, target.height);
                        assert_eq!(rows.iter().map(|(_, w)| w).sum::<u32>(), u32::from(ONE));
                        let mut sum = 0;
                        for (y, weight_y) in &rows {
                            for (x, weight_x) in &columns {
                                sum += weight_y * weight_x * u32::from(plane[y * 61 + x]);
                            }
                        }
                        let expected = (sum + HALF) >> 16;
                        assert_eq!(u32::from(*v), expected, "{target} {x} {y} {place:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn white_stays_white_however_many_pixels_are_averaged() {
        let source = Size::new(2000, 3);
        for width in [1, 2, 5, 7, 9, 11, 1999, 2000] {
            let whole = Crop { x: 0.0, y: 0.0, width: 2000.0, height: 3.0 };
            let cropped = crop(source, Size::new(width, 3), whole);
            let white = cropped.apply(&ImageU8::filled(false, source, 255)).unwrap();
            assert!(white.data().iter().all(|v| *v == 255), "{width}: {:?}", white.data());
        }
    }
}
