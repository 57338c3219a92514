//! PyTorch checkpoints: a zip of a pickle and one file per storage, and the format before
//! PyTorch 1.6, which has several pickles and the storages one after the other.

#![warn(clippy::arithmetic_side_effects, reason = "numbers read from files must not overflow")]

mod stored;

use super::Tensor;
use super::origin::{self, Found, Table};
use crate::formats::limits::{MAX_LZMA_DICTIONARY, MAX_UNPACKED_BYTES};
use crate::formats::pickle::{self, Id, Node, Pickle};
use crate::network::{RESIDUAL_NOISE_KEY, Weights, WeightsError};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{Cursor, Read};
use stored::Stored;

/// Maximum number of dictionaries in a file that are searched for tensors.
const MAX_TABLES: usize = 64;

fn bad(what: impl Into<String>) -> WeightsError {
    WeightsError::Checkpoint(what.into())
}

/// Reads the network's tensors in a checkpoint: of PyTorch 1.6 and later.
fn read(bytes: &[u8]) -> Result<Weights, WeightsError> {
    let zip = zip::ZipArchive::new(Cursor::new(bytes))
        .map_err(|_| bad("the archive is cut off or damaged: copy or download it again"))?;
    let names: Vec<String> = zip.file_names().filter_map(Result::ok).map(Cow::into_owned).collect();
    let mut archive = Archive { zip, folder: String::new(), left: MAX_UNPACKED_BYTES };
    let Some(name) = names.iter().find(|n| n.ends_with("/data.pkl")) else {
        return Err(bad(foreign(&names)));
    };
    archive.folder = name.trim_end_matches("data.pkl").to_owned();
    if archive.entry("byteorder").is_some_and(|b| b == b"big") {
        return Err(bad("big-endian data are not supported"));
    }
    let data = archive.entry("data.pkl").ok_or_else(|| bad("its data.pkl is unreadable"))?;
    let pickle = pickle::load(&data).map_err(|e| bad(e.to_string()))?;
    let mut cache: HashMap<String, Vec<u8>> = HashMap::new();
    let weights = weights(&pickle, |stored, name| {
        if !cache.contains_key(stored.key) {
            let path = format!("data/{}", stored.key);
            let storage = archive.entry(&path).ok_or_else(|| {
                bad(format!("the data of {name} ({path}) are missing or unreadable"))
            })?;
            cache.insert(stored.key.to_owned(), storage);
        }
        let storage = cache.get(stored.key).map_or(&[][..], Vec::as_slice);
        stored.gather(storage).ok_or_else(|| bad(format!("{name} extends beyond its storage")))
    });
    match weights {
        Err(WeightsError::NoTensors(_)) if names.iter().any(|n| n.ends_with("/constants.pkl")) => {
            Err(bad("it is a TorchScript program: save its state_dict with torch.save"))
        }
        other => other,
    }
}

/// What an archive without a pickle of PyTorch is.
fn foreign(names: &[String]) -> String {
    let ends = |endings: &[&str]| names.iter().find(|n| endings.iter().any(|e| n.ends_with(e)));
    if names.iter().any(|n| n == "blur1.npy") {
        return "it contains no data.pkl: it is an MS-RBD recording, give it to gem-live deblur"
            .into();
    }
    if let Some(inner) = ends(&[".ckpt", ".pth", ".pt", ".safetensors"]) {
        return format!("it contains no data.pkl, but {inner:?}: unpack the archive first");
    }
    "it contains no data.pkl: the archive was not written by torch.save".into()
}

/// The zip archive of a checkpoint.
struct Archive<'a> {
    zip: zip::ZipArchive<Cursor<&'a [u8]>>,
    folder: String,
    /// Bytes that may still be unpacked.
    left: u64,
}

impl Archive<'_> {
    /// Unpacks an entry; `None` if it is missing, damaged or too large.
    fn entry(&mut self, name: &str) -> Option<Vec<u8>> {
        let index = self.zip.index_for_name(&format!("{}{name}", self.folder))?;
        let mut start = [0; 9];
        let mut raw = self.zip.by_index_raw(index).ok()?;
        if raw.compression() == zip::CompressionMethod::LZMA {
            raw.read_exact(&mut start).ok()?;
            let [_, _, _, _, _, a, b, c, d] = start;
            if u32::from_le_bytes([a, b, c, d]) > MAX_LZMA_DICTIONARY {
                return None;
            }
        }
        drop(raw);
        let file = self.zip.by_index(index).ok()?;
        let mut out = Vec::new();
        file.take(self.left.saturating_add(1)).read_to_end(&mut out).ok()?;
        self.left = self.left.checked_sub(out.len() as u64)?;
        Some(out)
    }
}

/// Reads the network's tensors in a checkpoint of PyTorch before 1.6: four pickles (a number, the
/// version, facts of the system, the object), the list of storages, and the storages.
fn read_legacy(bytes: &[u8]) -> Result<Weights, WeightsError> {
    let damaged = |e: pickle::PickleError| bad(e.to_string());
    let cut_off = || bad("the file is cut off: copy or download it again");
    let mut rest = bytes;
    let mut next = || -> Result<Pickle<'_>, WeightsError> {
        let (pickle, length) = pickle::load_first(rest).map_err(damaged)?;
        rest = rest.get(length..).unwrap_or_default();
        Ok(pickle)
    };
    let (_, _, system, object, keys) = (next()?, next()?, next()?, next()?, next()?);
    let little = system.get(system.root(), "little_endian").map(|id| system.node(id).clone());
    if little == Some(Node::Bool(false)) {
        return Err(bad("big-endian data are not supported"));
    }
    let widths = storage_widths(&object);
    let mut storages: HashMap<&str, &[u8]> = HashMap::new();
    for key in keys.parts(keys.root()) {
        let key = keys.text(*key).ok_or_else(|| bad("the list of its storages is damaged"))?;
        let (count, data) = rest.split_first_chunk::<8>().ok_or_else(cut_off)?;
        let width = widths.get(key).copied();
        let width = width.ok_or_else(|| bad(format!("the type of storage {key} is unknown")))?;
        let length = usize::try_from(u64::from_le_bytes(*count)).ok();
        let length = length.and_then(|n| n.checked_mul(width)).ok_or_else(cut_off)?;
        let (storage, after) = data.split_at_checked(length).ok_or_else(cut_off)?;
        storages.insert(key, storage);
        rest = after;
    }
    weights(&object, |stored, name| {
        let storage = storages.get(stored.key).copied();
        let storage = storage.ok_or_else(|| bad(format!("the data of {name} are missing")))?;
        stored.gather(storage).ok_or_else(|| bad(format!("{name} extends beyond its storage")))
    })
}

/// Bytes per element of every storage that a pickle refers to.
fn storage_widths<'a>(pickle: &Pickle<'a>) -> HashMap<&'a str, usize> {
    let width = |kind: &str| match kind {
        "ComplexDoubleStorage" => Some(16),
        "DoubleStorage" | "LongStorage" | "ComplexFloatStorage" => Some(8),
        "FloatStorage" | "IntStorage" => Some(4),
        "HalfStorage" | "BFloat16Storage" | "ShortStorage" => Some(2),
        "CharStorage" | "ByteStorage" | "BoolStorage" => Some(1),
        _ => None,
    };
    let one = |node: &Node<'a>| {
        let Node::Persistent(reference) = node else { return None };
        let [_, kind, key, ..] = pickle.parts(*reference) else { return None };
        let Node::Global(_, kind) = *pickle.node(*kind) else { return None };
        Some((pickle.text(*key)?, width(kind)?))
    };
    pickle.nodes().iter().filter_map(one).collect()
}

/// Finds the network in a checkpoint's object and reads its tensors with `gather`.
fn weights<'a>(
    pickle: &Pickle<'a>,
    mut gather: impl FnMut(&Stored<'a>, &str) -> Result<Vec<f32>, WeightsError>,
) -> Result<Weights, WeightsError> {
    let dictionaries = dictionaries(pickle);
    let tables: Vec<Table<'a>> = dictionaries
        .iter()
        .map(|(key, id)| {
            let tensor = |(k, v): &(Id, Id)| pickle.text(*k).filter(|_| is_tensor(pickle, *v));
            Table { key, names: pickle.entries(*id).iter().filter_map(tensor).collect() }
        })
        .collect();
    let Some(Found { origin, names }) = origin::find(&tables) else {
        let found: Vec<&str> = tables.iter().flat_map(|t| &t.names).copied().take(6).collect();
        return Err(WeightsError::NoTensors(found.join(", ")));
    };
    let table = dictionaries.iter().find(|(key, _)| *key == origin.table).map_or(0, |(_, id)| *id);
    let by_name: HashMap<&str, Id> =
        pickle.entries(table).iter().filter_map(|(k, v)| Some((pickle.text(*k)?, *v))).collect();
    let mut tensors = BTreeMap::new();
    for (name, full) in names {
        let stored = by_name.get(full).and_then(|id| Stored::of(pickle, *id, 0));
        let stored =
            stored.ok_or_else(|| bad(format!("{full} is not a tensor of a supported type")))?;
        let data = gather(&stored, full)?;
        tensors.insert(name, Tensor { shape: stored.shape, data });
    }
    let weights = Weights::found(tensors, origin)?;
    let stated = pickle
        .get(pickle.root(), "hyper_parameters")
        .and_then(|id| pickle.get(id, RESIDUAL_NOISE_KEY))
        .map(|id| pickle.node(id));
    match stated {
        None => Ok(weights),
        Some(Node::Float(noise)) => weights.with_residual_noise(*noise as f32),
        Some(other) => Err(WeightsError::ResidualNoise(format!("{other:?}"))),
    }
}

/// The dictionaries that may hold tensors, with their keys: the outermost, and those below it.
fn dictionaries<'a>(pickle: &Pickle<'a>) -> Vec<(&'a str, Id)> {
    let mut out = vec![("", pickle.root())];
    let mut seen: HashSet<Id> = HashSet::from([pickle.root()]);
    let mut at = 0_usize;
    while let Some((_, id)) = out.get(at).copied() {
        at = at.saturating_add(1);
        for (key, value) in pickle.entries(id) {
            let has_entries = !pickle.entries(*value).is_empty();
            if let Some(key) = pickle.text(*key).filter(|_| has_entries && out.len() < MAX_TABLES)
                && seen.insert(*value)
            {
                out.push((key, *value));
            }
        }
    }
    out
}

fn is_tensor(pickle: &Pickle<'_>, id: Id) -> bool {
    pickle.call(id).is_some_and(|(_, name, _, _)| name.starts_with("_rebuild_"))
}

impl Weights {
    /// Reads the bytes of a PyTorch checkpoint. Its pickle is parsed, never executed.
    ///
    /// # Errors
    /// Fails if the file is damaged, its pickle contains more than data, or the weights are of
    /// another network.
    pub fn from_checkpoint(bytes: &[u8]) -> Result<Self, WeightsError> {
        read(bytes)
    }

    /// Reads the bytes of a checkpoint that PyTorch wrote before version 1.6, or was asked to write in
    /// that format.
    ///
    /// # Errors
    /// Like [`Weights::from_checkpoint`].
    pub fn from_legacy_checkpoint(bytes: &[u8]) -> Result<Self, WeightsError> {
        read_legacy(bytes)
    }

    /// The bytes of a PyTorch Lightning checkpoint with these weights, in single or half
    /// precision. They are stored under `model.` and, sharing the storage, under
    /// `teacher_model.`, as in the published program.
    ///
    /// # Errors
    /// Fails if half precision cannot hold a value.
    pub fn to_checkpoint(&self, half: bool) -> Result<Vec<u8>, WeightsError> {
        crate::network::lightning::write(self, half)
    }
}
