//! Films of the view and of recordings.

use super::*;
use crate::gui::settings::{Tab, View};
use crate::gui::tests::exporting::{browsing, sequence};
use std::path::{Path, PathBuf};

/// The only file in a folder, once there is one.
fn only_file(folder: &Path) -> PathBuf {
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().flatten().map(|e| e.path()).collect();
    let [file] = files.as_slice() else { panic!("{files:?}") };
    file.clone()
}

/// Width, height and number of frames of a film in YUV4MPEG2.
fn shape(file: &Path) -> (usize, usize, usize) {
    let bytes = std::fs::read(file).unwrap();
    let end = bytes.iter().position(|b| *b == b'\n').unwrap();
    let header = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let side = |letter| {
        header.split(' ').find_map(|word| word.strip_prefix(letter)).unwrap().parse().unwrap()
    };
    let (width, height): (usize, usize) = (side('W'), side('H'));
    let frame = "FRAME\n".len() + 3 * width * height;
    assert_eq!((bytes.len() - end - 1) % frame, 0, "{header}");
    (width, height, (bytes.len() - end - 1) / frame)
}

/// A window whose recorder tab is shown, and that films into a folder beside `recordings`.
fn filming(recordings: &Path, view: View) -> Shown {
    let mut w = window(&Script::default());
    w.settings.folder = Some(recordings.to_owned());
    (w.settings.side, w.settings.tab, w.settings.view) = (true, Tab::Recorder, view);
    w.film.extension = ".y4m";
    let mut w = shown_at(w, 1240.0, 900.0);
    until(&mut w, "a restored picture", |w| w.player.is_restored());
    w.run_steps(2);
    w
}

#[test]
fn the_view_is_filmed_in_its_layout_until_it_is_stopped() {
    for (view, width) in [(View::SideBySide, 132), (View::Wipe, 64), (View::Restored, 64)] {
        let base = tempfile::tempdir().unwrap();
        let mut w = filming(&base.path().join("r"), view);
        click(&mut w, "Record film");
        until(&mut w, "ten frames", |w| w.film.progress().is_some_and(|p| p.frames >= 10));
        w.run_steps(1);
        assert!(shows(&w, "in the film"));
        click(&mut w, "Stop film");
        until(&mut w, "the film", |w| w.film.progress().is_none());
        w.run_steps(2);
        assert!(shows(&w, "Film of "));
        let (w_px, h_px, frames) = shape(&only_file(&base.path().join("r films")));
        assert_eq!((w_px, h_px), (width, 48), "{view:?}");
        assert!(frames >= 10);
    }
}

#[test]
fn pauses_are_not_filmed_and_closing_the_window_completes_the_film() {
    let base = tempfile::tempdir().unwrap();
    let mut w = filming(&base.path().join("r"), View::Restored);
    click(&mut w, "Record film");
    until(&mut w, "a frame", |w| w.film.progress().is_some_and(|p| p.frames >= 1));
    press(&mut w, Key::Space);
    // Frames in flight still arrive, however long that takes.
    let frames_so_far = |w: &Shown| w.state().film.progress().unwrap().frames;
    let mut frames = 0;
    while frames < frames_so_far(&w) {
        frames = frames_so_far(&w);
        std::thread::sleep(Duration::from_millis(300));
        w.run_steps(4);
        std::thread::sleep(Duration::from_millis(300));
    }
    w.run_steps(20);
    assert_eq!(frames_so_far(&w), frames);
    w.state_mut().end();
    assert_eq!(shape(&only_file(&base.path().join("r films"))), (64, 48, frames as usize));
}

#[test]
fn a_film_that_cannot_be_written_reports_why() {
    let base = tempfile::tempdir().unwrap();
    // A file where the folder of films would be.
    std::fs::write(base.path().join("r films"), b"").unwrap();
    let mut w = filming(&base.path().join("r"), View::Restored);
    click(&mut w, "Record film");
    until(&mut w, "the end", |w| w.film.progress().is_none());
    w.run_steps(2);
    assert!(shows(&w, "No film: "));
}

#[test]
fn recordings_are_exported_as_a_film() {
    let base = tempfile::tempdir().unwrap();
    let recordings = base.path().join("recordings");
    sequence(&recordings, "desk", 3);
    std::fs::write(recordings.join("desk/desk_00001.npz"), b"damaged").unwrap();
    let mut w = browsing(&recordings, 1);
    click(&mut w, "Recording desk");
    click(&mut w, "Export...");
    click(&mut w, "Film (mp4)");
    assert!(shows(&w, "Export 1 recording as a film"));
    for on in [false, true] {
        click(&mut w, "Reblur");
        assert_eq!(w.state().settings.reblur, on);
    }
    let file = base.path().join("films/desk.y4m");
    w.state_mut().dialogs.export.set_film(&file);
    w.run_steps(2);
    click(&mut w, "Export");
    until(&mut w, "the end", |w| w.dialogs.export.progress().is_none());
    w.run_steps(3);
    assert!(shows(&w, "Film of 32 frames, 1.3 s"));
    assert!(shows(&w, "desk_00001.npz is skipped"));
    // Two pictures of 32 pixels side by side; 8 instants of two exposures of two files.
    assert_eq!(shape(&file), (68, 16, 32));
    click(&mut w, "Done");
}

#[test]
fn a_film_that_exists_is_not_replaced() {
    let base = tempfile::tempdir().unwrap();
    let recordings = base.path().join("recordings");
    sequence(&recordings, "desk", 1);
    let file = base.path().join("desk.y4m");
    std::fs::write(&file, b"another").unwrap();
    let mut w = browsing(&recordings, 1);
    click(&mut w, "Recording desk");
    click(&mut w, "Export...");
    click(&mut w, "Film (mp4)");
    w.state_mut().dialogs.export.set_film(&file);
    w.run_steps(2);
    click(&mut w, "Export");
    until(&mut w, "the end", |w| w.dialogs.export.progress().is_none());
    w.run_steps(3);
    assert!(shows(&w, "the file exists"));
    click(&mut w, "Back to options");
    assert_eq!(std::fs::read(&file).unwrap(), b"another");
}
