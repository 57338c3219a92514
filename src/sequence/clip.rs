//! The built-in clip: JPEG frames and their events in one npz file.

use crate::event::{Event, EventBuffer, Thresholds};
use crate::exposure::Exposure;
use crate::formats::limits::MAX_TIME_US;
use crate::formats::npy::{self, Array, NpyError};
use crate::formats::npz::{self, Npz, NpzError};
use crate::image::{FrameError, ImageU8, Size};
use crate::time::TimeRange;

/// Why a clip cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    /// The archive cannot be read or written.
    #[error(transparent)]
    Npz(#[from] NpzError),
    /// An array is damaged.
    #[error(transparent)]
    Npy(#[from] NpyError),
    /// An image cannot be decoded or encoded.
    #[error(transparent)]
    Image(#[from] image::ImageError),
    /// An image has an invalid shape.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// An array is missing or invalid.
    #[error("clip: {0} is missing or invalid")]
    Field(String),
}

/// Maximum length of an array of a clip: bytes of an image, or events of an exposure.
const MAX_NUMBERS: usize = 1 << 24;

/// Maximum number of exposures of a clip.
const MAX_EXPOSURES: i64 = 100_000;

/// A sequence of exposures, which is played in a loop.
#[derive(Clone, Debug)]
pub struct Clip {
    /// The exposures in order, in one clock.
    pub exposures: Vec<Exposure>,
    /// The sharp image in the middle of each exposure; empty if unknown.
    pub truth: Vec<ImageU8>,
    /// Time between the starts of two exposures, in microseconds.
    pub period_us: f64,
}

impl Clip {
    /// The event camera's contrast thresholds in [`Clip::embedded`], as set in
    /// `examples/make_clip.rs`.
    pub const THRESHOLDS: Thresholds = Thresholds::both(0.25);

    /// The embedded clip: 576x384 pixels, with events at half the resolution.
    ///
    /// # Errors
    /// Only if the program was built with a damaged clip.
    pub fn embedded() -> Result<Self, ClipError> {
        Self::from_bytes(include_bytes!("../../assets/clip/dogs.npz"))
    }

    /// Decodes a clip.
    ///
    /// # Errors
    /// The bytes are damaged or not a clip.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ClipError> {
        let mut npz = Npz::new(bytes)?;
        let mut get = |name: &str| -> Result<Array, ClipError> {
            npz.get(name, MAX_NUMBERS)?.ok_or_else(|| ClipError::Field(name.to_owned()))
        };
        let meta = get("meta")?.integers().unwrap_or_default();
        let [count, exposure_us, period_us, width, height] = *meta.as_slice() else {
            return Err(ClipError::Field("meta".to_owned()));
        };
        let side = |v: i64| usize::try_from(v).ok().filter(|v| (1..=65536).contains(v));
        let (Some(width), Some(height)) = (side(width), side(height)) else {
            return Err(ClipError::Field("meta".to_owned()));
        };
        let (mut exposures, mut truth) = (Vec::new(), Vec::new());
        let valid = |us: i64| (1..=MAX_TIME_US >> 32).contains(&us);
        if !(0..=MAX_EXPOSURES).contains(&count) || !valid(exposure_us) || !valid(period_us) {
            return Err(ClipError::Field("meta".to_owned()));
        }
        for i in 0..count {
            let mut column = |name: &str| -> Result<Vec<i64>, ClipError> {
                Ok(get(&format!("{name}{i}"))?.integers().unwrap_or_default())
            };
            let (time_differences, x, y, on) =
                (column("after")?, column("x")?, column("y")?, column("on")?);
            let mut t_us = i * period_us;
            let coordinate =
                |v: i64, n: usize| u16::try_from(v).ok().filter(|p| usize::from(*p) < n);
            let events = (time_differences.iter().zip(&x).zip(&y).zip(&on))
                .map(|(((difference, x), y), on)| {
                    t_us = t_us.checked_add(*difference)?;
                    Some(Event {
                        t_us,
                        x: coordinate(*x, width)?,
                        y: coordinate(*y, height)?,
                        polarity: *on == 1,
                    })
                })
                .collect::<Option<EventBuffer>>();
            let frame = picture(get(&format!("frame{i}"))?, "frame")?;
            match get(&format!("sharp{i}")) {
                Ok(array) => truth.push(picture(array, "sharp")?),
                Err(ClipError::Field(_)) => {}
                Err(error) => return Err(error),
            }
            let start_us = (i * period_us) as f64;
            exposures.push(Exposure {
                frame: frame.to_f32().into(),
                span: TimeRange::new(start_us, start_us + exposure_us as f64),
                events: events
                    .ok_or_else(|| ClipError::Field(format!("events of exposure {i}")))?,
                sensor: Size::new(width, height),
            });
        }
        // All or none: otherwise images would be assigned to the wrong exposures.
        if !truth.is_empty() && truth.len() != exposures.len() {
            return Err(ClipError::Field("sharp".to_owned()));
        }
        Ok(Self { exposures, truth, period_us: period_us as f64 })
    }

    /// Encodes the clip. Times are rounded to microseconds, and frames have JPEG quality 92.
    ///
    /// # Errors
    /// An image cannot be encoded.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ClipError> {
        let mut entries = Vec::new();
        for (i, e) in self.exposures.iter().enumerate() {
            let picture = e.frame.to_f32().map(|v| v + 0.5 / 255.0).to_u8();
            let jpeg = jpeg(&picture)?;
            entries.push((format!("frame{i}"), npy::write("|u1", &[jpeg.len()], &jpeg)));
            if let Some(sharp) = self.truth.get(i) {
                let jpeg = self::jpeg(sharp)?;
                entries.push((format!("sharp{i}"), npy::write("|u1", &[jpeg.len()], &jpeg)));
            }
            // Columns and time differences compress well, because most of their bytes are equal.
            let mut last_us = e.span.start_us as i64;
            let mut time_differences = Vec::new();
            for v in &e.events {
                // Gaps over 65 ms are shortened; no exposure of a clip is that long.
                let gap = u16::try_from(v.t_us.saturating_sub(last_us)).unwrap_or(u16::MAX);
                time_differences.push(gap);
                last_us += i64::from(gap);
            }
            let u16_bytes =
                |v: Vec<u16>| -> Vec<u8> { v.iter().flat_map(|v| v.to_le_bytes()).collect() };
            let n = [e.events.len()];
            let x = u16_bytes(e.events.iter().map(|v| v.x).collect());
            let y = u16_bytes(e.events.iter().map(|v| v.y).collect());
            let on: Vec<u8> = e.events.iter().map(|v| v.polarity.into()).collect();
            entries
                .push((format!("after{i}"), npy::write("<u2", &n, &u16_bytes(time_differences))));
            entries.push((format!("x{i}"), npy::write("<u2", &n, &x)));
            entries.push((format!("y{i}"), npy::write("<u2", &n, &y)));
            entries.push((format!("on{i}"), npy::write("|u1", &n, &on)));
        }
        if let Some(first) = self.exposures.first() {
            let Size { width, height } = first.sensor;
            let duration_us = first.span.duration_us() as i64;
            let meta = [
                self.exposures.len() as i64,
                duration_us,
                self.period_us as i64,
                width as i64,
                height as i64,
            ];
            let bytes: Vec<u8> = meta.iter().flat_map(|v| v.to_le_bytes()).collect();
            entries.push(("meta".to_owned(), npy::write("<i8", &[meta.len()], &bytes)));
        }
        let entries: Vec<(&str, Vec<u8>)> =
            entries.iter().map(|(n, b)| (n.as_str(), b.clone())).collect();
        Ok(npz::write_packed(&entries, 9)?)
    }

    /// The clip at `1/factor` of the resolution: pixels are averaged, and of the event pixels every
    /// `factor`-th is used, so that each still fires at its contrast threshold.
    pub fn reduced(&self, factor: usize) -> Self {
        let factor = factor.max(1);
        let small = |size: Size| Size::new(size.width / factor, size.height / factor);
        let exposures = (self.exposures.iter())
            .map(|e| {
                let sensor = small(e.sensor);
                let sampled = |v: &Event| {
                    let (x, y) = (usize::from(v.x), usize::from(v.y));
                    let is_sampled = x % factor == 0 && y % factor == 0;
                    let (x, y) = (x / factor, y / factor);
                    (is_sampled && x < sensor.width && y < sensor.height).then_some(Event {
                        x: x as u16,
                        y: y as u16,
                        ..*v
                    })
                };
                Exposure {
                    frame: e.frame.to_f32().shrunk(small(e.frame.size())).into(),
                    span: e.span,
                    events: e.events.iter().filter_map(sampled).collect(),
                    sensor,
                }
            })
            .collect();
        let truth = self.truth.iter().map(|t| t.shrunk(small(t.size()))).collect();
        Self { exposures, truth, period_us: self.period_us }
    }

    /// The clip with images of `size`, whose pixels are averages of the original ones. The events
    /// stay as they are.
    pub fn with_images(&self, size: Size) -> Self {
        let exposures = self.exposures.iter().map(|e| {
            let frame = e.frame.to_f32().shrunk(size).into();
            Exposure { frame, ..e.clone() }
        });
        Self {
            exposures: exposures.collect(),
            truth: self.truth.iter().map(|t| t.shrunk(size)).collect(),
            period_us: self.period_us,
        }
    }
}

/// Decodes a JPEG image.
fn picture(array: Array, name: &str) -> Result<ImageU8, ClipError> {
    let npy::Values::Bytes(jpeg) = array.values else {
        return Err(ClipError::Field(name.to_owned()));
    };
    let rgb = image::load_from_memory(&jpeg)?.into_rgb8();
    let size = Size::new(rgb.width() as usize, rgb.height() as usize);
    Ok(ImageU8::from_rgb(size, rgb.as_raw())?)
}

/// Encodes an image as JPEG.
fn jpeg(picture: &ImageU8) -> Result<Vec<u8>, image::ImageError> {
    let Size { width, height } = picture.size();
    let mut jpeg = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 92).encode(
        &picture.to_rgb(),
        width as u32,
        height as u32,
        image::ExtendedColorType::Rgb8,
    )?;
    Ok(jpeg)
}

#[cfg(test)]
mod tests;
