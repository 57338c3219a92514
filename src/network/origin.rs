//! Finds the network's tensors in a file of weights, under any key and prefix that a training
//! program may have given them.

#![warn(clippy::arithmetic_side_effects, reason = "numbers read from files must not overflow")]

use crate::event::EventInput;
use crate::formats::limits::MAX_NAME_BYTES;
use crate::network::parameters;
use std::collections::{BTreeMap, HashSet};
use std::fmt::{self, Display, Formatter};

/// Where the weights were found in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The key of the dictionary that holds them, such as `state_dict`; empty for the outermost.
    pub table: String,
    /// What precedes the names of the parameters, such as `model._orig_mod.`.
    pub prefix: String,
    /// Other complete networks in the file, which are not used, such as `teacher_model.`.
    pub others: Vec<String>,
}

impl Origin {
    /// Whether the weights are where the published program and this one store them.
    pub fn is_usual(&self) -> bool {
        matches!(self.table.as_str(), "" | "state_dict")
            && matches!(self.prefix.as_str(), "" | "model.")
    }
}

impl Display for Origin {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "weights found ")?;
        match self.table.as_str() {
            "" => write!(f, "at the top level")?,
            table => write!(f, "under {table:?}")?,
        }
        match self.prefix.as_str() {
            "" => write!(f, " without a prefix")?,
            prefix => write!(f, " with the prefix {prefix:?}")?,
        }
        if !self.others.is_empty() {
            write!(f, "; not used: {}", self.others.join(", "))?;
        }
        Ok(())
    }
}

/// The names of a dictionary in a file.
pub(super) struct Table<'a> {
    /// The key of the dictionary; empty for the outermost.
    pub(super) key: &'a str,
    /// The names of its tensors.
    pub(super) names: Vec<&'a str>,
}

/// A network in a table: the full name of every parameter that was found.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) origin: Origin,
    /// Full names by the parameter's name.
    pub(super) names: BTreeMap<String, &'a str>,
}

/// Parts of prefixes that mean a second network; the first one is preferred.
const SECOND: [&str; 3] = ["teacher", "ema", "swa"];

/// The most complete network in the tables: of complete ones the student, and of equal ones the
/// first. `None` if no name ends with that of a parameter.
pub(super) fn find<'a>(tables: &[Table<'a>]) -> Option<Found<'a>> {
    let known: HashSet<String> =
        parameters(EventInput::default()).into_iter().map(|(name, _)| name).collect();
    let mut all: Vec<Found<'a>> = Vec::new();
    for table in tables {
        let mut by_prefix: BTreeMap<String, BTreeMap<String, &'a str>> = BTreeMap::new();
        // A damaged file may repeat a name: each takes time once.
        let mut seen = HashSet::new();
        for full in table.names.iter().copied().filter(|name| seen.insert(*name)) {
            if let Some((prefix, name)) = split(full, &known) {
                by_prefix.entry(prefix).or_default().insert(name, full);
            }
        }
        all.extend(by_prefix.into_iter().map(|(prefix, names)| {
            let origin = Origin { table: table.key.to_owned(), prefix, others: Vec::new() };
            Found { origin, names }
        }));
    }
    let second = |o: &Origin| {
        let text = format!("{}.{}", o.table, o.prefix).to_lowercase();
        SECOND.iter().any(|word| text.contains(word))
    };
    let complete = |f: &Found<'_>| f.names.len() == known.len();
    // Stable, so that the first table stays first.
    all.sort_by_key(|f| {
        (std::cmp::Reverse(f.names.len()), second(&f.origin), !f.origin.is_usual())
    });
    let mut all = all.into_iter();
    let mut best = all.next()?;
    let name = |o: &Origin| match o.table.as_str() {
        "" => o.prefix.clone(),
        table if o.prefix.is_empty() => table.to_owned(),
        table if table == best.origin.table => o.prefix.clone(),
        table => format!("{table}:{}", o.prefix),
    };
    let others = all.filter(complete).map(|f| name(&f.origin)).filter(|n| !n.is_empty()).collect();
    best.origin.others = others;
    Some(best)
}

/// Splits a full name into a prefix and the name of a parameter. `torch.compile` puts `_orig_mod.`
/// before the names of what it compiles, also within a name.
fn split(full: &str, known: &HashSet<String>) -> Option<(String, String)> {
    if full.len() > MAX_NAME_BYTES {
        return None;
    }
    let starts =
        std::iter::once(0).chain(full.match_indices('.').map(|(at, _)| at.saturating_add(1)));
    for start in starts {
        let (prefix, name) = full.split_at_checked(start)?;
        if known.contains(name) {
            return Some((prefix.to_owned(), name.to_owned()));
        }
    }
    let plain = full.replace("_orig_mod.", "");
    if plain.len() == full.len() {
        return None;
    }
    split(&plain, known)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "a test may fail by panicking")]

    use super::*;

    fn names(prefixes: &[&str]) -> Vec<String> {
        let all = parameters(EventInput::default());
        prefixes.iter().flat_map(|p| all.iter().map(move |(n, _)| format!("{p}{n}"))).collect()
    }

    fn found(key: &'static str, prefixes: &[&str]) -> Origin {
        let names = names(prefixes);
        let names = names.iter().map(String::as_str).collect();
        find(&[Table { key, names }]).unwrap().origin
    }

    #[test]
    fn every_usual_prefix_is_found() {
        for prefix in [
            "",
            "model.",
            "module.",
            "model.module.",
            "module.model.",
            "model._orig_mod.",
            "_orig_mod.",
            "model.model.",
            "teacher_model.",
            "net.",
        ] {
            let origin = found("", &[prefix]);
            assert_eq!((origin.prefix.as_str(), origin.others.len()), (prefix, 0));
            assert_eq!(origin.is_usual(), ["", "model."].contains(&prefix), "{origin}");
        }
    }

    #[test]
    fn the_student_is_preferred_and_the_others_are_named() {
        let origin = found("state_dict", &["ema.model.", "model.", "teacher_model."]);
        assert_eq!(origin.prefix, "model.");
        assert_eq!(origin.others, ["ema.model.", "teacher_model."]);
        let text = origin.to_string();
        assert!(text.contains("\"state_dict\"") && text.contains("teacher_model."), "{text}");
    }

    #[test]
    fn compiled_parts_within_a_name_are_found() {
        let names: Vec<String> = names(&["model."]);
        let names: Vec<String> =
            names.iter().map(|n| n.replacen("_enc.", "_enc._orig_mod.", 1)).collect();
        let names = names.iter().map(String::as_str).collect();
        let found = find(&[Table { key: "", names }]).unwrap();
        assert_eq!(found.names.len(), parameters(EventInput::default()).len());
        assert_eq!(found.origin.prefix, "model.");
    }

    #[test]
    fn names_of_other_networks_are_not_taken() {
        let names = vec!["conv1.weight", "layers.0.bias"];
        assert!(find(&[Table { key: "", names }]).is_none());
    }
}
