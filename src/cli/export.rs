//! `gem-live export`: converts recorded sequences to a dataset.

use super::common::{Progress, out_folder};
use super::consistency::EventOptions;
use super::failure::Failure;
use super::interrupt::Finishing;
use gem_live::program;
use gem_live::sequence::export::{EventCheck, Order, Phase, Split, Transfer, run_checked};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

/// Convert recorded sequences to a dataset.
///
/// Writes train/ and test/, which gem-live test and the authors' loader read unchanged, and the
/// YAML files for both.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gem-live export SEQUENCE1 SEQUENCE2 --out DATA
  gem-live export SEQUENCES/* --out DATA --by-sequence --test-fraction 0.25")]
pub(crate) struct Export {
    /// Folders of recorded sequences.
    #[arg(required = true)]
    sequences: Vec<PathBuf>,
    /// Folder for the dataset.
    #[arg(long, value_parser = out_folder())]
    out: PathBuf,
    /// Fraction of the data for testing, 0 to 1.
    #[arg(long, default_value_t = 0.2)]
    test_fraction: f64,
    /// Split by whole sequences instead of by pairs, so that no scene is in both parts.
    #[arg(long)]
    by_sequence: bool,
    /// Folder name of a sequence for testing (repeatable); all others are for training.
    #[arg(long = "test-sequence", conflicts_with_all = ["test_fraction", "by_sequence"])]
    test_sequences: Vec<String>,
    /// Random seed of the split.
    #[arg(long, default_value_t = 1, conflicts_with = "test_sequences")]
    seed: u64,
    /// Copy the files instead of linking them.
    #[arg(long)]
    copy: bool,
    #[command(flatten)]
    events: EventOptions,
}

impl Export {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let split = if !self.test_sequences.is_empty() {
            Split::Named(self.test_sequences.clone())
        } else if self.by_sequence {
            Split::Sequences(self.test_fraction)
        } else {
            Split::Pairs(self.test_fraction)
        };
        let order = Order {
            sequences: self.sequences.clone(),
            out: self.out.clone(),
            split,
            seed: self.seed,
            transfer: if self.copy { Transfer::Copy } else { Transfer::Link },
        };
        let mut progress: Option<Progress> = None;
        let finishing = Finishing::new();
        let check = EventCheck { times: self.events.times(), strict: self.events.strict };
        let exported = run_checked(&order, check, |step| {
            // Linking is too fast to need a progress bar.
            if step.phase == Phase::Checking {
                let progress = progress.get_or_insert_with(|| Progress::new(step.total));
                progress.step(&step.file.display().to_string());
            }
            match finishing.requested() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
        progress.into_iter().for_each(Progress::finish);
        let exported = exported?;
        for (file, text) in &exported.yaml {
            println!("# {}\n{text}", file.display());
        }
        println!("{}", exported.summary());
        let [(test, _), _] = &exported.yaml;
        if exported.plan.counts().1 > 0 {
            let file = program::quoted(&test.display().to_string());
            println!("evaluate with: {} test --config {file}", program::command());
        }
        for remark in exported.remarks() {
            eprintln!("gem-live: {remark}");
        }
        match exported.plan.broken.len() {
            0 => Ok(ExitCode::SUCCESS),
            n => Err(format!("{n} files could not be read and are left out").into()),
        }
    }
}
