//! Export of recordings from the library as a dataset.

use super::*;
use crate::formats::config::Config;
use crate::gui::dialogs::Dialog;
use crate::gui::settings::Tab;
use crate::image::ImageU8;
use crate::sequence::find_npz_files;
use std::path::Path;

/// Writes a sequence of pairs that differ in their pixels and times.
pub(super) fn sequence(base: &Path, name: &str, pairs: i64) {
    for i in 0..pairs {
        let size = Size::new(32, 16);
        let data = (0..3 * size.area()).map(|p| (p as i64 * 5 + i * 11) as u8).collect();
        let picture = ImageU8::new(3, size, data).unwrap();
        pair(&picture, i).write(&base.join(name).join(format!("{name}_{i:05}.npz"))).unwrap();
    }
}

/// A window that shows the library of `recordings`, once `count` of them are listed.
pub(super) fn browsing(recordings: &Path, count: usize) -> Shown {
    let mut w = window(&Script::default());
    w.settings.folder = Some(recordings.to_owned());
    (w.settings.side, w.settings.tab) = (true, Tab::Recordings);
    let mut w = shown_at(w, 1240.0, 900.0);
    until(&mut w, "the list", |w| w.panels.recordings.list.sequences().len() == count);
    w.run_steps(2);
    w
}

#[test]
fn selected_recordings_are_exported_as_a_dataset_that_the_loader_reads() {
    let base = tempfile::tempdir().unwrap();
    let recordings = base.path().join("recordings");
    for name in ["desk", "door", "street"] {
        sequence(&recordings, name, 5);
    }
    let mut w = browsing(&recordings, 3);
    click(&mut w, "Select desk");
    click(&mut w, "Select street");
    click(&mut w, "Export 2 selected...");
    assert_eq!(w.state().dialogs.open, Some(Dialog::Export));
    assert!(shows(&w, "Export 2 recordings as a dataset"));
    click(&mut w, "Export");
    until(&mut w, "the end", |w| w.dialogs.export.progress().is_none());
    w.run_steps(3);
    assert!(shows(&w, "Exported 8 pairs for training and 2 for testing in "));
    // The dataset is beside the recordings, in a new folder.
    let datasets = base.path().join("recordings datasets");
    let made: Vec<_> = std::fs::read_dir(&datasets).unwrap().flatten().collect();
    assert_eq!(made.len(), 1);
    for (file, part, count) in [("test.yaml", "test", 2), ("train.yaml", "train", 8)] {
        let text = std::fs::read_to_string(made[0].path().join(file)).unwrap();
        let (config, remarks) = Config::parse(&text).unwrap();
        assert!(remarks.warnings.is_empty() && config.scale_factor == 2.0);
        let files = find_npz_files(&[config.root_path.join(part)]);
        assert_eq!(files.len(), count);
        for file in files {
            let file = file.unwrap();
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            let scene = name.split('_').next().unwrap();
            assert_ne!(scene, "door", "it was not selected");
            let original = Pair::read(&recordings.join(scene).join(&name)).unwrap();
            assert_eq!(Pair::read(&file).unwrap(), original);
        }
    }
    click(&mut w, "Done");
    assert_eq!(w.state().dialogs.open, None);
    click(&mut w, "Clear selection");
    assert!(w.query_by_label("Export all...").is_some());
}

#[test]
fn a_failed_export_reports_why_and_its_options_can_be_changed() {
    let base = tempfile::tempdir().unwrap();
    let recordings = base.path().join("recordings");
    sequence(&recordings, "desk", 4);
    std::fs::write(recordings.join("desk/desk_00002.npz"), b"damaged").unwrap();
    let occupied = base.path().join("occupied");
    sequence(&occupied, "train", 1);
    let mut w = browsing(&recordings, 1);
    click(&mut w, "Recording desk");
    click(&mut w, "Export...");
    w.state_mut().dialogs.export.set_folder(&occupied);
    w.run_steps(2);
    click(&mut w, "Export");
    until(&mut w, "the end", |w| w.dialogs.export.progress().is_none());
    w.run_steps(3);
    assert!(shows(&w, "train is not empty: choose another folder"));
    assert!(!occupied.join("test").exists(), "nothing was written");
    click(&mut w, "Back to options");
    w.state_mut().dialogs.export.set_folder(&base.path().join("free"));
    w.run_steps(2);
    click(&mut w, "Export");
    until(&mut w, "the end", |w| w.dialogs.export.progress().is_none());
    w.run_steps(3);
    assert!(shows(&w, "Exported 2 pairs for training and 1 for testing"));
    assert!(shows(&w, "desk_00002.npz is skipped"));
}

#[test]
fn thumbnails_of_removed_recordings_are_released() {
    let recordings = tempfile::tempdir().unwrap();
    sequence(recordings.path(), "desk", 1);
    sequence(recordings.path(), "street", 1);
    let mut w = browsing(recordings.path(), 2);
    until(&mut w, "the thumbnails", |w| w.panels.recordings.list.is_complete(2));
    std::fs::remove_dir_all(recordings.path().join("street")).unwrap();
    click(&mut w, "Refresh");
    until(&mut w, "one recording with its thumbnail", |w| w.panels.recordings.list.is_complete(1));
}
