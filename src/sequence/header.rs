//! Reads the metadata of a recording without unpacking its images and events.

#![warn(clippy::arithmetic_side_effects, reason = "numbers read from files must not overflow")]

use super::pair_error::{field, sensor};
use super::pair_pictures::Layout;
use super::{PairError, ReadOptions, Repairs, pair_arrays, pair_reader};
use crate::formats::npz::Npz;
use crate::image::Size;
use std::path::Path;

/// Times and shapes of an MS-RBD recording.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairHeader {
    /// Start and end of both exposures in microseconds.
    pub exposures_us: [[i64; 2]; 2],
    /// Size of the frames.
    pub size: Size,
    /// 1 for gray, 3 for colour.
    pub channels: usize,
    /// Image resolution over event resolution.
    pub scale_factor: f64,
    /// Number of sharp images in the file.
    pub truths: usize,
}

impl PairHeader {
    /// Reads the header of a file: a few kilobytes of a file of any size. A truncated file
    /// is detected; damage within the images and events is not. Of a file without a scale factor
    /// everything is read, because the events may show it.
    ///
    /// # Errors
    /// As [`super::Pair::read`], for the parts that are read.
    pub fn read(path: &Path) -> Result<Self, PairError> {
        let mut npz = Npz::open(path)?;
        let mut repairs = Repairs::default();
        let exposures_us = pair_reader::exposures(&mut npz, &mut repairs)?;
        let [[start1, end1], [start2, end2]] = exposures_us;
        if !(start1 < end1 && end1 <= start2 && start2 < end2) {
            return Err(field("exposures", format!("not in order: {exposures_us:?} us")));
        }
        for name in ["blur1", "blur2"] {
            if npz.shape(name)?.is_none() {
                return Err(pair_arrays::missing(&npz, name));
            }
        }
        if !pair_reader::has_events(&mut npz)? {
            return Err(pair_arrays::missing(&npz, "events"));
        }
        let shape = npz.shape("blur1")?.unwrap_or_default();
        let layout = Layout::of_image("blur1", &shape)?;
        let scale_factor = match pair_arrays::number(&mut npz, "scale_factor")? {
            Some(scale) => scale,
            None => pair_reader::read(&mut npz, &ReadOptions::default())?.scale_factor,
        };
        sensor(layout.size, scale_factor)?;
        let truths = npz.shape("sharp_imgs")?.and_then(|s| s.first().copied()).unwrap_or(0);
        let (size, channels) = (layout.size, layout.channels);
        Ok(Self { exposures_us, size, channels, scale_factor, truths })
    }
}
