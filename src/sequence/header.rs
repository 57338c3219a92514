//! Reads the metadata of a recording without unpacking its images and events.

use super::PairError;
use super::pair_error::field;
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
    /// Reads the header of a file: a few kilobytes, whatever the size of the file. A truncated file
    /// is detected; damage within the images and events is not.
    ///
    /// # Errors
    /// As [`super::Pair::read`], for the parts that are read.
    pub fn read(path: &Path) -> Result<Self, PairError> {
        let mut npz = Npz::open(path)?;
        let missing = |name: &str| PairError::Missing(name.to_owned());
        let mut time = |name: &str| -> Result<i64, PairError> {
            let array = npz.get(name, 1)?.ok_or_else(|| missing(name))?;
            match array.integers().as_deref() {
                Some([t]) => Ok(*t),
                _ => Err(field(name, "not one integer in microseconds")),
            }
        };
        let exposures_us =
            [[time("exp_start1")?, time("exp_end1")?], [time("exp_start2")?, time("exp_end2")?]];
        let [[start1, end1], [start2, end2]] = exposures_us;
        if !(start1 < end1 && end1 <= start2 && start2 < end2) {
            return Err(field("exposures", format!("not in order: {exposures_us:?} us")));
        }
        let scale_factor = npz.get("scale_factor", 1)?.ok_or_else(|| missing("scale_factor"))?;
        let scale_factor =
            scale_factor.scalar().ok_or_else(|| field("scale_factor", "not one number"))?;
        npz.shape("events")?.ok_or_else(|| missing("events"))?;
        npz.shape("blur2")?.ok_or_else(|| missing("blur2"))?;
        let shape = npz.shape("blur1")?.ok_or_else(|| missing("blur1"))?;
        let [channels, height, width] = *shape.as_slice() else {
            return Err(field("blur1", format!("shape {shape:?}, not channels, height, width")));
        };
        let truths = npz.shape("sharp_imgs")?.and_then(|s| s.first().copied()).unwrap_or(0);
        Ok(Self { exposures_us, size: Size::new(width, height), channels, scale_factor, truths })
    }
}
