//! Films of restored exposures: the frames in order of time, in a layout.

use super::error::FilmError;
use super::layout::{Layout, compose, wipe_at};
use super::stopper::FilmStopper;
use super::writer::{Film, FilmSummary};
use crate::exposure::Exposure;
use crate::image::ImageU8;
use std::path::Path;

/// A film of restored exposures that is being written. Several instants of every exposure make it
/// a slow motion.
pub struct FilmWriter {
    film: Film,
    layout: Layout,
    /// Start and end of the exposure that came last, in microseconds.
    last_us: Option<(f64, f64)>,
}

impl FilmWriter {
    /// A film at a path, whose extension selects the format, of this many frames per second.
    /// Nothing is written before the first exposure.
    ///
    /// # Errors
    /// As [`Film::create`].
    pub fn create(path: &Path, layout: Layout, rate_hz: f64) -> Result<Self, FilmError> {
        Ok(Self { film: Film::create(path, rate_hz)?, layout, last_us: None })
    }

    /// Lets another thread stop the film.
    pub fn with_stopper(self, stopper: FilmStopper) -> Self {
        Self { film: self.film.with_stopper(stopper), ..self }
    }

    /// Whether this exposure is the one that the film ends with. Neighbouring recordings can share
    /// one; it need not be restored again.
    pub fn ends_with(&self, exposure: &Exposure) -> bool {
        self.last_us == Some(span_us(exposure))
    }

    /// Appends the pictures of an exposure, one per instant (a fraction of the exposure), in order
    /// of their instants. Leaves out an exposure that the film already ends with.
    ///
    /// # Errors
    /// As [`Film::add`].
    pub fn add(
        &mut self,
        exposure: &Exposure,
        instants: &[f64],
        pictures: &[ImageU8],
    ) -> Result<(), FilmError> {
        if self.ends_with(exposure) {
            return Ok(());
        }
        self.last_us = Some(span_us(exposure));
        let blurry = exposure.frame.to_u8();
        let mut ordered: Vec<(f64, &ImageU8)> = instants.iter().copied().zip(pictures).collect();
        ordered.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (_, restored) in ordered {
            let line = wipe_at(self.film.seconds());
            self.film.add(&compose(self.layout, &blurry, restored, line))?;
        }
        Ok(())
    }

    /// Number of frames so far.
    pub fn frames(&self) -> u64 {
        self.film.frames()
    }

    /// Completes the film and puts it in its place.
    ///
    /// # Errors
    /// As [`Film::finish`].
    pub fn finish(self) -> Result<FilmSummary, FilmError> {
        self.film.finish()
    }
}

fn span_us(exposure: &Exposure) -> (f64, f64) {
    (exposure.span.start_us, exposure.span.end_us)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;
    use crate::image::{ImageF32, Size};
    use crate::time::TimeRange;

    #[test]
    fn instants_are_ordered_and_a_shared_exposure_is_shown_once() {
        let size = Size::new(8, 4);
        let exposure = |start_us: f64| Exposure {
            frame: ImageF32::filled(true, size, 0.5).into(),
            span: TimeRange::new(start_us, start_us + 10.0),
            events: Vec::new().into(),
            sensor: size,
        };
        let pictures = [30, 10, 20].map(|level| ImageU8::filled(true, size, level));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("film.y4m");
        let mut film = FilmWriter::create(&path, Layout::Restored, 25.0).unwrap();
        for start_us in [0.0, 20.0, 20.0, 40.0] {
            film.add(&exposure(start_us), &[0.9, 0.1, 0.5], &pictures).unwrap();
        }
        assert!(film.ends_with(&exposure(40.0)) && !film.ends_with(&exposure(0.0)));
        assert_eq!((film.frames(), film.finish().unwrap().frames), (9, 9));
        let bytes = std::fs::read(&path).unwrap();
        let frame_bytes = "FRAME\n".len() + 3 * size.area();
        let frames = bytes.get(bytes.len() - 9 * frame_bytes..).unwrap().chunks(frame_bytes);
        // The luma of gray increases with its level.
        let luma: Vec<u8> = frames.map(|frame| *frame.get("FRAME\n".len()).unwrap()).collect();
        let (first, rest) = luma.split_at(3);
        assert!(first.is_sorted() && first.first() < first.last(), "{luma:?}");
        assert_eq!(rest, [first, first].concat());
    }
}
