//! What several subcommands share: the network's options, PNG files, progress.

use super::Failure;
use gem_live::Deblurrer;
use gem_live::engine::cpu::CpuEngine;
use gem_live::frame::Picture;
use gem_live::network::Weights;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// Which weights, and on what they run.
#[derive(clap::Args)]
pub(super) struct Network {
    /// A Lightning checkpoint or a safetensors file [default: the weights in the program].
    #[arg(long)]
    pub(super) weights: Option<PathBuf>,
    /// Threads; 0 takes one for every processor.
    #[arg(long, default_value_t = 0)]
    pub(super) threads: usize,
}

impl Network {
    pub(super) fn deblurrer(&self) -> Result<Deblurrer, Failure> {
        let weights = match &self.weights {
            Some(path) => read_weights(path)?,
            None => Weights::embedded()?,
        };
        Ok(Deblurrer::new(Box::new(CpuEngine::new(&weights, self.threads)?)))
    }
}

/// Reads weights of either format, naming the file in any failure.
pub(super) fn read_weights(path: &Path) -> Result<Weights, Failure> {
    let bytes = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(Weights::from_bytes(&bytes).map_err(|e| format!("{}: {e}", path.display()))?)
}

/// Writes an RGB PNG, or nothing.
pub(super) fn write_png(path: &Path, picture: &Picture) -> Result<(), Failure> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let size = picture.size();
    image::write_buffer_with_format(
        &mut bytes,
        &picture.to_rgb(),
        u32::try_from(size.width)?,
        u32::try_from(size.height)?,
        image::ExtendedColorType::Rgb8,
        image::ImageFormat::Png,
    )
    .map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(gem_live::output::write(path, bytes.get_ref())?)
}

/// A bar on a terminal, lines elsewhere.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    done: usize,
    total: usize,
}

impl Progress {
    pub(super) fn new(total: usize) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:32} {pos}/{len}  {eta} left  {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(total as u64).with_style(style)
        });
        Self { bar, done: 0, total }
    }

    /// One more is done.
    pub(super) fn step(&mut self, message: &str) {
        self.done += 1;
        match &self.bar {
            Some(bar) => {
                bar.set_message(message.to_owned());
                bar.inc(1);
            }
            None => println!("[{}/{}] {message}", self.done, self.total),
        }
    }

    /// Something that must be read, on a line of its own.
    pub(super) fn say(&self, message: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("gem-live: {message}")),
            None => eprintln!("gem-live: {message}"),
        }
    }

    pub(super) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
