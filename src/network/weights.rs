//! The network's weights, by name.

mod error;

pub use error::WeightsError;

use crate::event::EventInput;
use crate::formats::file_kind::{FileKind, HEAD_BYTES, Wanted};
use crate::formats::input;
use crate::formats::limits::MAX_WEIGHTS_BYTES;
use crate::network::origin::{self, Found, Table};
use crate::network::{EVENT_LAYER, Origin, parameters};
use std::collections::BTreeMap;
use std::path::Path;

/// Number of faults that an error names; the others are counted.
const LISTED_FAULTS: usize = 4;

/// A dense tensor in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Length of every axis, outermost first.
    pub shape: Vec<usize>,
    /// The values; their number is the product of `shape`.
    pub data: Vec<f32>,
}

/// A complete, validated set of SAN's parameters under their published names: 2,421,882 values in
/// the published network, and a few more if the network also reads the event prior.
#[derive(Clone, Debug)]
pub struct Weights {
    pub(super) tensors: BTreeMap<String, Tensor>,
    event_input: EventInput,
    pub(super) residual_noise: f32,
    origin: Origin,
}

impl Weights {
    /// Checks names and shapes against [`parameters`].
    ///
    /// # Errors
    /// Fails if a tensor is missing, unknown or of the wrong shape (the error names the first
    /// few), or if a value is not finite.
    pub fn from_tensors(tensors: BTreeMap<String, Tensor>) -> Result<Self, WeightsError> {
        let mut faults = Vec::new();
        let channels = tensors.get(EVENT_LAYER).and_then(|t| t.shape.get(1).copied());
        let event_input = channels.and_then(EventInput::of_channels).unwrap_or_default();
        let expected: BTreeMap<String, Vec<usize>> = parameters(event_input).into_iter().collect();
        for (name, shape) in &expected {
            match tensors.get(name) {
                None => faults.push(format!("{name} is missing")),
                Some(t) if t.shape != *shape || t.data.len() != shape.iter().product::<usize>() => {
                    faults.push(format!("{name} has shape {:?} instead of {shape:?}", t.shape));
                }
                Some(_) => {}
            }
        }
        for name in tensors.keys().filter(|n| !expected.contains_key(*n)) {
            faults.push(format!("{name} is not part of SAN"));
        }
        if !faults.is_empty() {
            let more = faults.len().saturating_sub(LISTED_FAULTS);
            faults.truncate(LISTED_FAULTS);
            let mut text = faults.join("; ");
            if more > 0 {
                text.push_str(&format!("; and {more} more"));
            }
            return Err(WeightsError::Mismatch(text));
        }
        if let Some((name, _)) = tensors.iter().find(|(_, t)| t.data.iter().any(|x| !x.is_finite()))
        {
            return Err(WeightsError::NotFinite(name.clone()));
        }
        Ok(Self { tensors, event_input, residual_noise: 0.0, origin: Origin::default() })
    }

    /// The weights of a file, and where in it they were found.
    pub(super) fn found(
        tensors: BTreeMap<String, Tensor>,
        origin: Origin,
    ) -> Result<Self, WeightsError> {
        match Self::from_tensors(tensors) {
            Ok(weights) => Ok(Self { origin, ..weights }),
            Err(WeightsError::Mismatch(what)) if !origin.is_usual() => {
                Err(WeightsError::Mismatch(format!("{origin}, but {what}")))
            }
            Err(error) => Err(error),
        }
    }

    /// Where in a file they were found.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Reads the bytes of a safetensors file: float32, float16, bfloat16 or float64. As in a
    /// checkpoint, the parameters may have a prefix, and other tensors are ignored.
    ///
    /// # Errors
    /// Fails if the container is damaged, a data type is unknown, or the weights are of another
    /// network.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, WeightsError> {
        let file = safetensors::SafeTensors::deserialize(bytes)?;
        let names = file.names();
        let table = Table { key: "", names: names.clone() };
        let Some(Found { origin, names: found }) = origin::find(&[table]) else {
            let names: Vec<&str> = names.into_iter().take(6).collect();
            return Err(WeightsError::NoTensors(names.join(", ")));
        };
        let mut tensors = BTreeMap::new();
        for (name, full) in found {
            tensors.insert(name, tensor(full, &file.tensor(full)?)?);
        }
        let weights = Self::found(tensors, origin)?;
        let (_, header) = safetensors::SafeTensors::read_metadata(bytes)?;
        weights.with_metadata(header.metadata().as_ref())
    }

    /// The event input of these weights.
    pub fn event_input(&self) -> EventInput {
        self.event_input
    }

    /// Largest [`Weights::residual_noise`].
    pub const MAX_RESIDUAL_NOISE: f32 = 0.1;

    /// Standard deviation of the network's error where the sharp image equals the blurry one, in
    /// units of the image's range `[0, 1]`. Where the restored image differs from the blurry one by
    /// no more than that, the blurry one is kept ([`crate::network::reference`]). 0, as in published
    /// weights, keeps nothing.
    pub fn residual_noise(&self) -> f32 {
        self.residual_noise
    }

    /// Reads a checkpoint of any version of PyTorch, or a safetensors file.
    ///
    /// # Errors
    /// Like [`Weights::from_checkpoint`] and [`Weights::from_safetensors`]; a file of another kind is
    /// named.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WeightsError> {
        match FileKind::of(bytes.get(..HEAD_BYTES).unwrap_or(bytes)) {
            FileKind::Zip => Self::from_checkpoint(bytes),
            FileKind::LegacyTorch => Self::from_legacy_checkpoint(bytes),
            FileKind::Safetensors => Self::from_safetensors(bytes),
            kind => Err(WeightsError::Kind(kind.message(Wanted::Weights))),
        }
    }

    /// Reads a regular file as [`Weights::from_bytes`] does. The error does not name the file.
    ///
    /// # Errors
    /// The file cannot be read, or as [`Weights::from_bytes`].
    pub fn read(path: &Path) -> Result<Self, WeightsError> {
        Self::from_bytes(&input::read(path, MAX_WEIGHTS_BYTES)?)
    }

    /// The built-in weights; `assets/README.md` documents their origin.
    ///
    /// # Errors
    /// Fails only if the program was built from damaged sources.
    pub fn embedded() -> Result<Self, WeightsError> {
        Self::from_safetensors(include_bytes!("../../assets/weights.safetensors"))
    }

    /// The bytes of a safetensors file with these weights, in single or half precision.
    ///
    /// # Errors
    /// Fails if half precision cannot hold a value.
    pub fn to_safetensors(&self, half: bool) -> Result<Vec<u8>, WeightsError> {
        if half {
            self.check_half()?;
            let narrow = |x: &f32| half::f16::from_f32(*x).to_le_bytes();
            let bytes = |v: &[f32]| v.iter().flat_map(narrow).collect();
            serialize(self.iter(), safetensors::Dtype::F16, bytes, self.metadata())
        } else {
            serialize(self.iter(), safetensors::Dtype::F32, wide, self.metadata())
        }
    }

    /// Checks that half precision can hold all values.
    pub(super) fn check_half(&self) -> Result<(), WeightsError> {
        for (name, tensor) in self.iter() {
            let beyond = |x: &&f32| !half::f16::from_f32(**x).is_finite();
            if let Some(value) = tensor.data.iter().find(beyond) {
                return Err(WeightsError::Half(name.to_owned(), *value));
            }
        }
        Ok(())
    }

    /// Weights of arbitrary layers, for tests.
    #[cfg(test)]
    pub(crate) fn unchecked<const N: usize>(tensors: [(&str, Tensor); N]) -> Self {
        let tensors = tensors.into_iter().map(|(n, t)| (n.to_owned(), t)).collect();
        Self {
            tensors,
            event_input: EventInput::default(),
            residual_noise: 0.0,
            origin: Origin::default(),
        }
    }

    /// The values of a parameter by its published name; empty for an unknown name.
    pub fn get(&self, name: &str) -> &[f32] {
        self.tensors.get(name).map_or(&[], |t| &t.data)
    }

    /// All parameters, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }
}

/// Every tensor in the bytes of a safetensors file, converted to single precision.
///
/// # Errors
/// Fails if the container is damaged or a data type is not supported.
pub fn tensors(bytes: &[u8]) -> Result<BTreeMap<String, Tensor>, WeightsError> {
    let file = safetensors::SafeTensors::deserialize(bytes)?;
    file.tensors()
        .into_iter()
        .map(|(name, view)| Ok((name.clone(), tensor(&name, &view)?)))
        .collect()
}

fn tensor(name: &str, view: &safetensors::tensor::TensorView<'_>) -> Result<Tensor, WeightsError> {
    let data = decode(view.dtype(), view.data()).ok_or_else(|| WeightsError::Dtype {
        name: name.to_owned(),
        dtype: format!("{:?}", view.dtype()),
    })?;
    Ok(Tensor { shape: view.shape().to_vec(), data })
}

/// The bytes of a safetensors file with the given tensors, in single precision.
///
/// # Errors
/// Fails if the number of values does not match a tensor's shape.
pub fn to_safetensors(tensors: &[(&str, Tensor)]) -> Result<Vec<u8>, WeightsError> {
    let list = tensors.iter().map(|(name, t)| (*name, t));
    serialize(list, safetensors::Dtype::F32, wide, None)
}

pub(crate) fn wide(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
}

pub(crate) fn serialize<'a>(
    tensors: impl Iterator<Item = (&'a str, &'a Tensor)>,
    dtype: safetensors::Dtype,
    bytes: impl Fn(&[f32]) -> Vec<u8>,
    metadata: Option<BTreeMap<String, String>>,
) -> Result<Vec<u8>, WeightsError> {
    let stored: Vec<_> = tensors.map(|(name, t)| (name, &t.shape, bytes(&t.data))).collect();
    let views = stored
        .iter()
        .map(|(name, shape, bytes)| {
            safetensors::tensor::TensorView::new(dtype, (*shape).clone(), bytes)
                .map(|view| (*name, view))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let unordered = metadata.clone().map(|m| m.into_iter().collect());
    let mut file = safetensors::serialize(views, unordered)?;
    // The order of a hash map's entries is random, but equal weights have equal files.
    const START: usize = 8 + r#"{"__metadata__":"#.len();
    if let Some(Ok(ordered)) = metadata.map(|m| serde_json::to_vec(&m))
        && let Some(place) = file.get_mut(START..START + ordered.len())
    {
        place.copy_from_slice(&ordered);
    }
    Ok(file)
}

/// Bytes per value; `None` for unsupported data types.
pub(crate) fn width(dtype: safetensors::Dtype) -> Option<usize> {
    use safetensors::Dtype;
    match dtype {
        Dtype::F64 => Some(8),
        Dtype::F32 => Some(4),
        Dtype::F16 | Dtype::BF16 => Some(2),
        _ => None,
    }
}

/// Converts little-endian values to `f32`; `None` for unsupported data types.
pub(crate) fn decode(dtype: safetensors::Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    fn each<const N: usize>(bytes: &[u8], f: impl Fn([u8; N]) -> f32) -> Vec<f32> {
        bytes.as_chunks::<N>().0.iter().map(|c| f(*c)).collect()
    }
    use safetensors::Dtype;
    Some(match dtype {
        Dtype::F32 => each(bytes, f32::from_le_bytes),
        Dtype::F64 => each(bytes, |b| f64::from_le_bytes(b) as f32),
        Dtype::F16 => each(bytes, |b| half::f16::from_le_bytes(b).to_f32()),
        Dtype::BF16 => each(bytes, |b| half::bf16::from_le_bytes(b).to_f32()),
        _ => return None,
    })
}
