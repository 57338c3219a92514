//! Downloads burn tensors.

use burn_tensor::Tensor;
use burn_tensor::backend::{Backend, ExecutionError};

/// All values of a tensor, in row-major order.
pub(crate) fn read<B: Backend, const D: usize>(
    tensor: Tensor<B, D>,
) -> Result<Vec<f32>, ExecutionError> {
    Ok(tensor.try_into_data()?.convert::<f32>().to_vec().unwrap_or_default())
}
