//! What the files of a dataset hold: channels, repairs, contrast thresholds.

use super::*;
use crate::entries::{entries, file_of};

#[test]
fn gray_recordings_get_three_equal_channels_and_crops_fit_small_sensors() {
    let base = tempfile::tempdir().unwrap();
    let size = Size::new(96, 64);
    let gray = |shift: usize| {
        ImageU8::new(1, size, (0..size.area()).map(|i| (i * 7 + shift) as u8).collect()).unwrap()
    };
    let pair = Pair {
        frames: [gray(0), gray(3)],
        exposures_us: [[0, 20_000], [50_000, 70_000]],
        events: vec![Event { t_us: 5, x: 47, y: 31, polarity: true }],
        scale_factor: 2.0,
        truth: Some(GroundTruth { images: vec![gray(9)], timestamps_us: vec![10_000] }),
    };
    for i in 0..2 {
        pair.write(&base.path().join(format!("davis/{i}.npz"))).unwrap();
    }
    let output = gem_live(base.path(), &["export", "davis", "--out", "data"]);
    assert!(output_text(&output).contains("2 recordings are gray"), "{}", output_text(&output));
    for folder in ["data/train", "data/test"] {
        let name = names(&base.path().join(folder)).remove(0);
        let made = Pair::read(&base.path().join(folder).join(name)).unwrap();
        let truth = made.truth.as_ref().unwrap();
        let original = [&pair.frames[0], &pair.frames[1], &pair.truth.as_ref().unwrap().images[0]];
        for (made, original) in made.frames.iter().chain(&truth.images).zip(original) {
            assert_eq!((made.channels(), made.size()), (3, size));
            assert!((0..3).all(|c| made.plane(c) == original.plane(0)));
        }
        assert_eq!((made.events, made.exposures_us), (pair.events.clone(), pair.exposures_us));
    }
    // The input is unchanged.
    assert_eq!(Pair::read(&base.path().join("davis/0.npz")).unwrap(), pair);
    let text = std::fs::read_to_string(base.path().join("data/train.yaml")).unwrap();
    assert_eq!(Config::parse(&text).unwrap().0.roi_size, [32, 48]);
}

#[test]
fn repaired_recordings_are_exported_in_the_format_and_other_files_ignored() {
    let base = tempfile::tempdir().unwrap();
    let folder = sequence(base.path(), "a", 2, 2.0, false);
    // Without its scale factor, which follows from the sizes only if the events reach the edges.
    let size = Size::new(32, 32);
    let frame = |value| ImageU8::filled(true, size, value);
    let events = (0..256_i64).map(|i| Event {
        t_us: i * 10,
        x: (i % 16) as u16,
        y: (i / 16) as u16,
        polarity: true,
    });
    let pair = Pair {
        frames: [frame(7), frame(9)],
        exposures_us: [[0, 1_000], [1_500, 2_560]],
        events: events.collect(),
        scale_factor: 2.0,
        truth: None,
    };
    let mut all = entries(&pair.to_bytes().unwrap());
    all.retain(|(name, _)| name != "scale_factor");
    std::fs::write(folder.join("repaired.npz"), file_of(&all)).unwrap();
    std::fs::write(folder.join("._repaired.npz"), b"Mac OS X").unwrap();
    let out = base.path().join("out");
    let order = Order {
        sequences: vec![folder],
        out: out.clone(),
        split: Split::Pairs(0.0),
        seed: 1,
        transfer: Transfer::Link,
    };
    let made = run(&order, |_| ControlFlow::Continue(())).unwrap();
    assert_eq!((made.plan.counts(), made.copied), ((3, 0), 1));
    assert_eq!(Pair::read(&out.join("train/a_repaired.npz")).unwrap(), pair);
    let remarks = made.remarks().join("\n");
    assert!(remarks.contains("1 recordings were repaired"), "{remarks}");
    assert!(remarks.contains("1 npz files ignored: 1 hidden"), "{remarks}");
    // Nothing but the dataset is there.
    assert_eq!(names(&out), ["manifest.json", "test", "test.yaml", "train", "train.yaml"]);
}

/// `test` and `train` look for thresholds with [`FileThresholds`].
#[test]
fn the_thresholds_of_the_sequences_are_those_of_the_dataset() {
    let base = tempfile::tempdir().unwrap();
    // The estimate is too uncertain to be known, and is kept with its uncertainty.
    let cameras = [
        ("a", 0.31, 0.22, ContrastSource::Estimated, Some(0.25)),
        ("b", 0.15, 0.4, ContrastSource::Set, None),
    ];
    let contrasts = cameras.map(|(name, on, off, source, uncertainty)| {
        (name, Contrast { thresholds: Thresholds { on, off }, source, uncertainty })
    });
    let folders = contrasts.map(|(name, contrast)| {
        let folder = sequence(base.path(), name, 4, 2.0, false);
        let session = SessionInfo { thresholds: Some(contrast), ..SessionInfo::default() };
        let json = serde_json::to_vec(&Manifest::new(session)).unwrap();
        std::fs::write(folder.join("session.json"), json).unwrap();
        folder
    });
    // A sequence without a manifest: its thresholds stay unknown.
    let bare = sequence(base.path(), "c", 4, 2.0, false);
    let export = |sequences: Vec<PathBuf>, out: &str| {
        let order = Order {
            sequences,
            out: base.path().join(out),
            split: Split::Pairs(0.5),
            seed: 1,
            transfer: Transfer::Link,
        };
        run(&order, |_| ControlFlow::Continue(())).unwrap().root
    };
    let data = export([&folders[..], &[bare]].concat(), "data");
    // The dataset of a dataset keeps them too.
    let again = export(vec![data.join("train"), data.join("test")], "again");
    for root in [data, again] {
        let mut seen = 0;
        for part in ["train", "test"] {
            for name in names(&root.join(part)) {
                let found = FileThresholds::new(None).recorded(&root.join(part).join(&name));
                let scene = name.trim_start_matches("train_").trim_start_matches("test_");
                let wanted = contrasts.iter().find(|(camera, _)| scene.starts_with(camera));
                assert_eq!(found, wanted.map(|(_, contrast)| *contrast), "{part}/{name}");
                seen += 1;
            }
        }
        assert_eq!(seen, 12);
    }
}

#[test]
fn a_file_that_changes_while_it_is_exported_ends_the_export() {
    use std::io::Write;
    let base = tempfile::tempdir().unwrap();
    let out = base.path().join("x");
    for transfer in [Transfer::Link, Transfer::Copy] {
        let recording = sequence(base.path(), "a", 3, 2.0, false);
        let order = Order {
            sequences: vec![recording.clone()],
            out: out.clone(),
            split: Split::Pairs(0.5),
            seed: 1,
            transfer,
        };
        let changed = run(&order, |step| {
            // It was checked, and is not written yet.
            if (step.phase, step.done) == (Phase::Checking, 3) {
                let path = recording.join("scene_00000.npz");
                let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
                file.write_all(b"more").unwrap();
            }
            ControlFlow::Continue(())
        });
        assert!(
            matches!(&changed, Err(ExportError::Changed(path)) if path.ends_with("scene_00000.npz")),
            "{changed:?}"
        );
        assert!(!out.exists(), "{transfer:?}");
    }
}
