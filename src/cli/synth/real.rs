//! `gem-live synth real-events`: a dataset from high-speed frames and real events (HS-ERGB).

use super::target::{Stop, Target, named, report, work};
use crate::cli::failure::Failure;
use gem_live::datagen::dataset_writer::DatasetWriter;
use gem_live::datagen::hs_ergb::{Recipe, Sequence};
use gem_live::sequence::import::ImportOptions;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Generate a dataset from high-speed frames and real events, by the HS-ERGB recipe.
///
/// Every input is a folder with images/ (or images_corrected/), whose timestamp.txt has one
/// time in microseconds per image, and events/ (or events_aligned/) with npz files of x, y,
/// timestamp and polarity. Frames are averaged; events are unchanged; the scale is 1.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  gem-live synth real-events SCENE1 SCENE2 --out DATA")]
pub(super) struct RealEvents {
    /// Folders of sequences.
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    #[command(flatten)]
    target: Target,
    /// Number of frames averaged into a blurry one.
    #[arg(long, default_value_t = 49, value_parser = clap::value_parser!(u16).range(2..=10_000))]
    average: u16,
    /// Number of ground truth images per blurry frame.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=1000))]
    truths: u16,
    /// Number of frames left out between two exposures.
    #[arg(long, default_value_t = 0)]
    gap: u16,
}

impl RealEvents {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let names = named(&self.inputs);
        let settings = serde_json::json!({
            "recipe": "real-events", "inputs": names, "average": self.average,
            "truths": self.truths, "gap": self.gap, "into": self.target.into.name(),
        });
        let set = DatasetWriter::open(&self.target.out, settings)?;
        let jobs: Vec<(&PathBuf, &String)> = self.inputs.iter().zip(&names).collect();
        let complete = work(&jobs, self.target.threads, |(path, name), stop| {
            let stem = format!("{}/{name}", self.target.into.folder(path));
            let made = self.sequence((&set, stop), path, &stem)?;
            Ok(format!("{}: {made} pairs", path.display()))
        })?;
        report(&self.target.out, set, 1.0, complete)
    }

    fn sequence(
        &self,
        (set, stop): (&DatasetWriter, &Stop),
        path: &Path,
        stem: &str,
    ) -> Result<usize, String> {
        let sequence = match Sequence::open(path, &ImportOptions::default()) {
            Ok(sequence) => sequence,
            Err(error) => {
                set.skip(error.to_string());
                return Ok(0);
            }
        };
        let recipe = Recipe {
            average: self.average.into(),
            truths: self.truths.into(),
            gap: self.gap.into(),
        };
        let pairs = sequence.pairs(&recipe);
        if pairs == 0 {
            set.skip(format!("{}: too few images for a pair", path.display()));
        }
        let mut made = 0;
        for number in 0..pairs {
            if stop.requested() {
                break;
            }
            let file = format!("{stem}_{number:04}.npz");
            if !set.has(&file) {
                match sequence.pair(&recipe, number) {
                    Ok((pair, entry)) => {
                        set.add(&file, &pair, entry).map_err(|e| e.to_string())?;
                    }
                    Err(error) => {
                        set.skip(error.to_string());
                        continue;
                    }
                }
            }
            made += 1;
        }
        Ok(made)
    }
}
