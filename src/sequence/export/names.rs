//! Names of the files of a dataset, and which of them are set apart.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Longest name of a file without its number and extension, in bytes.
const MAX_NAME: usize = 180;

/// A name that file systems accept with a number and an extension.
pub(super) fn shortened(name: &str) -> String {
    let end = (0..=MAX_NAME.min(name.len())).rev().find(|at| name.is_char_boundary(*at));
    name.get(..end.unwrap_or(0)).unwrap_or_default().to_owned()
}

/// A unique name for every sequence.
pub(super) fn titles(sequences: &[PathBuf]) -> Vec<(String, PathBuf)> {
    let named = sequences.iter().map(|path| {
        let true_path = path.canonicalize().unwrap_or_else(|_| path.clone());
        let name = if true_path.is_dir() { true_path.file_name() } else { true_path.file_stem() };
        let name = name.map_or_else(|| "sequence".to_owned(), |n| n.to_string_lossy().into_owned());
        (name, path.clone())
    });
    let mut named: Vec<_> = named.collect();
    make_unique(named.iter_mut().map(|(name, _)| name));
    named
}

/// Makes names unique: of equal names, all but the first get a number. Names that differ only in
/// case are equal, as in the file systems of Windows and macOS.
pub(super) fn make_unique<'a>(names: impl Iterator<Item = &'a mut String>) {
    let names: Vec<&mut String> = names.collect();
    let key = |name: &str| name.to_lowercase();
    // Existing names, which a numbered name must not repeat.
    let existing: BTreeSet<String> = names.iter().map(|name| key(name)).collect();
    let mut taken = BTreeSet::new();
    let mut next: BTreeMap<String, usize> = BTreeMap::new();
    for name in names {
        if taken.insert(key(name)) {
            continue;
        }
        let number = next.entry(key(name)).or_insert(2);
        loop {
            let numbered = format!("{name}-{number}");
            *number += 1;
            if !existing.contains(&key(&numbered)) && taken.insert(key(&numbered)) {
                *name = numbered;
                break;
            }
        }
    }
}

/// Selects a fraction of the names: those with the lowest hashes. Adding a name later changes the
/// selection of few others. Selects at least one if `part` is not 0, and leaves at least one if
/// `part` is not 1.
pub(super) fn select<T: AsRef<str>>(names: &[T], part: f64, seed: u64) -> Vec<usize> {
    let mut order: Vec<(u64, usize)> =
        names.iter().enumerate().map(|(i, name)| (hash(name.as_ref(), seed), i)).collect();
    order.sort_unstable();
    let mut count = (names.len() as f64 * part).round() as usize;
    if part > 0.0 && names.len() > 1 {
        count = count.max(1);
    }
    if part < 1.0 && names.len() > 1 {
        count = count.min(names.len() - 1);
    }
    order.into_iter().take(count).map(|(_, i)| i).collect()
}

/// FNV-1a, finished as in SplitMix64: short, and equal on all systems and in all versions.
fn hash(name: &str, seed: u64) -> u64 {
    let mut h = 0xcbf2_9ce4_8422_2325 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for byte in name.bytes() {
        h = (h ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    h = (h ^ (h >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    h = (h ^ (h >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    h ^ (h >> 31)
}

pub(super) fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
