//! Films of pictures: through an installed ffmpeg (mp4, mkv, mov, webm, avi), as uncompressed
//! YUV4MPEG2 (.y4m) and as GIF, which need nothing installed.
//!
//! [`FilmWriter`] is fed with restored exposures; [`Film`] takes pictures of any content.
//!
//! ```
//! use gem_live::exposure::Exposure;
//! use gem_live::formats::film::{FilmWriter, Layout};
//! use gem_live::image::{ImageF32, ImageU8, Size};
//! use gem_live::time::TimeRange;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let exposure = Exposure {
//!     frame: ImageF32::filled(true, Size::new(64, 48), 0.5).into(),
//!     span: TimeRange::new(0.0, 10_000.0),
//!     events: Vec::new().into(),
//!     sensor: Size::new(32, 24),
//! };
//! // Normally these come from a `Deblurrer`.
//! let restored = vec![ImageU8::filled(true, Size::new(64, 48), 128); 2];
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("slow.gif");
//! let mut film = FilmWriter::create(&path, Layout::Side, 10.0)?;
//! film.add(&exposure, &[0.25, 0.75], &restored)?;
//! let summary = film.finish()?;
//! assert_eq!((summary.frames, summary.seconds), (2, 0.2));
//! # Ok(())
//! # }
//! ```

mod error;
mod exposures;
mod ffmpeg;
mod gif_file;
mod layout;
mod stopper;
mod writer;
mod y4m;

pub use error::FilmError;
pub use exposures::FilmWriter;
pub use ffmpeg::without_ffmpeg;
pub use layout::{Layout, compose, wipe_at};
pub use stopper::FilmStopper;
pub use writer::{Film, FilmSummary};
