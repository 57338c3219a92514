//! The layers of src/: modules use only those below them, and files have no import cycles.
//!
//! What counts as an import of one file by another: a `use` or a path in code that begins with
//! `crate`, `gem_live`, `super`, `self`, a child module or a module that the file has imported.
//! It points to the file that defines the item; `pub use` is followed. What does not count:
//! * `mod x;`, and `pub use` itself: a `mod.rs` that re-exports its children is not a cycle.
//!   Anything else that a `mod.rs` shares with its children in both directions is one.
//! * Calls of methods and traits in scope: they name no file. So that they hide no cycle between
//!   the files of the window, methods of a type in `src/gui` are in the file that defines it.
//!
//! Code under `#[cfg(test)]` must respect the order of the layers, but may import within its
//! module as it likes.
//!
//! `text.rs` reads source text, `imports.rs` finds its imports, `graph.rs` resolves them to files,
//! and `rules.rs` has the layers and what is checked.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod graph;
mod imports;
mod rules;
mod small_trees;
mod text;

use std::collections::BTreeMap;
use std::path::Path;

/// Reads all Rust files below a folder, by their names from the root of the repository.
fn read_sources(folder: &Path, name: &str, out: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let file = entry.file_name().into_string().unwrap();
        let name = format!("{name}/{file}");
        if entry.path().is_dir() {
            read_sources(&entry.path(), &name, out);
        } else if file.ends_with(".rs") {
            out.insert(name, std::fs::read_to_string(entry.path()).unwrap());
        }
    }
}

#[test]
fn modules_use_only_lower_layers_and_files_have_no_import_cycles() {
    let mut all = BTreeMap::new();
    read_sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "src", &mut all);
    assert!(all.len() > 200, "only {} files were found", all.len());
    for folder in ["src/gui/panels/", "src/gui/dialogs/", "src/gui/widgets/"] {
        assert!(all.keys().any(|name| name.starts_with(folder)), "{folder} was not found");
    }
    let violations = rules::violations(&all);
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

/// rayon's global pool belongs to the CPU engine. A thread that waits for it waits for a
/// restoration, so nothing that the rig thread and the camera threads run may use it.
#[test]
fn no_live_thread_waits_for_the_thread_pool_of_the_cpu_engine() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for module in ["image", "event", "camera", "rig", "live"] {
        let mut all = BTreeMap::new();
        read_sources(&root.join(module), module, &mut all);
        assert!(!all.is_empty(), "{module} was not found");
        for (name, source) in all {
            let code: String = text::without_comments_and_strings(&source).into_iter().collect();
            assert!(!code.contains("rayon"), "src/{name} uses rayon");
        }
    }
}
