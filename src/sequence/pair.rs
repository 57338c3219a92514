//! One MS-RBD recording: two consecutive blurry frames and the events from the start of the
//! first to the end of the second.

use super::PairRef;
use crate::event::Event;
use crate::exposure::Exposure;
use crate::exposure::consistency::{self, Finding};
use crate::formats::atomic_file::{self, WriteError};
use crate::formats::npz::{Npz, Packing};
use crate::image::{ImageU8, Size};
use crate::sequence::pair_error::{field, sensor};
use crate::sequence::pair_reader::{self, Contents};
use crate::sequence::{PairError, ReadOptions, Repairs};
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

impl Pair {
    /// Reads a recording from a file. What differs from the format is repaired where that is
    /// possible without doubt; [`Pair::read_with_repairs`] reports it.
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
        let options = ReadOptions { times, ..ReadOptions::default() };
        Self::read_with_repairs(path, &options).map(|(pair, _)| pair)
    }

    /// As [`Pair::read`], with options; also returns what was repaired.
    ///
    /// # Errors
    /// As [`Pair::read`].
    pub fn read_with_repairs(
        path: &Path,
        options: &ReadOptions,
    ) -> Result<(Self, Repairs), PairError> {
        Self::checked(pair_reader::read(&mut Npz::open(path)?, options)?)
    }

    /// Decodes a recording from the bytes of an npz file.
    ///
    /// # Errors
    /// The bytes are not a valid recording; the error names the field.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PairError> {
        Self::from_bytes_with_repairs(bytes, &ReadOptions::default()).map(|(pair, _)| pair)
    }

    /// As [`Pair::from_bytes`], with the report and the options of [`Pair::read_with_repairs`].
    ///
    /// # Errors
    /// As [`Pair::from_bytes`].
    pub fn from_bytes_with_repairs(
        bytes: &[u8],
        options: &ReadOptions,
    ) -> Result<(Self, Repairs), PairError> {
        Self::checked(pair_reader::read(&mut Npz::new(bytes)?, options)?)
    }

    fn checked(contents: Contents) -> Result<(Self, Repairs), PairError> {
        let Contents { frames, exposures_us, events, scale_factor, truth, repairs } = contents;
        let truth = truth.map(|(images, timestamps_us)| GroundTruth { images, timestamps_us });
        let pair = Self { frames, exposures_us, events, scale_factor, truth };
        pair.with_parts(|parts| parts.check())?;
        Ok((pair, repairs))
    }

    /// Size of the event sensor: the image size divided by the scale factor.
    ///
    /// # Errors
    /// [`PairError::Field`] if the scale factor is not a positive number or the sensor is empty.
    pub fn sensor(&self) -> Result<Size, PairError> {
        sensor(self.frames[0].size(), self.scale_factor)
    }

    /// Contradictions between the events or the sharp images and the exposures, or between the events
    /// and the sensor; empty if there are none.
    pub fn findings(&self) -> Vec<Finding> {
        let image = self.frames[0].size();
        let sensor = self.sensor().unwrap_or(image);
        let mut findings = consistency::check(&self.events, &self.exposures_us, sensor);
        if !findings.iter().any(|finding| matches!(finding, Finding::Part { .. })) {
            findings.extend(consistency::check_scale(&self.events, image, self.scale_factor));
        }
        let truth = self.truth.as_ref().map_or(&[][..], |truth| truth.timestamps_us.as_slice());
        findings.extend(consistency::check_truth(truth, &self.exposures_us));
        findings
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
            Blur::First => first.to_f32(),
            Blur::Second => second.to_f32(),
            Blur::Large => (first.to_f32().mean(&second.to_f32()))
                .ok_or_else(|| field("blur2", "of another shape than blur1"))?,
        };
        let within = |e: &&Event| (start..end).contains(&e.t_us);
        Ok(Exposure {
            frame: frame.into(),
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
