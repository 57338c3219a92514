//! Shared by all `synth` subcommands: output options, parallel work, the summary.

use crate::cli::common::{Progress, out_folder};
use crate::cli::failure::Failure;
use crate::cli::interrupt::Finishing;
use gem_live::datagen::dataset_writer::{DatasetWriter, Summary};
use gem_live::datagen::is_held_out;
use gem_live::image::Size;
use gem_live::program;
use rayon::prelude::*;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Output options of a dataset made of sequences.
#[derive(clap::Args)]
pub(crate) struct Target {
    /// Folder for the dataset.
    #[arg(long, value_parser = out_folder())]
    pub(crate) out: PathBuf,
    /// Put the inputs into train/, test/, or split them: one in six, chosen by name, into test/.
    #[arg(long, value_enum, default_value_t = Folder::Split)]
    pub(crate) into: Folder,
    /// Number of CPU threads; 0 uses one per processor.
    #[arg(long, default_value_t = 0)]
    pub(crate) threads: usize,
}

#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum Folder {
    Split,
    Train,
    Test,
}

impl Folder {
    pub(crate) fn folder(self, input: &Path) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
            Self::Split if is_held_out(input) => "test",
            Self::Split => "train",
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Split => "split",
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}

/// File stems of the inputs, made unique by appending a number where needed.
pub(crate) fn named(inputs: &[PathBuf]) -> Vec<String> {
    let mut taken = HashSet::new();
    let unique = |path: &PathBuf| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let candidates = (2..).map(|n| format!("{name}-{n}"));
        let mut all = std::iter::once(name.clone()).chain(candidates);
        all.find(|n| taken.insert(n.clone())).unwrap_or(name)
    };
    inputs.iter().map(unique).collect()
}

/// The user's request to end, passed on to the jobs.
pub(crate) struct Stop {
    finishing: Finishing,
    stopped: AtomicBool,
}

impl Stop {
    /// Whether to end before the next file of the dataset.
    pub(crate) fn requested(&self) -> bool {
        let requested = self.finishing.requested();
        if requested {
            self.stopped.store(true, Ordering::Release);
        }
        requested
    }
}

/// Runs all jobs in parallel with a progress bar. `one` returns a summary line for its job. Returns
/// `false` if the user has asked to end before all was done.
pub(crate) fn work<J: Sync>(
    jobs: &[J],
    threads: usize,
    one: impl Fn(&J, &Stop) -> Result<String, String> + Sync,
) -> Result<bool, Failure> {
    let progress = Mutex::new(Progress::new(jobs.len()));
    let stop = Stop { finishing: Finishing::new(), stopped: AtomicBool::new(false) };
    let done = |job| {
        if stop.requested() {
            return Ok(());
        }
        let line = one(job, &stop)?;
        progress.lock().unwrap_or_else(PoisonError::into_inner).step(&line);
        Ok::<(), String>(())
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    pool.install(|| jobs.par_iter().try_for_each(done))?;
    progress.into_inner().unwrap_or_else(PoisonError::into_inner).finish();
    Ok(!stop.stopped.into_inner())
}

pub(crate) fn size(text: &str) -> Result<Size, String> {
    let side = |t: &str| t.parse::<usize>().ok().filter(|n| (16..=8192).contains(n));
    match text.split_once('x').map(|(w, h)| (side(w), side(h))) {
        Some((Some(width), Some(height))) => Ok(Size::new(width, height)),
        _ => Err("a size is WIDTHxHEIGHT, such as 640x480, each from 16 to 8192".into()),
    }
}

/// Completes the dataset if all of it was made, and prints a summary.
///
/// # Errors
/// A file cannot be written, or it holds no recording.
pub(crate) fn report(
    out: &Path,
    set: DatasetWriter,
    scale_factor: f64,
    complete: bool,
) -> Result<ExitCode, Failure> {
    let summary = if complete { set.finish(scale_factor)? } else { set.abandon() };
    let Summary { recordings, earlier, skipped, .. } = &summary;
    for line in skipped {
        eprintln!("gem-live: skipped {line}");
    }
    println!(
        "{recordings} recordings in {} ({earlier} from earlier runs), {} inputs skipped",
        out.display(),
        skipped.len()
    );
    match (complete, *recordings) {
        (true, 0) => return Err(format!("{}: no recording could be made", out.display()).into()),
        (false, 0) => return Err("interrupted: no recording was made".into()),
        (false, _) => {
            eprintln!("gem-live: interrupted: run the same command again to resume");
            return Ok(ExitCode::SUCCESS);
        }
        (true, _) => {}
    }
    println!("{}", next_step(out, &summary));
    Ok(ExitCode::SUCCESS)
}

/// A command for a complete dataset, which works as it is printed.
pub(crate) fn next_step(out: &Path, summary: &Summary) -> String {
    let file = |name: &str| program::quoted(&out.join(name).display().to_string());
    let program = program::command();
    match summary.test {
        0 => format!("train with: {program} train --config {}", file("train.yaml")),
        _ => format!("evaluate with: {program} test --config {}", file("test.yaml")),
    }
}
