//! How the brightness of every event pixel changes from one frame to the next.

use super::pair::{FramePair, Unused};
use crate::image::{ImageU8, LUMA_BGR, Size};

/// Brightness (of 255) that is added before the logarithm is taken; how much more or less fits is
/// estimated with the thresholds. The light of an event sensor and the frame's numbers have
/// different zeros: dark current on one side, black level and the foot of the sRGB curve on the
/// other.
const DARK: f32 = 5.0;
/// A pixel with a sample from here on may be clipped, and with less than the other on average
/// says too little.
const BRIGHTEST: u8 = 245;
const DARKEST: f32 = 10.0;
/// The least change of the logarithm around a pixel that counts as signal.
const LEAST_CHANGE: f32 = 0.1;
/// Pixels that are used of one pair at most, spread over the image.
const MOST_PIXELS: usize = 16_384;
/// Fewer pixels than this with a change say too little.
const LEAST_PIXELS: usize = 150;

/// A pixel with a clear change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Changed {
    /// Index on the event sensor, row by row.
    pub(super) cell: u32,
    /// Change of the logarithm of its brightness, less the median of all pixels.
    pub(super) change: f32,
    /// The same of the pixels around it.
    pub(super) around: f32,
    /// Derivative of the change by [`DARK`].
    pub(super) by_dark: f32,
    /// Mean brightness, of 255, with [`DARK`] added.
    pub(super) brightness: f32,
}

#[derive(Debug, Default)]
pub(super) struct Frames {
    /// Mean brightness of each cell of the event sensor in both frames; not a number where it
    /// cannot be used.
    brightness: [Vec<f32>; 2],
    change: Vec<f32>,
    sorted: Vec<f32>,
    pub(super) changed: Vec<Changed>,
}

impl Frames {
    /// Finds the pixels that changed.
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
                let around = [at - width, at - 1, at + 1, at + width].map(|i| self.change[i]);
                let around = around.iter().sum::<f32>() / 4.0;
                // Comparisons with what is not a number are false.
                if around.abs() >= LEAST_CHANGE && change.is_finite() {
                    let [a, b] = [before[at] + DARK, after[at] + DARK];
                    let (by_dark, brightness) = (1.0 / b - 1.0 / a, (a + b) / 2.0);
                    self.changed.push(Changed {
                        cell: at as u32,
                        change,
                        around,
                        by_dark,
                        brightness,
                    });
                }
            }
        }
        self.thin();
        if self.changed.len() < LEAST_PIXELS { Err(Unused::Static) } else { Ok(()) }
    }

    /// Keeps as many pixels as may be used, evenly.
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

/// The median of the change, which a different exposure time or light causes.
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

/// The mean brightness, of 255, of the image pixels that fall into every cell.
fn reduce(frame: &ImageU8, to: Size, out: &mut Vec<f32>) {
    let from = frame.size();
    let weights = if frame.channels() == 1 { [1.0, 0.0, 0.0] } else { LUMA_BGR };
    let bounds = |i: usize, n: usize, cells: usize| {
        let start = (i * n / cells).min(n - 1);
        start..((i + 1) * n / cells).max(start + 1)
    };
    out.clear();
    for y in 0..to.height {
        let rows = bounds(y, from.height, to.height);
        for x in 0..to.width {
            let columns = bounds(x, from.width, to.width);
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
