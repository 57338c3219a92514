//! The arrays of an npz file one by one, so that tests can change some of them.

use std::io::{Cursor, Read};

/// Names and bytes of the arrays in a file.
pub fn entries(file: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut zip = zip::ZipArchive::new(Cursor::new(file)).unwrap();
    let mut entries = Vec::new();
    for i in 0..zip.len() {
        let mut file = zip.by_index(i).unwrap();
        let name = file.name().unwrap().trim_end_matches(".npy").to_owned();
        let mut data = Vec::new();
        file.read_to_end(&mut data).unwrap();
        entries.push((name, data));
    }
    entries
}

/// A file of these arrays.
pub fn file_of(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let entries: Vec<(&str, Vec<u8>)> =
        entries.iter().map(|(name, data)| (name.as_str(), data.clone())).collect();
    gem_live::formats::npz::write(&entries).unwrap()
}
