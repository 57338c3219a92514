//! The messages that docs/TROUBLESHOOTING.md quotes are those of the program.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers too")]

use std::path::Path;

/// Messages of other programs and of libraries.
const FOREIGN: [&str; 6] = [
    "error: XDG_RUNTIME_DIR is invalid",
    "rustc",
    "edition 2024 is unknown",
    "linker 'cc' not found",
    "Logic patch not supported",
    "Logic version not supported",
];
/// Shorter parts of a message are not looked up: they occur everywhere.
const SHORTEST: usize = 8;

/// All Rust files below a folder, one after the other.
fn sources(folder: &Path, out: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

/// Joins strings that continue on the next line.
fn joined(text: &str) -> String {
    let mut parts = text.split("\\\n");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |all, part| all + part.trim_start())
}

/// The fixed parts of a quoted message: `...` matches any text, `N` and `M` match numbers.
fn fixed_parts(quoted: &str) -> Vec<String> {
    let words = quoted.replace("...", " \0 ");
    let words = words.split(' ').map(|w| if matches!(w, "N" | "M") { "\0" } else { w });
    let text = words.collect::<Vec<_>>().join(" ");
    let trim = |part: &str| part.trim_matches([' ', ',', ':', ';', '(', ')']).to_owned();
    text.split('\0').map(trim).filter(|part| part.len() >= SHORTEST).collect()
}

#[test]
fn quoted_messages_are_in_the_sources() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = String::new();
    sources(&root.join("src"), &mut all);
    let all = joined(&all);
    let text = std::fs::read_to_string(root.join("docs/TROUBLESHOOTING.md")).unwrap();
    let symptoms = text.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let (mut checked, mut missing) = (0, Vec::new());
    for symptom in symptoms {
        for quoted in symptom.split('`').skip(1).step_by(2) {
            if FOREIGN.iter().any(|foreign| quoted.starts_with(foreign)) {
                continue;
            }
            for part in fixed_parts(quoted) {
                checked += 1;
                if !all.contains(&part) {
                    missing.push(format!("{quoted}: no source has {part:?}"));
                }
            }
        }
    }
    assert!(checked > 50, "only {checked} parts of messages were found");
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
