//! Checks what burn needs for training on a GPU before burn is called, because burn would panic: a
//! driver, the GPU, NVRTC (burn compiles its kernels at run time) and the CUDA headers.

use crate::engine::cuda;
use cudarc::nvrtc;
use std::path::{Path, PathBuf};

/// Where burn looks for the CUDA headers (cubecl-cuda 0.11, `install::cuda_path`).
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

/// Whether GPU `number` can be used for training.
///
/// # Errors
/// One line that says what is missing and what to do.
pub(super) fn check(number: usize) -> Result<(), String> {
    let cards = cuda::devices()?;
    if number >= cards.len() {
        let n = cards.len();
        return Err(format!("found {n} GPU(s), and the first is cuda:0"));
    }
    // SAFETY: this loads the NVRTC library, whose initialisation NVIDIA is responsible for.
    if !unsafe { nvrtc::sys::is_culib_present() } {
        return Err(
            "NVRTC (libnvrtc) was not found: install the CUDA toolkit, 12.0 or newer, and make \
                    sure that the loader finds its libraries"
                .into(),
        );
    }
    let headers = root().map(|root| root.join("include"));
    if !headers.is_some_and(|folder| folder.join("cuda_fp16.h").exists()) {
        return Err(
            "the CUDA headers were not found: install the CUDA toolkit, and set CUDA_PATH \
                    to its folder if that is not /usr/local/cuda"
                .into(),
        );
    }
    Ok(())
}
