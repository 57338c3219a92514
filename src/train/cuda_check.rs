//! What burn needs on a computer to train on its card, asked for before burn is, which would
//! panic: a driver, the card, NVRTC (burn compiles its kernels while it runs) and CUDA's headers.

use crate::engine::cuda;
use cudarc::nvrtc;
use std::path::{Path, PathBuf};

/// Where burn looks for CUDA's headers (cubecl-cuda 0.11, `install::cuda_path`).
fn root() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("CUDA_PATH") {
        return Some(path.into());
    }
    if cfg!(target_os = "windows") {
        return Some("C:/Program Files/NVIDIA GPU Computing Toolkit/CUDA/".into());
    }
    let there = |path: &str, root: &str| Path::new(path).exists().then(|| PathBuf::from(root));
    there("/usr/local/cuda", "/usr/local/cuda")
        .or_else(|| there("/opt/cuda", "/opt/cuda"))
        .or_else(|| there("/usr/bin/nvcc", "/usr"))
}

/// Whether card `number` can be trained on.
///
/// # Errors
/// One line on what is missing and what to do.
pub(super) fn check(number: usize) -> Result<(), String> {
    let cards = cuda::devices()?;
    if number >= cards.len() {
        let n = cards.len();
        return Err(format!("there are {n} card(s), the first is cuda:0"));
    }
    // SAFETY: loads the compiler's library, whose initialisation is NVIDIA's concern.
    if !unsafe { nvrtc::sys::is_culib_present() } {
        return Err(
            "NVRTC was not found (libnvrtc): install the CUDA toolkit, 12.0 or newer, and \
                    see that the loader finds its libraries"
                .into(),
        );
    }
    let headers = root().map(|root| root.join("include"));
    if !headers.is_some_and(|folder| folder.join("cuda_fp16.h").exists()) {
        return Err("CUDA's headers were not found: install the CUDA toolkit, and set CUDA_PATH \
                    to its folder where that is not /usr/local/cuda"
            .into());
    }
    Ok(())
}
