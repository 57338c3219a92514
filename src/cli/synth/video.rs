//! `gem-live synth video`: a dataset from sharp frames at a high rate, by the Ev-REDS recipe.

use super::target::{Stop, Target, named, report, size, work};
use crate::cli::common::thresholds;
use crate::cli::failure::Failure;
use gem_live::datagen::dataset_writer::DatasetWriter;
use gem_live::datagen::ev_reds::{PairMaker, Recipe};
use gem_live::datagen::source::{Opening, Source};
use gem_live::event::Thresholds;
use gem_live::image::Size;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Generate a dataset from sharp videos or folders of frames, by the Ev-REDS recipe.
///
/// An installed ffmpeg interpolates frames. By default every 49 frames are averaged into a blurry
/// frame, and every eighth of them, an original one, is kept as ground truth. Events are simulated
/// from the frames, downscaled by the scale factor.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gem-live synth video film.mp4 --out DATA
  gem-live synth video FRAMES --fps 240 --interpolate 4 --out DATA --into train")]
pub(super) struct Video {
    /// Video files, and folders of JPEG or PNG frames.
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    #[command(flatten)]
    target: Target,
    /// Random seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Frames per second of the inputs [default: a video's own rate; 120, as REDS, for folders].
    #[arg(long, value_parser = rate)]
    fps: Option<f64>,
    /// Interpolation factor; 1 if the frame rate is high enough (no motion of more than a pixel
    /// between frames).
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=64))]
    interpolate: u32,
    /// Number of frames averaged into a blurry one.
    #[arg(long, default_value_t = 49, value_parser = clap::value_parser!(u16).range(2..=10_000))]
    average: u16,
    /// Number of ground truth images per blurry frame.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=1000))]
    truths: u16,
    /// Number of frames between two exposures.
    #[arg(long, default_value_t = 7)]
    gap: u16,
    /// Ratio of image resolution to event resolution.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=16))]
    scale: u16,
    /// Resize the frames, for example to 640x360.
    #[arg(long, value_parser = size)]
    size: Option<Size>,
    /// Mean contrast thresholds of the event camera: one value, or ON,OFF. Each pair deviates from
    /// it by up to a quarter.
    #[arg(long, value_name = "C[,C]", default_value = "0.2", value_parser = thresholds)]
    thresholds: Thresholds,
    /// Photoreceptor bandwidth of the event camera in full light, in Hz; 0 is unlimited.
    #[arg(long, default_value_t = 0.0, value_parser = cut_off)]
    bandwidth: f64,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|r: &f64| (0.1..=1e6).contains(r));
    rate.ok_or_else(|| "expected a frame rate from 0.1 to 1000000".into())
}

fn cut_off(text: &str) -> Result<f64, String> {
    let cut_off = text.parse().ok().filter(|r: &f64| (0.0..=1e6).contains(r));
    cut_off.ok_or_else(|| "expected a bandwidth in Hz, from 0 to 1000000".into())
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
        let complete = work(&jobs, self.target.threads, |(path, name), stop| {
            let folder = self.target.into.folder(path);
            let made = self.sequence((&set, stop), path, &format!("{folder}/{name}"))?;
            Ok(format!("{}: {made} pairs", path.display()))
        })?;
        report(&self.target.out, set, f64::from(self.scale), complete)
    }

    /// The recipe for frames at this rate.
    fn recipe(&self, rate_hz: f64) -> Recipe {
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
        recipe
    }

    /// Generates the pairs of one input and returns their number. Unusable inputs are recorded as
    /// skipped; only failing to write the dataset is an error.
    fn sequence(
        &self,
        (set, stop): (&DatasetWriter, &Stop),
        path: &Path,
        stem: &str,
    ) -> Result<usize, String> {
        let opening = Opening { rate_hz: self.fps, interpolate: self.interpolate, size: self.size };
        let (mut source, rate_hz) = match Source::open(path, opening) {
            Ok(opened) => opened,
            Err(error) => {
                set.skip(error.to_string());
                return Ok(0);
            }
        };
        let recipe = self.recipe(rate_hz);
        let (mut number, mut position, mut made) = (0, 0, 0);
        let mut maker: Option<PairMaker> = None;
        let mut finished = false;
        while let Some(frame) = source.frame() {
            // At the beginning of a pair: the one that is being made is finished.
            if position == 0 && stop.requested() {
                return Ok(made);
            }
            let file = format!("{stem}_{number:04}.npz");
            let pushed = if finished || set.has(&file) {
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
            match pushed {
                Ok(true) => {
                    if let Some((pair, mut entry)) = maker.take().and_then(PairMaker::finish) {
                        entry.source = format!("{}, pair {number}", path.display());
                        if entry.events == 0 {
                            set.skip(format!("{}: pair {number}: no events", path.display()));
                        } else {
                            set.add(&file, &pair, entry).map_err(|e| e.to_string())?;
                            made += 1;
                        }
                    }
                    finished = true;
                }
                Ok(false) => {}
                Err(why) => {
                    set.skip(format!("{why} (pair {number} is skipped)"));
                    maker = None;
                    finished = true;
                }
            }
            position += 1;
            if position == recipe.stride() {
                made += usize::from(set.has(&file));
                (number, position, finished, maker) = (number + 1, 0, false, None);
            }
        }
        // Frames after the last pair that are too few for another one. Frames in the gap between a
        // complete pair and the start of the next one are not missing.
        let needed = recipe.length();
        if position > 0 && position < needed && !finished {
            set.skip(match number {
                0 => format!("{}: too short: a pair needs {needed} frames", path.display()),
                _ => format!(
                    "{}: the last {position} frames (after interpolation) are too few for a pair, \
                     which needs {needed}",
                    path.display()
                ),
            });
        }
        Ok(made)
    }
}
