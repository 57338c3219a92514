//! Recordings made from photographs: random scenes with exact ground truth at any time.

use super::render_pair::{CapturePlan, capture};
use super::sampler::{Optics, moments};
use super::scene::{SceneSettings, longest_path_px, random_scene_of};
use super::{Photographs, Recipe};
use crate::image::Size;
use crate::random::KeyedRng;
use crate::sequence::Entry;
use crate::sequence::{GroundTruth, Pair};
use crate::simulate::PushError;
use crate::time::TimeRange;

/// RNG key that separates recordings from other uses of the same seed.
const STILLS: u64 = 0x7374_696c;
/// RNG key of the perturbations of a recording.
const PERTURB: u64 = 0x7065_7274;

/// Makes recording `number` of a dataset: two exposures of one scene, with `truths` sharp images in
/// each, at the centres of equal parts. Scene, exposures and photographs do not depend on `scale`.
///
/// # Errors
/// The scale leaves no pixel on the event sensor.
pub fn still_pair(
    photographs: &Photographs,
    recipe: &Recipe,
    scale: usize,
    truths: usize,
    seed: u64,
    number: u64,
) -> Result<(Pair, Entry), PushError> {
    let mut random = KeyedRng::keyed(&[seed, STILLS, number]);
    let length_us = (10_000.0 * 12.0_f64.powf(random.unit())).round();
    let gap_us = (length_us * random.range(0.05, 0.3)).round();
    let exposures =
        [0.0, length_us + gap_us].map(|start_us| TimeRange::new(start_us, start_us + length_us));
    let blur_px = recipe.max_blur_px * random.unit().powf(recipe.slow);
    let scale = scale.max(1);
    let mut drawn = recipe.perturbations.draw(&[seed, STILLS, PERTURB, number], scale);
    let blur_px = drawn.still_px.unwrap_or(blur_px);
    let optics = Optics::random(recipe, &mut random);
    let settings = SceneSettings::of(recipe, &optics, drawn.gain);
    let (scene, used) = random_scene_of(photographs, &settings, &exposures, blur_px, &mut random);
    let sensor = Size::new(recipe.size.width / scale, recipe.size.height / scale);
    let middle = |k: usize| (k as f64 + 0.5) / truths as f64;
    let instants = exposures.iter().flat_map(|e| (0..truths).map(move |k| e.at(middle(k)).round()));
    let plan = CapturePlan {
        size: recipe.size,
        sensor,
        exposures: exposures.to_vec(),
        moments: moments(blur_px),
        truth_us: instants.collect(),
        camera: optics.camera,
        pixels: drawn.sensor(optics.pixels),
        view: drawn.view,
    };
    let mut captured = capture(&scene, &plan)?;
    let [first, second] = exposures;
    drawn.apply(&mut captured, TimeRange::new(first.start_us, second.end_us), sensor);
    let longest = exposures.iter().map(|e| longest_path_px(&scene, *e)).fold(0.0, f64::max);
    let of: Vec<&str> =
        used.iter().filter_map(|i| photographs.names().get(*i)).map(String::as_str).collect();
    let entry = Entry {
        source: format!("number {number}, of {}", of.join(", ")),
        thresholds: Some(
            [optics.pixels.on, optics.pixels.off]
                .map(|c| shortest_decimal((f64::from(c) * drawn.threshold_factor()) as f32)),
        ),
        threshold_source: None,
        threshold_uncertainty: None,
        blur_px: Some((longest * 100.0).round() / 100.0),
        events: captured.events.len(),
    };
    let images = captured.truth.iter().map(|t| t.map(|v| (v * 255.0 + 0.5) as u8)).collect();
    let timestamps_us = plan.truth_us.iter().map(|t| *t as i64).collect();
    let [first, second]: [_; 2] =
        captured.frames.try_into().map_err(|_| PushError::Sensor(Size::new(0, 0)))?;
    let pair = Pair {
        frames: [first, second],
        exposures_us: exposures.map(|e| [e.start_us as i64, e.end_us as i64]),
        events: captured.events,
        scale_factor: scale as f64,
        truth: (truths > 0).then_some(GroundTruth { images, timestamps_us }),
    };
    Ok((pair, entry))
}

/// An `f32` as the `f64` of its shortest decimal representation.
fn shortest_decimal(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}
