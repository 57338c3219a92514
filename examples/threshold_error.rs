//! Accuracy of the estimated contrast thresholds on the simulated rig:
//! `cargo run --release --example threshold_error [-- RECORDING...]`.
//!
//! Without arguments, prints a table over thresholds, ratios of resolution and noise: the running
//! estimate after five seconds with five pairs per second. With arguments, prints the estimates for
//! recordings (MS-RBD npz files or folders).

use gem_live::deblur::{FramePair, ThresholdEstimator};
use gem_live::event::{Contrast, Event, Thresholds};
use gem_live::image::Size;
use gem_live::sequence::{Pair, find_npz_files};
use gem_live::simulate::rig::{RigModel, RigWorld};
use gem_live::simulate::{CameraSettings, SensorSettings, Transfer};
use gem_live::time::TimeRange;
use std::error::Error;

/// Number of pairs of frames: one in three at 15 per second.
const PAIRS: usize = 25;
const IMAGE: Size = Size::new(384, 256);

/// A column of the table.
struct Case {
    name: &'static str,
    /// Ratio of OFF to ON threshold.
    ratio: f32,
    shot_noise_hz: f64,
    linear: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let recordings: Vec<std::path::PathBuf> = std::env::args_os().skip(1).map(Into::into).collect();
    if !recordings.is_empty() {
        return recorded(&recordings);
    }
    let cases = [
        Case { name: "clean", ratio: 1.0, shot_noise_hz: 0.0, linear: false },
        Case { name: "clean, linear", ratio: 1.0, shot_noise_hz: 0.0, linear: true },
        Case { name: "10 Hz", ratio: 1.0, shot_noise_hz: 10.0, linear: false },
        Case { name: "40 Hz", ratio: 1.0, shot_noise_hz: 40.0, linear: false },
        Case { name: "OFF 1.3 ON, 10 Hz", ratio: 1.3, shot_noise_hz: 10.0, linear: true },
    ];
    println!(
        "{:>5} {:>3}  {:<18} {:>6} {:>6}  {:>6} {:>6} {:>5}  {:>6}",
        "scale", "", "case", "ON", "OFF", "est.", "est.", "+-%", "err.%"
    );
    let mut errors = Vec::new();
    for scale in [1, 2, 4] {
        for (i, on) in [0.1, 0.15, 0.2, 0.3, 0.4, 0.5].into_iter().enumerate() {
            for case in &cases {
                let true_thresholds = Thresholds { on, off: on * f64::from(case.ratio) };
                let new = measure(case, on as f32, scale, i as u64 + 1)?;
                let found = new.thresholds;
                let error = error(found, true_thresholds);
                println!(
                    "{scale:>4}:1 {:>3}  {:<18} {on:>6.2} {:>6.2}  {:>6.3} {:>6.3} {:>5.1}  {:>6.1}",
                    "",
                    case.name,
                    true_thresholds.off,
                    found.on,
                    found.off,
                    percent(&new),
                    error * 100.0
                );
                errors.push((scale, case.name, error));
            }
        }
    }
    println!("median error in %");
    for case in &cases {
        print!("{:<18}", case.name);
        for scale in [1, 2, 4] {
            let own = errors.iter().filter(|e| e.0 == scale && e.1 == case.name);
            print!("   {scale}:1 {:>5.1}", median(own.map(|e| e.2).collect()) * 100.0);
        }
        println!();
    }
    let all: Vec<f64> = errors.iter().map(|e| e.2).collect();
    let worst = all.iter().copied().fold(0.0, f64::max) * 100.0;
    println!("all: median {:.1}, worst {worst:.1}", median(all) * 100.0);
    Ok(())
}

/// The larger of the relative errors of both polarities.
fn error(found: Thresholds, true_thresholds: Thresholds) -> f64 {
    let one = |a: f64, b: f64| (a / b - 1.0).abs();
    one(found.on, true_thresholds.on).max(one(found.off, true_thresholds.off))
}

/// Standard error in percent.
fn percent(contrast: &Contrast) -> f64 {
    contrast.uncertainty.map_or(f64::NAN, |u| u * 100.0)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn measure(case: &Case, on: f32, scale: usize, seed: u64) -> Result<Contrast, Box<dyn Error>> {
    let (gamma, transfer) = match case.linear {
        true => (1.0, Transfer::Linear),
        false => (2.2, Transfer::Srgb),
    };
    let sensor = Size::new(IMAGE.width / scale, IMAGE.height / scale);
    let mut model = RigModel { sensor, ..RigModel::new(IMAGE, seed) };
    model.pixels = SensorSettings {
        on,
        off: on * case.ratio,
        shot_noise_hz: case.shot_noise_hz,
        gamma,
        ..model.pixels
    };
    model.camera = CameraSettings { transfer, ..model.camera };
    let mut world = RigWorld::new(model)?;
    let mut estimator = ThresholdEstimator::default();
    for _ in 0..PAIRS {
        let (one, two) = (world.period()?, world.period()?);
        // Skip the pair in between: five of 15 pairs per second are used.
        world.period()?;
        let span = |p: &gem_live::simulate::rig::Period| {
            TimeRange::new(p.start_us as f64, p.end_us as f64)
        };
        let spans = [span(&one), span(&two)];
        let events: [&[Event]; 2] = [&one.events, &two.events];
        // A rejected pair is not a failure.
        let _ = estimator.observe(&FramePair {
            frames: [&one.frame, &two.frame],
            spans,
            events: &events,
            sensor,
        });
    }
    Ok(estimator.contrast())
}

fn recorded(recordings: &[std::path::PathBuf]) -> Result<(), Box<dyn Error>> {
    let mut estimator = ThresholdEstimator::default();
    for path in find_npz_files(recordings) {
        let path = path?;
        let pair = Pair::read(&path)?;
        let spans =
            pair.exposures_us.map(|[from, until]| TimeRange::new(from as f64, until as f64));
        let frames = [&pair.frames[0], &pair.frames[1]];
        let (events, sensor) = ([pair.events.as_slice()], pair.sensor()?);
        let views = FramePair { frames, spans, events: &events, sensor };
        let mut alone = ThresholdEstimator::default();
        let word = match alone.observe(&views).and_then(|()| estimator.observe(&views)) {
            Ok(()) => String::new(),
            Err(why) => format!("  not used: {why}"),
        };
        let (one, all) = (alone.contrast(), estimator.contrast());
        println!(
            "{}: this pair {:.3}, {:.3} +-{:.0} %; running {:.3}, {:.3} +-{:.0} %{word}",
            path.file_name().unwrap_or_default().to_string_lossy(),
            one.thresholds.on,
            one.thresholds.off,
            percent(&one),
            all.thresholds.on,
            all.thresholds.off,
            percent(&all),
        );
    }
    Ok(())
}
