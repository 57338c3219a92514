//! Errors of MS-RBD recordings, and their limits.

use crate::formats::limits::{self, MIN_SCALE_FACTOR};
use crate::formats::npz::NpzError;
use crate::formats::pickle::PickleError;
use crate::image::Size;

/// Why a file is not a usable recording.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// The file cannot be read.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The archive or one of its arrays cannot be read.
    #[error(transparent)]
    Npz(#[from] NpzError),
    /// The dictionary of events cannot be read.
    #[error("events: {0}")]
    Pickle(#[from] PickleError),
    /// A required array is missing; what the file holds instead.
    #[error("{0} is missing: not an MS-RBD recording; the file holds {1}")]
    Missing(String, String),
    /// An archive of another program; what it is, and the command that accepts it.
    #[error("not an MS-RBD recording: {0}")]
    Foreign(String),
    /// A field has an invalid value: its name, and what is wrong.
    #[error("{0}: {1}")]
    Field(String, String),
}

pub(crate) fn field(name: &str, what: impl Into<String>) -> PairError {
    PairError::Field(name.to_owned(), what.into())
}

/// Size of the event sensor for images of `size`.
pub(crate) fn sensor(size: Size, scale_factor: f64) -> Result<Size, PairError> {
    if scale_factor > 0.0 && scale_factor < MIN_SCALE_FACTOR {
        let what =
            format!("{scale_factor} is below {MIN_SCALE_FACTOR}: events this fine are not read");
        return Err(field("scale_factor", what));
    }
    let scaled = |n: usize| (n as f64 / scale_factor).round();
    let (width, height) = (scaled(size.width), scaled(size.height));
    let valid = |n: f64| (1.0..=65536.0).contains(&n);
    if !(scale_factor > 0.0 && valid(width) && valid(height)) {
        let what = format!("{scale_factor} does not fit images of {size}");
        return Err(field("scale_factor", what));
    }
    let sensor = Size::new(width as usize, height as usize);
    limits::check_sensor(sensor)
        .map_err(|e| field("scale_factor", format!("{scale_factor} means {e}")))?;
    Ok(sensor)
}

/// The scale factor with which images of `image` have this event sensor. Sizes are rounded, so that
/// many have; the one that was stated is most likely whole, or a multiple of one half.
pub(crate) fn scale_factor(image: Size, events: Size) -> f64 {
    let ratio = |a: usize, b: f64| a as f64 / b.max(0.5);
    let (width, height) = (events.width as f64, events.height as f64);
    let (across, down) = (ratio(image.width, width), ratio(image.height, height));
    // All factors between these limits have this sensor.
    let low = ratio(image.width, width + 0.5).max(ratio(image.height, height + 0.5));
    let high = ratio(image.width, width - 0.5).min(ratio(image.height, height - 0.5));
    let halves = (across * 2.0).round() / 2.0;
    let candidates = [across.round(), halves, across, down, f64::midpoint(low, high)];
    let fits = |scale: &f64| sensor(image, *scale).is_ok_and(|size| size == events);
    candidates.into_iter().find(fits).unwrap_or(across)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_factor_of_two_sizes_has_that_sensor() {
        let of = |image: (usize, usize), events: (usize, usize)| {
            scale_factor(Size::new(image.0, image.1), Size::new(events.0, events.1))
        };
        for (image, events, scale) in [
            ((96, 64), (48, 32), 2.0),
            ((95, 63), (48, 32), 2.0),
            ((96, 64), (38, 26), 2.5),
            ((96, 64), (64, 43), 1.5),
            ((96, 64), (192, 128), 0.5),
            ((97, 65), (32, 22), 3.0),
        ] {
            assert_eq!(of(image, events), scale, "{image:?} {events:?}");
        }
        for image in (40..120).map(|side| Size::new(side, side * 2 / 3)) {
            for scale in [0.7, 1.1, 1.85, 2.25, 2.7, 3.3] {
                let events = sensor(image, scale).unwrap();
                let found = scale_factor(image, events);
                assert_eq!(sensor(image, found).unwrap(), events, "{image} {scale} {found}");
            }
        }
    }
}
