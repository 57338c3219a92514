//! An event sensor: a pixel fires when the logarithm of its light has changed by a threshold.
//!
//! Between two images the logarithm changes linearly, so that every threshold crossing has an exact
//! time (ESIM, Rebecq et al., CoRL 2018; VID2E, Gehrig et al., CVPR 2020). Finite bandwidth,
//! mismatch, leak and shot noise follow v2e (Hu et al., CVPRW 2021).

mod interval;

use super::response::Response;
use crate::event::Event;
use crate::image::Size;
use crate::random::KeyedRng;
use crate::simulate::SensorSettings;
use interval::{Interval, Pixel};
use rayon::prelude::*;

/// Why an image was refused.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum PushError {
    /// The image has a different number of pixels than the sensor.
    #[error("the image has {found} pixels, the event sensor {expected}")]
    Length {
        /// Pixels of the sensor.
        expected: usize,
        /// Pixels of the image.
        found: usize,
    },
    /// The image is not later than the previous one.
    #[error("the image time {now_us} us is not after the previous one, {last_us} us")]
    Time {
        /// Time of the previous image.
        last_us: f64,
        /// Time of the refused image.
        now_us: f64,
    },
    /// The sensor has no pixels, or more than event coordinates can address.
    #[error("an event sensor cannot have {0} pixels")]
    Sensor(Size),
}

/// An event sensor that is given one image after another.
#[derive(Clone, Debug)]
pub struct EventSensor {
    settings: SensorSettings,
    response: Response,
    size: Size,
    pixels: Vec<Pixel>,
    /// The light of every pixel after the last call of `pass`.
    light: Vec<f32>,
    /// Sort keys of the events of every band, then of all bands; kept to reuse the memory.
    fired: Vec<Vec<u64>>,
    order: Vec<u64>,
    last_us: Option<f64>,
    step: u64,
}

/// RNG keys that separate the uses of the seed.
const START: u64 = 0x7374_6172;
const SHOT: u64 = 0x7368_6f74;

impl EventSensor {
    /// A sensor without any image yet.
    pub fn new(size: Size, settings: SensorSettings) -> Self {
        Self {
            settings,
            response: Response::new(settings),
            size,
            pixels: Vec::new(),
            light: Vec::new(),
            fired: Vec::new(),
            order: Vec::new(),
            last_us: None,
            step: 0,
        }
    }

    /// Columns and rows.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The ON and OFF threshold of every pixel; empty before the first image.
    pub fn thresholds(&self) -> impl Iterator<Item = (f32, f32)> {
        self.pixels.iter().map(|p| (p.on, p.off))
    }

    /// Adds the image at time `t_us` (light in `[0, 1]`, row by row) and appends the events since
    /// the previous image, in order of time. The events depend only on images and seed, not on the
    /// number of threads.
    ///
    /// # Errors
    /// An image with another number of pixels, or one that is not later than the previous image;
    /// the sensor is unchanged.
    pub fn push(
        &mut self,
        t_us: f64,
        light: &[f32],
        events: &mut Vec<Event>,
    ) -> Result<(), PushError> {
        let Size { width, height } = self.size;
        if width == 0 || height == 0 || width > 1 << 16 || height > 1 << 16 {
            return Err(PushError::Sensor(self.size));
        }
        if light.len() != width * height {
            return Err(PushError::Length { expected: width * height, found: light.len() });
        }
        if !t_us.is_finite() || self.last_us.is_some_and(|last| t_us <= last) {
            let last_us = self.last_us.unwrap_or(f64::NAN);
            return Err(PushError::Time { last_us, now_us: t_us });
        }
        let Some(last_us) = self.last_us.replace(t_us) else {
            self.start(light);
            return Ok(());
        };
        self.step += 1;
        let (settings, response) = (&self.settings, &self.response);
        let interval = Interval { settings, response, from_us: last_us, to_us: t_us };
        let step = self.step;
        let rows = self.pixels.par_chunks_mut(width).zip(light.par_chunks(width)).enumerate();
        let fired: Vec<Vec<Event>> = rows
            .map(|(y, (pixels, light))| {
                let mut fired = Vec::new();
                let mut fire = |t: f64, x: usize, on| fired.push(event(t, x, y, on));
                for (x, (pixel, light)) in pixels.iter_mut().zip(light).enumerate() {
                    interval.change(pixel, *light, |t, on| fire(t, x, on));
                }
                let mut random = KeyedRng::keyed(&[self.settings.seed, SHOT, step, y as u64]);
                interval.shot_noise(pixels, light, &mut random, fire);
                fired
            })
            .collect();
        let first = events.len();
        events.extend(fired.into_iter().flatten());
        events[first..].sort_unstable_by_key(sort_key);
        Ok(())
    }

    /// Advances time to `until_us`; a first image must have been pushed. `look` is called for every
    /// band of that many rows and shows it its light at any number of times; the last one must be
    /// `until_us` and cover every pixel. Appends the events in order of time.
    ///
    /// # Errors
    /// No image was pushed, or `until_us` is not later than the last image; the sensor is
    /// unchanged.
    pub(super) fn advance(
        &mut self,
        until_us: f64,
        rows: usize,
        events: &mut Vec<Event>,
        look: impl Fn(&mut Band<'_>) + Sync,
    ) -> Result<(), PushError> {
        let Some(from_us) = self.last_us.filter(|last| until_us.is_finite() && until_us > *last)
        else {
            let last_us = self.last_us.unwrap_or(f64::NAN);
            return Err(PushError::Time { last_us, now_us: until_us });
        };
        self.last_us = Some(until_us);
        self.step += 1;
        let (width, step, since_us) = (self.size.width, self.step, from_us.floor() as i64);
        let (settings, response) = (&self.settings, &self.response);
        let whole = Interval { settings, response, from_us, to_us: until_us };
        self.light.resize(self.pixels.len(), 0.0);
        self.fired.resize_with(self.size.height.div_ceil(rows.max(1)), Vec::new);
        let length = width * rows.max(1);
        let bands = self.pixels.par_chunks_mut(length).zip(self.light.par_chunks_mut(length));
        bands.zip(&mut self.fired).enumerate().for_each(|(i, ((pixels, light), fired))| {
            fired.clear();
            for (line, pixels) in pixels.chunks_mut(width).enumerate() {
                let y = i * rows + line;
                let mut random = KeyedRng::keyed(&[settings.seed, SHOT, step, y as u64]);
                whole.shot_noise(pixels, &light[line * width..], &mut random, |t, x, on| {
                    fired.push(key(&event(t, x, y, on), since_us));
                });
            }
            look(&mut Band { first: i * rows, width, whole, since_us, pixels, light, fired });
        });
        self.order.clear();
        self.order.extend(self.fired.iter().flatten());
        self.order.par_sort_unstable();
        events.extend(self.order.iter().map(|key| event_of_key(*key, since_us)));
        Ok(())
    }

    fn start(&mut self, light: &[f32]) {
        let s = self.settings;
        let width = self.size.width;
        let rows = light.par_chunks(width).enumerate().map(|(y, row)| {
            let mut random = KeyedRng::keyed(&[s.seed, START, y as u64]);
            let mut vary = |threshold: f32| {
                (threshold * (1.0 + s.mismatch * random.normal() as f32)).max(0.01)
            };
            let row: Vec<(f32, f32, f32)> =
                row.iter().map(|l| (vary(s.on), vary(s.off), self.response.at(*l))).collect();
            let start = |(on, off, level): (f32, f32, f32)| {
                // Without mismatch all pixels start with the same reference, as the models in the
                // tests do.
                let ahead = if s.mismatch > 0.0 { random.unit() as f32 } else { off / (on + off) };
                let reference = level + off - ahead * (on + off);
                Pixel { on, off, reference, level, blind_until_us: f64::NEG_INFINITY }
            };
            row.into_iter().map(start).collect::<Vec<Pixel>>()
        });
        self.pixels = rows.collect::<Vec<_>>().concat();
        self.light = light.to_vec();
    }
}

fn event(t_us: f64, x: usize, y: usize, on: bool) -> Event {
    Event { t_us: t_us.floor() as i64, x: x as u16, y: y as u16, polarity: on }
}

fn sort_key(event: &Event) -> (i64, u16, u16, bool) {
    (event.t_us, event.y, event.x, event.polarity)
}

/// The sort key of an event, in the order of [`sort_key`]. `since_us` must be at most half an hour
/// before the event.
fn key(event: &Event, since_us: i64) -> u64 {
    let after_us = u64::try_from(event.t_us - since_us).unwrap_or(0);
    let place = (u64::from(event.y) << 17) | (u64::from(event.x) << 1);
    (after_us << 33) | place | u64::from(event.polarity)
}

/// The event of a [`key`].
fn event_of_key(key: u64, since_us: i64) -> Event {
    let t_us = since_us + (key >> 33) as i64;
    Event { t_us, x: (key >> 1) as u16, y: (key >> 17) as u16, polarity: key & 1 == 1 }
}

/// Some rows of the sensor while time advances.
pub(super) struct Band<'a> {
    /// The first row.
    pub(super) first: usize,
    width: usize,
    whole: Interval<'a>,
    since_us: i64,
    pixels: &'a mut [Pixel],
    light: &'a mut [f32],
    fired: &'a mut Vec<u64>,
}

impl Band<'_> {
    /// Number of rows.
    pub(super) fn rows(&self) -> usize {
        self.pixels.len() / self.width.max(1)
    }

    /// Shows light to pixels of one row of the band, from column `x` on. Its logarithm changes
    /// linearly between two fractions (0 to 1) of the time range that passes.
    pub(super) fn show(&mut self, (x, row): (usize, usize), share: (f64, f64), light: &[f32]) {
        let Interval { from_us, to_us, .. } = self.whole;
        let at = |share: f64| from_us + share * (to_us - from_us);
        let interval = Interval { from_us: at(share.0), to_us: at(share.1), ..self.whole };
        let here = row * self.width + x..row * self.width + x + light.len();
        let y = self.first + row;
        for (i, (pixel, light)) in self.pixels[here.clone()].iter_mut().zip(light).enumerate() {
            interval.change(pixel, *light, |t, on| {
                self.fired.push(key(&event(t, x + i, y, on), self.since_us));
            });
        }
        self.light[here].copy_from_slice(light);
    }
}
