//! `metrics.jsonl`: one JSON object per line, for every step, every validation and every skipped
//! recording.

use super::TrainError;
use crate::formats::limits::MAX_UNPACKED_BYTES;
use crate::formats::{atomic_file, input};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The metrics file of a running training.
pub(super) struct Metrics {
    path: PathBuf,
    file: std::io::BufWriter<std::fs::File>,
    /// Recordings that the file already lists as skipped.
    skipped: BTreeSet<PathBuf>,
}

impl Metrics {
    /// Opens the file for appending and removes the lines after `step`, because those steps are
    /// taken again. The validation after `step` itself is also removed if it is not `validated`.
    pub(super) fn open(path: &Path, step: u64, validated: bool) -> Result<Self, TrainError> {
        let fail = |e: std::io::Error| TrainError::state(path, e);
        // Removes unfinished temporary files of a killed run, here and among the validation images.
        let folder = path.parent().unwrap_or(Path::new("."));
        for place in [folder.to_owned(), folder.join("validation")] {
            atomic_file::remove_fragments(&place).map_err(|e| TrainError::state(&place, e))?;
        }
        let old = match input::read(path, MAX_UNPACKED_BYTES) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(e) => return Err(fail(e)),
        };
        let (mut kept, mut skipped) = (String::new(), BTreeSet::new());
        for line in old.lines() {
            // A killed run may have left a truncated last line.
            let Ok(value) = serde_json::from_str::<serde_json::Value>(line) else { continue };
            let Some(at) = value.get("step").and_then(serde_json::Value::as_u64) else { continue };
            let again = at == step && !validated && value.get("validation").is_some();
            if at <= step && !again {
                kept.extend([line, "\n"]);
                let name = value.get("skipped").and_then(serde_json::Value::as_str);
                skipped.extend(name.map(PathBuf::from));
            }
        }
        atomic_file::write(path, kept.as_bytes())?;
        let file = std::fs::OpenOptions::new().append(true).open(path).map_err(fail)?;
        Ok(Self { path: path.to_owned(), file: std::io::BufWriter::new(file), skipped })
    }

    pub(super) fn write(&mut self, value: &impl serde::Serialize) -> Result<(), TrainError> {
        let line = serde_json::to_string(value).map_err(|e| TrainError::state(&self.path, e))?;
        writeln!(self.file, "{line}").map_err(|e| TrainError::state(&self.path, e))
    }

    /// Adds a skipped recording, once over all runs.
    pub(super) fn skip(&mut self, step: u64, path: &Path, why: &str) -> Result<(), TrainError> {
        if self.skipped.insert(path.to_owned()) {
            let name = path.display().to_string();
            self.write(&serde_json::json!({ "step": step, "skipped": name, "why": why }))?;
        }
        Ok(())
    }

    pub(super) fn flush(&mut self) -> Result<(), TrainError> {
        self.file.flush().map_err(|e| TrainError::state(&self.path, e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        drop(Metrics::open(&path, 0, true).unwrap());
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        let error = Metrics::open(&path, 0, true).err().unwrap().to_string();
        assert!(error.contains("metrics.jsonl") && error.contains("a device"), "{error}");
    }
}
