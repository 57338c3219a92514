//! The layers, and what is checked.

#![allow(clippy::indexing_slicing, reason = "a test may fail by panicking")]

use crate::graph::{Graph, Sources};
use std::collections::BTreeMap;

/// The modules, lowest first. Each may use those before it.
const LAYERS: &[&str] = &[
    "time", "random", "panics", "program", "image", "event", "exposure", "formats", "network",
    "engine", "deblur", "camera", "rig", "sequence", "simulate", "datagen", "train", "live", "gui",
    "cli",
];

/// Index of a module's layer.
fn layer(module: &[String]) -> Option<usize> {
    module.first().and_then(|m| LAYERS.iter().position(|layer| layer == m))
}

/// All violations, one a line: imports of higher layers, cycles of files, and methods of the
/// window's types outside of the files that define them.
pub fn violations(texts: &BTreeMap<String, String>) -> Vec<String> {
    let sources = Sources::parse(texts);
    let mut found = Vec::new();
    let mut graph = Graph::default();
    for file in sources.files.values() {
        let name = &file.name;
        let Some(own) = layer(&file.module) else {
            if !matches!(name.as_str(), "src/lib.rs" | "src/main.rs") {
                found.push(format!("{name}: its module is in no layer"));
            }
            continue;
        };
        for (line, path) in file.imported_impls.iter().filter(|_| file.module[0] == "gui") {
            if let Some(to) = sources.defining_file(path)
                && to.name != *name
            {
                let path = path.join("::");
                found.push(format!("{name}:{line}: methods of {path} belong to {}", to.name));
            }
        }
        for import in &file.imports {
            let Some(to) = sources.defining_file(&import.path) else { continue };
            let line = import.line;
            if layer(&to.module).is_some_and(|other| other > own) {
                let path = import.path.join("::");
                found.push(format!("{name}:{line}: {path} is in a higher layer"));
            }
            if to.name != *name && !import.in_test && !import.reexport {
                graph.add(name, &to.name, line);
            }
        }
    }
    for (from, line, to) in graph.edges_in_cycles() {
        found.push(format!("{from}:{line}: {to} leads back to this file"));
    }
    found
}
