//! The running estimate of contrast thresholds on the simulated rig.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use gem_live::deblur::{FramePair, ThresholdEstimator, Unused};
use gem_live::event::{Contrast, ContrastSource, Event, Thresholds};
use gem_live::formats::film::Layout;
use gem_live::image::Size;
use gem_live::sequence::{FileThresholds, FilmOrder, Pair, make_film};
use gem_live::simulate::rig::{Period, RigModel, RigWorld};
use gem_live::simulate::{CameraSettings, SensorSettings, Transfer};
use gem_live::time::TimeRange;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

const IMAGE: Size = Size::new(192, 128);

/// A rig with linear frames and an event sensor of linear light.
fn rig(thresholds: Thresholds, scale: usize, shot_noise_hz: f64, seed: u64) -> RigModel {
    let sensor = Size::new(IMAGE.width / scale, IMAGE.height / scale);
    let model = RigModel { sensor, ..RigModel::new(IMAGE, seed) };
    let pixels = SensorSettings {
        on: thresholds.on as f32,
        off: thresholds.off as f32,
        shot_noise_hz,
        gamma: 1.0,
        ..model.pixels
    };
    let camera = CameraSettings { transfer: Transfer::Linear, ..model.camera };
    RigModel { pixels, camera, ..model }
}

/// Runs the estimator on a pair of periods.
fn observe(
    estimator: &mut ThresholdEstimator,
    one: &Period,
    two: &Period,
    sensor: Size,
) -> Result<(), Unused> {
    let span = |p: &Period| TimeRange::new(p.start_us as f64, p.end_us as f64);
    let events: [&[Event]; 2] = [&one.events, &two.events];
    estimator.observe(&FramePair {
        frames: [&one.frame, &two.frame],
        spans: [span(one), span(two)],
        events: &events,
        sensor,
    })
}

fn estimated(model: RigModel, pairs: usize) -> Contrast {
    let mut world = RigWorld::new(model).unwrap();
    let mut estimator = ThresholdEstimator::default();
    for _ in 0..pairs {
        let (one, two) = (world.period().unwrap(), world.period().unwrap());
        observe(&mut estimator, &one, &two, model.sensor).unwrap();
    }
    estimator.contrast()
}

#[test]
fn thresholds_are_estimated_within_ten_percent_at_every_ratio_with_noise() {
    let cases = [
        (0.1, 0.1, 1, 0.0),
        (0.2, 0.2, 1, 40.0),
        (0.4, 0.5, 2, 20.0),
        (0.15, 0.12, 4, 20.0),
        (0.3, 0.3, 4, 40.0),
    ];
    let mut errors: Vec<f64> = (cases.into_iter().zip(1..))
        .map(|((on, off, scale, noise), seed)| {
            let found = estimated(rig(Thresholds { on, off }, scale, noise, seed), 5);
            assert_eq!(found.source, ContrastSource::Estimated);
            let found = found.thresholds;
            let error = (found.on / on - 1.0).abs().max((found.off / off - 1.0).abs());
            println!("{scale}:1, {noise} Hz: {on}, {off} found as {found:?}");
            error
        })
        .collect();
    errors.sort_by(f64::total_cmp);
    assert!(errors[errors.len() / 2] < 0.1, "{errors:?}");
    assert!(errors[errors.len() - 1] < 0.2, "{errors:?}");
}

/// At 4:1 the simulated event camera sees the scene softer than the mean of 4x4 image pixels, by a
/// fifth of an event pixel. That must not look like larger thresholds.
#[test]
fn a_softer_view_of_the_event_camera_does_not_raise_the_estimate() {
    let mut sum = 0.0;
    for (c, seed) in [(0.15, 201_015), (0.2, 201_020), (0.15, 202_015), (0.2, 202_020)] {
        let found = estimated(rig(Thresholds::both(c), 4, 0.0, seed), 5).thresholds;
        println!("{c} found as {found:?}");
        sum += (found.on + found.off) / (2.0 * c) - 1.0;
    }
    let mean = sum / 4.0;
    assert!(mean.abs() < 0.05, "a mean error of {mean}");
}

#[test]
fn a_static_scene_is_rejected_at_any_noise() {
    let model = RigModel { speed: 0.0, ..rig(Thresholds::both(0.3), 1, 40.0, 1) };
    let mut world = RigWorld::new(model).unwrap();
    let (one, two) = (world.period().unwrap(), world.period().unwrap());
    let mut estimator = ThresholdEstimator::default();
    assert_eq!(observe(&mut estimator, &one, &two, model.sensor), Err(Unused::Static));
    assert_eq!(estimator.contrast(), Contrast::default());
}

#[test]
fn unrelated_events_are_rejected() {
    let model = rig(Thresholds::both(0.2), 1, 0.0, 1);
    let mut world = RigWorld::new(model).unwrap();
    let (one, mut two) = (world.period().unwrap(), world.period().unwrap());
    let mut one = one;
    for e in one.events.iter_mut().chain(&mut two.events) {
        // Mirrored on both axes.
        e.x = (model.sensor.width - 1) as u16 - e.x;
        e.y = (model.sensor.height - 1) as u16 - e.y;
    }
    let mut estimator = ThresholdEstimator::default();
    assert_eq!(observe(&mut estimator, &one, &two, model.sensor), Err(Unused::Unrelated));
}

#[test]
fn gaps_without_recorded_events_do_not_raise_the_estimate() {
    let thresholds = Thresholds::both(0.2);
    let model = rig(thresholds, 1, 0.0, 3);
    let mut world = RigWorld::new(model).unwrap();
    let mut estimator = ThresholdEstimator::default();
    for _ in 0..5 {
        let (mut one, two) = (world.period().unwrap(), world.period().unwrap());
        // Like datasets that keep only the events of the exposures.
        one.events.retain(|e| e.t_us < one.end_us);
        observe(&mut estimator, &one, &two, model.sensor).unwrap();
    }
    let found = estimator.contrast().thresholds;
    assert!((found.on / 0.2 - 1.0).abs() < 0.15, "{found:?}");
}

#[test]
fn frames_of_different_shape_are_rejected() {
    let model = rig(Thresholds::both(0.2), 1, 0.0, 1);
    let mut world = RigWorld::new(model).unwrap();
    let (one, two) = (world.period().unwrap(), world.period().unwrap());
    let mut estimator = ThresholdEstimator::default();
    let wrong = Size::new(2, 2);
    assert_eq!(observe(&mut estimator, &one, &two, wrong), Err(Unused::Shape));
    // In reverse order of time.
    assert_eq!(observe(&mut estimator, &two, &one, model.sensor), Err(Unused::Shape));
}

/// Writes pairs of one simulated camera into a folder, as a recording without a manifest.
fn record(folder: &Path, pairs: usize) -> Vec<(PathBuf, Pair)> {
    let mut world = RigWorld::new(rig(Thresholds::both(0.3), 2, 20.0, 5)).unwrap();
    let mut recorded = Vec::new();
    for i in 0..pairs {
        let (one, two) = (world.period().unwrap(), world.period().unwrap());
        let pair = Pair {
            exposures_us: [&one, &two].map(|p| [p.start_us, p.end_us]),
            frames: [one.frame, two.frame],
            events: [one.events, two.events].concat(),
            scale_factor: 2.0,
            truth: None,
        };
        let path = folder.join(format!("desk_{i:05}.npz"));
        pair.write(&path).unwrap();
        recorded.push((path, pair));
    }
    recorded
}

#[test]
fn files_of_one_folder_share_an_estimate_unless_each_is_estimated_by_itself() {
    let base = tempfile::tempdir().unwrap();
    let recorded = record(&base.path().join("desk"), 4);
    let files: Vec<PathBuf> = recorded.iter().map(|(path, _)| path.clone()).collect();
    let estimates = |mut thresholds: FileThresholds| -> Vec<Contrast> {
        recorded.iter().map(|(path, pair)| thresholds.of(path, pair).unwrap()).collect()
    };
    let shared = estimates(FileThresholds::new(None).pooling(&files));
    assert_eq!(shared[0].source, ContrastSource::Estimated);
    assert!(shared.iter().all(|contrast| *contrast == shared[0]), "{shared:?}");
    assert_eq!(FileThresholds::new(None).of_files(&files), shared, "as `adapt` estimates them");
    let single = estimates(FileThresholds::estimated().pooling(&files));
    assert!(single.iter().any(|contrast| *contrast != single[0]), "{single:?}");
    // A film of the recording does not flicker.
    let order = FilmOrder {
        recordings: vec![base.path().join("desk")],
        path: base.path().join("desk.y4m"),
        layout: Layout::Side,
        instants: 1,
        rate_hz: 25.0,
        thresholds: None,
    };
    let mut used = Vec::new();
    let film = make_film(
        &order,
        |exposure, instants, thresholds| {
            used.push(thresholds);
            Ok(vec![exposure.frame.to_u8(); instants.len()])
        },
        |_| ControlFlow::Continue(()),
    );
    film.unwrap();
    assert!(used.len() > 4 && used.iter().all(|t| *t == shared[0].thresholds), "{used:?}");
}
