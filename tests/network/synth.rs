//! Dataset generation: training samples and their consistency.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers too")]

use gem_live::datagen::render_pair::{CapturePlan, EventView, capture};
use gem_live::datagen::scene::{SceneSettings, longest_path_px, random_scene};
use gem_live::datagen::{Part, Photographs, Recipe, Sampler, is_held_out};
use gem_live::deblur::edi;
use gem_live::deblur::metrics::psnr;
use gem_live::event::Event;
use gem_live::image::{ImageU8, Size};
use gem_live::random::KeyedRng;
use gem_live::sequence::Clip;
use gem_live::simulate::{CameraSettings, SensorSettings, Transfer};
use gem_live::time::TimeRange;
use std::path::Path;

/// The sharp images of the embedded clip, which are always available.
fn photographs() -> Photographs {
    Photographs::from_pictures(Clip::embedded().unwrap().truth).unwrap()
}

fn settings(view: Size) -> SceneSettings {
    let transfer = Transfer::Linear;
    SceneSettings { view, foregrounds: 2, gray: 0.0, tripod: 0.2, transfer, gain: (0.8, 0.8) }
}

#[test]
fn samples_depend_only_on_seed_and_number() {
    let recipe = Recipe { size: Size::new(48, 32), ..Recipe::default() };
    let make = |threads, seed| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let sampler = Sampler::new(photographs(), recipe.clone(), seed);
        pool.install(|| sampler.batch(5, 4))
    };
    let one = make(1, 3);
    assert!(one == make(3, 3), "three threads produce different samples than one");
    assert!(one != make(1, 4), "the seed has no effect");
    for sample in &one {
        assert_eq!(sample.scale, one[0].scale);
        assert_eq!(sample.exposure.sensor, Size::new(48 / sample.scale, 32 / sample.scale));
        let eger = sample.eger().unwrap();
        assert_eq!(eger.len(), 96 * sample.exposure.sensor.area());
        assert_eq!(eger.iter().sum::<f32>(), sample.exposure.events.len() as f32);
    }
    let scales: std::collections::BTreeSet<usize> = (0..24)
        .map(|n| Sampler::new(photographs(), recipe.clone(), 1).batch(n, 1)[0].scale)
        .collect();
    assert_eq!(scales.into_iter().collect::<Vec<_>>(), [1, 2, 4]);
}

#[test]
fn scenes_have_the_requested_blur() {
    let view = Size::new(96, 64);
    for seed in 0..20 {
        let exposures = [TimeRange::new(0.0, 40_000.0), TimeRange::new(50_000.0, 90_000.0)];
        let mut random = KeyedRng::keyed(&[seed]);
        let scene = random_scene(&photographs(), &settings(view), &exposures, 25.0, &mut random);
        let [a, b] = exposures.map(|e| longest_path_px(&scene, e));
        let longest = a.max(b);
        assert!((longest - 25.0).abs() < 3.0, "seed {seed}: {longest} px instead of 25");
    }
}

/// A frame is the mean of sharp images, and events describe the differences between those. With
/// known thresholds and an ideal sensor, EDI therefore restores the sharp image.
#[test]
fn frames_events_and_truth_agree() {
    let size = Size::new(96, 64);
    let (span, moments) = (TimeRange::new(0.0, 30_000.0), 24);
    let mut random = KeyedRng::keyed(&[11]);
    // In gray: events depend on brightness, not on colour.
    let settings = SceneSettings { gray: 1.0, ..settings(size) };
    let scene = random_scene(&photographs(), &settings, &[span], 12.0, &mut random);
    let camera = CameraSettings::noiseless(Transfer::Linear);
    let pixels = SensorSettings { gamma: 1.0, dark: 1.0, ..SensorSettings::ideal(0.05) };
    let times: Vec<f64> = (0..=moments).map(|k| span.at(k as f64 / moments as f64)).collect();
    let plan = CapturePlan {
        size,
        sensor: size,
        exposures: vec![span],
        moments,
        truth_us: times.clone(),
        camera,
        pixels,
        view: EventView::default(),
    };
    let captured = capture(&scene, &plan).unwrap();
    for i in 0..size.area() * 3 {
        let ends = [0, moments].map(|k| captured.truth[k].data()[i] / 2.0);
        let inner: f32 = (1..moments).map(|k| captured.truth[k].data()[i]).sum();
        let mean = (ends[0] + ends[1] + inner) / moments as f32 * 255.0;
        let stored = f32::from(captured.frames[0].data()[i]);
        assert!((mean - stored).abs() < 0.51, "sample {i}: mean {mean}, stored {stored}");
    }
    let exposure = gem_live::exposure::Exposure {
        frame: captured.frames[0].to_f32().into(),
        span,
        events: captured.events.into(),
        sensor: size,
    };
    let known = gem_live::event::Thresholds::both(0.05);
    let truth = captured.truth[moments / 4].to_u8();
    let before = psnr(&truth, &exposure.frame.to_u8()).unwrap();
    let restored = edi(&exposure, &[TimeRange::instant(times[moments / 4])], known).unwrap();
    let after = psnr(&truth, &restored[0].to_u8()).unwrap();
    assert!(after > before + 6.0, "{before} dB before, {after} dB after");
}

/// The event camera also records between two exposures, and every event appears once.
#[test]
fn events_continue_while_the_shutter_is_closed() {
    let size = Size::new(48, 32);
    let exposures = vec![TimeRange::new(1000.0, 21_000.0), TimeRange::new(31_000.0, 51_000.0)];
    let mut random = KeyedRng::keyed(&[2]);
    let scene = random_scene(&photographs(), &settings(size), &exposures, 10.0, &mut random);
    let plan = CapturePlan {
        size,
        sensor: size,
        exposures,
        moments: 14,
        truth_us: Vec::new(),
        camera: CameraSettings::noiseless(Transfer::Linear),
        pixels: SensorSettings { gamma: 1.0, ..SensorSettings::ideal(0.1) },
        view: EventView::default(),
    };
    let captured = capture(&scene, &plan).unwrap();
    assert_eq!(captured.frames.len(), 2);
    let count =
        |from, to| captured.events.iter().filter(|e: &&Event| (from..to).contains(&e.t_us)).count();
    let (first, gap, second) = (count(1000, 21_000), count(21_000, 31_000), count(31_000, 51_000));
    assert!(first > 50 && gap > 20 && second > 50, "{first}, {gap}, {second} events");
    assert_eq!(first + gap + second, captured.events.len());
    assert!(captured.events.windows(2).all(|w| w[0].t_us <= w[1].t_us), "events out of order");
}

#[test]
fn the_held_out_split_is_stable_and_complete() {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..60).map(|i| format!("photograph {i}.png")).collect();
    for (i, name) in names.iter().enumerate() {
        let image = image::RgbImage::from_pixel(100, 100, image::Rgb([i as u8; 3]));
        image.save(folder.path().join(name)).unwrap();
    }
    std::fs::write(folder.path().join("broken.jpg"), b"not a picture").unwrap();
    std::fs::write(folder.path().join("ORIGIN.txt"), b"not meant to be one").unwrap();
    let read = |part| Photographs::read(&[folder.path().to_owned()], part).unwrap();
    let (training, held, all) = (read(Part::Training), read(Part::HeldOut), read(Part::All));
    assert_eq!(all.names().len(), 60);
    assert_eq!(all.skipped().len(), 1);
    assert!(all.skipped()[0].contains("broken.jpg"), "{:?}", all.skipped());
    assert_eq!(training.names().len() + held.names().len(), 60);
    assert!((4..=20).contains(&held.names().len()), "{} of 60 held out", held.names().len());
    assert!(
        held.names().iter().all(|n| is_held_out(Path::new(n)) && !training.names().contains(n))
    );
    // The rule must never change: weights trained with the old rule would be tested on photographs
    // that they were trained on.
    assert!(is_held_out(Path::new("/anywhere/plasma-workspace-wallpapers__Path.jpg")));
    assert!(!is_held_out(Path::new("plasma-workspace-wallpapers__Kite.jpg")));
    let empty = tempfile::tempdir().unwrap();
    let error = Photographs::read(&[empty.path().to_owned()], Part::All).unwrap_err().to_string();
    assert!(error.contains("no usable photographs"), "{error}");
    let _: &[ImageU8] = all.pictures();
}

/// The list of photographs that `scripts/fetch-photographs` downloads.
#[test]
fn the_photograph_list_has_free_licences_and_a_held_out_part() {
    let list = include_str!("../../assets/photographs.tsv");
    let mut rows = list.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let columns =
        ["file", "package", "version", "path", "author", "licence", "sha256", "stated_in"];
    assert_eq!(rows.next().unwrap(), columns);
    let rows: Vec<_> = rows.collect();
    assert!(rows.len() >= 200, "{} photographs", rows.len());
    for row in &rows {
        assert!(row.len() == columns.len() && row.iter().all(|cell| !cell.is_empty()), "{row:?}");
        let free = ["public-domain", "CC0-", "CC-BY-", "GPL-", "LGPL-", "GFDL", "BSD-"];
        let limited = ["-NC", "-ND"].iter().any(|kind| row[5].contains(kind));
        assert!(free.iter().any(|kind| row[5].starts_with(kind)) && !limited, "{row:?}");
        assert!(row[0].starts_with(&format!("{}__", row[1])), "{row:?}");
    }
    // Sorted, without duplicate names or images.
    assert!(rows.is_sorted_by(|a, b| a[0] < b[0]));
    let mut pictures: Vec<_> = rows.iter().map(|row| row[6]).collect();
    pictures.sort_unstable();
    assert!(pictures.is_sorted_by(|a, b| a < b));
    let held = rows.iter().filter(|row| is_held_out(Path::new(row[0]))).count();
    assert!((rows.len() / 10..=rows.len() / 4).contains(&held), "{held} of {}", rows.len());
}
