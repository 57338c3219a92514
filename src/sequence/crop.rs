//! Which training crops a recording has room for.

use super::PairHeader;
use crate::image::Size;
use std::path::PathBuf;

/// Side of the published training crops in image pixels: the authors' YAML files have 64 event
/// pixels at a ratio of 4, and 256 at 1.
pub const PUBLISHED_CROP_PX: usize = 256;
/// The smallest event map and the step of image sides that the network takes, in pixels.
const NETWORK_STEP: usize = 16;

/// Rows and columns in event pixels of the largest crop whose image sides are at most `side`
/// pixels, or those of 16 event pixels where that is more; `None` where the network takes none.
pub fn largest_crop(sensor: Size, scale: usize, side: usize) -> Option<(usize, usize)> {
    let longest = side.max(NETWORK_STEP * scale);
    let fits = |n: usize| n * scale <= longest && (n * scale).is_multiple_of(NETWORK_STEP);
    let largest = |n: usize| (NETWORK_STEP..=n).rev().find(|n| fits(*n));
    Some((largest(sensor.height)?, largest(sensor.width)?))
}

/// The published crop, or the largest one that fits all of these event sensors; 64 event pixels
/// where none does or the scale is no whole number, which training tells.
pub(crate) fn published_crop(sensors: impl Iterator<Item = Size>, scale: f64) -> (usize, usize) {
    let smaller = |a: Size, b: Size| Size::new(a.width.min(b.width), a.height.min(b.height));
    let whole = scale >= 1.0 && scale.fract() == 0.0;
    let smallest = sensors.reduce(smaller).filter(|_| whole);
    let found = smallest.and_then(|s| largest_crop(s, scale as usize, PUBLISHED_CROP_PX));
    found.unwrap_or((64, 64))
}

/// Sizes of the event sensors of recordings on disk; those that cannot be read are left out.
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
    fn the_published_crop_is_taken_where_it_fits_and_a_smaller_one_elsewhere() {
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
        // Nothing fits, or no whole number: what training will name.
        assert_eq!((of(&[(12, 12)], 2.0), of(&[(100, 100)], 2.5)), ((64, 64), (64, 64)));
        assert_eq!(largest_crop(Size::new(100, 100), 8, 64), Some((16, 16)));
    }
}
