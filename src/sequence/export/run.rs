//! A complete export, step by step, for the command line and the window.

use super::error::io;
use super::staging::{self, check_free};
use super::{ExportError, Plan, Split, Transfer, WrittenDataset};
use crate::sequence::find_npz_files;
use crate::time::EventTimes;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// What to export, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// Folders of sequences.
    pub sequences: Vec<PathBuf>,
    /// Folder for the dataset.
    pub out: PathBuf,
    /// How pairs are divided between training and testing.
    pub split: Split,
    /// Random seed of the division.
    pub seed: u64,
    /// Whether files are linked or copied.
    pub transfer: Transfer,
}

/// The phase of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Every pair is read and checked.
    Checking,
    /// The pairs are linked or copied.
    Writing,
}

/// Progress of an export, reported after every file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step<'a> {
    /// The present phase.
    pub phase: Phase,
    /// Number of finished files.
    pub done: usize,
    /// Number of files in this phase.
    pub total: usize,
    /// The file that was finished last.
    pub file: &'a Path,
}

/// The result of an export.
#[derive(Clone, Debug, PartialEq)]
pub struct Exported {
    /// The plan that was carried out.
    pub plan: Plan,
    /// The folder of the dataset.
    pub root: PathBuf,
    /// Files that were copied, or rewritten because they are gray or were repaired; all others are
    /// links.
    pub copied: usize,
    /// Paths and contents of the YAML files for testing and for training.
    pub yaml: [(PathBuf, String); 2],
}

impl Exported {
    /// A summary in one line.
    pub fn summary(&self) -> String {
        let (train, test) = self.plan.counts();
        let sharp = if self.plan.truth { "with" } else { "without" };
        format!(
            "{train} {} for training and {test} for testing in {} ({sharp} ground truth, {} \
             copied, the others linked)",
            if train == 1 { "pair" } else { "pairs" },
            self.root.display(),
            self.copied
        )
    }

    /// Warnings, each in one line; empty if there are none.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        match self.plan.files.iter().filter(|f| f.gray).count() {
            0 => {}
            n => remarks.push(format!(
                "{n} recordings are gray: rewritten with three equal channels, which the network \
                 needs"
            )),
        }
        if !self.plan.repaired.is_empty() {
            remarks.push(format!("{}; they are rewritten", self.plan.repaired));
        }
        if self.plan.ignored.count() > 0 {
            remarks.push(self.plan.ignored.to_string());
        }
        if self.plan.scale_factor.fract() != 0.0 {
            let scale = self.plan.scale_factor;
            remarks.push(format!(
                "the scale factor is {scale}: the test command can evaluate that, \
                 training and the authors' program need an integer"
            ));
        }
        if self.plan.sizes.len() > 1 {
            let sizes: Vec<String> =
                self.plan.sizes.iter().map(|(s, n)| format!("{n} of {s}")).collect();
            let sizes = sizes.join(", ");
            remarks.push(format!(
                "frames have different sizes, so train with a batch size of 1: {sizes}"
            ));
        }
        for (kind, count) in self.plan.findings_by_kind() {
            let named = self.plan.findings.iter().find(|(_, finding)| finding.kind() == kind);
            let first =
                named.map_or_else(String::new, |(path, f)| format!("{}: {f}", path.display()));
            remarks.push(format!("{count} recordings {kind}, such as {first}"));
        }
        let broken = self.plan.broken.iter();
        remarks.extend(broken.map(|(path, why)| format!("{} is skipped: {why}", path.display())));
        remarks
    }
}

/// How events are read and compared with their exposures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventCheck {
    /// Unit and offset of the events' times.
    pub times: EventTimes,
    /// Refuse files whose events do not belong to their exposures or to the sensor.
    pub strict: bool,
}

/// Creates a dataset with its YAML files. `step` can stop it after any file; then nothing of the
/// dataset remains.
///
/// # Errors
/// As [`Plan::new`] and [`Plan::write`]. If the dataset exists already, nothing is read.
pub fn run(
    order: &Order,
    step: impl FnMut(Step<'_>) -> ControlFlow<()>,
) -> Result<Exported, ExportError> {
    run_checked(order, EventCheck::default(), step)
}

/// As [`run`], with the times of the events and strictness.
///
/// # Errors
/// As [`run`], and [`ExportError::Inconsistent`].
pub fn run_checked(
    order: &Order,
    events: EventCheck,
    mut step: impl FnMut(Step<'_>) -> ControlFlow<()>,
) -> Result<Exported, ExportError> {
    let path = std::path::absolute(&order.out).map_err(io(&order.out))?;
    if path.to_str().is_none() {
        return Err(ExportError::Path(path));
    }
    staging::recover(&order.out)?;
    check_free(&order.out)?;
    let real = |path: &PathBuf| path.canonicalize().ok();
    if let Some(out) = real(&order.out)
        && order.sequences.iter().filter_map(real).any(|sequence| sequence == out)
    {
        return Err(ExportError::Source(order.out.clone()));
    }
    let total = find_npz_files(&order.sequences).iter().filter(|found| found.is_ok()).count();
    let on_read = with_progress(&mut step, Phase::Checking, total);
    let mut plan = Plan::timed(&order.sequences, &order.split, order.seed, events.times, on_read)?;
    if events.strict && !plan.findings.is_empty() {
        let (path, finding) = plan.findings.swap_remove(0);
        return Err(ExportError::Inconsistent(path, finding));
    }
    let on_write = with_progress(&mut step, Phase::Writing, plan.files.len());
    let WrittenDataset { root, copied, yaml } = plan.write(&order.out, order.transfer, on_write)?;
    Ok(Exported { plan, root, copied, yaml })
}

/// Wraps `step` so that it receives the progress of this phase.
fn with_progress(
    step: &mut impl FnMut(Step<'_>) -> ControlFlow<()>,
    phase: Phase,
    total: usize,
) -> impl FnMut(&Path) -> ControlFlow<()> {
    let mut done = 0;
    move |file| {
        done += 1;
        step(Step { phase, done, total, file })
    }
}
