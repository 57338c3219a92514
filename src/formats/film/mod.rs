//! Films of pictures: through an installed ffmpeg (mp4, mkv, mov, webm, avi), as uncompressed
//! YUV4MPEG2 (.y4m) and as GIF, which need nothing installed.
//!
//! ```no_run
//! use gem_live::formats::film::{Film, Layout, compose};
//! # fn main() -> Result<(), gem_live::formats::film::FilmError> {
//! # let (blurry, restored): (gem_live::image::ImageU8, gem_live::image::ImageU8) = todo!();
//! let mut film = Film::create(std::path::Path::new("restored.mp4"), 25.0)?;
//! film.add(&compose(Layout::Side, &blurry, &restored, 0.5))?;
//! film.finish()?;
//! # Ok(()) }
//! ```

mod error;
mod ffmpeg;
mod gif_file;
mod layout;
mod writer;
mod y4m;

pub use error::FilmError;
pub use layout::{Layout, compose, wipe_at};
pub use writer::{Film, FilmSummary};
