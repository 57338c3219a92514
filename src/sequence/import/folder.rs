//! A folder of pictures with a text file of events and one of times, as people export them.
//!
//! The events are in a csv or txt file whose name has `event` or `dvs` in it, the times in one
//! whose name has `exposure`, `time`, `stamp`, `image` or `frame` in it; both lie beside the
//! pictures or beside their folder. A folder of sharp pictures of the same names is ground truth.

use super::error::ImportError;
use super::options::ImportOptions;
use super::picture_sequence::{Parts, PictureSequence};
use super::text_times::FrameTimes;
use super::{text_events, text_times};
use crate::formats::pictures::{is_hidden, is_picture, pictures};
use std::path::{Path, PathBuf};

/// Names of folders of pictures, in order of preference; the empty one is the folder itself.
const PICTURES: [&str; 10] = [
    "blur",
    "blurry",
    "images_corrected",
    "images",
    "image",
    "frames",
    "imgs",
    "rgb",
    "pictures",
    "",
];
const SHARP: [&str; 4] = ["sharp", "gt", "sharp_images", "ground_truth"];
const TIMES: [&str; 5] = ["exposure", "stamp", "time", "image", "frame"];
const EVENTS: [&str; 2] = ["event", "dvs"];

/// Whether a folder looks like this format.
pub(super) fn is_recording(path: &Path) -> bool {
    path.is_dir()
        && picture_folder(path).is_some()
        && text_file(&[path.into()], &EVENTS, &[]).is_some()
}

pub(super) fn open(path: &Path, options: &ImportOptions) -> Result<PictureSequence, ImportError> {
    let missing = |what: &str| ImportError::content(path, what);
    let folder = picture_folder(path).ok_or_else(|| missing("the folder has no pictures"))?;
    let mut found = text_files(&[path.to_owned()], &EVENTS, &[]).into_iter();
    let events = found.next();
    let events = events.ok_or_else(|| missing("the folder has no events.csv or events.txt"))?;
    let others: Vec<String> = found.map(|path| path.display().to_string()).collect();
    let times = times_file(path, &folder)?;
    let read = text_events::read(&events, options)?;
    let FrameTimes { lines, remark } = text_times::read(&times, options)?;
    let mut remarks = vec![read.remark, remark];
    if !others.is_empty() {
        remarks.push(format!(
            "other files of events are not read: {}; if they are parts of the recording, join them \
             in one file",
            others.join(", ")
        ));
    }
    let parts = Parts {
        path: path.to_owned(),
        format: "pictures with a text file of events".into(),
        pictures: pictures(&folder)?,
        sharp: SHARP.iter().map(|n| path.join(n)).find(|p| p.is_dir()),
        times: lines,
        times_file: times,
        events: read.events,
        unreadable: read.unreadable,
        sensor: read.sensor,
        remarks,
    };
    PictureSequence::new(parts, options)
}

/// The file with the times of pictures, beside them or beside their folder.
pub(super) fn times_file(path: &Path, folder: &Path) -> Result<PathBuf, ImportError> {
    let folders = [folder.to_owned(), path.to_owned()];
    text_file(&folders, &TIMES, &EVENTS).ok_or_else(|| {
        ImportError::content(
            path,
            "no file has the times of the pictures: add timestamps.txt with one time a line, or \
             timestamps.csv with the columns name,timestamp_us,exposure_us",
        )
    })
}

/// The folder with the pictures.
fn picture_folder(path: &Path) -> Option<PathBuf> {
    PICTURES.iter().map(|name| path.join(name)).find(|folder| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.take(10_000).any(|entry| is_picture(&entry.path()))
    })
}

/// The text file whose name has the earliest of these words in it, and none of `not`.
fn text_file(folders: &[PathBuf], words: &[&str], not: &[&str]) -> Option<PathBuf> {
    text_files(folders, words, not).into_iter().next()
}

/// The text files whose names have one of these words in them, and none of `not`; those with the
/// earliest word first.
fn text_files(folders: &[PathBuf], words: &[&str], not: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in folders {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let text = path.extension().unwrap_or_default().to_ascii_lowercase();
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
            if (text != "csv" && text != "txt")
                || is_hidden(&path)
                || not.iter().any(|word| stem.contains(word))
            {
                continue;
            }
            if let Some(rank) = words.iter().position(|word| stem.contains(word)) {
                found.push((rank, path));
            }
        }
    }
    found.sort();
    found.into_iter().map(|(_, path)| path).collect()
}
