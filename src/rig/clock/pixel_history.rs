//! Sampled pixels for the comparison of frames and events: their recent events, and their intensity
//! in a frame.

use super::intensity::PixelEvent;
use crate::event::Event;
use crate::image::{ImageU8, Size};

/// Largest number of sampled pixels: columns and rows.
const MOST: (usize, usize) = (64, 48);
/// Number of events kept per pixel, a power of two. With a refractory time of a millisecond, this
/// covers more time than a comparison spans.
const DEPTH: usize = 512;
/// Added to pixel values before the logarithm, like the dark current of the event camera's pixels.
const DARK: f32 = 5.0;
/// Usable range of pixel values; values outside are clipped.
const USABLE: std::ops::RangeInclusive<u8> = 3..=250;

/// The sampled pixels and their recent events.
#[derive(Debug)]
pub(super) struct Samples {
    sensor: Size,
    /// Columns and rows of the sampled pixels. Each represents its part of the sensor.
    xs: Vec<usize>,
    ys: Vec<usize>,
    /// The sample column of every sensor column, and the sample row of every sensor row.
    column_of: Vec<Option<usize>>,
    row_of: Vec<Option<usize>>,
    /// A ring buffer of `DEPTH` events per sample. Each entry is the time in microseconds times
    /// two, plus one for ON. Zero-initialised, which uses no memory until it is written.
    fired: Vec<i64>,
    /// Number of events that every sample has received.
    counts: Vec<usize>,
}

impl Samples {
    /// Selects the pixels of a sensor, without any events yet. Empty for a sensor without pixels.
    pub(super) fn new(sensor: Size) -> Self {
        let along = |length: usize, most: usize| {
            let parts = length.min(most);
            let first: Vec<usize> = (0..parts).map(|i| (i * length).div_ceil(parts)).collect();
            let mut part_of = vec![None; length];
            for (i, at) in first.iter().enumerate() {
                if let Some(part) = part_of.get_mut(*at) {
                    *part = Some(i);
                }
            }
            (first, part_of)
        };
        let (xs, column_of) = along(sensor.width, MOST.0);
        let (ys, row_of) = along(sensor.height, MOST.1);
        let count = xs.len() * ys.len();
        let (fired, counts) = (vec![0; count * DEPTH], vec![0; count]);
        Self { sensor, xs, ys, column_of, row_of, fired, counts }
    }

    pub(super) fn sensor(&self) -> Size {
        self.sensor
    }

    /// Stores an event if it belongs to a sampled pixel.
    pub(super) fn push(&mut self, event: &Event) {
        let column = self.column_of.get(usize::from(event.x)).copied().flatten();
        let Some(column) = column else { return };
        let row = self.row_of.get(usize::from(event.y)).copied().flatten();
        let Some(row) = row else { return };
        let sample = row * self.xs.len() + column;
        let Some(count) = self.counts.get_mut(sample) else { return };
        if let Some(slot) = self.fired.get_mut(sample * DEPTH + *count % DEPTH) {
            *slot = (event.t_us << 1) | i64::from(event.polarity);
        }
        *count = count.wrapping_add(1);
    }

    /// Writes the events of one pixel since a time to `out`, in order of arrival. Returns whether
    /// none of them have been overwritten.
    pub(super) fn since(&self, sample: usize, us: f64, out: &mut Vec<PixelEvent>) -> bool {
        out.clear();
        let count = self.counts.get(sample).copied().unwrap_or(0);
        let ring = self.fired.get(sample * DEPTH..(sample + 1) * DEPTH).unwrap_or(&[]);
        let unpack = |packed: &i64| PixelEvent { t_us: packed >> 1, on: packed & 1 == 1 };
        // The oldest entry is the one that is overwritten next.
        let (newer, older) = ring.split_at_checked(count % DEPTH).unwrap_or((&[], &[]));
        let older = if count < DEPTH { &[] } else { older };
        let all = older.iter().chain(newer).map(unpack);
        out.extend(all.skip_while(|f| (f.t_us as f64) < us));
        count < DEPTH || out.len() < DEPTH
    }

    /// Writes the log intensity of every sampled pixel in a frame to `out`; NaN where it is
    /// clipped. The frame must show the whole field of view of the sensor.
    pub(super) fn logs(&self, picture: &ImageU8, out: &mut Vec<f32>) {
        out.clear();
        let (sensor, size) = (self.sensor, picture.size());
        // The part of the frame that corresponds to a sensor pixel, along one axis.
        let part = |at: usize, of: usize, length: usize| {
            let from = at * length / of.max(1);
            from..((at + 1) * length / of.max(1)).max(from + 1)
        };
        for y in &self.ys {
            let lines = part(*y, sensor.height, size.height);
            for x in &self.xs {
                let columns = part(*x, sensor.width, size.width);
                let (mut light, mut count, mut usable) = (0.0, 0, true);
                for (channel, weight) in crate::image::LUMA_BGR.iter().enumerate() {
                    let plane = picture.plane(channel);
                    let mut sum = 0_u32;
                    for line in lines.clone() {
                        let start = line * size.width;
                        let span = start + columns.start..start + columns.end;
                        for v in plane.get(span).unwrap_or(&[]) {
                            usable &= USABLE.contains(v);
                            sum += u32::from(*v);
                            count += 1;
                        }
                    }
                    light += weight * sum as f32;
                }
                let mean = light * crate::image::LUMA_BGR.len() as f32 / count as f32;
                out.push(if usable && count > 0 { (mean + DARK).ln() } else { f32::NAN });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_kept_per_pixel_in_order_and_overwritten_ones_are_reported() {
        let mut samples = Samples::new(Size::new(128, 48));
        assert_eq!(samples.counts.len(), 64 * 48);
        let mut out = Vec::new();
        for t_us in 0..600 {
            samples.push(&Event { t_us, x: 2, y: 1, polarity: t_us % 3 == 0 });
            // Neither an unsampled pixel nor one outside of the sensor is stored.
            samples.push(&Event { t_us, x: 3, y: 1, polarity: true });
            samples.push(&Event { t_us, x: 500, y: 1, polarity: true });
        }
        let sample = 64 + 1;
        assert!(samples.since(sample, 300.0, &mut out));
        let expected = (300..600).map(|t_us| PixelEvent { t_us, on: t_us % 3 == 0 });
        assert!(out.iter().copied().eq(expected), "{out:?}");
        assert!(!samples.since(sample, 10.0, &mut out));
        assert_eq!(out.len(), 512);
        assert!(samples.since(sample + 1, 0.0, &mut out) && out.is_empty());
    }

    #[test]
    fn log_intensity_is_of_the_mean_over_the_pixels_area() {
        let samples = Samples::new(Size::new(2, 1));
        let mut picture = ImageU8::filled(true, Size::new(4, 2), 100);
        let mut logs = Vec::new();
        picture.data_mut()[0] = 251;
        samples.logs(&picture, &mut logs);
        assert!(logs[0].is_nan() && (logs[1] - 105_f32.ln()).abs() < 1e-5, "{logs:?}");
        let gray = ImageU8::filled(false, Size::new(4, 2), 60);
        samples.logs(&gray, &mut logs);
        assert!(logs.len() == 2 && (logs[0] - 65_f32.ln()).abs() < 1e-5, "{logs:?}");
    }
}
