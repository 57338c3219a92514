//! Which file uses which.

#![allow(clippy::indexing_slicing, reason = "a test may fail by panicking")]

use crate::imports::{File, Segments, module_of};
use std::collections::{BTreeMap, BTreeSet};

/// All files, by their modules.
pub struct Sources {
    pub files: BTreeMap<Segments, File>,
    modules: BTreeSet<Segments>,
}

impl Sources {
    /// Parses files, given by name and text.
    pub fn parse(texts: &BTreeMap<String, String>) -> Self {
        let modules: BTreeSet<Segments> = (texts.keys().map(|name| module_of(name)))
            .flat_map(|m| (1..=m.len()).map(move |n| m[..n].to_vec()).collect::<Vec<_>>())
            .collect();
        let files = texts
            .iter()
            .map(|(name, text)| (module_of(name), File::parse(name, text, &modules)))
            .collect();
        Self { files, modules }
    }

    /// The file that defines an item; re-exports are followed.
    pub fn defining_file(&self, path: &[String]) -> Option<&File> {
        self.follow(path, 0)
    }

    fn follow(&self, path: &[String], depth: usize) -> Option<&File> {
        let mut here = Vec::new();
        for (n, segment) in path.iter().enumerate() {
            let child = [&here[..], std::slice::from_ref(segment)].concat();
            if self.modules.contains(&child) {
                here = child;
                continue;
            }
            if let Some(origin) = self.files.get(&here).and_then(|f| f.reexports.get(segment))
                && depth < 8
                && origin[..] != path[..=n]
            {
                return self.follow(&[&origin[..], &path[n + 1..]].concat(), depth + 1);
            }
            break;
        }
        self.files.get(&here)
    }
}

/// Which file imports which, and in which lines.
#[derive(Default)]
pub struct Graph<'a> {
    edges: BTreeMap<&'a str, BTreeMap<&'a str, Vec<usize>>>,
}

impl<'a> Graph<'a> {
    pub fn add(&mut self, from: &'a str, to: &'a str, line: usize) {
        self.edges.entry(from).or_default().entry(to).or_default().push(line);
    }

    /// Every edge that is part of a cycle: the importing file, the first line, the imported file.
    pub fn edges_in_cycles(&self) -> Vec<(&'a str, usize, &'a str)> {
        let mut found = Vec::new();
        for (from, targets) in &self.edges {
            for (to, lines) in targets {
                if self.reaches(to, from) {
                    found.push((*from, lines[0], *to));
                }
            }
        }
        found
    }

    fn reaches(&self, start: &'a str, goal: &str) -> bool {
        let (mut seen, mut open) = (BTreeSet::new(), vec![start]);
        while let Some(at) = open.pop() {
            if seen.insert(at) {
                open.extend(self.edges.get(at).into_iter().flat_map(|m| m.keys().copied()));
            }
        }
        seen.contains(goal)
    }
}
