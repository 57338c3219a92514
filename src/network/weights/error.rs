//! Why weights cannot be used.

/// Why a set of weights is not valid.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// Tensors are missing, unknown or of another shape; the text names the first few.
    #[error("these are not the weights of SAN: {0}; choose another file")]
    Mismatch(String),
    /// No tensor has the name of a parameter; the names that were found instead.
    #[error(
        "these are not the weights of SAN: no tensor has the name of one of its parameters{}; \
         choose another file",
        listed(.0)
    )]
    NoTensors(String),
    /// A tensor contains a value that is not finite.
    #[error("tensor {0} contains a value that is not finite: use weights from before it diverged")]
    NotFinite(String),
    /// The stated noise of the residual is no number from 0 to [`crate::network::Weights::MAX_RESIDUAL_NOISE`].
    #[error("residual_noise is {0}; it must be a number from 0 to 0.1: export the weights again")]
    ResidualNoise(String),
    /// Half precision cannot hold a value of this tensor.
    #[error("tensor {0} has the value {1}, which half precision cannot hold: leave --half out")]
    Half(String, f32),
    /// The file cannot be read.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The file is of another kind; what it is, and what to do.
    #[error("{0}")]
    Kind(String),
    /// The safetensors container is damaged.
    #[error("the safetensors file is cut off or damaged ({0}): copy or download it again")]
    Safetensors(#[from] safetensors::SafeTensorError),
    /// The checkpoint is damaged or not supported.
    #[error("not a readable checkpoint: {0}")]
    Checkpoint(String),
    /// A tensor is stored in an unsupported data type.
    #[error(
        "tensor {name} is stored as {dtype}, which is not supported: save it as F32, F16 or BF16, as \
         with tensor.float()"
    )]
    Dtype {
        /// Name of the tensor.
        name: String,
        /// Its data type.
        dtype: String,
    },
}

fn listed(names: &str) -> String {
    if names.is_empty() { String::new() } else { format!("; it has {names}") }
}
