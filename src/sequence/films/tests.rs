#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use super::*;
use crate::event::Event;
use crate::image::Size;

fn record(folder: &Path, number: i64) {
    record_of(folder, number, Size::new(16, 8));
}

fn record_of(folder: &Path, number: i64, size: Size) {
    let picture = ImageU8::filled(true, size, 40);
    let at = number * 100_000;
    let pair = Pair {
        frames: [picture.clone(), picture],
        exposures_us: [[at, at + 20_000], [at + 50_000, at + 70_000]],
        events: vec![Event { t_us: at + 5, x: 3, y: 2, polarity: true }],
        scale_factor: 2.0,
        truth: None,
    };
    pair.write(&folder.join(format!("desk_{number:05}.npz"))).unwrap();
}

fn order(folder: &Path) -> FilmOrder {
    FilmOrder {
        recordings: vec![folder.join("desk")],
        path: folder.join("films/desk.y4m"),
        layout: Layout::Side,
        instants: 3,
        rate_hz: 25.0,
        thresholds: Some(Thresholds::DEFAULT),
    }
}

fn brighter(exposure: &Exposure, instants: &[f64]) -> Vec<ImageU8> {
    vec![exposure.frame.to_u8().map(|v| v + 50); instants.len()]
}

#[test]
fn every_exposure_is_shown_and_damaged_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    (0..3).for_each(|i| record(&folder.path().join("desk"), i));
    std::fs::write(folder.path().join("desk/desk_00001.npz"), b"damaged").unwrap();
    let order = order(folder.path());
    let mut steps = Vec::new();
    let report = make_film(
        &order,
        |exposure, instants, thresholds| {
            assert_eq!(thresholds, Thresholds::DEFAULT);
            Ok(brighter(exposure, instants))
        },
        |step| {
            steps.push((step.done, step.total));
            ControlFlow::Continue(())
        },
    );
    let report = report.unwrap();
    assert_eq!(steps, (1..=6).map(|i| (i, 6)).collect::<Vec<_>>());
    // Two files with two exposures of three instants; two pictures with a gap between them.
    assert_eq!((report.film.frames, report.film.size), (12, Size::new(36, 8)));
    let [(file, _)] = report.skipped.as_slice() else { panic!("{:?}", report.skipped) };
    assert!(file.ends_with("desk_00001.npz") && report.path.is_file());
}

#[test]
fn a_file_of_another_size_is_named_and_the_film_continues() {
    let folder = tempfile::tempdir().unwrap();
    for (number, side) in (0..).zip([8, 16, 8]) {
        record_of(&folder.path().join("desk"), number, Size::new(2 * side, side));
    }
    let report = make_film(
        &order(folder.path()),
        |exposure, instants, _| Ok(brighter(exposure, instants)),
        |_| ControlFlow::Continue(()),
    );
    let report = report.unwrap();
    assert_eq!((report.film.frames, report.film.size), (12, Size::new(36, 8)));
    let [(file, why)] = report.skipped.as_slice() else { panic!("{:?}", report.skipped) };
    assert!(file.ends_with("desk_00001.npz") && why.contains("a frame of 68x16"), "{why}");
}

#[test]
fn a_stopped_film_and_one_without_a_picture_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    record(&folder.path().join("desk"), 0);
    let order = order(folder.path());
    let stopped = make_film(
        &order,
        |exposure, instants, _| Ok(brighter(exposure, instants)),
        |_| ControlFlow::Break(()),
    );
    assert!(matches!(stopped, Err(FilmOrderError::Stopped)));
    let (stopper, mut restored) = (FilmStopper::default(), 0);
    let stopped = make_film_with_stopper(
        &order,
        stopper.clone(),
        |exposure, instants, _| {
            restored += 1;
            // As another thread does.
            stopper.stop();
            Ok(brighter(exposure, instants))
        },
        |_| ControlFlow::Continue(()),
    );
    assert!(matches!(stopped, Err(FilmOrderError::Stopped)), "{stopped:?}");
    assert_eq!(restored, 1, "nothing is restored after it was stopped");
    let failed = make_film(&order, |_, _, _| Err("no".into()), |_| ControlFlow::Continue(()));
    let why = failed.unwrap_err().to_string();
    assert!(why.contains("desk_00000.npz: no"), "{why}");
    let films = std::fs::read_dir(folder.path().join("films")).into_iter().flatten();
    assert_eq!(films.count(), 0);
}
