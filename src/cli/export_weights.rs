//! `gem-live export-weights`: weights from one file format to another.

use super::Failure;
use super::common::read_weights;
use std::path::PathBuf;
use std::process::ExitCode;

/// Convert weights to safetensors, in single or half precision.
#[derive(clap::Args)]
pub(crate) struct ExportWeights {
    /// A Lightning checkpoint or a safetensors file.
    input: PathBuf,
    /// The safetensors file to write.
    output: PathBuf,
    /// Store 16-bit numbers: half the size, rounded to 11 significant bits.
    #[arg(long)]
    half: bool,
}

impl ExportWeights {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let bytes = read_weights(&self.input)?.to_safetensors(self.half)?;
        gem_live::output::write(&self.output, &bytes)?;
        Ok(ExitCode::SUCCESS)
    }
}
