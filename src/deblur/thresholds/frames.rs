//! The change of brightness of every event pixel from one frame to the next.

use super::pair::{FramePair, Unused};
use crate::image::{ImageU8, LUMA_BGR, Size, pixels_of_cell};
use std::ops::Range;

/// Offset added to the brightness (of 255) before the logarithm. A correction to it is estimated
/// with the thresholds. The event sensor and the frame have different zero levels: dark current
/// in one; black level and the linear part of the sRGB curve in the other.
const DARK: f32 = 5.0;
/// A pixel with a sample of at least `BRIGHTEST` may be saturated; one with a mean below `DARKEST`
/// is too dark to be useful.
const BRIGHTEST: u8 = 245;
const DARKEST: f32 = 10.0;
/// Smallest change of the logarithm around a pixel that counts as signal.
const LEAST_CHANGE: f32 = 0.1;
/// Largest number of pixels used per pair, spread over the image.
const MOST_PIXELS: usize = 16_384;
/// Smallest number of changed pixels from which a pair is used.
const LEAST_PIXELS: usize = 150;

/// A pixel with a significant change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Changed {
    /// Index on the event sensor, in row-major order.
    pub(super) cell: u32,
    /// Change of the logarithm of its brightness, minus the median over all pixels.
    pub(super) change: f32,
    /// Mean change of its four neighbours.
    pub(super) around: f32,
    /// Derivative of the change with respect to [`DARK`].
    pub(super) by_dark: f32,
    /// Derivative of the change with respect to the blur of the brightness: half its variance, in
    /// event pixels, as each unit adds the Laplacian.
    pub(super) by_blur: f32,
    /// Mean brightness, of 255, with [`DARK`] added.
    pub(super) brightness: f32,
}

#[derive(Debug, Default)]
pub(super) struct Frames {
    /// Mean brightness of each cell of the event sensor in both frames; NaN where it is unusable.
    brightness: [Vec<f32>; 2],
    change: Vec<f32>,
    sorted: Vec<f32>,
    pub(super) changed: Vec<Changed>,
}

impl Frames {
    /// Fills `changed` with the pixels that changed.
    pub(super) fn compare(&mut self, pair: &FramePair<'_>) -> Result<(), Unused> {
        let [first, second] = pair.frames;
        let shape = |p: &ImageU8| (p.size(), p.channels());
        let sensor = pair.sensor;
        if shape(first) != shape(second) || sensor.width < 3 || sensor.height < 3 {
            return Err(Unused::Shape);
        }
        for (frame, cells) in pair.frames.iter().zip(&mut self.brightness) {
            reduce(frame, sensor, cells);
        }
        let [before, after] = &self.brightness;
        self.change.clear();
        let log = |(a, b): (&f32, &f32)| ((b + DARK) / (a + DARK)).ln();
        self.change.extend(before.iter().zip(after).map(log));
        let offset = median(&self.change, &mut self.sorted).ok_or(Unused::Static)?;
        self.change.iter_mut().for_each(|v| *v -= offset);
        self.changed.clear();
        let width = sensor.width;
        for y in 1..sensor.height - 1 {
            for x in 1..width - 1 {
                let at = y * width + x;
                let change = self.change[at];
                let neighbours = [at - width, at - 1, at + 1, at + width];
                let around = neighbours.iter().map(|i| self.change[*i]).sum::<f32>() / 4.0;
                // Comparisons with NaN are false.
                if around.abs() >= LEAST_CHANGE && change.is_finite() {
                    let [a, b] = [before[at] + DARK, after[at] + DARK];
                    let [blur_a, blur_b] = pair.frames.map(|f| laplacian(f, sensor, (x, y)));
                    self.changed.push(Changed {
                        cell: at as u32,
                        change,
                        around,
                        by_dark: 1.0 / b - 1.0 / a,
                        by_blur: blur_b / b - blur_a / a,
                        brightness: (a + b) / 2.0,
                    });
                }
            }
        }
        self.thin();
        if self.changed.len() < LEAST_PIXELS { Err(Unused::Static) } else { Ok(()) }
    }

    /// Reduces the pixels evenly to the allowed number.
    fn thin(&mut self) {
        let step = self.changed.len().div_ceil(MOST_PIXELS).max(1);
        if step > 1 {
            let mut i = 0;
            self.changed.retain(|_| {
                i += 1;
                i % step == 0
            });
        }
    }
}

/// The median change, which is caused by a different exposure time or illumination.
fn median(change: &[f32], sorted: &mut Vec<f32>) -> Option<f32> {
    sorted.clear();
    let step = (change.len() / 8192).max(1);
    sorted.extend(change.iter().step_by(step).filter(|v| v.is_finite()));
    let middle = sorted.len() / 2;
    if sorted.is_empty() {
        return None;
    }
    Some(*sorted.select_nth_unstable_by(middle, f32::total_cmp).1)
}

fn luma_weights(frame: &ImageU8) -> [f32; 3] {
    if frame.channels() == 1 { [1.0, 0.0, 0.0] } else { LUMA_BGR }
}

/// The mean Laplacian of the brightness within a cell, in event pixels. By the divergence theorem it
/// is the sum of the differences between the image pixels on both sides of the cell's boundary.
fn laplacian(frame: &ImageU8, sensor: Size, (x, y): (usize, usize)) -> f32 {
    let Size { width, height } = frame.size();
    let columns = pixels_of_cell(x, width, sensor.width);
    let rows = pixels_of_cell(y, height, sensor.height);
    let beyond = |inside: &Range<usize>, n: usize| {
        let (before, after) = (inside.start.saturating_sub(1), inside.end.min(n - 1));
        [(before, inside.start), (after, inside.end - 1)]
    };
    let (above_below, left_right) = (beyond(&rows, height), beyond(&columns, width));
    let mut sum = 0.0;
    for (c, weight) in luma_weights(frame).iter().enumerate().take(frame.channels()) {
        let plane = frame.plane(c);
        let at = |x: usize, y: usize| i32::from(plane[y * width + x]);
        let mut excess = 0;
        for (outside, inside) in above_below {
            excess += columns.clone().map(|x| at(x, outside) - at(x, inside)).sum::<i32>();
        }
        for (outside, inside) in left_right {
            excess += rows.clone().map(|y| at(outside, y) - at(inside, y)).sum::<i32>();
        }
        sum += weight * excess as f32;
    }
    sum
}

/// Mean brightness, of 255, of the image pixels in every cell.
fn reduce(frame: &ImageU8, to: Size, out: &mut Vec<f32>) {
    let from = frame.size();
    let weights = luma_weights(frame);
    out.clear();
    for y in 0..to.height {
        let rows = pixels_of_cell(y, from.height, to.height);
        for x in 0..to.width {
            let columns = pixels_of_cell(x, from.width, to.width);
            let (mut sum, mut brightest) = (0.0, 0);
            for (c, weight) in weights.iter().enumerate().take(frame.channels()) {
                let plane = frame.plane(c);
                let mut total = 0_u32;
                for row in rows.clone() {
                    for v in &plane[row * from.width..][columns.clone()] {
                        total += u32::from(*v);
                        brightest = brightest.max(*v);
                    }
                }
                sum += weight * total as f32;
            }
            let mean = sum / (rows.len() * columns.len()) as f32;
            let usable = brightest < BRIGHTEST && mean >= DARKEST;
            out.push(if usable { mean } else { f32::NAN });
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use super::*;

    fn frame(value: impl Fn(usize, usize) -> u8) -> ImageU8 {
        let size = Size::new(24, 16);
        let at = |i: usize| value(i % size.width, i / size.width);
        ImageU8::new(1, size, (0..size.area()).map(at).collect()).unwrap()
    }

    /// `x^2 + 2 y^2` has a Laplacian of 6 per square pixel, and a ramp has none. An event pixel of
    /// `k` pixels a side has the area `k^2`, in which lengths are `k` times shorter.
    #[test]
    fn the_laplacian_is_in_units_of_event_pixels() {
        let curved = frame(|x, y| {
            let (x, y) = (x as i32 - 12, y as i32 - 8);
            (20 + (x * x + 2 * y * y) / 2) as u8
        });
        let ramp = frame(|x, y| (20 + 3 * x + 5 * y) as u8);
        for k in [2, 4] {
            let sensor = Size::new(24 / k, 16 / k);
            let area = (k * k) as f32;
            let found = laplacian(&curved, sensor, (2, 2));
            // Half of the square is rounded down, by half a level at most.
            assert!((found - 3.0 * area).abs() <= 0.5 * 4.0 * k as f32, "{k}: {found}");
            assert_eq!(laplacian(&ramp, sensor, (1, 2)), 0.0);
        }
        // At equal resolutions it is the difference from the four neighbours.
        let sensor = Size::new(24, 16);
        assert_eq!(laplacian(&frame(|x, _| 10 * (x % 2) as u8), sensor, (5, 5)), -20.0);
    }
}
