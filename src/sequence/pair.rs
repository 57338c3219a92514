//! One MS-RBD recording: two consecutive blurry frames and the events from the start of the
//! first to the end of the second.

use super::PairRef;
use crate::event::Event;
use crate::exposure::Exposure;
use crate::exposure::consistency::{self, Finding};
use crate::formats::atomic_file::{self, WriteError};
use crate::formats::npy::{Array, Values};
use crate::formats::npz::{Npz, Packing};
use crate::formats::pickle_dict::read_dict;
use crate::image::{ImageU8, Size};
use crate::sequence::PairError;
use crate::sequence::pair_error::{field, sensor};
use crate::time::{EventTimes, TimeRange};
use std::path::Path;

/// Sharp images of the scene at known times.
#[derive(Clone, Debug, PartialEq)]
pub struct GroundTruth {
    /// The images.
    pub images: Vec<ImageU8>,
    /// The time of each in microseconds.
    pub timestamps_us: Vec<i64>,
}

/// Which blurry image of a pair to restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blur {
    /// The first frame.
    First,
    /// The second frame.
    Second,
    /// The mean of both frames, over both exposures.
    Large,
}

/// A recording in the MS-RBD format.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// The two blurry frames, of one size.
    pub frames: [ImageU8; 2],
    /// Start and end of both exposures in microseconds.
    pub exposures_us: [[i64; 2]; 2],
    /// Events from the start of the first exposure to the end of the second, in order of time.
    pub events: Vec<Event>,
    /// Image resolution over event resolution.
    pub scale_factor: f64,
    /// Sharp images, where known.
    pub truth: Option<GroundTruth>,
}

/// Maximum samples of an image array: 128 images of 2048x1536 in 3 channels.
const MAX_SAMPLES: usize = 128 * 3 * 2048 * 1536;

/// Maximum number of sharp images of a recording.
const MAX_TRUTHS: usize = 4096;

impl Pair {
    /// Reads a recording from a file.
    ///
    /// # Errors
    /// The file cannot be read or is not a valid recording; the error does not include the path.
    pub fn read(path: &Path) -> Result<Self, PairError> {
        Self::read_timed(path, EventTimes::default())
    }

    /// As [`Self::read`], with events whose times are in another unit or on another clock than the
    /// exposures.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_timed(path: &Path, times: EventTimes) -> Result<Self, PairError> {
        Self::decode(&std::fs::read(path)?, times)
    }

    /// Decodes a recording from the bytes of an npz file.
    ///
    /// # Errors
    /// The bytes are not a valid recording; the error names the field.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PairError> {
        Self::decode(bytes, EventTimes::default())
    }

    fn decode(bytes: &[u8], times: EventTimes) -> Result<Self, PairError> {
        let mut npz = Npz::new(bytes)?;
        let mut required = |name: &str, limit: usize| -> Result<Array, PairError> {
            npz.get(name, limit)?.ok_or_else(|| PairError::Missing(name.to_owned()))
        };
        let frames = [
            picture("blur1", required("blur1", MAX_SAMPLES)?)?,
            picture("blur2", required("blur2", MAX_SAMPLES)?)?,
        ];
        let mut time = |name: &str| -> Result<i64, PairError> {
            match required(name, 1)?.integers().as_deref() {
                Some([t]) => Ok(*t),
                _ => Err(field(name, "not one integer in microseconds")),
            }
        };
        let exposures_us =
            [[time("exp_start1")?, time("exp_end1")?], [time("exp_start2")?, time("exp_end2")?]];
        let scale_factor = required("scale_factor", 1)?
            .scalar()
            .ok_or_else(|| field("scale_factor", "not one number"))?;
        let events = match required("events", 1)?.values {
            Values::Pickle(pickle) => {
                self::events(read_dict(&pickle, &["x", "y", "t", "p"])?, times)?
            }
            _ => return Err(field("events", "not a dictionary")),
        };
        let images = npz.get("sharp_imgs", MAX_SAMPLES)?;
        let truth = match (images, npz.get("sharp_timestamps", MAX_TRUTHS)?) {
            (Some(images), Some(times)) => Some(self::truth(images, times)?),
            (None, None) => None,
            (None, _) => return Err(PairError::Missing("sharp_imgs".into())),
            (_, None) => return Err(PairError::Missing("sharp_timestamps".into())),
        };
        let pair = Self { frames, exposures_us, events, scale_factor, truth };
        pair.with_parts(|parts| parts.check())?;
        Ok(pair)
    }

    /// Size of the event sensor: the image size divided by the scale factor.
    ///
    /// # Errors
    /// [`PairError::Field`] if the scale factor is not a positive number or the sensor is empty.
    pub fn sensor(&self) -> Result<Size, PairError> {
        sensor(self.frames[0].size(), self.scale_factor)
    }

    /// What contradicts between the events and the exposures or the sensor; empty if nothing does.
    pub fn findings(&self) -> Vec<Finding> {
        let sensor = self.sensor().unwrap_or(self.frames[0].size());
        consistency::check(&self.events, &self.exposures_us, sensor)
    }

    /// One of the blurry images with its exposure and events.
    ///
    /// # Errors
    /// As [`Pair::sensor`], and for [`Blur::Large`] if the frames have different shapes. Neither
    /// occurs in a pair that was read.
    pub fn exposure(&self, blur: Blur) -> Result<Exposure, PairError> {
        let [[start1, end1], [start2, end2]] = self.exposures_us;
        let (start, end) = match blur {
            Blur::First => (start1, end1),
            Blur::Second => (start2, end2),
            Blur::Large => (start1, end2),
        };
        let [first, second] = &self.frames;
        let frame = match blur {
            Blur::First => first.to_planes(),
            Blur::Second => second.to_planes(),
            Blur::Large => (first.to_planes().mean(&second.to_planes()))
                .ok_or_else(|| field("blur2", "of another shape than blur1"))?,
        };
        let within = |e: &&Event| (start..end).contains(&e.t_us);
        Ok(Exposure {
            frame,
            span: TimeRange::new(start as f64, end as f64),
            events: self.events.iter().filter(within).copied().collect(),
            sensor: self.sensor()?,
        })
    }

    /// Passes the borrowed parts to `f`.
    fn with_parts<T>(&self, f: impl FnOnce(PairRef<'_>) -> T) -> T {
        let truths: Vec<(i64, &ImageU8)> = (self.truth.iter())
            .flat_map(|t| t.timestamps_us.iter().copied().zip(&t.images))
            .collect();
        f(PairRef {
            frames: [&self.frames[0], &self.frames[1]],
            exposures_us: self.exposures_us,
            events: &[&self.events],
            scale_factor: self.scale_factor,
            truths: &truths,
        })
    }

    /// Encodes the recording as an npz file that numpy 1 and 2 read with `allow_pickle=True`, with
    /// fast compression.
    ///
    /// # Errors
    /// [`PairError::Field`] for inconsistent parts, which could not be read back.
    pub fn to_bytes(&self) -> Result<Vec<u8>, PairError> {
        let lengths = |t: &GroundTruth| (t.images.len(), t.timestamps_us.len());
        if let Some((images, times)) = self.truth.as_ref().map(lengths).filter(|(a, b)| a != b) {
            return Err(field("sharp_imgs", format!("{images} images with {times} timestamps")));
        }
        let mut bytes = Vec::new();
        self.with_parts(|parts| parts.encode(Packing::Deflated(1), &mut bytes))?;
        Ok(bytes)
    }

    /// Writes the recording atomically.
    ///
    /// # Errors
    /// The parts are inconsistent, or the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), SaveError> {
        Ok(atomic_file::write(path, &self.to_bytes()?)?)
    }
}

/// Why a recording could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// Its parts are inconsistent.
    #[error(transparent)]
    Pair(#[from] PairError),
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

fn picture(name: &str, array: Array) -> Result<ImageU8, PairError> {
    let (Values::Bytes(data), [c, h, w]) = (array.values, array.shape.as_slice()) else {
        let what = format!("shape {:?} instead of channels, height, width as bytes", array.shape);
        return Err(field(name, what));
    };
    ImageU8::new(*c, Size::new(*w, *h), data).map_err(|e| field(name, e.to_string()))
}

fn truth(images: Array, times: Array) -> Result<GroundTruth, PairError> {
    let (Values::Bytes(data), [n, c, h, w]) = (&images.values, images.shape.as_slice()) else {
        return Err(field("sharp_imgs", "not number, channels, height, width as bytes"));
    };
    let timestamps_us = times
        .integers()
        .filter(|t| t.len() == *n)
        .ok_or_else(|| field("sharp_timestamps", "not one integer per sharp image"))?;
    let size = Size::new(*w, *h);
    let length = h.checked_mul(*w).and_then(|a| a.checked_mul(*c)).filter(|l| *l > 0);
    let length = length.ok_or_else(|| field("sharp_imgs", format!("{n} images of {c}x{h}x{w}")))?;
    let images = (data.chunks_exact(length))
        .map(|d| ImageU8::new(*c, size, d.to_vec()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| field("sharp_imgs", e.to_string()))?;
    Ok(GroundTruth { images, timestamps_us })
}

fn events(mut dict: Vec<(String, Array)>, times: EventTimes) -> Result<Vec<Event>, PairError> {
    let mut column = |key: &str| -> Result<Vec<f64>, PairError> {
        let at = dict.iter().position(|(k, _)| k == key);
        let at = at.ok_or_else(|| PairError::Missing(format!("events[{key:?}]")))?;
        let name = || format!("events[{key:?}]");
        let values =
            dict.swap_remove(at).1.floats().ok_or_else(|| field(&name(), "not numbers"))?;
        if values.iter().any(|v| !v.is_finite()) {
            return Err(field(&name(), "holds a number that is not finite"));
        }
        Ok(values)
    };
    let (x, y, t, p) = (column("x")?, column("y")?, column("t")?, column("p")?);
    if x.len() != y.len() || x.len() != t.len() || x.len() != p.len() {
        let lengths = [x.len(), y.len(), t.len(), p.len()];
        return Err(field("events", format!("x, y, t, p differ in length: {lengths:?}")));
    }
    let coordinate = |v: f64| (v.fract() == 0.0 && (0.0..65536.0).contains(&v)).then_some(v as u16);
    (x.iter().zip(&y).zip(&t).zip(&p))
        .map(|(((x, y), t), p)| {
            let on = match *p {
                1.0 => true,
                0.0 | -1.0 => false,
                other => return Err(field("events[\"p\"]", format!("polarity {other}"))),
            };
            match (coordinate(*x), coordinate(*y)) {
                (Some(x), Some(y)) => Ok(Event { t_us: times.to_us(*t), x, y, polarity: on }),
                _ => Err(field("events", format!("({x}, {y}) is not a pixel of a sensor"))),
            }
        })
        .collect()
}
