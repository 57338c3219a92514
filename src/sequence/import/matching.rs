//! Which picture has which time.

use super::error::ImportError;
use super::text_times::{BadLine, FrameTime};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

/// Pictures with their times.
#[derive(Debug)]
pub(super) struct Matched {
    /// In the order of the file with the times.
    pub(super) timed: Vec<(PathBuf, FrameTime)>,
    /// Positions in it before which a picture or a time is missing: its neighbours there are none in
    /// time.
    pub(super) gaps: Vec<usize>,
}

/// Gives every picture its time, of the file at `path`: by name if the times have names, by order
/// otherwise. What lacks the other one is added to `skipped`.
///
/// # Errors
/// The numbers of pictures and times differ, or no picture has a time.
pub(super) fn matched(
    path: &Path,
    pictures: Vec<PathBuf>,
    lines: Vec<Result<FrameTime, BadLine>>,
    skipped: &mut Vec<String>,
) -> Result<Matched, ImportError> {
    // A damaged line may lack its name.
    let is_named = |line: &Result<FrameTime, BadLine>| match line {
        Ok(time) => time.name.is_some(),
        Err(_) => true,
    };
    match lines.iter().all(is_named) {
        true => by_name(path, pictures, lines, skipped),
        false => in_order(path, pictures, lines, skipped),
    }
}

/// Each picture has the time of its line. A line that is not a time is a picture's too, unless there
/// are as many pictures as times without it.
fn in_order(
    path: &Path,
    pictures: Vec<PathBuf>,
    lines: Vec<Result<FrameTime, BadLine>>,
    skipped: &mut Vec<String>,
) -> Result<Matched, ImportError> {
    let (n, m) = (pictures.len(), lines.len());
    let times = lines.iter().filter(|line| line.is_ok()).count();
    if n != m && n != times {
        let mut what = format!("{n} pictures, but times of {times}");
        if let Some(Err(line)) = lines.iter().find(|line| line.is_err()) {
            what += &format!(" ({} more lines are not times; {})", m - times, line.why);
        }
        what += ": every picture needs one: add the lines that are missing, or a column with the \
                 pictures' names, so that pictures without a time are left out";
        return Err(ImportError::content(path, what));
    }
    let (mut timed, mut gaps) = (Vec::new(), Vec::new());
    let mut pictures = pictures.into_iter();
    for line in lines {
        match line {
            Ok(time) => timed.extend(pictures.next().map(|file| (file, time))),
            Err(line) if n == m => {
                let name = pictures.next().map(|file| name_of(&file)).unwrap_or_default();
                skipped.push(format!("{name}: {}", line.why));
                gaps.push(timed.len());
            }
            Err(line) => skipped.push(format!("times: {}", line.why)),
        }
    }
    Ok(Matched { timed, gaps })
}

fn by_name(
    path: &Path,
    pictures: Vec<PathBuf>,
    lines: Vec<Result<FrameTime, BadLine>>,
    skipped: &mut Vec<String>,
) -> Result<Matched, ImportError> {
    let mut files: HashMap<String, PathBuf> =
        pictures.into_iter().map(|file| (name_of(&file), file)).collect();
    // Names may lack the ending, where only one picture can be meant.
    let mut stems: HashMap<String, Option<String>> = HashMap::new();
    for name in files.keys() {
        let stem = Path::new(name).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let known = stems.entry(stem).and_modify(|known| *known = None);
        known.or_insert_with(|| Some(name.clone()));
    }
    let example = stems.keys().min().cloned().unwrap_or_default();
    let (mut timed, mut gaps, mut used) = (Vec::new(), Vec::new(), HashSet::new());
    let mut wanted = None;
    for line in lines {
        let (name, time) = match line {
            Ok(time) => (time.name.clone(), Ok(time)),
            Err(BadLine { name, why }) => (name, Err(why)),
        };
        let name = name.unwrap_or_default();
        let file = match stems.get(&name) {
            Some(Some(file)) if !files.contains_key(&name) => file,
            _ => &name,
        };
        let found = files.remove(file);
        let is_repeated = found.is_none() && used.contains(file);
        if found.is_some() {
            used.insert(file.clone());
        }
        wanted = wanted.or_else(|| (!name.is_empty()).then(|| name.clone()));
        match (found, time) {
            (Some(file), Ok(time)) => timed.push((file, time)),
            (file, time) => {
                gaps.push(timed.len());
                let what = match file {
                    Some(file) => name_of(&file),
                    None if name.is_empty() => "times".to_owned(),
                    None => name,
                };
                let why = match is_repeated {
                    true => "it has more than one time: the first one is used",
                    false => "it has a time, but there is no such picture",
                };
                let why = why.to_owned();
                skipped.push(format!("{what}: {}", time.err().unwrap_or(why)));
            }
        }
    }
    let mut left: Vec<String> = files.into_keys().collect();
    left.sort();
    skipped.extend(left.into_iter().map(|name| format!("{name}: the picture has no time")));
    if timed.is_empty() {
        let what = format!(
            "no picture has one of the names that have times, such as {}; the pictures are {example} \
             and so on: correct the names, or remove them, so that pictures are matched in order",
            wanted.unwrap_or_default()
        );
        return Err(ImportError::content(path, what));
    }
    Ok(Matched { timed, gaps })
}

pub(super) fn name_of(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    fn pictures(count: usize) -> Vec<PathBuf> {
        (0..count).map(|k| PathBuf::from(format!("images/f_{k}.png"))).collect()
    }

    /// Times of 0, 1, 2, ... as many as there are words; the word `bad` is a line that is not a time.
    fn lines(words: &str) -> Vec<Result<FrameTime, BadLine>> {
        let line = |(k, word): (usize, &str)| match word.strip_suffix("bad") {
            Some(name) => {
                let name = (!name.is_empty()).then(|| name.to_owned());
                Err(BadLine { name, why: format!("line of frame {k}") })
            }
            None => {
                let name = (word != "-").then(|| word.to_owned());
                Ok(FrameTime { name, stamp_us: k as i64, end_us: None, exposure_us: None })
            }
        };
        words.split(' ').enumerate().map(line).collect()
    }

    /// The pictures and times that belong together, the gaps, and what is skipped.
    fn result(count: usize, words: &str) -> Result<(String, Vec<usize>, Vec<String>), String> {
        let mut skipped = Vec::new();
        let matched = matched(Path::new("x"), pictures(count), lines(words), &mut skipped);
        let Matched { timed, gaps } = matched.map_err(|e| e.to_string())?;
        let pairs = timed.iter().map(|(file, time)| format!("{}@{}", name_of(file), time.stamp_us));
        Ok((pairs.collect::<Vec<_>>().join(" "), gaps, skipped))
    }

    #[test]
    fn a_line_that_is_not_a_time_leaves_out_one_picture() {
        let (pairs, gaps, skipped) = result(3, "- bad -").unwrap();
        assert_eq!((pairs.as_str(), gaps), ("f_0.png@0 f_2.png@2", vec![1]));
        assert_eq!(skipped, ["f_1.png: line of frame 1"]);
        // A line too many is no picture's.
        let (pairs, gaps, skipped) = result(2, "- - bad").unwrap();
        assert_eq!((pairs.as_str(), gaps), ("f_0.png@0 f_1.png@1", vec![]));
        assert_eq!(skipped, ["times: line of frame 2"]);
        let error = result(5, "- - bad").unwrap_err();
        assert!(error.contains("5 pictures, but times of 2") && error.contains("line of frame 2"));
        assert!(error.contains("add the lines that are missing, or a column"), "{error}");
        // A name that occurs twice, which is no missing picture.
        let (pairs, _, skipped) = result(2, "f_0.png f_1.png f_1.png").unwrap();
        assert_eq!(pairs, "f_0.png@0 f_1.png@1");
        assert_eq!(skipped, ["f_1.png: it has more than one time: the first one is used"]);
        // By name, with and without the name.
        let (pairs, gaps, skipped) = result(3, "f_0.png f_1bad f_2.png").unwrap();
        assert_eq!((pairs.as_str(), gaps), ("f_0.png@0 f_2.png@2", vec![1]));
        assert_eq!(skipped, ["f_1.png: line of frame 1"]);
        let (pairs, gaps, skipped) = result(3, "f_0.png bad f_2.png gone.png").unwrap();
        assert_eq!((pairs.as_str(), gaps), ("f_0.png@0 f_2.png@2", vec![1, 2]));
        assert_eq!(skipped.len(), 3, "{skipped:?}");
        assert!(skipped.iter().any(|line| line == "f_1.png: the picture has no time"));
        let error = result(2, "a b").unwrap_err();
        assert!(error.contains("no picture has one of the names that have times, such as a;"));
        assert!(error.contains("the pictures are f_0 and") && error.contains("correct the names"));
    }
}
