//! PyTorch Lightning checkpoints: a zip of a pickle and one file per storage.

use super::Tensor;
use crate::formats::pickle::{self, Dialect, Id, Node, Pickle};
use crate::network::{Weights, WeightsError};
use safetensors::Dtype;
use std::collections::BTreeMap;
use std::io::{Cursor, Read};

/// Largest unpacked size of an entry, in bytes: the network needs 10 MB, its optimizer twice that.
const MAX_ENTRY: u64 = 1 << 30;

/// Reads the tensors below `model.` in a checkpoint's `state_dict`. Other entries, such as those of
/// the teacher, are ignored.
pub(super) fn read(bytes: &[u8]) -> Result<Weights, WeightsError> {
    let bad = |what: String| WeightsError::Checkpoint(what);
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|e| bad(e.to_string()))?;
    let name = (zip.file_names().filter_map(Result::ok))
        .find(|n| n.ends_with("/data.pkl"))
        .map(|n| n.into_owned());
    let name = name.ok_or_else(|| bad("it contains no data.pkl".into()))?;
    let folder = name.trim_end_matches("data.pkl").to_owned();
    let little = entry(&mut zip, &format!("{folder}byteorder")).is_none_or(|b| b != b"big");
    if !little {
        return Err(bad("big-endian data is not supported".into()));
    }
    let data = entry(&mut zip, &name).ok_or_else(|| bad("its data.pkl is unreadable".into()))?;
    let pickle = pickle::load(&data, Dialect::Checkpoint).map_err(|e| bad(e.to_string()))?;
    let root = pickle.root();
    let state = pickle.get(root, "state_dict").unwrap_or(root);
    let names: Vec<(String, Id)> = (pickle.entries(state).iter())
        .filter_map(|(k, v)| match pickle.node(*k) {
            Node::Str(s) => Some((s.clone(), *v)),
            _ => None,
        })
        .collect();
    if names.is_empty() {
        return Err(bad("it has no state_dict".into()));
    }
    let prefixed = names.iter().any(|(n, _)| n.starts_with("model."));
    let mut tensors = BTreeMap::new();
    for (full, id) in names {
        let short = if prefixed { full.strip_prefix("model.") } else { Some(full.as_str()) };
        let Some(short) = short else { continue };
        let stored = Stored::of(&pickle, id)
            .ok_or_else(|| bad(format!("{full} is not a tensor of a supported type")))?;
        let path = format!("{folder}data/{}", stored.key);
        let storage = entry(&mut zip, &path)
            .ok_or_else(|| bad(format!("the data of {full} ({path}) is missing or unreadable")))?;
        let numbers = super::weights::decode(stored.dtype, &storage).unwrap_or_default();
        let data = stored
            .gather(&numbers)
            .ok_or_else(|| bad(format!("{full} extends beyond its storage")))?;
        tensors.insert(short.to_owned(), Tensor { shape: stored.shape, data });
    }
    Weights::from_tensors(tensors)
}

fn entry(zip: &mut zip::ZipArchive<Cursor<&[u8]>>, name: &str) -> Option<Vec<u8>> {
    let file = zip.by_name(name).ok()?;
    let mut out = Vec::new();
    let read = file.take(MAX_ENTRY + 1).read_to_end(&mut out).ok()?;
    (read as u64 <= MAX_ENTRY).then_some(out)
}

/// A tensor as described in the pickle.
struct Stored {
    key: String,
    dtype: Dtype,
    offset: usize,
    shape: Vec<usize>,
    stride: Vec<usize>,
}

impl Stored {
    fn of(pickle: &Pickle, id: Id) -> Option<Self> {
        let (_, name, args, _) = pickle.call(id)?;
        if name == "_rebuild_parameter" {
            return Self::of(pickle, *args.first()?);
        }
        if name != "_rebuild_tensor_v2" {
            return None;
        }
        let [storage, offset, shape, stride, ..] = args else { return None };
        let Node::Persistent(reference) = pickle.node(*storage) else { return None };
        let [_, kind, key, ..] = pickle.parts(*reference) else { return None };
        let (Node::Global(_, kind), Node::Str(key)) = (pickle.node(*kind), pickle.node(*key))
        else {
            return None;
        };
        let sizes =
            |id: Id| pickle.parts(id).iter().map(|p| pickle.index(*p)).collect::<Option<Vec<_>>>();
        Some(Self {
            key: key.clone(),
            dtype: match kind.as_str() {
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
    fn gather(&self, storage: &[f32]) -> Option<Vec<f32>> {
        if self.shape.len() != self.stride.len() {
            return None;
        }
        let count = self.shape.iter().try_fold(1_usize, |n, s| n.checked_mul(*s))?;
        if count > storage.len() {
            return None;
        }
        (0..count)
            .map(|flat| {
                let mut rest = flat;
                let mut at = self.offset;
                for (size, stride) in self.shape.iter().zip(&self.stride).rev() {
                    at = at.checked_add((rest % size).checked_mul(*stride)?)?;
                    rest /= size;
                }
                storage.get(at).copied()
            })
            .collect()
    }
}

impl Weights {
    /// Reads the bytes of a PyTorch Lightning checkpoint. Its pickle is parsed, never executed.
    ///
    /// # Errors
    /// Fails if the file is damaged, its pickle contains more than data, or the weights are of
    /// another network.
    pub fn from_checkpoint(bytes: &[u8]) -> Result<Self, WeightsError> {
        crate::network::checkpoint::read(bytes)
    }

    /// The bytes of a PyTorch Lightning checkpoint with these weights, in single or half
    /// precision. They are stored under `model.` and, sharing the storage, under
    /// `teacher_model.`, as in the published program.
    ///
    /// # Errors
    /// Fails only if memory runs out.
    pub fn to_checkpoint(&self, half: bool) -> Result<Vec<u8>, WeightsError> {
        crate::network::lightning::write(self, half)
    }
}
