//! A whole export, step by step: what the command line and the window both do.

use super::{ExportError, Plan, Split, Transfer, YAML, check_free, io};
use crate::sequence::find;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// What is to be exported, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// Folders of sequences.
    pub sequences: Vec<PathBuf>,
    /// Folder for the dataset.
    pub out: PathBuf,
    /// How pairs are divided.
    pub split: Split,
    /// Decides which pairs or sequences are chosen.
    pub seed: u64,
    /// How files get there.
    pub transfer: Transfer,
}

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Every pair is read, to see whether it is whole.
    Looking,
    /// They are linked or copied.
    Writing,
}

/// How far it is, after every file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step<'a> {
    /// What is being done.
    pub phase: Phase,
    /// Files that are done.
    pub done: usize,
    /// Files in this phase.
    pub total: usize,
    /// The last of them.
    pub file: &'a Path,
}

/// What was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Exported {
    /// What it is made of.
    pub plan: Plan,
    /// Where it lies.
    pub root: PathBuf,
    /// Files that had to be copied, or written anew because they are gray; all others are links.
    pub copied: usize,
    /// The YAML files for testing and for training, and what is in them.
    pub yaml: [(PathBuf, String); 2],
}

impl Exported {
    /// What was made, in one line.
    pub fn summary(&self) -> String {
        let (train, test) = self.plan.counts();
        let sharp = if self.plan.truth { "with" } else { "without" };
        format!(
            "{train} pairs for training and {test} for testing in {} ({sharp} ground truth, {} \
             copied, the others linked)",
            self.root.display(),
            self.copied
        )
    }

    /// What is odd about it, each in one line; empty where nothing is.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        match self.plan.files.iter().filter(|f| f.gray).count() {
            0 => {}
            n => remarks.push(format!(
                "{n} recordings are gray: written anew with three equal channels, as the network \
                 takes them"
            )),
        }
        if self.plan.scale_factor.fract() != 0.0 {
            let scale = self.plan.scale_factor;
            remarks.push(format!(
                "images are {scale} times as fine as the events: gem-live test evaluates that, \
                 training and the authors' program want a whole number"
            ));
        }
        if self.plan.sizes.len() > 1 {
            let sizes: Vec<String> =
                self.plan.sizes.iter().map(|(s, n)| format!("{n} of {s}")).collect();
            let sizes = sizes.join(", ");
            remarks.push(format!("frames of different sizes, to be trained one by one: {sizes}"));
        }
        let broken = self.plan.broken.iter();
        remarks.extend(broken.map(|(path, why)| format!("{} is left out: {why}", path.display())));
        remarks
    }
}

/// Makes a dataset with its YAML files. `step` may stop it between two files; then nothing of it
/// is left.
///
/// # Errors
/// As [`Plan::new`] and [`Plan::write`]; nothing is read where something is there already.
pub fn run(
    order: &Order,
    mut step: impl FnMut(Step<'_>) -> ControlFlow<()>,
) -> Result<Exported, ExportError> {
    check_free(&order.out)?;
    let total = find(&order.sequences).iter().filter(|found| found.is_ok()).count();
    let looking = counted(&mut step, Phase::Looking, total);
    let plan = Plan::new(&order.sequences, &order.split, order.seed, looking)?;
    let writing = counted(&mut step, Phase::Writing, plan.files.len());
    let copied = plan.write(&order.out, order.transfer, writing)?;
    let root = order.out.canonicalize().map_err(io(&order.out))?;
    let name = root.file_name().map_or("exported".into(), |n| n.to_string_lossy());
    let [test, train] = plan.yaml(&root, &name);
    let [for_test, for_training] = YAML.map(|name| root.join(name));
    let yaml = [(for_test, test), (for_training, train)];
    for (file, text) in &yaml {
        let written = crate::formats::atomic_file::write(file, text.as_bytes());
        written.map_err(|e| ExportError::Io(e.path, e.cause))?;
    }
    Ok(Exported { plan, root, copied, yaml })
}

/// `step`, told how far this phase is.
fn counted(
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
