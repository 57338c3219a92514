//! The imports of one file.

#![allow(clippy::indexing_slicing, reason = "a test may fail by panicking")]

use crate::text::{
    line, past_bracket, past_generics, skip_space, without_comments_and_strings, word_at,
};
use std::collections::{BTreeMap, BTreeSet};

/// The path of a module or item, from the crate's root.
pub type Segments = Vec<String>;

/// One import or path.
pub struct Import {
    pub line: usize,
    pub path: Segments,
    pub in_test: bool,
    /// It is a `pub use`.
    pub reexport: bool,
}

/// A source file, and what it imports.
#[derive(Default)]
pub struct File {
    pub name: String,
    pub module: Segments,
    pub imports: Vec<Import>,
    /// `impl` blocks without a trait, of types that were imported: line and type.
    pub imported_impls: Vec<(usize, Segments)>,
    /// Names that `pub use` re-exports, and where they come from.
    pub reexports: BTreeMap<String, Segments>,
}

impl File {
    /// Parses a file. `modules` are those of all files.
    pub fn parse(name: &str, text: &str, modules: &BTreeSet<Segments>) -> Self {
        let code = without_comments_and_strings(text);
        let module = module_of(name);
        let file = Self { name: name.to_owned(), module: module.clone(), ..Self::default() };
        let (aliases, imports) = (BTreeMap::new(), BTreeMap::new());
        let mut parser = ImportParser { code: &code, modules, file, aliases, imports };
        let only_tests = module.iter().any(|part| part == "tests");
        parser.read(0, code.len(), &module, only_tests);
        parser.file
    }
}

/// The module of a file: `src/a/b/mod.rs` and `src/a/b.rs` are `a::b`.
pub fn module_of(name: &str) -> Segments {
    let stem = name.strip_prefix("src/").unwrap_or(name).trim_end_matches(".rs");
    let mut parts: Segments = stem.split('/').map(str::to_owned).collect();
    if matches!(parts.last().map(String::as_str), Some("mod")) || parts == ["lib"] {
        parts.pop();
    }
    parts
}

struct ImportParser<'a> {
    code: &'a [char],
    modules: &'a BTreeSet<Segments>,
    file: File,
    /// Modules that were imported, by the name they have here.
    aliases: BTreeMap<String, Segments>,
    /// Everything that was imported, by the name it has here.
    imports: BTreeMap<String, Segments>,
}

impl ImportParser<'_> {
    /// The type of the `impl` block without a trait whose first word is at `i`, if it is one.
    fn implemented(&self, i: usize) -> Option<Segments> {
        let before = self.code[..i].iter().rfind(|c| !c.is_whitespace());
        if before.is_some_and(|c| !matches!(c, ';' | '}' | '{' | ']')) {
            return None;
        }
        let mut at = skip_space(
            self.code,
            past_generics(self.code, skip_space(self.code, i + "impl".len())),
        );
        let mut path = Vec::new();
        loop {
            let word: String = word_at(self.code, at).iter().collect();
            at += word.len();
            path.push(word);
            if !self.code[at..].starts_with(&[':', ':']) {
                break;
            }
            at += 2;
        }
        at = skip_space(self.code, past_generics(self.code, at));
        let next: String = word_at(self.code, at).iter().collect();
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
            *i = skip_space(self.code, *i);
            match self.code.get(*i) {
                Some('{') => {
                    *i += 1;
                    loop {
                        *i = skip_space(self.code, *i);
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
                    let word: String = word_at(self.code, *i).iter().collect();
                    *i += word.len();
                    if word == "as" {
                        *i = skip_space(self.code, *i);
                        let alias: String = word_at(self.code, *i).iter().collect();
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
                let close = past_bracket(self.code, i);
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
            let word: String = word_at(self.code, i).iter().collect();
            let after = i + word.len();
            if tested && !matches!(word.as_str(), "pub") {
                // One item of tests: up to its end.
                let mut j = i;
                while j < end && !matches!(self.code[j], ';' | '{') {
                    j = if matches!(self.code[j], '(' | '[') {
                        past_bracket(self.code, j)
                    } else {
                        j + 1
                    };
                }
                let stop = if self.code.get(j) == Some(&'{') && word != "use" {
                    past_bracket(self.code, j)
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
                    i = skip_space(self.code, after);
                    if self.code.get(i) == Some(&'(') {
                        i = past_bracket(self.code, i);
                    }
                }
                "mod" => {
                    let at = skip_space(self.code, after);
                    let name: String = word_at(self.code, at).iter().collect();
                    let brace = skip_space(self.code, at + name.len());
                    if self.code.get(brace) == Some(&'{') {
                        let close = past_bracket(self.code, brace);
                        let inner = [module, &[name]].concat();
                        self.read(brace + 1, close - 1, &inner, in_test);
                        i = close;
                    } else {
                        i = brace;
                    }
                }
                "use" => {
                    let line = line(self.code, i);
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
                            self.file.reexports.insert(name, path.clone());
                        }
                        self.file.imports.push(Import { line, path, in_test, reexport: public });
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
                        let line = line(self.code, i);
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
                        let next: String = word_at(self.code, at + 2).iter().collect();
                        at += 2 + next.len();
                        path.push(next);
                    }
                    let follows_path =
                        i > 0 && self.code[i - 1] == ':' && i > 1 && self.code[i - 2] == ':';
                    if path.len() > 1
                        && !follows_path
                        && let Some(path) = self.absolute(module, &path)
                    {
                        let line = line(self.code, i);
                        self.file.imports.push(Import { line, path, in_test, reexport: false });
                    }
                    i = at;
                }
            }
        }
    }
}
