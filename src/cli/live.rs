//! `gem-live live`, and `gem-live` alone: the window.

use super::Failure;
use super::common::{Compute, read_weights};
use std::path::PathBuf;
use std::process::ExitCode;

/// Open the window: blurry on the left, restored on the right (the default).
#[derive(clap::Args, Default)]
pub(crate) struct Live {
    /// A Lightning checkpoint or a safetensors file [default: the weights in the program].
    #[arg(long)]
    weights: Option<PathBuf>,
    /// Threads; 0 takes one for every processor.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    #[command(flatten)]
    compute: Compute,
    /// Start in full screen.
    #[arg(long)]
    fullscreen: bool,
    /// Stay with this image size [default: the largest that the machine keeps up with].
    #[arg(long, value_parser = super::bench::size)]
    size: Option<gem_live::frame::Size>,
}

impl Live {
    #[cfg(feature = "app")]
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let weights = self.weights.as_deref().map(read_weights).transpose()?;
        let (choice, device) = (self.compute.choice(), self.compute.device);
        let compute = gem_live::pipeline::Compute { choice, device, threads: self.threads };
        let (fullscreen, size) = (self.fullscreen, self.size);
        gem_live::app::run(gem_live::app::Options { weights, compute, fullscreen, size })?;
        Ok(ExitCode::SUCCESS)
    }

    #[cfg(not(feature = "app"))]
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let _ = (read_weights, &self.weights, self.threads, self.compute);
        let _ = (self.fullscreen, self.size);
        Err("this program was built without its window (cargo feature app)".into())
    }
}
