//! `gem-live synth`: generates datasets with ground truth.

mod real;
mod stills;
pub(super) mod target;
mod video;

use super::failure::Failure;
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  gem-live synth stills PHOTOS --out DATA            from a folder of photographs
  gem-live synth video film.mp4 FRAMES --out DATA    from videos and folders of numbered frames
  gem-live synth real-events SCENE --out DATA        from SCENE/images and SCENE/events
  gem-live train --recordings DATA --out RUN         train on any of them
  gem-live test --config DATA/test.yaml --weights RUN/weights.safetensors";

/// Generate a dataset in the MS-RBD format, with ground truth.
///
/// Writes train/ and test/ with one npz per pair of exposures, manifest.json with the settings,
/// thresholds and skipped inputs, and train.yaml and test.yaml for gem-live and for the authors'
/// program. The same seed produces the same files for any number of threads. Ctrl-C finishes the
/// present file; run the same command again to resume.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Synth {
    #[command(subcommand)]
    recipe: Recipe,
}

#[derive(clap::Subcommand)]
enum Recipe {
    RealEvents(real::RealEvents),
    Stills(stills::Stills),
    Video(video::Video),
}

impl Synth {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        match &self.recipe {
            Recipe::RealEvents(real) => real.run(),
            Recipe::Stills(stills) => stills.run(),
            Recipe::Video(video) => video.run(),
        }
    }
}
