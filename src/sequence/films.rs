//! Films of whole recordings, step by step, for programs and the window.

use super::{Blur, FileThresholds, Pair, ReadOptions, find_npz_files};
use crate::deblur::even_instants;
use crate::event::Thresholds;
use crate::exposure::Exposure;
use crate::formats::film::{FilmError, FilmStopper, FilmSummary, FilmWriter, Layout};
use crate::image::ImageU8;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// What film to make of which recordings.
#[derive(Clone, Debug, PartialEq)]
pub struct FilmOrder {
    /// Recordings, as files or folders; the film shows them in this order.
    pub recordings: Vec<PathBuf>,
    /// The film; its extension selects the format.
    pub path: PathBuf,
    /// What every frame shows.
    pub layout: Layout,
    /// Number of evenly spaced instants per exposure; more than one is a slow motion.
    pub instants: u16,
    /// Frames per second of the film.
    pub rate_hz: f64,
    /// Contrast thresholds of the event camera; otherwise known or estimated per recording.
    pub thresholds: Option<Thresholds>,
}

/// Progress of a film, reported after every exposure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilmStep<'a> {
    /// Number of exposures that are done.
    pub done: usize,
    /// Number of exposures.
    pub total: usize,
    /// The file that is being shown.
    pub file: &'a Path,
}

/// A film that was made.
#[derive(Clone, Debug, PartialEq)]
pub struct FilmReport {
    /// The film.
    pub path: PathBuf,
    /// Its frames and duration.
    pub film: FilmSummary,
    /// Files that are not in the film, and the reasons.
    pub skipped: Vec<(PathBuf, String)>,
}

/// Why there is no film.
#[derive(Debug, thiserror::Error)]
pub enum FilmOrderError {
    /// The film cannot be written.
    #[error(transparent)]
    Film(FilmError),
    /// No exposure could be restored.
    #[error("no film was made: {0}")]
    Nothing(String),
    /// Stopped on request; nothing remains.
    #[error("stopped")]
    Stopped,
}

impl From<FilmError> for FilmOrderError {
    fn from(error: FilmError) -> Self {
        match error {
            FilmError::Stopped(_) => Self::Stopped,
            other => Self::Film(other),
        }
    }
}

/// Restores recordings and writes a film of them. `restore` returns one picture per instant; `step`
/// is called after every exposure and can stop the work. Files that cannot be read or restored, or whose
/// pictures have another size than the first, are skipped and named in the report.
///
/// ```no_run
/// use gem_live::Deblurrer;
/// use gem_live::engine::cpu::CpuEngine;
/// use gem_live::formats::film::Layout;
/// use gem_live::image::Rounding;
/// use gem_live::network::Weights;
/// use gem_live::sequence::{FilmOrder, make_film};
/// use std::ops::ControlFlow;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let engine = CpuEngine::new(&Weights::embedded()?, 0)?;
/// let mut deblurrer = Deblurrer::new(Box::new(engine));
/// let order = FilmOrder {
///     recordings: vec!["recordings/desk".into()],
///     path: "desk.mp4".into(),
///     layout: Layout::Side,
///     instants: 8,
///     rate_hz: 25.0,
///     thresholds: None,
/// };
/// let report = make_film(
///     &order,
///     |exposure, instants, thresholds| {
///         deblurrer.set_thresholds(thresholds);
///         let restored = deblurrer.restore_pictures(exposure, instants, Rounding::Nearest);
///         restored.map_err(|e| e.to_string())
///     },
///     |step| {
///         println!("{} of {} exposures", step.done, step.total);
///         ControlFlow::Continue(())
///     },
/// )?;
/// println!("{} frames", report.film.frames);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The film cannot be written, no exposure could be restored, or `step` has stopped the work.
pub fn make_film(
    order: &FilmOrder,
    restore: impl FnMut(&Exposure, &[f64], Thresholds) -> Result<Vec<ImageU8>, String>,
    step: impl FnMut(FilmStep<'_>) -> ControlFlow<()>,
) -> Result<FilmReport, FilmOrderError> {
    make_film_with_stopper(order, FilmStopper::default(), restore, step)
}

/// Like [`make_film`]; another thread can stop the work with `stopper`, also while it waits for an
/// ffmpeg that hangs.
///
/// # Errors
/// Like [`make_film`]; [`FilmOrderError::Stopped`] if it was stopped.
pub fn make_film_with_stopper(
    order: &FilmOrder,
    stopper: FilmStopper,
    mut restore: impl FnMut(&Exposure, &[f64], Thresholds) -> Result<Vec<ImageU8>, String>,
    mut step: impl FnMut(FilmStep<'_>) -> ControlFlow<()>,
) -> Result<FilmReport, FilmOrderError> {
    let film = FilmWriter::create(&order.path, order.layout, order.rate_hz)?;
    let mut film = film.with_stopper(stopper);
    let instants = even_instants(order.instants.max(1));
    let (mut files, mut skipped) = (Vec::new(), Vec::new());
    for found in find_npz_files(&order.recordings) {
        match found {
            Ok(file) => files.push(file),
            Err(e) => skipped.push((PathBuf::new(), e.to_string())),
        }
    }
    let mut thresholds = FileThresholds::new(order.thresholds).pooling(&files);
    let blurs = [Blur::First, Blur::Second];
    let (mut done, total) = (0, files.len().saturating_mul(blurs.len()));
    for file in &files {
        let read = Pair::read_with_repairs(file, &ReadOptions::default());
        let read = read.and_then(|(pair, _)| Ok((thresholds.of(file, &pair)?, pair)));
        for blur in blurs {
            let exposure = match &read {
                Ok((contrast, pair)) => {
                    pair.exposure(blur).map(|e| (e, contrast.thresholds)).map_err(|e| e.to_string())
                }
                Err(e) => Err(e.to_string()),
            };
            let restored = exposure.and_then(|(exposure, thresholds)| {
                if film.ends_with(&exposure) {
                    return Ok((exposure, Vec::new()));
                }
                let pictures = restore(&exposure, &instants, thresholds)?;
                match pictures.len() == instants.len() {
                    true => Ok((exposure, pictures)),
                    false => Err("it was not restored".to_owned()),
                }
            });
            match restored {
                Ok((exposure, pictures)) => match film.add(&exposure, &instants, &pictures) {
                    Ok(()) => {}
                    // Only this file does not fit: the others still make a film.
                    Err(size @ FilmError::Size { .. }) => {
                        note(&mut skipped, file, size.to_string());
                    }
                    Err(e) => return Err(e.into()),
                },
                Err(why) => note(&mut skipped, file, why),
            }
            done += 1;
            if step(FilmStep { done, total, file }).is_break() {
                return Err(FilmOrderError::Stopped);
            }
        }
    }
    if film.frames() == 0 {
        let why = skipped.first().map(|(file, why)| match file.as_os_str().is_empty() {
            true => why.clone(),
            false => format!("{}: {why}", file.display()),
        });
        return Err(FilmOrderError::Nothing(why.unwrap_or_else(|| "there is no recording".into())));
    }
    Ok(FilmReport { path: order.path.clone(), film: film.finish()?, skipped })
}

/// Notes why a file is skipped, once per file and reason.
fn note(skipped: &mut Vec<(PathBuf, String)>, file: &Path, why: String) {
    if skipped.last().is_none_or(|(last, reason)| last != file || *reason != why) {
        skipped.push((file.to_owned(), why));
    }
}

#[cfg(test)]
mod tests;
