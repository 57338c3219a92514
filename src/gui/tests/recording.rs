//! Recording, browsing, playing and deleting with the simulated rig.

use super::*;
use crate::gui::settings::Tab;
use crate::sequence::StopReason;

/// A window with a small simulated rig, which records into `folder`.
fn rig(folder: &std::path::Path) -> Shown {
    let recipe = recipe(recipe::opener(Default::default()));
    let name: SourceName = "sim:64x48".parse().unwrap();
    let rig_handle = RigHandle::default();
    let source = (recipe.open)(&name.clone().into(), &rig_handle).unwrap();
    let pipeline = recipe.start(source).unwrap();
    let session = Session::new(pipeline, rig_handle, name.into(), recipe, None);
    let mut window = App::new(session, None, None, Arc::new(|| ()));
    window.settings.folder = Some(folder.to_owned());
    window.settings.scene = "desk".into();
    shown_at(window, 1240.0, 720.0)
}

#[test]
fn a_recording_can_be_made_listed_played_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let mut w = rig(folder.path());
    w.state_mut().settings.frames = 4;
    press(&mut w, Key::T);
    click(&mut w, "Start recording");
    until(&mut w, "the end", |w| w.recording.last().is_some());
    let (place, progress) = w.state().recording.last().unwrap().clone();
    assert_eq!((progress.pairs, progress.ending), (2, Some(StopReason::Complete)));
    w.run_steps(2);
    assert!(shows(&w, "Recorded 2 pairs"));
    click(&mut w, "All recordings");
    assert!(w.state().settings.tab == Tab::Recordings);
    until(&mut w, "the list", |w| w.panels.recordings.list.sequences().len() == 1);
    w.run_steps(2);
    let name = format!("Recording {}", place.file_name().unwrap().to_string_lossy());
    click(&mut w, &name);
    click(&mut w, "Play");
    assert_eq!(w.state().session.name, SourceName::replay(&place).into());
    until(&mut w, "a picture of the recording", |w| w.player.latest.is_some());
    w.run_steps(2);
    click(&mut w, "Delete...");
    assert_eq!(w.state().dialogs.open, None, "a recording that is being played cannot be deleted");
    w.state_mut().open(SourceName::clip().into());
    until(&mut w, "the clip", |w| w.player.latest.is_some());
    w.run_steps(2);
    click(&mut w, "Delete...");
    click(&mut w, "Cancel");
    assert!(place.join("session.json").exists());
    click(&mut w, "Delete...");
    click(&mut w, "Delete permanently");
    until(&mut w, "the deletion", |_| !place.exists());
    until(&mut w, "the empty list", |w| w.panels.recordings.list.sequences().is_empty());
}

#[test]
fn a_key_starts_and_stops_recording_and_the_source_cannot_change_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let mut w = rig(folder.path());
    w.state_mut().settings.open_ended = true;
    press(&mut w, Key::R);
    until(&mut w, "some frames", |w| {
        w.session.rig_handle.progress().is_some_and(|p| p.exposures >= 3)
    });
    let before = w.state().session.name.clone();
    w.state_mut().open(SourceName::clip().into());
    w.run_steps(2);
    assert_eq!(w.state().session.name, before);
    assert!(shows(&w, "Stop the recording before"));
    press(&mut w, Key::R);
    until(&mut w, "the end", |w| w.recording.last().is_some());
    let (place, progress) = w.state().recording.last().unwrap().clone();
    assert!(progress.pairs >= 1 && place.join("session.json").exists(), "{progress:?}");
    assert_eq!(progress.ending, Some(StopReason::Requested));
}

#[test]
fn closing_the_window_finishes_the_recording() {
    let folder = tempfile::tempdir().unwrap();
    let mut w = rig(folder.path());
    press(&mut w, Key::R);
    until(&mut w, "a pair", |w| w.session.rig_handle.progress().is_some_and(|p| p.pairs >= 1));
    w.state_mut().end();
    let found = crate::sequence::catalog::list(folder.path()).unwrap();
    assert_eq!(found.len(), 1);
    assert!(found[0].frames >= 2 && found[0].broken.is_empty(), "{:?}", found[0].broken);
}

#[test]
fn recording_an_unsuitable_source_shows_a_message() {
    let mut w = shown(window(&Script::default()));
    press(&mut w, Key::R);
    assert!(shows(&w, "cannot be recorded"));
    assert!(!w.state().recording.is_running(&w.state().session.rig_handle));
}
