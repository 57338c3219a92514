//! Hot pixels: pixels that fire much more often than their neighbours, detected continuously.

#![allow(clippy::indexing_slicing, reason = "a cell is looked up by the grid that it lies in")]

use super::Grid;
use crate::event::Event;
use crate::image::Size;

/// Settings for the detection of hot pixels.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct HotSettings {
    /// A pixel with fewer events a second is never hot.
    pub rate_hz: f64,
    /// A hot pixel fires at least this many times as often as the median of its eight neighbours. A
    /// moving object makes neighbours fire as well, a defect does not.
    pub factor: f64,
    /// Length of a counting window, in microseconds.
    pub window_us: i64,
    /// A pixel with fewer events in a window is never hot, as they may be random.
    pub least: u32,
}

impl Default for HotSettings {
    fn default() -> Self {
        Self { rate_hz: 20.0, factor: 8.0, window_us: 500_000, least: 10 }
    }
}

/// Score from which on a pixel is hot.
const HOT: u8 = 2;
/// Largest score: a hot pixel must be normal for this many windows before it is accepted again.
const MOST: u8 = 4;

/// A hot pixel.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct HotPixel {
    /// Column.
    pub x: u16,
    /// Row.
    pub y: u16,
    /// Event rate in the last window, in events a second.
    pub rate_hz: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Pixel {
    /// Events in the current window, including removed ones.
    count: u32,
    /// Rises by one with every window in which the pixel was hot, and falls by one with every
    /// other.
    score: u8,
    hot: bool,
}

/// Removes the events of hot pixels, which are detected continuously.
#[derive(Clone, Debug)]
pub struct HotPixels {
    pixels: Grid<Pixel>,
    began_us: Option<i64>,
    list: Vec<HotPixel>,
    evaluations: u64,
    /// Hot pixels known from before, until the sensor's size is known.
    known: Vec<HotPixel>,
}

impl Default for HotPixels {
    fn default() -> Self {
        let pixels = Grid::new(Pixel::default());
        Self { pixels, began_us: None, list: Vec::new(), evaluations: 0, known: Vec::new() }
    }
}

impl HotPixels {
    /// Filters events in place, in order of time. The detected pixels are kept in a new epoch, as
    /// the sensor is the same. A sensor of another size resets the filter.
    pub fn apply(
        &mut self,
        settings: HotSettings,
        sensor: Size,
        epoch: u32,
        events: &mut Vec<Event>,
    ) {
        if self.pixels.fit(sensor) {
            let known = std::mem::take(&mut self.known);
            self.reset();
            self.known = known;
        }
        if !self.known.is_empty() {
            self.mark_known();
        }
        if self.pixels.epoch.replace(epoch) != Some(epoch) {
            self.began_us = None;
            self.pixels.cells.iter_mut().for_each(|p| p.count = 0);
        }
        events.retain(|e| {
            let Some(at) = self.pixels.at(e) else { return true };
            let began_us = *self.began_us.get_or_insert(e.t_us);
            if e.t_us - began_us >= settings.window_us.max(1) {
                self.evaluate(settings, e.t_us - began_us);
                self.began_us = Some(e.t_us);
            }
            let pixel = &mut self.pixels.cells[at];
            pixel.count = pixel.count.saturating_add(1);
            !pixel.hot
        });
    }

    /// Starts with pixels that were hot in an earlier run. Those that no longer are, are accepted
    /// again after some windows, as if they had been learned now.
    pub fn start_with(&mut self, pixels: Vec<HotPixel>) {
        self.known = pixels;
    }

    /// Marks the known pixels as hot.
    fn mark_known(&mut self) {
        let sensor = self.pixels.sensor;
        self.known.retain(|p| usize::from(p.x) < sensor.width && usize::from(p.y) < sensor.height);
        self.known.sort_by_key(|p| (p.y, p.x));
        self.known.dedup_by_key(|p| (p.y, p.x));
        for known in &self.known {
            let at = (usize::from(known.y) + 1) * self.pixels.stride() + usize::from(known.x) + 1;
            let pixel = &mut self.pixels.cells[at];
            (pixel.score, pixel.hot) = (MOST, true);
        }
        self.list = std::mem::take(&mut self.known);
        self.evaluations += 1;
    }

    /// The pixels that are currently hot, row by row.
    pub fn list(&self) -> &[HotPixel] {
        &self.list
    }

    /// Number of windows that were evaluated. [`Self::list`] changes only when this changes.
    pub fn evaluations(&self) -> u64 {
        self.evaluations
    }

    /// Resets the detection: no pixel is hot.
    pub fn reset(&mut self) {
        self.known.clear();
        self.pixels.clear();
        self.list.clear();
        self.began_us = None;
        self.evaluations += 1;
    }

    fn evaluate(&mut self, settings: HotSettings, elapsed_us: i64) {
        let Size { width, height } = self.pixels.sensor;
        let stride = self.pixels.stride();
        let seconds = elapsed_us as f64 / 1e6;
        let least = (settings.rate_hz * seconds).max(settings.least.into());
        self.list.clear();
        for y in 0..height {
            for x in 0..width {
                let at = (y + 1) * stride + x + 1;
                let count = f64::from(self.pixels.cells[at].count);
                let hot = count >= least && count > settings.factor * self.median_around(at);
                let pixel = &mut self.pixels.cells[at];
                pixel.score =
                    if hot { (pixel.score + 1).min(MOST) } else { pixel.score.saturating_sub(1) };
                // Hysteresis: between the two limits, the state is kept.
                pixel.hot = pixel.score >= HOT || (pixel.hot && pixel.score > 0);
                if pixel.hot {
                    let rate_hz = count / seconds;
                    self.list.push(HotPixel { x: x as u16, y: y as u16, rate_hz });
                }
            }
        }
        self.pixels.cells.iter_mut().for_each(|p| p.count = 0);
        self.evaluations += 1;
    }

    /// The median of the counts of the eight neighbours of a cell. The border counts as zero. With
    /// a median, three hot pixels side by side are still detected.
    fn median_around(&self, at: usize) -> f64 {
        let stride = self.pixels.stride();
        let rows = [at - stride - 1, at - stride, at - stride + 1, at - 1];
        let more = [at + 1, at + stride - 1, at + stride, at + stride + 1];
        let mut counts = [0; 8];
        for (count, cell) in counts.iter_mut().zip(rows.into_iter().chain(more)) {
            *count = self.pixels.cells[cell].count;
        }
        counts.sort_unstable();
        f64::from(counts[3] + counts[4]) / 2.0
    }
}
