//! The layers of src/: modules use only what lies below them, and no files import in a circle.
//!
//! What counts as an arrow from one file to another: a `use` or a path in code that begins with
//! `crate`, `gem_live`, `super`, `self`, a child module or a module that the file has imported.
//! It points to the file that defines the item; `pub use` is followed. What does not count:
//! * `mod x;`, and `pub use` itself: a `mod.rs` that re-exports its children is no circle.
//!   Whatever else a `mod.rs` shares with its children in both directions is one.
//! * Calls of methods and traits in scope: they name no file. So that they hide no circle between
//!   the files of the window, methods of a type in `src/gui` are in the file that defines it.
//!
//! Code under `#[cfg(test)]` must respect the order of the modules, but may import within its
//! module as it likes.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The modules, lowest first. Each may use those before it.
const FLOORS: &[&str] = &[
    "time", "random", "panics", "program", "image", "event", "exposure", "formats", "network",
    "engine", "deblur", "camera", "rig", "sequence", "simulate", "datagen", "train", "live", "gui",
    "cli",
];

type Segments = Vec<String>;

/// One import or path.
struct Arrow {
    line: usize,
    /// Absolute, from the crate's root.
    path: Segments,
    in_test: bool,
    reexport: bool,
}

#[derive(Default)]
struct File {
    name: String,
    module: Segments,
    arrows: Vec<Arrow>,
    /// `impl` blocks without a trait, of types that were imported: line and type.
    imported_impls: Vec<(usize, Segments)>,
    /// Names that `pub use` shows, and where they come from.
    shown: BTreeMap<String, Segments>,
}

/// The module of a file: `src/a/b/mod.rs` and `src/a/b.rs` are `a::b`.
fn module(name: &str) -> Segments {
    let stem = name.strip_prefix("src/").unwrap_or(name).trim_end_matches(".rs");
    let mut parts: Segments = stem.split('/').map(str::to_owned).collect();
    if matches!(parts.last().map(String::as_str), Some("mod")) || parts == ["lib"] {
        parts.pop();
    }
    parts
}

/// Comments, strings and characters become spaces; lines stay.
fn code(text: &str) -> Vec<char> {
    let text: Vec<char> = text.chars().collect();
    let mut out = text.clone();
    let mut blank = |from: usize, to: usize| {
        for c in &mut out[from..to] {
            if *c != '\n' {
                *c = ' ';
            }
        }
    };
    let at = |i: usize| text.get(i).copied().unwrap_or('\0');
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let mut i = 0;
    while i < text.len() {
        let start = i;
        match at(i) {
            '/' if at(i + 1) == '/' => {
                while i < text.len() && at(i) != '\n' {
                    i += 1;
                }
            }
            '/' if at(i + 1) == '*' => {
                let mut depth = 1;
                i += 2;
                while i < text.len() && depth > 0 {
                    match (at(i), at(i + 1)) {
                        ('/', '*') => (depth, i) = (depth + 1, i + 2),
                        ('*', '/') => (depth, i) = (depth - 1, i + 2),
                        _ => i += 1,
                    }
                }
            }
            'r' if matches!(at(i + 1), '"' | '#')
                && (i == 0 || !word(at(i - 1)) || at(i - 1) == 'b') =>
            {
                let hashes = text[i + 1..].iter().take_while(|c| **c == '#').count();
                if at(i + 1 + hashes) != '"' {
                    i += 1;
                    continue;
                }
                i += hashes + 2;
                let closed = |i: usize| at(i) == '"' && (1..=hashes).all(|h| at(i + h) == '#');
                while i < text.len() && !closed(i) {
                    i += 1;
                }
                i = (i + hashes + 1).min(text.len());
            }
            '"' => {
                i += 1;
                while i < text.len() && at(i) != '"' {
                    i += if at(i) == '\\' { 2 } else { 1 };
                }
                i = (i + 1).min(text.len());
            }
            '\'' if at(i + 1) == '\\' => {
                i += 3;
                while i < text.len() && at(i) != '\'' {
                    i += 1;
                }
                i = (i + 1).min(text.len());
            }
            '\'' if at(i + 2) == '\'' => i += 3,
            _ => {
                i += 1;
                continue;
            }
        }
        blank(start, i);
    }
    out
}

struct Reader<'a> {
    code: &'a [char],
    modules: &'a BTreeSet<Segments>,
    file: File,
    /// Modules that were imported, by the name they have here.
    aliases: BTreeMap<String, Segments>,
    /// Everything that was imported, by the name it has here.
    imports: BTreeMap<String, Segments>,
}

impl Reader<'_> {
    fn word_at(&self, i: usize) -> &[char] {
        let rest = self.code.get(i..).unwrap_or_default();
        let length = rest.iter().take_while(|c| c.is_alphanumeric() || **c == '_').count();
        &rest[..length]
    }

    fn skip_space(&self, mut i: usize) -> usize {
        while self.code.get(i).is_some_and(|c| c.is_whitespace()) {
            i += 1;
        }
        i
    }

    fn line(&self, i: usize) -> usize {
        1 + self.code[..i].iter().filter(|c| **c == '\n').count()
    }

    /// Past the bracket that closes the one at `i`.
    fn close(&self, mut i: usize) -> usize {
        let mut depth = 0;
        while let Some(c) = self.code.get(i) {
            i += 1;
            match c {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                _ => (),
            }
        }
        i
    }

    /// Past the generics at `i`, if there are any.
    fn generics(&self, mut i: usize) -> usize {
        let mut depth = 0;
        while let Some(c) = self.code.get(i) {
            match c {
                '<' => depth += 1,
                // An arrow is no bracket.
                '>' if self.code[i - 1] != '-' => depth -= 1,
                _ => (),
            }
            if depth == 0 {
                return if *c == '>' { i + 1 } else { i };
            }
            i += 1;
        }
        i
    }

    /// The type of the `impl` block without a trait whose first word is at `i`, if it is one.
    fn implemented(&self, i: usize) -> Option<Segments> {
        let before = self.code[..i].iter().rfind(|c| !c.is_whitespace());
        if before.is_some_and(|c| !matches!(c, ';' | '}' | '{' | ']')) {
            return None;
        }
        let mut at = self.skip_space(self.generics(self.skip_space(i + "impl".len())));
        let mut path = Vec::new();
        loop {
            let word: String = self.word_at(at).iter().collect();
            at += word.len();
            path.push(word);
            if !self.code[at..].starts_with(&[':', ':']) {
                break;
            }
            at += 2;
        }
        at = self.skip_space(self.generics(at));
        let next: String = self.word_at(at).iter().collect();
        (self.code.get(at) == Some(&'{') || next == "where").then_some(path)
    }

    /// The absolute form of a path, if its beginning is one of ours.
    fn absolute(&self, module: &[String], path: &[String]) -> Option<Segments> {
        let (first, rest) = path.split_first()?;
        let mut base = match first.as_str() {
            "crate"
                if module.first().is_some_and(|m| m == "cli")
                    && rest.first().is_some_and(|r| r == "cli") =>
            {
                Vec::new()
            }
            "crate" | "gem_live" => Vec::new(),
            "self" => module.to_vec(),
            "super" => module[..module.len().saturating_sub(1)].to_vec(),
            _ => {
                let child = [module, std::slice::from_ref(first)].concat();
                if self.modules.contains(&child) { child } else { self.aliases.get(first)?.clone() }
            }
        };
        let mut rest = rest;
        while let Some((first, others)) = rest.split_first()
            && first == "super"
        {
            base.pop();
            rest = others;
        }
        base.extend_from_slice(rest);
        Some(base)
    }

    /// The leaves of `a::{b, c as d}`, with the name that each has here.
    fn tree(&self, i: &mut usize, before: &[String], out: &mut Vec<(Segments, String)>) {
        let mut path = before.to_vec();
        loop {
            *i = self.skip_space(*i);
            match self.code.get(*i) {
                Some('{') => {
                    *i += 1;
                    loop {
                        *i = self.skip_space(*i);
                        match self.code.get(*i) {
                            Some('}') | None => break,
                            Some(',') => *i += 1,
                            Some(_) => self.tree(i, &path, out),
                        }
                    }
                    *i += 1;
                    return;
                }
                Some(':') => *i += 1,
                Some('*') => {
                    *i += 1;
                    return out.push((path, "*".into()));
                }
                Some(c) if c.is_alphanumeric() || *c == '_' => {
                    let word: String = self.word_at(*i).iter().collect();
                    *i += word.len();
                    if word == "as" {
                        *i = self.skip_space(*i);
                        let alias: String = self.word_at(*i).iter().collect();
                        *i += alias.len();
                        return out.push((path, alias));
                    }
                    if word != "self" || path.is_empty() {
                        path.push(word);
                    }
                }
                _ => {
                    let name = path.last().cloned().unwrap_or_default();
                    return out.push((path, name));
                }
            }
        }
    }

    /// Reads items and paths between two places, within one module.
    fn read(&mut self, mut i: usize, end: usize, module: &[String], in_test: bool) {
        let mut tested = false;
        let mut public = false;
        while i < end {
            let c = self.code[i];
            if c == '#' && matches!(self.code.get(i + 1), Some('[' | '!')) {
                let close = self.close(i);
                let text: String =
                    self.code[i..close].iter().filter(|c| !c.is_whitespace()).collect();
                let inner = text.starts_with("#!");
                let test = text.contains("cfg(test)")
                    || text.contains("cfg(all(test")
                    || text.contains("(doctest)");
                tested |= test && !inner;
                i = close;
                continue;
            }
            if !(c.is_alphabetic() || c == '_') || (i > 0 && matches!(self.code[i - 1], '.' | '\''))
            {
                if matches!(c, ';' | '{' | '}') {
                    public = false;
                }
                i += 1;
                continue;
            }
            let word: String = self.word_at(i).iter().collect();
            let after = i + word.len();
            if tested && !matches!(word.as_str(), "pub") {
                // One item of tests: up to its end.
                let mut j = i;
                while j < end && !matches!(self.code[j], ';' | '{') {
                    j = if matches!(self.code[j], '(' | '[') { self.close(j) } else { j + 1 };
                }
                let stop = if self.code.get(j) == Some(&'{') && word != "use" {
                    self.close(j)
                } else {
                    while j < end && self.code[j] != ';' {
                        j += 1;
                    }
                    j + 1
                };
                tested = false;
                self.read(i, stop.min(end), module, true);
                i = stop;
                continue;
            }
            match word.as_str() {
                "pub" => {
                    public = true;
                    i = self.skip_space(after);
                    if self.code.get(i) == Some(&'(') {
                        i = self.close(i);
                    }
                }
                "mod" => {
                    let at = self.skip_space(after);
                    let name: String = self.word_at(at).iter().collect();
                    let brace = self.skip_space(at + name.len());
                    if self.code.get(brace) == Some(&'{') {
                        let close = self.close(brace);
                        let inner = [module, &[name]].concat();
                        self.read(brace + 1, close - 1, &inner, in_test);
                        i = close;
                    } else {
                        i = brace;
                    }
                }
                "use" => {
                    let line = self.line(i);
                    let mut leaves = Vec::new();
                    let mut at = after;
                    self.tree(&mut at, &[], &mut leaves);
                    for (path, name) in leaves {
                        let Some(path) = self.absolute(module, &path) else { continue };
                        if self.modules.contains(&path) && name != "*" {
                            self.aliases.insert(name.clone(), path.clone());
                        }
                        if !in_test {
                            self.imports.insert(name.clone(), path.clone());
                        }
                        if public && !in_test && module == self.file.module {
                            self.file.shown.insert(name, path.clone());
                        }
                        self.file.arrows.push(Arrow { line, path, in_test, reexport: public });
                    }
                    public = false;
                    i = at;
                }
                "impl" => {
                    if !in_test && let Some(path) = self.implemented(i) {
                        let imported = path.first().and_then(|first| self.imports.get(first));
                        let path = match imported {
                            Some(base) => Some([&base[..], &path[1..]].concat()),
                            None => self.absolute(module, &path),
                        };
                        let line = self.line(i);
                        self.file.imported_impls.extend(path.map(|path| (line, path)));
                    }
                    i = after;
                }
                _ => {
                    let (mut path, mut at) = (vec![word], after);
                    while self.code.get(at) == Some(&':')
                        && self.code.get(at + 1) == Some(&':')
                        && self.code.get(at + 2).is_some_and(|c| c.is_alphabetic() || *c == '_')
                    {
                        let next: String = self.word_at(at + 2).iter().collect();
                        at += 2 + next.len();
                        path.push(next);
                    }
                    let follows_path =
                        i > 0 && self.code[i - 1] == ':' && i > 1 && self.code[i - 2] == ':';
                    if path.len() > 1
                        && !follows_path
                        && let Some(path) = self.absolute(module, &path)
                    {
                        let line = self.line(i);
                        self.file.arrows.push(Arrow { line, path, in_test, reexport: false });
                    }
                    i = at;
                }
            }
        }
    }
}

/// The file and the module where an item is defined.
fn target<'a>(
    files: &'a BTreeMap<Segments, File>,
    modules: &BTreeSet<Segments>,
    path: &[String],
    depth: usize,
) -> Option<&'a File> {
    let mut here = Vec::new();
    for (n, segment) in path.iter().enumerate() {
        let child = [&here[..], std::slice::from_ref(segment)].concat();
        if modules.contains(&child) {
            here = child;
            continue;
        }
        if let Some(shown) = files.get(&here).and_then(|f| f.shown.get(segment))
            && depth < 8
            && shown[..] != path[..=n]
        {
            return target(files, modules, &[&shown[..], &path[n + 1..]].concat(), depth + 1);
        }
        break;
    }
    files.get(&here)
}

/// Every arrow upwards and every circle of the files, one a line.
fn check(sources: &BTreeMap<String, String>) -> Vec<String> {
    let modules: BTreeSet<Segments> = (sources.keys().map(|name| module(name)))
        .flat_map(|m| (1..=m.len()).map(move |n| m[..n].to_vec()).collect::<Vec<_>>())
        .collect();
    let files: BTreeMap<Segments, File> = sources
        .iter()
        .map(|(name, text)| {
            let code = code(text);
            let own = module(name);
            let file = File { name: name.clone(), module: own.clone(), ..File::default() };
            let (aliases, imports) = (BTreeMap::new(), BTreeMap::new());
            let mut reader = Reader { code: &code, modules: &modules, file, aliases, imports };
            let whole_test = own.iter().any(|part| part == "tests");
            reader.read(0, code.len(), &own, whole_test);
            (own, reader.file)
        })
        .collect();
    let floor = |m: &[String]| m.first().and_then(|m| FLOORS.iter().position(|f| f == m));
    let mut wrong = Vec::new();
    let mut edges: BTreeMap<&str, BTreeMap<&str, Vec<usize>>> = BTreeMap::new();
    for file in files.values() {
        let Some(from) = floor(&file.module) else {
            if !matches!(file.name.as_str(), "src/lib.rs" | "src/main.rs") {
                wrong.push(format!("{}: its module is in no floor", file.name));
            }
            continue;
        };
        for (line, path) in file.imported_impls.iter().filter(|_| file.module[0] == "gui") {
            if let Some(to) = target(&files, &modules, path, 0)
                && to.name != file.name
            {
                let (name, path, to) = (&file.name, path.join("::"), &to.name);
                wrong.push(format!("{name}:{line}: methods of {path} belong to {to}"));
            }
        }
        for arrow in &file.arrows {
            let Some(to) = target(&files, &modules, &arrow.path, 0) else { continue };
            let path = arrow.path.join("::");
            if floor(&to.module).is_some_and(|to| to > from) {
                wrong.push(format!("{}:{}: {path} lies above", file.name, arrow.line));
            }
            if to.name != file.name && !arrow.in_test && !arrow.reexport {
                let lines = edges.entry(&file.name).or_default().entry(&to.name).or_default();
                lines.push(arrow.line);
            }
        }
    }
    // What can be reached from each file; a file that reaches itself is in a circle.
    for (from, to) in &edges {
        for (next, lines) in to {
            let (mut seen, mut open) = (BTreeSet::new(), vec![*next]);
            while let Some(at) = open.pop() {
                if seen.insert(at) {
                    open.extend(edges.get(at).into_iter().flat_map(|m| m.keys().copied()));
                }
            }
            if seen.contains(from) {
                wrong.push(format!("{from}:{}: {next} leads back to this file", lines[0]));
            }
        }
    }
    wrong
}

fn sources(folder: &Path, name: &str, out: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let file = entry.file_name().into_string().unwrap();
        let name = format!("{name}/{file}");
        if entry.path().is_dir() {
            sources(&entry.path(), &name, out);
        } else if file.ends_with(".rs") {
            out.insert(name, std::fs::read_to_string(entry.path()).unwrap());
        }
    }
}

#[test]
fn modules_use_only_what_lies_below_and_no_files_import_in_a_circle() {
    let mut all = BTreeMap::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "src", &mut all);
    assert!(all.len() > 200, "only {} files were found", all.len());
    for folder in ["src/gui/panels/", "src/gui/dialogs/", "src/gui/widgets/"] {
        assert!(all.keys().any(|name| name.starts_with(folder)), "{folder} was not found");
    }
    let wrong = check(&all);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn made(files: &[(&str, &str)]) -> Vec<String> {
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    check(&files.collect())
}

#[test]
fn an_arrow_upwards_is_found_in_every_spelling_and_through_re_exports() {
    let rig = ("src/rig/mod.rs", "mod thread;\npub use thread::Rig;\n");
    let thread = ("src/rig/thread.rs", "pub struct Rig;\n");
    for text in [
        "use crate::rig::Rig;",
        "use crate::{time, rig::{self, Rig as R}};",
        "fn f() { let _ = crate::rig::Rig; }",
        "mod inner { use super::super::super::rig::Rig; }",
        "#[cfg(test)]\nmod tests { use crate::rig::Rig; }",
    ] {
        let found =
            made(&[rig, thread, ("src/camera/mod.rs", "mod a;"), ("src/camera/a.rs", text)]);
        assert!(found.iter().any(|f| f.starts_with("src/camera/a.rs:")), "{text}: {found:?}");
    }
    for text in [
        "// use crate::rig::Rig;",
        "const S: &str = \"use crate::rig::Rig;\";",
        "const S: &str = r#\"crate::rig::\"Rig\"#; const C: char = '\"';",
        "use crate::time::Clock;",
    ] {
        let found = made(&[rig, thread, ("src/camera/mod.rs", text), ("src/time.rs", "")]);
        assert_eq!(found, Vec::<String>::new(), "{text}");
    }
    assert_eq!(made(&[("src/new/mod.rs", "")]), ["src/new/mod.rs: its module is in no floor"]);
}

#[test]
fn a_circle_of_files_is_found_but_a_re_export_is_none() {
    let a = ("src/rig/a.rs", "use super::b::B;\npub struct A(B);\n");
    let plain = ("src/rig/b.rs", "pub struct B;\n");
    let parent = ("src/rig/mod.rs", "mod a;\nmod b;\npub use a::A;\npub use b::B;\n");
    assert_eq!(made(&[a, plain, parent]), Vec::<String>::new());
    // Through the parent's re-export it is the same circle.
    for back in ["use super::A;\npub struct B;", "pub struct B;\nfn f(_: super::a::A) {}"] {
        let found = made(&[a, ("src/rig/b.rs", back), parent]);
        assert_eq!(found.len(), 2, "{back}: {found:?}");
        assert!(found[0].starts_with("src/rig/a.rs:1: src/rig/b.rs leads back"), "{found:?}");
    }
    // A parent that defines what its child uses, and uses the child.
    let used = ("src/rig/mod.rs", "mod a;\nmod b;\nuse a::A;\npub struct B;\n");
    let child = ("src/rig/a.rs", "use super::B;\npub struct A;\n");
    assert_eq!(made(&[used, child, plain]).len(), 2);
    // Tests may do so.
    let test =
        ("src/rig/b.rs", "pub struct B;\n#[cfg(test)]\nmod tests { use super::super::A; }\n");
    assert_eq!(made(&[a, test, parent]), Vec::<String>::new());
}

#[test]
fn a_panel_and_the_window_cannot_know_each_other() {
    let panels = ("src/gui/panels/mod.rs", "pub mod camera_panel;\n");
    let plain = ("src/gui/panels/camera_panel.rs", "pub struct CameraPanel;\n");
    let app = ("src/gui/app.rs", "use super::panels::camera_panel::CameraPanel;\npub struct App;");
    assert_eq!(made(&[panels, plain, app]), Vec::<String>::new());
    let knows = "use crate::gui::app::App;\npub struct CameraPanel;\nfn show(_: &mut App) {}";
    let found = made(&[panels, ("src/gui/panels/camera_panel.rs", knows), app]);
    assert_eq!(found.len(), 2, "{found:?}");
    // The same, hidden behind a method.
    for methods in [
        "use super::app::App;\nimpl App {\n}",
        "pub struct A;\nimpl super::app::App {\n}",
        "use super::app;\nimpl<'a, T: Fn(u8) -> u8> app::App<T> where T: Copy {\n}",
    ] {
        let found = made(&[("src/gui/actions.rs", methods), app, panels, plain]);
        assert_eq!(found.len(), 1, "{methods}: {found:?}");
        assert!(found[0].ends_with("belong to src/gui/app.rs"), "{found:?}");
    }
    for fine in [
        "use super::app::App;\nimpl Drop for App {\n}",
        "pub struct A<T>(T);\nimpl<T> A<T> {\n fn f() -> impl Iterator<Item = T> {} \n}",
        "use super::app::App;\nfn f() -> impl App {}",
    ] {
        let found = made(&[("src/gui/actions.rs", fine), app, panels, plain]);
        assert_eq!(found, Vec::<String>::new(), "{fine}");
    }
}
