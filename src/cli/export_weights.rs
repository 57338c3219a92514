//! `gem-live export-weights`: weights from one file format to another.

use super::common::read_weights;
use super::failure::Failure;
use std::path::PathBuf;
use std::process::ExitCode;

/// Convert weights between safetensors and Lightning checkpoints, in single or half precision.
///
/// A checkpoint holds them under `model.` and `teacher_model.`, as the authors' program expects;
/// `torch.load` reads it, with and without `weights_only`.
#[derive(clap::Args)]
pub(crate) struct ExportWeights {
    /// A Lightning checkpoint or a safetensors file.
    input: PathBuf,
    /// The file to write: a Lightning checkpoint where its name ends in .ckpt, otherwise
    /// safetensors.
    output: PathBuf,
    /// Store 16-bit numbers: half the size, rounded to 11 significant bits.
    #[arg(long)]
    half: bool,
}

impl ExportWeights {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let weights = read_weights(&self.input)?;
        let checkpoint = self.output.extension().is_some_and(|e| e.eq_ignore_ascii_case("ckpt"));
        let bytes = match checkpoint {
            true => weights.to_checkpoint(self.half)?,
            false => weights.to_safetensors(self.half)?,
        };
        gem_live::formats::atomic_file::write(&self.output, &bytes)?;
        Ok(ExitCode::SUCCESS)
    }
}
