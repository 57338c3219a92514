//! Contrast thresholds of the files of a dataset that is played.

use super::*;
use gem_live::event::{Contrast, ContrastSource, Thresholds};
use gem_live::live::{Next, Playback, RigHandle, Sources, open};
use gem_live::sequence::DATASET_MANIFEST;
use std::time::{Duration, Instant};

/// The contrast thresholds of every exposure that is played.
fn played(path: &Path, handle: &RigHandle) -> Vec<Contrast> {
    let sources = Sources::One(SourceName::replay(path));
    let mut source = open(&sources, Playback::Once, handle, |_| Ok(())).unwrap();
    let mut contrasts = Vec::new();
    let started = Instant::now();
    loop {
        assert!(started.elapsed() < Duration::from_secs(60), "the recording does not end");
        match source.next(Duration::from_millis(20)) {
            Ok(Next::Exposure(frame)) => contrasts.push(frame.contrast),
            Ok(Next::Waiting) | Err(_) => {}
            Ok(Next::End) => return contrasts,
            Ok(Next::Failed(why)) => panic!("{why}"),
        }
    }
}

/// Writes the manifest of a dataset of two files with these thresholds, if they are known.
fn write_manifest(dataset: &Path, thresholds: [Option<[f64; 2]>; 2]) {
    let [first, second] = thresholds.map(|known| {
        let (source, events) = ("sim", 1);
        serde_json::json!({"source": source, "thresholds": known, "events": events})
    });
    let manifest = serde_json::json!({
        "program": "test", "settings": null, "skipped": [],
        "recordings": {"test/in_000.npz": first, "test/in_001.npz": second},
    });
    std::fs::write(dataset.join(DATASET_MANIFEST), manifest.to_string()).unwrap();
}

#[test]
fn every_file_of_a_dataset_is_played_with_its_own_known_thresholds() {
    let dataset = tempfile::tempdir().unwrap();
    let folder = dataset.path().join("test");
    std::fs::create_dir(&folder).unwrap();
    // As many exposures as wait for a slow reader: none is dropped.
    recording(&folder, 4);
    let [first, second] =
        [(0.4, 0.3), (0.15, 0.2)].map(|(on, off)| Contrast::known(Thresholds { on, off }));
    write_manifest(dataset.path(), [Some([0.4, 0.3]), Some([0.15, 0.2])]);
    assert_eq!(played(&folder, &RigHandle::default()), [first, first, second, second]);
    // What the user sets replaces those of all files.
    let (handle, set) = (RigHandle::default(), Thresholds::both(0.25));
    handle.contrast().set(Some(set));
    assert_eq!(played(&folder, &handle), [Contrast::set(set); 4]);
    // Those of one file do not hold for another.
    write_manifest(dataset.path(), [Some([0.4, 0.3]), None]);
    let contrasts = played(&folder, &RigHandle::default());
    assert_eq!(contrasts[..2], [first, first]);
    let is_guess =
        |c: &Contrast| matches!(c.source, ContrastSource::Default | ContrastSource::Estimated);
    assert!(contrasts.len() == 4 && contrasts[2..].iter().all(is_guess), "{contrasts:?}");
}
