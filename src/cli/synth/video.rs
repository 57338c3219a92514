//! `gem-live synth video`: sharp frames at a high rate, by the Ev-REDS recipe.

use super::target::{Target, named, report, size, work};
use crate::cli::common::thresholds;
use crate::cli::failure::Failure;
use gem_live::datagen::dataset_writer::DatasetWriter;
use gem_live::datagen::ev_reds::{PairMaker, Recipe};
use gem_live::datagen::source::{Opening, Source};
use gem_live::event::Thresholds;
use gem_live::image::Size;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Make a dataset from sharp videos or folders of frames, by the Ev-REDS recipe.
///
/// Frames are interpolated by an installed ffmpeg; every 49 are averaged into a blurry frame,
/// and every eighth, the original ones, are kept as truth. Events are simulated from the frames
/// reduced by the scale factor.
#[derive(clap::Args)]
pub(super) struct Video {
    /// Video files, and folders of jpg or png frames.
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    #[command(flatten)]
    target: Target,
    /// The same seed gives the same data.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Frames per second of the inputs [default: a video's own; 120, as REDS has, for folders].
    #[arg(long, value_parser = rate)]
    fps: Option<f64>,
    /// Frames after interpolation for every frame before it; 1 for frames whose rate is high
    /// enough (nothing moves more than a pixel from one to the next).
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=64))]
    interpolate: u32,
    /// Frames that are averaged into a blurry one.
    #[arg(long, default_value_t = 49, value_parser = clap::value_parser!(u16).range(2..=10_000))]
    average: u16,
    /// Frames of every blurry one that are kept as truth.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=1000))]
    truths: u16,
    /// Frames between two exposures.
    #[arg(long, default_value_t = 7)]
    gap: u16,
    /// Image resolution over event resolution.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=16))]
    scale: u16,
    /// Resize the frames, for instance to 640x360.
    #[arg(long, value_parser = size)]
    size: Option<Size>,
    /// Mean contrast thresholds of the event camera: one, or ON,OFF. Every pair has its own, up
    /// to a quarter above or below.
    #[arg(long, value_name = "C[,C]", default_value = "0.2", value_parser = thresholds)]
    thresholds: Thresholds,
    /// Cut-off of the event camera's photoreceptor in full light, in Hz; 0 for none.
    #[arg(long, default_value_t = 0.0, value_parser = cut_off)]
    bandwidth: f64,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|r: &f64| (0.1..=1e6).contains(r));
    rate.ok_or_else(|| "a rate is a number of frames per second from 0.1 to 1000000".into())
}

fn cut_off(text: &str) -> Result<f64, String> {
    let cut_off = text.parse().ok().filter(|r: &f64| (0.0..=1e6).contains(r));
    cut_off.ok_or_else(|| "a cut-off is a number of Hz from 0 to 1000000".into())
}

impl Video {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let names = named(&self.inputs);
        let settings = serde_json::json!({
            "recipe": "video", "inputs": names, "fps": self.fps, "interpolate": self.interpolate,
            "average": self.average, "truths": self.truths, "gap": self.gap, "scale": self.scale,
            "size": self.size.map(|s| [s.width, s.height]), "bandwidth": self.bandwidth,
            "thresholds": [self.thresholds.on, self.thresholds.off],
            "seed": self.seed, "into": self.target.into.name(),
        });
        let set = DatasetWriter::open(&self.target.out, settings)?;
        let jobs: Vec<(&PathBuf, &String)> = self.inputs.iter().zip(&names).collect();
        work(&jobs, self.target.threads, |(path, name)| {
            let folder = self.target.into.folder(path);
            let made = self.sequence(&set, path, &format!("{folder}/{name}"))?;
            Ok(format!("{}: {made} pairs", path.display()))
        })?;
        report(&self.target.out, &set.finish(f64::from(self.scale))?);
        Ok(ExitCode::SUCCESS)
    }

    /// Makes the pairs of one input; what cannot be used is noted. Only a dataset that cannot be
    /// written is an error.
    fn sequence(&self, set: &DatasetWriter, path: &Path, stem: &str) -> Result<usize, String> {
        let opening = Opening { rate_hz: self.fps, interpolate: self.interpolate, size: self.size };
        let (mut source, rate_hz) = match Source::open(path, opening) {
            Ok(opened) => opened,
            Err(error) => {
                set.skip(error.to_string());
                return Ok(0);
            }
        };
        let mut recipe = Recipe {
            average: self.average.into(),
            truths: self.truths.into(),
            gap: self.gap.into(),
            interpolated: self.interpolate as usize,
            scale: self.scale.into(),
            ..Recipe::published(rate_hz)
        };
        recipe.pixels.on = self.thresholds.on as f32;
        recipe.pixels.off = self.thresholds.off as f32;
        recipe.pixels.bandwidth_hz = self.bandwidth as f32;
        recipe.pixels.seed = self.seed;
        let (mut number, mut place, mut made) = (0, 0, 0);
        let mut maker: Option<PairMaker> = None;
        let mut spoilt = false;
        while let Some(frame) = source.frame() {
            let file = format!("{stem}_{number:04}.npz");
            let taken = if spoilt || set.has(&file) {
                frame.map(|_| false).map_err(|e| e.to_string())
            } else {
                frame.map_err(|e| e.to_string()).and_then(|frame| {
                    let maker = match &mut maker {
                        Some(maker) => maker,
                        none => none.insert(
                            PairMaker::new(&recipe, stem, number, frame.size())
                                .map_err(|e| format!("{}: {e}", path.display()))?,
                        ),
                    };
                    maker.push(&frame).map_err(|e| format!("{}: {e}", path.display()))
                })
            };
            match taken {
                Ok(true) => {
                    if let Some((pair, mut entry)) = maker.take().and_then(PairMaker::finish) {
                        entry.source = format!("{}, pair {number}", path.display());
                        if entry.events == 0 {
                            set.skip(format!("{}: pair {number}: nothing moves", path.display()));
                        } else {
                            set.add(&file, &pair, entry).map_err(|e| e.to_string())?;
                            made += 1;
                        }
                    }
                    spoilt = true;
                }
                Ok(false) => {}
                Err(why) => {
                    set.skip(format!("{why} (pair {number} is left out)"));
                    maker = None;
                    spoilt = true;
                }
            }
            place += 1;
            if place == recipe.stride() {
                made += usize::from(set.has(&file));
                (number, place, spoilt, maker) = (number + 1, 0, false, None);
            }
        }
        // What is left after the last pair: frames that no pair was made of. (Those that merely
        // lie between a whole pair and the next one's start are not missing.)
        let needed = recipe.length();
        if place > 0 && place < needed && !spoilt {
            set.skip(match number {
                0 => format!("{}: too short: a pair needs {needed} frames", path.display()),
                _ => format!(
                    "{}: the last {place} frames (after interpolation) are too few for a pair, \
                     which needs {needed}",
                    path.display()
                ),
            });
        }
        Ok(made)
    }
}
