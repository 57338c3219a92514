//! Films of restored pictures: the options.

use super::failure::Failure;
use gem_live::formats::film::{FilmWriter, Layout};
use std::path::PathBuf;

/// Frames per second of a film without --film-rate.
const RATE_HZ: f64 = 25.0;

/// A film of all restored pictures.
#[derive(clap::Args)]
pub(super) struct FilmOptions {
    /// Also write a film of all restored pictures in their order: .mp4, .mkv, .mov, .webm or .avi
    /// through an installed ffmpeg, .y4m or .gif without. With --frames N it is a slow motion. A file
    /// that exists is not replaced.
    #[arg(long, value_name = "FILE")]
    pub(super) film: Option<PathBuf>,
    /// What the film shows: restored alone, blurry and restored side by side, or both with a line
    /// that moves across [default: restored].
    #[arg(long, value_enum, requires = "film")]
    layout: Option<LayoutName>,
    /// Frames per second of the film [default: 25].
    #[arg(long, value_name = "HZ", requires = "film")]
    film_rate: Option<f64>,
}

/// [`Layout`] as a command line value.
#[derive(Clone, Copy, clap::ValueEnum)]
enum LayoutName {
    Restored,
    Side,
    Wipe,
}

impl FilmOptions {
    /// Starts the film, if one was requested.
    pub(super) fn start(&self) -> Result<Option<FilmWriter>, Failure> {
        let Some(path) = &self.film else { return Ok(None) };
        let layout = match self.layout {
            None | Some(LayoutName::Restored) => Layout::Restored,
            Some(LayoutName::Side) => Layout::Side,
            Some(LayoutName::Wipe) => Layout::Wipe,
        };
        Ok(Some(FilmWriter::create(path, layout, self.film_rate.unwrap_or(RATE_HZ))?))
    }

    /// Completes the film, if there is one; returns a summary line.
    pub(super) fn finish(&self, film: Option<FilmWriter>) -> Result<Option<String>, Failure> {
        let Some((film, path)) = film.zip(self.film.as_ref()) else { return Ok(None) };
        let film = film.finish()?;
        let (frames, size, seconds) = (film.frames, film.size, film.seconds);
        Ok(Some(format!("{}: {frames} frames of {size} pixels, {seconds:.1} s", path.display())))
    }
}
