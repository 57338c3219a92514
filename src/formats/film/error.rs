//! Errors of films.

use crate::image::Size;
use std::path::PathBuf;

/// Why a film cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum FilmError {
    /// The file cannot be written.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The film.
        path: PathBuf,
        /// The system's error.
        cause: std::io::Error,
    },
    /// There is a file of this name.
    #[error("{}: the file exists: remove it, or give the film another name", .0.display())]
    Exists(PathBuf),
    /// The extension names no format that is written.
    #[error("{}: name a film .mp4, .mkv, .mov, .webm or .avi (by ffmpeg), .y4m or .gif", .0.display())]
    Kind(PathBuf),
    /// ffmpeg cannot be started.
    #[error(
        "{}: ffmpeg cannot be started ({cause}): install it, or name the film .y4m or .gif, which \
         need none",
        path.display()
    )]
    Missing {
        /// The film.
        path: PathBuf,
        /// The system's error.
        cause: std::io::Error,
    },
    /// ffmpeg failed.
    #[error("{}: ffmpeg: {why}", path.display())]
    Ffmpeg {
        /// The film.
        path: PathBuf,
        /// The last line of its error output.
        why: String,
    },
    /// A frame has another size than the first.
    #[error("{}: a frame of {found} pixels in a film of {expected}", path.display())]
    Size {
        /// The film.
        path: PathBuf,
        /// Size of the first frame.
        expected: Size,
        /// Size of this frame.
        found: Size,
    },
    /// The rate is not a usable number.
    #[error("{0} frames per second: expected a rate from 0.1 to 1000")]
    Rate(f64),
    /// A frame could not be written.
    #[error("{}: no film: a frame could not be written", .0.display())]
    Incomplete(PathBuf),
    /// It was stopped by a [`FilmStopper`](super::FilmStopper).
    #[error("{}: no film: it could not be completed in time, and was stopped", .0.display())]
    Stopped(PathBuf),
    /// No frame was added.
    #[error("{}: no frame was made, so there is no film", .0.display())]
    Empty(PathBuf),
}
