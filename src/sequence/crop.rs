//! Sizes of training crops.

use super::PairHeader;
use crate::image::Size;
use std::path::PathBuf;

/// Side of the published training crops in image pixels: the authors' YAML files have 64 event
/// pixels at a scale factor of 4, and 256 at 1.
pub const PUBLISHED_CROP_PX: usize = 256;
/// The smallest event map and the step of image sides that the network supports, in pixels.
const NETWORK_STEP: usize = 16;

/// Rows and columns in event pixels of the largest crop whose image sides are at most `side`
/// pixels, or 16 event pixels if that is more; `None` if the network supports no such crop.
pub fn largest_crop(sensor: Size, scale: usize, side: usize) -> Option<(usize, usize)> {
    let longest = side.max(NETWORK_STEP * scale);
    let fits = |n: usize| n * scale <= longest && (n * scale).is_multiple_of(NETWORK_STEP);
    let largest = |n: usize| (NETWORK_STEP..=n).rev().find(|n| fits(*n));
    Some((largest(sensor.height)?, largest(sensor.width)?))
}

/// The published crop, or the largest one that fits all of these event sensors. If there is none,
/// or the scale factor is not an integer, 64 event pixels, which training then reports.
pub(crate) fn published_crop(sensors: impl Iterator<Item = Size>, scale: f64) -> (usize, usize) {
    let smaller = |a: Size, b: Size| Size::new(a.width.min(b.width), a.height.min(b.height));
    let integer = scale >= 1.0 && scale.fract() == 0.0;
    let smallest = sensors.reduce(smaller).filter(|_| integer);
    let found = smallest.and_then(|s| largest_crop(s, scale as usize, PUBLISHED_CROP_PX));
    found.unwrap_or((64, 64))
}

/// Event sensor sizes of recordings on disk; unreadable files are skipped.
pub(crate) fn sensors(files: impl Iterator<Item = PathBuf>) -> impl Iterator<Item = Size> {
    files.filter_map(|path| {
        let PairHeader { size, scale_factor, .. } = PairHeader::read(&path).ok()?;
        super::pair_error::sensor(size, scale_factor).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_crop_is_used_where_it_fits_and_a_smaller_one_elsewhere() {
        let of = |sizes: &[(usize, usize)], scale: f64| {
            published_crop(sizes.iter().map(|(w, h)| Size::new(*w, *h)), scale)
        };
        // MS-RBD and HS-ERGB as published.
        assert_eq!(of(&[(288, 192)], 4.0), (64, 64));
        assert_eq!(of(&[(970, 625)], 1.0), (256, 256));
        // A DAVIS346 alone: 260 rows, 346 columns. Half a sensor at scale 4. Several sizes.
        assert_eq!(of(&[(346, 260)], 1.0), (256, 256));
        assert_eq!(of(&[(48, 32)], 4.0), (32, 48));
        assert_eq!(of(&[(48, 300), (400, 40)], 2.0), (40, 48));
        // No crop fits, or the scale factor is not an integer: training reports it.
        assert_eq!((of(&[(12, 12)], 2.0), of(&[(100, 100)], 2.5)), ((64, 64), (64, 64)));
        assert_eq!(largest_crop(Size::new(100, 100), 8, 64), Some((16, 16)));
    }
}
