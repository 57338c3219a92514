//! `gem-live infer`: runs the network alone, from tensors to tensors.

use super::common::{Compute, read_weights};
use super::failure::Failure;
use gem_live::engine::{EventTensor, Image};
use gem_live::formats::input;
use gem_live::formats::limits::MAX_WEIGHTS_BYTES;
use gem_live::network::{Tensor, tensors};
use std::path::PathBuf;
use std::process::ExitCode;

/// Run the network on tensors, to compare it with PyTorch.
///
/// Reads `event` (1, 96, h, w) and `blur` (1, 3, H, W; blue, green, red) from a safetensors file
/// and writes `latent` and `ratio` to another. H and W are multiples of 16.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  gem-live infer --weights san.ckpt --input in.safetensors --output out.safetensors")]
pub(crate) struct Infer {
    /// Weights: a Lightning checkpoint or a safetensors file.
    #[arg(long)]
    weights: PathBuf,
    /// Safetensors file to read.
    #[arg(long)]
    input: PathBuf,
    /// Safetensors file to write.
    #[arg(long)]
    output: PathBuf,
    /// Number of CPU threads; 0 uses one per processor.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    #[command(flatten)]
    compute: Compute,
}

impl Infer {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let at = |path: &PathBuf| {
            let name = path.display().to_string();
            move |e: &dyn std::fmt::Display| format!("{name}: {e}")
        };
        let read = |path: &PathBuf| input::read(path, MAX_WEIGHTS_BYTES).map_err(|e| at(path)(&e));
        let weights = read_weights(&self.weights)?;
        let inputs = tensors(&read(&self.input)?).map_err(|e| at(&self.input)(&e))?;
        let input = |name: &str, channels: usize| match inputs.get(name) {
            Some(Tensor { shape, data }) => match shape.as_slice() {
                [1, c, h, w] if *c == channels => Ok((data, *h, *w)),
                _ => Err(at(&self.input)(&format!(
                    "{name} has shape {shape:?} instead of [1, {channels}, height, width]"
                ))),
            },
            None => Err(at(&self.input)(&format!("no tensor named {name}"))),
        };
        let (event, h, w) = input("event", weights.event_input().channels())?;
        let (blur, height, width) = input("blur", 3)?;
        let mut engine = self.compute.engine(&weights, self.threads)?;
        let event_tensors = [EventTensor { data: event, height: h, width: w }];
        let restored = engine.restore(&Image { data: blur, height, width }, &event_tensors)?;
        let outputs: Vec<_> = restored
            .into_iter()
            .flat_map(|r| [("latent", r.latent), ("ratio", r.ratio)])
            .map(|(name, data)| (name, Tensor { shape: vec![1, 3, height, width], data }))
            .collect();
        let bytes = gem_live::network::to_safetensors(&outputs)?;
        gem_live::formats::atomic_file::write(&self.output, &bytes)?;
        println!("latent and ratio, {width}x{height} pixels, in {}", self.output.display());
        Ok(ExitCode::SUCCESS)
    }
}
