//! Why a file holds no pair, and the bounds of one.

use crate::formats::npz::NpzError;
use crate::formats::pickle::PickleError;
use crate::image::Size;

/// Why a file is not a recording that can be used.
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
    /// An array that every recording has is not there.
    #[error("{0} is missing: not an MS-RBD recording")]
    Missing(String),
    /// A field does not hold what it should.
    #[error("{0}: {1}")]
    Field(String, String),
}

/// Events of one recording: half a gigabyte of time stamps.
pub(crate) const MAX_EVENTS: usize = 1 << 26;

pub(crate) fn field(name: &str, what: impl Into<String>) -> PairError {
    PairError::Field(name.to_owned(), what.into())
}

/// Size of the event sensor of images of `size`.
pub(crate) fn sensor(size: Size, scale_factor: f64) -> Result<Size, PairError> {
    let cells = |n: usize| (n as f64 / scale_factor).round();
    let (width, height) = (cells(size.width), cells(size.height));
    let sound = |n: f64| (1.0..=65536.0).contains(&n);
    if !(scale_factor > 0.0 && sound(width) && sound(height)) {
        let what = format!("{scale_factor} does not fit images of {size}");
        return Err(field("scale_factor", what));
    }
    Ok(Size::new(width as usize, height as usize))
}
