//! The catalog of recorded sequences, and their safe deletion.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use gem_live::event::Event;
use gem_live::image::{ImageU8, Size};
use gem_live::sequence::catalog::{LibraryError, delete, list, read, thumbnail};
use gem_live::sequence::{
    MANIFEST, Manifest, Pair, Progress, SessionInfo, StopReason, new_sequence,
};
use std::path::{Path, PathBuf};

fn pair(number: i64) -> Pair {
    let size = Size::new(32, 16);
    let data = (0..3 * size.area()).map(|i| (i as i64 * 7 + number) as u8).collect();
    let picture = ImageU8::new(3, size, data).unwrap();
    let at = 1_000_000 + number * 100_000;
    Pair {
        frames: [picture.clone(), picture],
        exposures_us: [[at, at + 20_000], [at + 50_000, at + 70_000]],
        events: vec![Event { t_us: at + 5, x: 3, y: 2, polarity: true }],
        scale_factor: 2.0,
        truth: None,
    }
}

/// A sequence in the state in which the recorder leaves it.
fn sequence(
    base: &Path,
    name: &str,
    scene: &str,
    pairs: u64,
    ending: Option<StopReason>,
) -> PathBuf {
    let folder = base.join(name);
    std::fs::create_dir_all(&folder).unwrap();
    for i in 0..pairs {
        pair(i as i64).write(&folder.join(format!("{scene}_{i:05}.npz"))).unwrap();
    }
    let session = SessionInfo {
        scene: scene.into(),
        cameras: serde_json::json!({ "model": "DAVIS346", "serial": "00000123" }),
        ..SessionInfo::default()
    };
    let progress = Progress { pairs, exposures: 2 * pairs, ending, ..Progress::default() };
    write(&folder, &Manifest { progress, ..Manifest::new(session) });
    folder
}

fn write(folder: &Path, manifest: &Manifest) {
    std::fs::write(folder.join(MANIFEST), serde_json::to_vec(manifest).unwrap()).unwrap();
}

#[test]
fn sequences_are_listed_newest_first_with_their_metadata() {
    let base = tempfile::tempdir().unwrap();
    let old = sequence(base.path(), "b", "desk", 2, Some(StopReason::Complete));
    let new = sequence(base.path(), "a", "street", 3, Some(StopReason::Requested));
    for (folder, year) in [(&old, 2025), (&new, 2026)] {
        let mut manifest = Manifest::read(folder).unwrap();
        manifest.started = format!("{year}-01-02T03:04:05Z");
        write(folder, &manifest);
    }
    std::fs::create_dir(base.path().join("elsewhere")).unwrap();
    pair(0).write(&base.path().join("elsewhere/x.npz")).unwrap();
    std::fs::create_dir(base.path().join("nothing")).unwrap();
    std::fs::write(base.path().join("nothing/notes.txt"), b"").unwrap();
    let found = list(base.path()).unwrap();
    let names: Vec<&str> = found.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "elsewhere"]);
    assert_eq!((found[0].scene(), found[0].frames, found[0].duration_us), ("street", 6, 210_000));
    assert!(found[0].date().starts_with("2026-01-0"), "{}", found[0].date());
    assert_eq!(found[0].manifest.as_ref().unwrap().cameras(), "DAVIS346 00000123");
    assert_eq!(found[0].image, Some(Size::new(32, 16)));
    assert!(found.iter().all(|s| s.broken.is_empty() && s.bytes > 0), "{found:?}");
    assert!(found[0].can_delete() && !found[2].can_delete());
    assert_eq!(list(&base.path().join("missing")).unwrap(), []);
}

#[test]
fn faults_of_a_sequence_are_described() {
    let base = tempfile::tempdir().unwrap();
    let faults = |folder: &Path| read(folder).unwrap().broken.join("; ");
    let crashed = sequence(base.path(), "crashed", "desk", 2, None);
    std::fs::write(crashed.join(".x7Yq.part"), b"PK half of a file").unwrap();
    let text = faults(&crashed);
    assert!(text.contains("cut off") && text.contains("1 half-written"), "{text}");
    assert_eq!(read(&crashed).unwrap().frames, 4, "complete files are counted");
    let incomplete = sequence(base.path(), "incomplete", "desk", 3, Some(StopReason::Complete));
    std::fs::remove_file(incomplete.join("desk_00001.npz")).unwrap();
    assert!(faults(&incomplete).contains("1 of 3 files are missing"), "{}", faults(&incomplete));
    let truncated = sequence(base.path(), "truncated", "desk", 2, Some(StopReason::Complete));
    let file = truncated.join("desk_00001.npz");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    assert!(
        faults(&truncated).contains("desk_00001.npz: not a readable npz"),
        "{}",
        faults(&truncated)
    );
    assert_eq!(read(&truncated).unwrap().frames, 2);
    let failed = StopReason::Failed("no space left".into());
    let failed = sequence(base.path(), "failed", "desk", 1, Some(failed));
    assert!(faults(&failed).contains("no space left"));
    let damaged = sequence(base.path(), "damaged", "desk", 1, Some(StopReason::Complete));
    std::fs::write(damaged.join(MANIFEST), b"{ not json").unwrap();
    assert!(faults(&damaged).contains("session.json is damaged"));
    assert!(!read(&damaged).unwrap().can_delete());
}

#[test]
fn thumbnails_are_small_and_come_from_readable_files() {
    let base = tempfile::tempdir().unwrap();
    let folder = sequence(base.path(), "a", "desk", 2, Some(StopReason::Complete));
    std::fs::write(folder.join("desk_00000.npz"), b"damaged").unwrap();
    let picture = thumbnail(&read(&folder).unwrap()).unwrap();
    assert_eq!(picture, pair(1).frames[0], "small enough already");
    let empty = sequence(base.path(), "empty", "desk", 0, Some(StopReason::Requested));
    assert!(matches!(thumbnail(&read(&empty).unwrap()), Err(LibraryError::Picture(_))));
}

#[test]
fn only_files_of_the_recorder_are_deleted() {
    let base = tempfile::tempdir().unwrap();
    let folder = sequence(base.path(), "a", "desk", 3, Some(StopReason::Complete));
    std::fs::write(folder.join(".q.part"), b"half").unwrap();
    let deleted = delete(&folder).unwrap();
    assert_eq!((deleted.files, deleted.kept.len()), (5, 0));
    assert!(!folder.exists() && base.path().exists());

    let folder = sequence(base.path(), "b", "desk", 1, Some(StopReason::Complete));
    std::fs::write(folder.join("thesis.tex"), b"years of work").unwrap();
    std::fs::write(folder.join("other_00001.npz"), b"of another scene").unwrap();
    std::fs::create_dir(folder.join("desk_00007.npz")).unwrap();
    let deleted = delete(&folder).unwrap();
    assert_eq!((deleted.files, deleted.kept.len()), (2, 3), "{deleted:?}");
    assert!(folder.join("thesis.tex").exists() && folder.join("other_00001.npz").exists());
    // Without its manifest it is not a sequence of this program.
    assert!(matches!(delete(&folder), Err(LibraryError::Io(..))));

    let foreign = base.path().join("foreign");
    std::fs::create_dir(&foreign).unwrap();
    pair(0).write(&foreign.join("scene_00000.npz")).unwrap();
    std::fs::write(foreign.join(MANIFEST), b"{\"software\": \"another\"}").unwrap();
    assert!(matches!(delete(&foreign), Err(LibraryError::Foreign(..))));
    assert!(foreign.join("scene_00000.npz").exists());
}

#[cfg(unix)]
#[test]
fn links_are_not_followed() {
    use std::os::unix::fs::symlink;
    let base = tempfile::tempdir().unwrap();
    let folder = sequence(base.path(), "a", "desk", 1, Some(StopReason::Complete));
    symlink(&folder, base.path().join("link")).unwrap();
    assert!(matches!(delete(&base.path().join("link")), Err(LibraryError::Link(_))));
    let precious = base.path().join("precious.npz");
    std::fs::write(&precious, b"precious").unwrap();
    symlink(&precious, folder.join("desk_00001.npz")).unwrap();
    let deleted = delete(&folder).unwrap();
    assert_eq!(deleted.kept, [folder.join("desk_00001.npz")]);
    assert_eq!(std::fs::read(&precious).unwrap(), b"precious");
}

#[test]
fn new_sequences_have_unique_names() {
    let base = tempfile::tempdir().unwrap();
    let first = new_sequence(base.path(), "desk / lamp");
    std::fs::create_dir(&first).unwrap();
    let second = new_sequence(base.path(), "desk / lamp");
    assert_ne!(first, second);
    assert!(first.file_name().unwrap().to_str().unwrap().ends_with("_desk___lamp"));
    assert_eq!(first.parent(), Some(base.path()));
}

#[test]
fn a_manifest_with_unbounded_lists_of_an_earlier_version_is_read_and_deleted() {
    let base = tempfile::tempdir().unwrap();
    let folder = sequence(base.path(), "a", "desk", 1, Some(StopReason::Requested));
    let text = std::fs::read(folder.join(MANIFEST)).unwrap();
    let mut json: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let names = (0..600_000).map(|i| format!("desk_{i:05}_of_a_long_day.npz").into());
    json["progress"]["lossy"] = serde_json::Value::Array(names.collect());
    json["progress"].as_object_mut().unwrap().remove("lossy_total");
    std::fs::write(folder.join(MANIFEST), serde_json::to_vec(&json).unwrap()).unwrap();
    assert!(std::fs::metadata(folder.join(MANIFEST)).unwrap().len() > 16 << 20);
    let found = read(&folder).unwrap();
    assert!(found.can_delete(), "{:?}", found.broken);
    let progress = serde_json::to_value(found.manifest.unwrap().progress).unwrap();
    assert_eq!(progress["lossy_total"], 600_000);
    assert!(progress["lossy"].as_array().unwrap().len() < 1000);
    delete(&folder).unwrap();
    assert!(!folder.exists());
}

#[test]
fn a_manifest_that_is_too_large_is_reported() {
    let base = tempfile::tempdir().unwrap();
    let folder = sequence(base.path(), "a", "desk", 1, Some(StopReason::Requested));
    let file = std::fs::OpenOptions::new().write(true).open(folder.join(MANIFEST)).unwrap();
    file.set_len(100 << 20).unwrap();
    let broken = read(&folder).unwrap().broken;
    assert!(broken.iter().any(|b| b.contains("100 MiB")), "{broken:?}");
}

#[test]
fn only_the_first_of_many_unreadable_files_are_named() {
    let base = tempfile::tempdir().unwrap();
    let folder = sequence(base.path(), "a", "desk", 1, Some(StopReason::Requested));
    for i in 1..=200 {
        std::fs::write(folder.join(format!("desk_{i:05}.npz")), b"damaged").unwrap();
    }
    let broken = read(&folder).unwrap().broken;
    assert!(broken.len() < 30, "{}", broken.len());
    assert!(broken.iter().any(|b| b.starts_with("180 more files")), "{broken:?}");
}
