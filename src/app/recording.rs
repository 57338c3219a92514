//! Starting and stopping a recording, and what is said of it.

use crate::pipeline::Tap;
use crate::record::{Ending, Progress, RecordSettings, Session};
use std::path::PathBuf;

/// Where recordings go: the person's documents, or the current folder.
fn folder() -> PathBuf {
    let user = directories::UserDirs::new();
    let documents = user.as_ref().and_then(|d| d.document_dir());
    let base = documents.map_or_else(|| PathBuf::from("."), |d| d.join("GEM Live"));
    let seconds = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |d| d.as_secs());
    base.join(format!("recording-{seconds}"))
}

/// Begins a recording, or ends the one that runs; a sentence for the person.
pub(super) fn toggle(tap: &Tap) -> String {
    if tap.progress().is_some_and(|p| p.ending.is_none()) {
        return tap.stop().map_or_else(String::new, |p| over(&p));
    }
    let folder = folder();
    match tap.record(&folder, Session::default(), RecordSettings::default()) {
        Ok(()) => format!("Recording 60 frames to {}", folder.display()),
        Err(e) => e.to_string(),
    }
}

/// What the bar shows while a recording runs, or once it is over.
pub(super) fn line(progress: &Progress) -> String {
    match &progress.ending {
        Some(_) => over(progress),
        None => {
            let warning = progress.warning.as_deref().map(|w| format!(" ({w})"));
            format!("REC {} frames{}", progress.exposures, warning.unwrap_or_default())
        }
    }
}

fn over(progress: &Progress) -> String {
    let lost = match progress.lost {
        0 => String::new(),
        n => format!(", {n} frames lost"),
    };
    match &progress.ending {
        Some(Ending::DiskFull) => format!("Disk full after {} pairs{lost}", progress.pairs),
        Some(Ending::Failed(why)) => format!("Recording failed: {why}{lost}"),
        _ => format!("Recorded {} pairs{lost}", progress.pairs),
    }
}
