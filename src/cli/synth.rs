//! `gem-live synth`: datasets with ground truth.

mod real;
mod stills;
mod video;

use super::Failure;
use super::common::Progress;
use gem_live::frame::Size;
use gem_live::simulate::synth::is_held_out;
use gem_live::simulate::synth::set::Summary;
use rayon::prelude::*;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

const EXAMPLES: &str = "\
Examples:
  gem-live synth stills PHOTOS --out DATA            a folder of photographs
  gem-live synth video film.mp4 FRAMES --out DATA    videos, and folders of numbered frames
  gem-live synth real-events SCENE --out DATA        SCENE/images with timestamp.txt, SCENE/events
  gem-live train --recordings DATA --out RUN         learns from any of them
  gem-live test --config DATA/test.yaml --weights RUN/weights.safetensors";

/// Make a dataset in the MS-RBD format, with ground truth.
///
/// Writes train/ and test/ with one npz for every pair of exposures, manifest.json with the
/// settings, thresholds and what was skipped, and train.yaml and test.yaml for gem-live and for
/// the authors' program. The same seed gives the same files, whatever the number of threads.
/// Started again with the same settings it goes on where it was stopped.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Synth {
    #[command(subcommand)]
    recipe: Recipe,
}

#[derive(clap::Subcommand)]
enum Recipe {
    RealEvents(real::RealEvents),
    Stills(stills::Stills),
    Video(video::Video),
}

impl Synth {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        match &self.recipe {
            Recipe::RealEvents(real) => real.run(),
            Recipe::Stills(stills) => stills.run(),
            Recipe::Video(video) => video.run(),
        }
    }
}

/// Where a dataset of sequences goes.
#[derive(clap::Args)]
struct Target {
    /// Folder for the dataset.
    #[arg(long)]
    out: PathBuf,
    /// Whether inputs go into train/ or test/: all of them, or one in six, chosen by its name,
    /// into test/.
    #[arg(long, value_enum, default_value_t = Folder::Split)]
    into: Folder,
    /// Threads; 0 takes one for every processor.
    #[arg(long, default_value_t = 0)]
    threads: usize,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Folder {
    Split,
    Train,
    Test,
}

impl Folder {
    fn folder(self, input: &Path) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
            Self::Split if is_held_out(input) => "test",
            Self::Split => "train",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Split => "split",
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}

/// The inputs' names without folders and endings, each made different from those before it.
fn named(inputs: &[PathBuf]) -> Vec<String> {
    let mut taken = HashSet::new();
    let unique = |path: &PathBuf| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let candidates = (2..).map(|n| format!("{name}-{n}"));
        let mut all = std::iter::once(name.clone()).chain(candidates);
        all.find(|n| taken.insert(n.clone())).unwrap_or(name)
    };
    inputs.iter().map(unique).collect()
}

/// Does all jobs in parallel with a progress bar; each gives a line for a person.
fn work<J: Sync>(
    jobs: &[J],
    threads: usize,
    one: impl Fn(&J) -> Result<String, String> + Sync,
) -> Result<(), Failure> {
    let progress = Mutex::new(Progress::new(jobs.len()));
    let done = |job| {
        let line = one(job)?;
        progress.lock().unwrap_or_else(PoisonError::into_inner).step(&line);
        Ok::<(), String>(())
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    pool.install(|| jobs.par_iter().try_for_each(done))?;
    progress.into_inner().unwrap_or_else(PoisonError::into_inner).finish();
    Ok(())
}

fn size(text: &str) -> Result<Size, String> {
    let side = |t: &str| t.parse::<usize>().ok().filter(|n| (16..=8192).contains(n));
    match text.split_once('x').map(|(w, h)| (side(w), side(h))) {
        Some((Some(width), Some(height))) => Ok(Size::new(width, height)),
        _ => Err("a size is WIDTHxHEIGHT, such as 640x480, each from 16 to 8192".into()),
    }
}

/// Says what became of a dataset.
fn report(out: &Path, summary: &Summary) {
    let Summary { recordings, earlier, skipped } = summary;
    for line in skipped {
        eprintln!("gem-live: skipped {line}");
    }
    println!(
        "{recordings} recordings in {} ({earlier} from earlier), {} inputs skipped",
        out.display(),
        skipped.len()
    );
    println!("evaluate with: gem-live test --config {}", out.join("test.yaml").display());
}
