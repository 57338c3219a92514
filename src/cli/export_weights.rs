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
  gem-live export-weights weights.ckpt weights.safetensors --half")]
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
}

impl ExportWeights {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let mut weights = read_weights(&self.input)?;
        if let Some(noise) = self.residual_noise {
            weights = weights.with_residual_noise(noise)?;
        }
        let checkpoint = self.output.extension().is_some_and(|e| e.eq_ignore_ascii_case("ckpt"));
        let bytes = match checkpoint {
            true => weights.to_checkpoint(self.half)?,
            false => weights.to_safetensors(self.half)?,
        };
        gem_live::formats::atomic_file::write(&self.output, &bytes)?;
        println!(
            "{}: {} with {}, {} precision, {:.1} MB",
            self.output.display(),
            if checkpoint { "Lightning checkpoint" } else { "safetensors" },
            weights.event_input().name(),
            if self.half { "half" } else { "single" },
            bytes.len() as f64 / 1e6
        );
        Ok(ExitCode::SUCCESS)
    }
}
