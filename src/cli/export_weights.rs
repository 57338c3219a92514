//! `gem-live export-weights`: converts weights between file formats.

use super::common::read_weights;
use super::failure::Failure;
use std::path::PathBuf;
use std::process::ExitCode;

/// Convert weights between safetensors and Lightning checkpoints, in single or half precision.
///
/// Checkpoints use the key prefixes `model.` and `teacher_model.` of the authors' program and can
/// be read by `torch.load`, with and without `weights_only`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gem-live export-weights RUN/weights.safetensors weights.ckpt
  gem-live export-weights weights.ckpt weights.safetensors --half
  gem-live export-weights RUN/weights.safetensors fast.safetensors --half --levels 2")]
pub(crate) struct ExportWeights {
    /// Weights to read: a Lightning checkpoint or a safetensors file.
    input: PathBuf,
    /// File to write: a Lightning checkpoint if its name ends in .ckpt, otherwise safetensors.
    output: PathBuf,
    /// Store 16-bit floats: half the size, rounded to 11 significant bits.
    #[arg(long)]
    half: bool,
    /// Standard deviation of the network's own error in units of the image's range, such as 0.006:
    /// where the restored image differs from the blurry one by no more, the blurry one is kept
    /// [default: what the input states].
    #[arg(long, value_name = "NOISE")]
    residual_noise: Option<f32>,
    /// Keep only the finest levels of the network's five, which makes restoring faster: all other
    /// weights are zero. Compare the pictures with `gem-live test`.
    #[arg(long, value_name = "LEVELS", value_parser = clap::value_parser!(u8).range(1..=5))]
    levels: Option<u8>,
}

impl ExportWeights {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let mut weights = read_weights(&self.input)?;
        if let Some(noise) = self.residual_noise {
            weights = weights.with_residual_noise(noise)?;
        }
        if let Some(levels) = self.levels {
            weights = weights.with_levels(levels.into());
        }
        let checkpoint = self.output.extension().is_some_and(|e| e.eq_ignore_ascii_case("ckpt"));
        let bytes = match checkpoint {
            true => weights.to_checkpoint(self.half)?,
            false => weights.to_safetensors(self.half)?,
        };
        gem_live::formats::atomic_file::write(&self.output, &bytes)?;
        println!(
            "{}: {} with {}, {} of 5 levels, {} precision, {:.1} MB",
            self.output.display(),
            if checkpoint { "Lightning checkpoint" } else { "safetensors" },
            weights.event_input().name(),
            weights.contributing_levels(),
            if self.half { "half" } else { "single" },
            bytes.len() as f64 / 1e6
        );
        Ok(ExitCode::SUCCESS)
    }
}
