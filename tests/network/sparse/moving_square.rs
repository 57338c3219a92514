//! A scene in which only a square moves.

use gem_live::engine::{Engine, Events, Image};
use gem_live::event::{Event, Thresholds};
use gem_live::image::Size;
use gem_live::time::TimeRange;

pub(super) const EXPOSURE: TimeRange = TimeRange::new(0.0, 20_000.0);
const THRESHOLD: f64 = 0.2;

/// A bright square that moves to the right over a still texture.
pub(super) struct Scene {
    pub(super) image: Size,
    pub(super) ratio: usize,
    pub(super) side: usize,
    pub(super) path_px: f64,
    pub(super) at: (usize, usize),
}

impl Scene {
    /// Intensity at a fraction of the exposure.
    pub(super) fn value(&self, x: usize, y: usize, time: f64) -> f64 {
        let texture = 0.3 + 0.1 * ((x as f64 / 7.0).sin() * (y as f64 / 5.0).cos());
        let left = self.at.0 as f64 + self.path_px * time;
        let covers = (x as f64 + 0.5 - left) / 1.0;
        let inside = covers.clamp(0.0, 1.0) * (self.side as f64 - covers).clamp(0.0, 1.0);
        let rows = (self.at.1..self.at.1 + self.side).contains(&y);
        if rows { texture + (0.8 - texture) * inside } else { texture }
    }

    /// The blurry image: the mean of 33 instants, the same in all three planes.
    pub(super) fn blur(&self) -> Vec<f32> {
        let mut plane = Vec::with_capacity(self.image.area());
        for y in 0..self.image.height {
            for x in 0..self.image.width {
                let sum: f64 = (0..33).map(|i| self.value(x, y, f64::from(i) / 32.0)).sum();
                plane.push((sum / 33.0) as f32);
            }
        }
        plane.repeat(3)
    }

    pub(super) fn sensor(&self) -> Size {
        Size::new(self.image.width / self.ratio, self.image.height / self.ratio)
    }

    /// Events of an ideal sensor whose pixels average `ratio` by `ratio` image pixels.
    pub(super) fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        let n = self.ratio;
        let mean = |x: usize, y: usize, time: f64| {
            let pixels = (0..n * n).map(|i| self.value(x * n + i % n, y * n + i / n, time));
            (pixels.sum::<f64>() / (n * n) as f64).ln()
        };
        for y in 0..self.sensor().height {
            for x in 0..self.sensor().width {
                let mut level = mean(x, y, 0.0);
                for step in 1..=100 {
                    let time = f64::from(step) / 100.0;
                    let now = mean(x, y, time);
                    while (now - level).abs() >= THRESHOLD {
                        let polarity = now > level;
                        level += if polarity { THRESHOLD } else { -THRESHOLD };
                        let t_us = (time * 19_999.0) as i64;
                        events.push(Event { t_us, x: x as u16, y: y as u16, polarity });
                    }
                }
            }
        }
        events.sort_by_key(|e| e.t_us);
        events
    }

    /// The latent images of two instants.
    pub(super) fn restore(&self, engine: &mut dyn Engine) -> Vec<Vec<f32>> {
        self.restore_with(engine, &[])
    }

    /// The same with further events.
    pub(super) fn restore_with(&self, engine: &mut dyn Engine, noise: &[Event]) -> Vec<Vec<f32>> {
        let (blur, mut events) = (self.blur(), self.events());
        events.extend(noise);
        let targets = [TimeRange::instant(5_000.0), TimeRange::instant(12_000.0)];
        let image = Image { data: &blur, height: self.image.height, width: self.image.width };
        let events = Events {
            events: &events,
            exposure: EXPOSURE,
            targets: &targets,
            sensor: self.sensor(),
            padded: self.sensor(),
            thresholds: Thresholds::DEFAULT,
        };
        let restored = engine.restore_events(&image, &events).unwrap();
        assert_eq!(restored.len(), 2);
        restored.into_iter().map(|r| r.latent).collect()
    }

    /// PSNR in dB within the rows and columns of the moving square and its path.
    pub(super) fn psnr_of_motion(&self, a: &[f32], b: &[f32]) -> f64 {
        let (mut sum, mut count) = (0.0, 0);
        for channel in 0..3 {
            for y in self.at.1..self.at.1 + self.side {
                for x in self.at.0..self.at.0 + self.side + self.path_px as usize {
                    let i = channel * self.image.area() + y * self.image.width + x;
                    sum += f64::from(a[i] - b[i]).powi(2);
                    count += 1;
                }
            }
        }
        -10.0 * (sum / f64::from(count)).log10()
    }
}
