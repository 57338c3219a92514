//! Limits that all readers of files share. A file that exceeds one of them is refused before memory
//! for it is allocated, so that memory and time are bounded for any bytes.
//!
//! Reading a recording needs at most its unpacked bytes ([`MAX_UNPACKED_BYTES`]), 16 bytes per event
//! ([`MAX_EVENTS`]) and the images as bytes; a pickle at most 60 bytes per part
//! ([`MAX_PICKLE_PARTS`]).

#![warn(clippy::arithmetic_side_effects, reason = "numbers read from files must not overflow")]

use crate::image::Size;

/// Largest unpacked size of a file's contents, in bytes. Two frames and 49 sharp images of 2048x1536
/// pixels need half of it.
pub const MAX_UNPACKED_BYTES: u64 = 1 << 30;
/// Largest file of weights, in bytes: the network needs 10 MB, with its optimiser 40 MB.
pub const MAX_WEIGHTS_BYTES: u64 = 1 << 30;
/// Largest configuration or recipe, in bytes; those of the authors have 2 KB.
pub const MAX_TEXT_BYTES: u64 = 256 << 10;
/// Maximum number of events of a recording: one gigabyte in memory.
pub const MAX_EVENTS: usize = 1 << 26;
/// Maximum number of events of a whole sequence that is imported at once: two gigabytes in memory.
pub const MAX_SEQUENCE_EVENTS: usize = 1 << 27;
/// Maximum number of frames of a sequence that is imported.
pub const MAX_SEQUENCE_FRAMES: usize = 1 << 20;
/// Longest line of a table of numbers, in bytes.
pub const MAX_LINE_BYTES: u64 = 64 << 10;
/// Largest memory for decoding a picture, in bytes: the largest image with four samples of 16 bits.
pub const MAX_PICTURE_BYTES: u64 = 8 * MAX_IMAGE_PIXELS as u64;
/// Longest side of an image in pixels.
pub const MAX_IMAGE_SIDE_PX: usize = 8192;
/// Largest image in pixels, 4096x4096.
pub const MAX_IMAGE_PIXELS: usize = 1 << 24;
/// Longest side of an event sensor in pixels; the largest one sold has 1280.
pub const MAX_SENSOR_SIDE_PX: usize = 4096;
/// Largest event sensor in pixels. Its event tensor has 96 channels: 1.6 GB.
pub const MAX_SENSOR_PIXELS: usize = 1 << 22;
/// Smallest ratio of image to event resolution: with finer events, a small file needs much memory.
pub const MIN_SCALE_FACTOR: f64 = 1.0 / 16.0;
/// Longest name of a tensor or an array, in bytes; longer ones are ignored.
pub const MAX_NAME_BYTES: usize = 512;
/// Deepest nesting of a text format.
pub const MAX_NESTING: usize = 64;
/// Maximum number of objects that a pickle creates or refers to: four lists of four million numbers.
pub const MAX_PICKLE_PARTS: usize = 1 << 24;
/// Largest dictionary of an LZMA stream, in bytes: that of the strongest usual setting.
pub const MAX_LZMA_DICTIONARY: u32 = 64 << 20;
/// Times beyond this many microseconds (36 thousand years) are damaged. Within it, differences of
/// two times cannot overflow.
pub const MAX_TIME_US: i64 = 1 << 60;

/// A size that exceeds a limit; the text names the limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TooLarge(String);

/// Checks the size of an image.
///
/// # Errors
/// A side is zero, or the image is larger than [`MAX_IMAGE_SIDE_PX`] or [`MAX_IMAGE_PIXELS`] allow.
pub fn check_image(size: Size) -> Result<(), TooLarge> {
    check(size, "image", MAX_IMAGE_SIDE_PX, MAX_IMAGE_PIXELS)
}

/// Checks the size of an event sensor.
///
/// # Errors
/// A side is zero, or the sensor is larger than [`MAX_SENSOR_SIDE_PX`] or [`MAX_SENSOR_PIXELS`] allow.
pub fn check_sensor(size: Size) -> Result<(), TooLarge> {
    check(size, "event sensor", MAX_SENSOR_SIDE_PX, MAX_SENSOR_PIXELS)
}

fn check(size: Size, what: &str, side: usize, pixels: usize) -> Result<(), TooLarge> {
    let Size { width, height } = size;
    let fits = (1..=side).contains(&width) && (1..=side).contains(&height);
    if fits && width.saturating_mul(height) <= pixels {
        return Ok(());
    }
    Err(TooLarge(format!(
        "an {what} of {width}x{height} pixels: sides from 1 to {side} and at most {pixels} pixels are \
         read"
    )))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "a test may fail by panicking")]

    use super::*;

    #[test]
    fn sizes_are_accepted_up_to_the_limits_and_not_beyond() {
        assert!(check_image(Size::new(4096, 4096)).is_ok());
        assert!(check_sensor(Size::new(2048, 2048)).is_ok());
        for (width, height) in [(0, 5), (5, 0), (8193, 1), (4097, 4096), (usize::MAX, usize::MAX)] {
            assert!(check_image(Size::new(width, height)).is_err(), "{width}x{height}");
        }
        for (width, height) in [(4097, 1), (2048, 2049), (0, 0)] {
            let error = check_sensor(Size::new(width, height)).unwrap_err().to_string();
            assert!(error.contains(&format!("{width}x{height}")), "{error}");
        }
    }
}
