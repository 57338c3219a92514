//! A tensor of a checkpoint.

use crate::formats::limits::MAX_NESTING;
use crate::formats::pickle::{Id, Node, Pickle};
use safetensors::Dtype;

/// A tensor as described in the pickle.
pub(super) struct Stored<'a> {
    pub(super) key: &'a str,
    pub(super) dtype: Dtype,
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) stride: Vec<usize>,
}

impl<'a> Stored<'a> {
    /// `None` if it is not a tensor.
    pub(super) fn of(pickle: &Pickle<'a>, id: Id, depth: usize) -> Option<Self> {
        let (_, name, args, _) = pickle.call(id)?;
        match name {
            "_rebuild_parameter" | "_rebuild_parameter_with_state" if depth < MAX_NESTING => {
                return Self::of(pickle, *args.first()?, depth.saturating_add(1));
            }
            "_rebuild_tensor" | "_rebuild_tensor_v2" | "_rebuild_tensor_v3" => {}
            _ => return None,
        }
        let [storage, offset, shape, stride, ..] = args else { return None };
        let Node::Persistent(reference) = pickle.node(*storage) else { return None };
        let [_, kind, key, ..] = pickle.parts(*reference) else { return None };
        let Node::Global(_, kind) = *pickle.node(*kind) else { return None };
        let sizes =
            |id: Id| pickle.parts(id).iter().map(|p| pickle.index(*p)).collect::<Option<Vec<_>>>();
        Some(Self {
            key: pickle.text(*key)?,
            dtype: match kind {
                "FloatStorage" => Dtype::F32,
                "HalfStorage" => Dtype::F16,
                "BFloat16Storage" => Dtype::BF16,
                "DoubleStorage" => Dtype::F64,
                _ => return None,
            },
            offset: pickle.index(*offset)?,
            shape: sizes(*shape)?,
            stride: sizes(*stride)?,
        })
    }

    /// The tensor's values in row-major order; `None` if it extends beyond the storage.
    pub(super) fn gather(&self, storage: &[u8]) -> Option<Vec<f32>> {
        if self.shape.len() != self.stride.len() || self.shape.len() > MAX_NESTING {
            return None;
        }
        let width = crate::network::weights::width(self.dtype)?;
        let count = self.shape.iter().try_fold(1_usize, |n, s| n.checked_mul(*s))?;
        if count > storage.len().checked_div(width)? {
            return None;
        }
        let mut bytes = Vec::with_capacity(count.checked_mul(width)?);
        for flat in 0..count {
            let mut rest = flat;
            let mut at = self.offset;
            for (size, stride) in self.shape.iter().zip(&self.stride).rev() {
                at = at.checked_add(rest.checked_rem(*size)?.checked_mul(*stride)?)?;
                rest = rest.checked_div(*size)?;
            }
            let start = at.checked_mul(width)?;
            bytes.extend_from_slice(storage.get(start..start.checked_add(width)?)?);
        }
        crate::network::weights::decode(self.dtype, &bytes)
    }
}
