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
