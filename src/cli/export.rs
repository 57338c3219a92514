//! `gem-live export`: from recorded sequences to a dataset.

use super::Failure;
use super::common::Progress;
use gem_live::dataset::export::{Plan, Split, Transfer};
use gem_live::dataset::find;
use std::path::PathBuf;
use std::process::ExitCode;

/// Turn sequences into a dataset: train/ and test/, which gem-live test and the authors' loader
/// read as they are, and the YAML files for both.
#[derive(clap::Args)]
pub(crate) struct Export {
    /// Folders of recorded sequences.
    #[arg(required = true)]
    sequences: Vec<PathBuf>,
    /// Folder for the dataset.
    #[arg(long)]
    out: PathBuf,
    /// Part that is for testing, 0 to 1.
    #[arg(long, default_value_t = 0.2)]
    test_fraction: f64,
    /// Divide by whole sequences, so that no scene is in both, rather than by pairs.
    #[arg(long)]
    by_sequence: bool,
    /// A sequence that is for testing, by the name of its folder; all others are for training.
    #[arg(long = "test-sequence", conflicts_with_all = ["test_fraction", "by_sequence"])]
    test_sequences: Vec<String>,
    /// Decides which are chosen.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Copy the files, rather than link them where that is possible.
    #[arg(long)]
    copy: bool,
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
        let total = find(&self.sequences).iter().filter(|found| found.is_ok()).count();
        let mut progress = Progress::new(total);
        let plan = Plan::new(&self.sequences, &split, self.seed, |file| {
            progress.step(&file.display().to_string());
        });
        progress.finish();
        let plan = plan?;
        let transfer = if self.copy { Transfer::Copy } else { Transfer::Link };
        let copied = plan.write(&self.out, transfer)?;
        let root = self.out.canonicalize()?;
        let name = root.file_name().map_or("exported".into(), |n| n.to_string_lossy());
        let files = [root.join("test.yaml"), root.join("train.yaml")];
        for (file, text) in files.iter().zip(plan.yaml(&root, &name)) {
            gem_live::output::write(file, text.as_bytes())?;
            println!("# {}\n{text}", file.display());
        }
        let (train, test) = plan.counts();
        let sharp = if plan.truth { "with" } else { "without" };
        println!(
            "{train} pairs for training and {test} for testing in {} ({sharp} ground truth, \
             {copied} copied, the others linked)",
            root.display()
        );
        if plan.sizes.len() > 1 {
            let sizes: Vec<String> =
                plan.sizes.iter().map(|(s, n)| format!("{n} of {s}")).collect();
            eprintln!(
                "gem-live: frames of different sizes, to be trained one by one: {}",
                sizes.join(", ")
            );
        }
        if plan.broken.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
        for (path, why) in &plan.broken {
            eprintln!("gem-live: {} is left out: {why}", path.display());
        }
        Err(format!("{} files are left out", plan.broken.len()).into())
    }
}
