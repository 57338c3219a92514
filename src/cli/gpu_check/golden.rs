//! Golden forward passes: outputs computed by PyTorch with the published network.

use crate::cli::failure::Failure;
use gem_live::engine::cuda::{CudaEngine, DeviceInfo, Precision};
use gem_live::engine::{Engine, EventTensor, Image};
use gem_live::network::{Weights, tensors};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Largest allowed error in single precision.
const SINGLE: f32 = 1e-3;
/// Smallest allowed PSNR of half precision against single precision, in dB, for pixels in 0..1.
const HALF_DB: f64 = 50.0;

/// Compares all passes in a folder. Returns a row per pass, and a message per failed pass.
pub(super) fn golden(
    folder: &Path,
    card: &DeviceInfo,
) -> Result<(Vec<Value>, Vec<String>), Failure> {
    let weights = weights(folder)?;
    let mut single = CudaEngine::new(&weights, card, Precision::Single)?;
    let mut half = CudaEngine::new(&weights, card, Precision::Half)?;
    let (mut rows, mut failures) = (Vec::new(), Vec::new());
    for path in passes(folder)? {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let pass = Pass::read(&path)?;
        let (worst, psnr_db) = pass.compare(&mut single, &mut half)?;
        println!("{name}: single precision error {worst:e}, half precision {psnr_db:.1} dB");
        // Negated, so that NaN fails too.
        if !(worst < SINGLE && psnr_db > HALF_DB) {
            failures.push(format!(
                "{name} differs from the golden pass: the error in single precision is {worst:e} \
                 (must be below {SINGLE:e}), half precision is {psnr_db:.1} dB (must be above \
                 {HALF_DB})"
            ));
        }
        rows.push(json!({ "name": name, "single_worst": worst, "half_psnr_db": psnr_db }));
    }
    Ok((rows, failures))
}

/// The weights of the golden passes.
pub(super) fn weights(folder: &Path) -> Result<Weights, Failure> {
    Ok(Weights::from_bytes(&read(&folder.join("san.safetensors"))?)?)
}

/// The `forward_*.safetensors` files in a folder, sorted by name.
fn passes(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut found: Vec<PathBuf> = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("forward_") && name.ends_with(".safetensors") {
            found.push(path);
        }
    }
    if found.is_empty() {
        return Err(format!("{}: contains no forward_*.safetensors", folder.display()).into());
    }
    found.sort();
    Ok(found)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    Ok(std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?)
}

/// Data, height and width.
type Tensor = (Vec<f32>, usize, usize);

/// Inputs and expected output of the network.
struct Pass {
    blur: Tensor,
    event: Tensor,
    latent: Tensor,
}

impl Pass {
    fn read(path: &Path) -> Result<Self, Failure> {
        let mut file = tensors(&read(path)?)?;
        let mut take = |name: &str| match file.remove(name).map(|t| (t.data, t.shape)) {
            Some((data, shape)) => match shape.as_slice() {
                [1, _, height, width] => Ok((data, *height, *width)),
                _ => Err(format!("{}: {name} has shape {shape:?}", path.display())),
            },
            None => Err(format!("{}: no tensor named {name}", path.display())),
        };
        Ok(Self { blur: take("blur")?, event: take("event")?, latent: take("latent")? })
    }

    /// Largest error of the engine in single precision, and PSNR in dB of half against single.
    fn compare(
        &self,
        single: &mut CudaEngine,
        half: &mut CudaEngine,
    ) -> Result<(f32, f64), Failure> {
        let (data, height, width) = (&self.blur.0, self.blur.1, self.blur.2);
        let image = Image { data, height, width };
        let (data, height, width) = (&self.event.0, self.event.1, self.event.2);
        let event_tensors = [EventTensor { data, height, width }];
        let exact = single.restore(&image, &event_tensors)?.remove(0).latent;
        let fast = half.restore(&image, &event_tensors)?.remove(0).latent;
        if exact.len() != self.latent.0.len() {
            return Err("the golden latent image and its blurry image differ in size".into());
        }
        let errors = exact.iter().zip(&self.latent.0).map(|(a, b)| (a - b).abs());
        // NaN propagates, so that the check fails.
        let worst = errors.fold(0.0_f32, |m, d| if d <= m { m } else { d });
        let square: f64 = fast.iter().zip(&exact).map(|(a, b)| f64::from(a - b).powi(2)).sum();
        Ok((worst, -10.0 * (square / exact.len() as f64).log10()))
    }
}
