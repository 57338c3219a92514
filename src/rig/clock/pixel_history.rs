//! The few pixels of which frames and events are compared: what they fired lately, and what a
//! frame shows of them.

use super::intensity::Fired;
use crate::event::Event;
use crate::image::{ImageU8, Size};

/// Pixels that are looked at, at most: columns and rows.
const MOST: (usize, usize) = (64, 48);
/// Events that are remembered of each, a power of two: at a refractory time of a millisecond
/// more than a comparison spans.
const DEPTH: usize = 512;
/// Added to stored numbers before the logarithm, as the dark current of the event camera's
/// pixels does.
const DARK: f32 = 5.0;
/// Stored numbers that tell the light; others are clipped.
const SOUND: std::ops::RangeInclusive<u8> = 3..=250;

/// The pixels and their last events.
#[derive(Debug)]
pub(super) struct Samples {
    sensor: Size,
    /// The first pixel of every sample's part of the sensor stands for it.
    xs: Vec<usize>,
    ys: Vec<usize>,
    /// Which sample's column a pixel's column is, and which row.
    column_of: Vec<Option<usize>>,
    row_of: Vec<Option<usize>>,
    /// `DEPTH` events of every sample, round and round: the time in microseconds, doubled, and
    /// one more for ON. Zeros at first, which cost no memory before they are written.
    fired: Vec<i64>,
    /// Events that every sample has had.
    counts: Vec<usize>,
}

impl Samples {
    /// Begins anew with the pixels of a sensor; none where it has no pixels.
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

    /// Remembers an event, if it is of a pixel that is looked at.
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

    /// Puts the events of one pixel since a moment into `out`, in the order in which they came;
    /// whether they are all that there were.
    pub(super) fn since(&self, sample: usize, us: f64, out: &mut Vec<Fired>) -> bool {
        out.clear();
        let count = self.counts.get(sample).copied().unwrap_or(0);
        let ring = self.fired.get(sample * DEPTH..(sample + 1) * DEPTH).unwrap_or(&[]);
        let told = |packed: &i64| Fired { t_us: packed >> 1, on: packed & 1 == 1 };
        // The oldest one lies where the next one will be written.
        let (newer, older) = ring.split_at_checked(count % DEPTH).unwrap_or((&[], &[]));
        let older = if count < DEPTH { &[] } else { older };
        let all = older.iter().chain(newer).map(told);
        out.extend(all.skip_while(|f| (f.t_us as f64) < us));
        count < DEPTH || out.len() < DEPTH
    }

    /// The logarithm of the light of every pixel as a frame shows it; not a number where it is
    /// clipped. The frame shows what the whole sensor sees.
    pub(super) fn logs(&self, picture: &ImageU8, out: &mut Vec<f32>) {
        out.clear();
        let (sensor, size) = (self.sensor, picture.size());
        // The part of the frame that a pixel sees, along one side.
        let part = |at: usize, of: usize, length: usize| {
            let from = at * length / of.max(1);
            from..((at + 1) * length / of.max(1)).max(from + 1)
        };
        for y in &self.ys {
            let lines = part(*y, sensor.height, size.height);
            for x in &self.xs {
                let columns = part(*x, sensor.width, size.width);
                let (mut light, mut count, mut sound) = (0.0, 0, true);
                for (channel, weight) in crate::image::LUMA_BGR.iter().enumerate() {
                    let plane = picture.plane(channel);
                    let mut sum = 0_u32;
                    for line in lines.clone() {
                        let start = line * size.width;
                        let span = start + columns.start..start + columns.end;
                        for v in plane.get(span).unwrap_or(&[]) {
                            sound &= SOUND.contains(v);
                            sum += u32::from(*v);
                            count += 1;
                        }
                    }
                    light += weight * sum as f32;
                }
                let mean = light * crate::image::LUMA_BGR.len() as f32 / count as f32;
                out.push(if sound && count > 0 { (mean + DARK).ln() } else { f32::NAN });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pixel_remembers_its_own_events_in_order_and_says_when_some_are_gone() {
        let mut samples = Samples::new(Size::new(128, 48));
        assert_eq!(samples.counts.len(), 64 * 48);
        let mut out = Vec::new();
        for t_us in 0..600 {
            samples.push(&Event { t_us, x: 2, y: 1, polarity: t_us % 3 == 0 });
            // Neither of a pixel between those that are looked at, nor outside.
            samples.push(&Event { t_us, x: 3, y: 1, polarity: true });
            samples.push(&Event { t_us, x: 500, y: 1, polarity: true });
        }
        let sample = 64 + 1;
        assert!(samples.since(sample, 300.0, &mut out));
        let expected = (300..600).map(|t_us| Fired { t_us, on: t_us % 3 == 0 });
        assert!(out.iter().copied().eq(expected), "{out:?}");
        assert!(!samples.since(sample, 10.0, &mut out));
        assert_eq!(out.len(), 512);
        assert!(samples.since(sample + 1, 0.0, &mut out) && out.is_empty());
    }

    #[test]
    fn the_light_of_a_pixel_is_the_mean_of_what_it_sees() {
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
