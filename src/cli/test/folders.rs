//! The folders for the images of an evaluation.

use crate::cli::failure::Failure;
use gem_live::formats::config::Config;
use gem_live::formats::pictures::write_png;
use gem_live::image::ImageU8;
use std::path::PathBuf;

/// The folders; `None` without a save_path, in which case no image is written.
pub(super) struct Folders {
    pub(super) result: Option<PathBuf>,
    pub(super) blur: Option<PathBuf>,
    pub(super) truth: Option<PathBuf>,
}

impl Folders {
    pub(super) fn new(config: &Config) -> Self {
        let under = |name: &str| config.save_path.as_ref().map(|p| p.join(name));
        Self { result: under("Result"), blur: under("Blur"), truth: under("GroundTruth") }
    }
}

/// Writes an image to one of the folders.
pub(super) fn save(folder: &Option<PathBuf>, file: &str, picture: &ImageU8) -> Result<(), Failure> {
    let Some(folder) = folder else { return Ok(()) };
    Ok(write_png(&folder.join(file), picture)?)
}
