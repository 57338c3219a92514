//! Reports of the pipeline and of the window's jobs as sentences for people. What the command line
//! prints too is in `live/describe.rs`.

use super::text_format::{bytes, capitalized, counted, thousands};
use super::widgets::toast::{Message, ToastKind};
use crate::camera::{DropCause, DropSnapshot, DropUnit};
use crate::event::{Contrast, ContrastSource, Thresholds};
use crate::formats::film::FilmSummary;
use crate::rig::clock::SyncState;
use crate::sequence::catalog::{Deleted, Sequence};
use crate::sequence::export::{ExportError, Exported};
use crate::sequence::{FilmOrderError, FilmReport, Progress, StopReason};
use std::path::{Path, PathBuf};

/// Name of the cause of a drop, for a row of the statistics.
pub(super) fn cause(cause: DropCause) -> &'static str {
    match cause {
        DropCause::Usb => "USB or network",
        DropCause::Device => "Camera",
        DropCause::Malformed => "Malformed",
        DropCause::Queue => "Driver queue full",
        DropCause::Buffer => "Sync buffer full",
        DropCause::Late => "Late",
        DropCause::Duplicate => "Duplicate",
        DropCause::Clock => "No timestamp",
        DropCause::Skipped => "Pipeline behind",
        DropCause::Disk => "Disk too slow",
    }
}

/// Name of what was dropped, in plural.
pub(super) fn unit(unit: DropUnit) -> &'static str {
    match unit {
        DropUnit::Frames => "frames",
        DropUnit::Events => "events",
        DropUnit::Gaps => "gaps",
    }
}

/// Drops as a phrase: 164 frames (malformed).
fn drops(drops: &DropSnapshot) -> String {
    let cause = cause(drops.cause);
    // An abbreviation stays in capitals.
    let cause = if cause.starts_with("USB") { cause.to_owned() } else { cause.to_lowercase() };
    format!("{} {} ({cause})", thousands(drops.count), unit(drops.unit))
}

/// A recording that was played to its end without a picture, and its drops.
pub(super) fn empty_recording(lost: &[DropSnapshot]) -> String {
    let counts: Vec<String> = lost.iter().map(drops).collect();
    let why = match counts.is_empty() {
        true => "it has no frames with their exposure times and events".to_owned(),
        false => format!("dropped: {}", counts.join(", ")),
    };
    format!("The recording was played to its end without a usable frame: {why}.")
}

/// A value of the statistics, and whether it is a warning.
pub(super) struct Row {
    pub name: &'static str,
    pub value: String,
    pub is_warning: bool,
}

/// Synchronisation of the cameras' clocks.
pub(super) fn synchronisation(state: &SyncState) -> Vec<Row> {
    let row = |name, value: String| Row { name, value, is_warning: false };
    let status = |value: &str| row("Status", value.to_owned());
    let warning = |value: &str| Row { is_warning: true, ..status(value) };
    let drift = |ppm: f64| row("Drift", format!("{ppm:.1} ppm"));
    match *state {
        SyncState::Unknown => vec![warning("not synchronised yet")],
        SyncState::OneClock => vec![status("one shared clock")],
        SyncState::Edges { residual_us, drift_ppm, .. } => {
            let residual = row("Residual", format!("{residual_us:.1} us"));
            vec![status("by sync cable pulses"), residual, drift(drift_ppm)]
        }
        SyncState::Content { residual_us, drift_ppm, .. } => {
            let residual = row("Residual", format!("{residual_us:.0} us"));
            vec![status("by image content"), residual, drift(drift_ppm)]
        }
        SyncState::Held { silent_s, drift_ppm } => {
            let last = row("Last pulse", format!("{silent_s:.0} s ago"));
            vec![warning("sync pulses lost: check the sync cable"), last, drift(drift_ppm)]
        }
        SyncState::Arrival { residual_us, drift_ppm } => {
            let residual = row("Residual", format!("{residual_us:.0} us"));
            vec![warning("by arrival time only"), residual, drift(drift_ppm)]
        }
    }
}

/// The thresholds for ON and OFF.
pub(super) fn thresholds(Thresholds { on, off }: Thresholds) -> String {
    format!("{on:.2}, {off:.2}")
}

/// Source and confidence of the contrast thresholds.
pub(super) fn confidence(contrast: &Contrast) -> String {
    match (contrast.source, contrast.uncertainty) {
        (ContrastSource::Default, _) => "default: not estimated yet".into(),
        (ContrastSource::Known, _) => "known".into(),
        (ContrastSource::Set, _) => "set".into(),
        (ContrastSource::Estimated, None) => "estimated".into(),
        (ContrastSource::Estimated, Some(uncertainty)) => {
            let word = match uncertainty {
                u if u <= 0.05 => "high",
                u if u <= 0.15 => "medium",
                _ => "low",
            };
            format!("{word}: +-{:.0} %", uncertainty * 100.0)
        }
    }
}

/// Name of an engine without the reason why it was chosen.
pub(super) fn engine(engine: &str) -> String {
    let name = engine.split(" (").next().unwrap_or(engine);
    capitalized(name.strip_prefix("the ").unwrap_or(name))
}

/// Why no recording can be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// The source is being opened.
    Opening,
    /// The source is not a camera.
    NoCamera,
    /// The source has delivered no picture yet.
    NoPicture,
}

/// Why no recording of the source with this name can be started.
pub(super) fn obstacle(obstacle: Obstacle, source: &str) -> String {
    match obstacle {
        Obstacle::Opening => format!("{source} is being opened."),
        Obstacle::NoCamera => {
            format!("{source} cannot be recorded: choose a camera or the simulated rig (O).")
        }
        Obstacle::NoPicture => format!("{source} has delivered no picture yet."),
    }
}

/// Result of a recording.
pub(super) fn recording(progress: &Progress, folder: &Path) -> Message {
    let place = folder.display();
    let missing = match progress.lost + progress.unpaired {
        0 => String::new(),
        n => format!(", {} missing", counted(n, "frame")),
    };
    let pairs = format!("{} in {place}{missing}", counted(progress.pairs, "pair"));
    match &progress.ending {
        Some(StopReason::DiskFull) => {
            (ToastKind::Error, format!("The disk is full: free some space. {pairs}"))
        }
        Some(StopReason::Failed(why)) => {
            (ToastKind::Error, format!("Recording failed: {why}. {pairs}"))
        }
        _ if progress.pairs == 0 => {
            let text = format!("Nothing was recorded: fewer than two frames arrived ({place})");
            (ToastKind::Error, text)
        }
        _ if !missing.is_empty() => (ToastKind::Error, format!("Recorded {pairs}")),
        _ => (ToastKind::Success, format!("Recorded {pairs}")),
    }
}

/// Frames, duration and size of a recording.
pub(super) fn sequence(sequence: &Sequence) -> String {
    let seconds = sequence.duration_us as f64 / 1e6;
    let frames = counted(sequence.frames, "frame");
    format!("{frames}, {seconds:.1} s, {}", bytes(sequence.bytes))
}

/// Result of deleting the recording in `folder`.
pub(super) fn deleted<E: std::fmt::Display>(result: &Result<Deleted, E>, folder: &Path) -> Message {
    match result {
        Ok(deleted) if deleted.kept.is_empty() => {
            let files = counted(deleted.files, "file");
            (ToastKind::Success, format!("Deleted {files}, {}", bytes(deleted.bytes)))
        }
        Ok(deleted) => {
            let text = format!(
                "Deleted {}; kept {} of other programs in {}",
                counted(deleted.files, "file"),
                counted(deleted.kept.len() as u64, "file"),
                folder.display()
            );
            (ToastKind::Success, text)
        }
        Err(e) => (ToastKind::Error, e.to_string()),
    }
}

/// Result of an export.
pub(super) fn export(result: &Result<Exported, ExportError>) -> Message {
    match result {
        Ok(exported) if exported.plan.broken.is_empty() => {
            (ToastKind::Success, format!("Exported {}", exported.summary()))
        }
        Ok(exported) => (ToastKind::Error, format!("Exported {}", exported.summary())),
        Err(ExportError::Stopped) => {
            (ToastKind::Success, "Stopped: nothing was exported.".to_owned())
        }
        Err(e) => (ToastKind::Error, format!("Export failed: {e}")),
    }
}

/// Result of a film of recordings.
pub(super) fn film(result: &Result<FilmReport, FilmOrderError>) -> Message {
    match result {
        Ok(FilmReport { path, film, skipped }) => {
            let kind = if skipped.is_empty() { ToastKind::Success } else { ToastKind::Error };
            (kind, written(path, film))
        }
        Err(FilmOrderError::Stopped) => {
            (ToastKind::Success, "Stopped: no film was made.".to_owned())
        }
        Err(e) => (ToastKind::Error, format!("No film: {e}")),
    }
}

/// Result of a film of the view, from which `dropped` pictures are missing.
/// `early` says why it ended before it was stopped.
pub(super) fn filmed(
    path: &Path,
    film: &FilmSummary,
    early: Option<&str>,
    dropped: u64,
) -> Message {
    let mut text = written(path, film);
    if dropped > 0 {
        text += &format!("; {} dropped: the disk is too slow", counted(dropped, "picture"));
    }
    if let Some(why) = early {
        text += &format!("; it ended early: {why}");
    }
    let complete = dropped == 0 && early.is_none();
    (if complete { ToastKind::Success } else { ToastKind::Error }, text)
}

fn written(path: &Path, film: &FilmSummary) -> String {
    let FilmSummary { frames, seconds, .. } = film;
    format!("Film of {}, {seconds:.1} s: {}", counted(*frames, "frame"), path.display())
}

/// Result of saving an alignment.
pub(super) fn alignment<E: std::fmt::Display>(result: &Result<PathBuf, E>) -> Message {
    match result {
        Ok(path) => {
            let text = format!("Alignment applied and saved to {}", path.display());
            (ToastKind::Success, text)
        }
        Err(e) => (ToastKind::Error, format!("Alignment applied until the program exits: {e}")),
    }
}

/// Result of saving the profile `name`.
pub(super) fn profile_saved<E: std::fmt::Display>(name: &str, result: &Result<(), E>) -> Message {
    match result {
        Ok(()) => (ToastKind::Success, format!("The settings are saved as profile {name}")),
        Err(e) => (ToastKind::Error, format!("The profile is not saved: {e}")),
    }
}

/// A profile was loaded, and these of its settings have no control.
pub(super) fn profile_loaded(name: &str, unknown: &[String]) -> Message {
    if unknown.is_empty() {
        return (ToastKind::Success, format!("The settings of profile {name} are in use"));
    }
    let unknown = unknown.join(", ");
    let text = format!("Profile {name} is in use, but the source has no settings named: {unknown}");
    (ToastKind::Error, text)
}

/// A profile cannot be loaded.
pub(super) fn profile_failed(error: &impl std::fmt::Display) -> Message {
    (ToastKind::Error, format!("The profile is not loaded: {error}"))
}

#[cfg(test)]
mod tests;
