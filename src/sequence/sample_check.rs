//! Checks a few files of a recording for events and sharp images that do not belong to its exposures.

use super::{Pair, find_npz_files};
use crate::exposure::consistency::Finding;
use crate::time::EventTimes;
use std::path::{Path, PathBuf};

/// Number of files that are read: those of one recording usually have the same fault.
const FILES: usize = 4;

/// What contradicts in a file of MS-RBD pairs or in evenly spread files of a folder: one finding of
/// each kind, with its file. Files that cannot be read are left out.
pub fn check_recording(path: &Path, times: EventTimes) -> Vec<(PathBuf, Finding)> {
    let files: Vec<PathBuf> = find_npz_files(&[path.to_owned()]).into_iter().flatten().collect();
    let mut findings: Vec<(PathBuf, Finding)> = Vec::new();
    for file in files.iter().step_by(files.len().div_ceil(FILES).max(1)) {
        let Ok(pair) = Pair::read_timed(file, times) else { continue };
        // Single sharp images of other times are left out where sharp images are used.
        for finding in pair.findings().into_iter().filter(|f| !f.leaves_out_truths()) {
            if !findings.iter().any(|(_, known)| known.kind() == finding.kind()) {
                findings.push((file.clone(), finding));
            }
        }
    }
    findings
}
