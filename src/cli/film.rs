//! Films of restored pictures: the options, and the frames in order of time.

use super::failure::Failure;
use gem_live::exposure::Exposure;
use gem_live::formats::film::{Film, Layout, compose, wipe_at};
use gem_live::image::ImageU8;
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

/// A film that is being made.
pub(super) struct FilmMaker {
    film: Film,
    layout: Layout,
    /// Start and end of the exposure that came last, in microseconds.
    last: Option<(f64, f64)>,
}

impl FilmOptions {
    /// Starts the film, if one was requested.
    pub(super) fn start(&self) -> Result<Option<FilmMaker>, Failure> {
        let Some(path) = &self.film else { return Ok(None) };
        let film = Film::create(path, self.film_rate.unwrap_or(RATE_HZ))?;
        let layout = match self.layout {
            None | Some(LayoutName::Restored) => Layout::Restored,
            Some(LayoutName::Side) => Layout::Side,
            Some(LayoutName::Wipe) => Layout::Wipe,
        };
        Ok(Some(FilmMaker { film, layout, last: None }))
    }
}

impl FilmMaker {
    /// Appends the pictures of an exposure in order of their instants. An exposure that the film
    /// already ends with, which neighbouring recordings can share, is left out.
    pub(super) fn add(
        &mut self,
        exposure: &Exposure,
        instants: &[f64],
        pictures: &[ImageU8],
    ) -> Result<(), Failure> {
        let span = (exposure.span.at(0.0), exposure.span.at(1.0));
        if self.last.replace(span) == Some(span) {
            return Ok(());
        }
        let blurry = exposure.frame.to_picture();
        let mut ordered: Vec<(f64, &ImageU8)> = instants.iter().copied().zip(pictures).collect();
        ordered.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (_, restored) in ordered {
            let line = wipe_at(self.film.seconds());
            self.film.add(&compose(self.layout, &blurry, restored, line))?;
        }
        Ok(())
    }

    /// Completes the film; returns a summary line.
    pub(super) fn finish(self, path: &std::path::Path) -> Result<String, Failure> {
        let film = self.film.finish()?;
        let (frames, size, seconds) = (film.frames, film.size, film.seconds);
        Ok(format!("{}: {frames} frames of {size} pixels, {seconds:.1} s", path.display()))
    }
}
