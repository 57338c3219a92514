//! The transport row, driven through its widgets, with a recording of the simulated rig.

use super::*;
use crate::live::Playback;
use crate::sequence::SessionInfo as About;
use crate::sequence::recorder::RecordSettings;
use std::path::{Path, PathBuf};

/// Frames of the recording.
const FRAMES: u64 = 8;

/// Records the simulated rig into a folder in `base`; returns the folder.
fn make_recording(base: &Path) -> PathBuf {
    let folder = base.join("desk");
    let rig_handle = RigHandle::default();
    let name: SourceName = "sim:64x48,seed=3".parse().unwrap();
    let mut source =
        crate::live::open(&name.into(), Playback::Loop, &rig_handle, |_| Ok(())).unwrap();
    let about = About { scene: "desk".into(), ..About::default() };
    let settings = RecordSettings { frames: Some(FRAMES), ..RecordSettings::default() };
    rig_handle.record(&folder, about, settings).unwrap();
    let start = Instant::now();
    while rig_handle.progress().is_some_and(|p| p.ending.is_none()) {
        assert!(start.elapsed() < Duration::from_secs(30), "the recording does not end");
        source.next(Duration::from_millis(20)).unwrap();
    }
    assert_eq!(rig_handle.stop().unwrap().exposures, FRAMES);
    folder
}

/// Start of the shown exposure on the recording's clock, in microseconds.
fn shown_us(w: &App) -> Option<i64> {
    Some(w.player.latest.as_ref()?.captured.exposure.span.start_us.round() as i64)
}

/// The shown frame; its pixels identify it.
fn picture(w: &App) -> Option<ImageU8> {
    Some(w.player.latest.as_ref()?.captured.picture.clone())
}

/// A window that plays the recording.
fn playing(folder: &Path) -> Shown {
    let mut w = shown(window(&Script::default()));
    w.state_mut().open(SourceName::replay(folder).into());
    until(&mut w, "the recording", |w| {
        w.player.latest.is_some() && w.session.transport().is_some()
    });
    w.run_steps(2);
    w
}

/// All frames of the recording in order.
fn frames(folder: &Path) -> Vec<ImageU8> {
    let files = crate::sequence::find_npz_files(&[folder.to_owned()]);
    let pairs = files.into_iter().map(|f| crate::sequence::Pair::read(&f.unwrap()).unwrap());
    pairs.flat_map(|pair| pair.frames).collect()
}

fn position(w: &App) -> f64 {
    w.session.transport().unwrap().position
}

#[test]
fn a_recording_can_be_paused_stepped_and_sought() {
    let base = tempfile::tempdir().unwrap();
    let folder = make_recording(base.path());
    let all = frames(&folder);
    assert_eq!(all.len() as u64, FRAMES);
    let mut w = playing(&folder);
    click(&mut w, "Pause");
    until(&mut w, "the pause", |w| w.session.transport().is_some_and(|t| t.paused));
    // Seek to the middle, right after that to the beginning, and step from there: frames in
    // flight from the middle must not be shown as the beginning.
    w.get_by_label("Position").set_value_accesskit(0.5);
    w.run_steps(3);
    until(&mut w, "its position", |w| position(w) > 0.3);
    w.run_steps(2);
    w.get_by_label("Position").set_value_accesskit(0.0);
    w.run_steps(3);
    until(&mut w, "the first frame", |w| picture(w).as_ref() == Some(&all[0]));
    for frame in &all[1..4] {
        click(&mut w, "Step forward");
        until(&mut w, "the next frame", |w| picture(w).as_ref() == Some(frame));
    }
    click(&mut w, "Step back");
    until(&mut w, "the frame before", |w| picture(w).as_ref() == Some(&all[2]));
    // While paused the picture does not change.
    std::thread::sleep(Duration::from_millis(300));
    w.run_steps(4);
    assert_eq!(picture(w.state()).as_ref(), Some(&all[2]));
    // Seek to the last frame; in a loop the first one follows it.
    w.get_by_label("Position").set_value_accesskit(1.0);
    w.run_steps(3);
    until(&mut w, "the last frame", |w| picture(w).as_ref() == all.last());
    until(&mut w, "its position", |w| position(w) > 0.8);
    w.run_steps(2);
    click(&mut w, "Step forward");
    until(&mut w, "the first frame", |w| picture(w).as_ref() == Some(&all[0]));
    click(&mut w, "Play");
    until(&mut w, "playing", |w| w.session.transport().is_some_and(|t| !t.paused));
    until(&mut w, "another frame", |w| picture(w).as_ref() != Some(&all[0]));
    assert!(shown_us(w.state()).is_some() && !w.state().player.paused);
}

#[test]
fn a_recording_restarts_if_it_loops_and_stops_at_its_end_otherwise() {
    let base = tempfile::tempdir().unwrap();
    let folder = make_recording(base.path());
    let all = frames(&folder);
    let mut w = playing(&folder);
    let loops = |w: &App| super::super::panels::transport_row::loops(&w.session);
    until(&mut w, "its controls", |w| loops(w) == Some(true));
    w.run_steps(2);
    choose_speed(&mut w, "10x");
    // It returns to the beginning by itself.
    until(&mut w, "the end", |w| position(w) > 0.6);
    until(&mut w, "the beginning", |w| position(w) < 0.4);
    click(&mut w, "Loop");
    until(&mut w, "no loop", |w| loops(w) == Some(false));
    until(&mut w, "the last frame", |w| picture(w).as_ref() == all.last());
    std::thread::sleep(Duration::from_millis(500));
    w.run_steps(4);
    assert_eq!(picture(w.state()).as_ref(), all.last(), "it stays at its end");
    click(&mut w, "Loop");
    until(&mut w, "the first half again", |w| position(w) < 0.4);
}

fn choose_speed(w: &mut Shown, speed: &str) {
    click(w, "Speed");
    w.run_steps(3);
    click(w, speed);
    let wanted: f64 = speed.trim_end_matches('x').parse().unwrap();
    let same = move |w: &App| w.session.transport().is_some_and(|t| t.speed == wanted);
    until(w, "the speed", same);
    w.run_steps(2);
}

#[test]
fn every_offered_speed_can_be_selected() {
    let base = tempfile::tempdir().unwrap();
    let mut w = playing(&make_recording(base.path()));
    for speed in ["0.1x", "0.25x", "0.5x", "2x", "10x", "1x"] {
        choose_speed(&mut w, speed);
        assert!(w.query_by_label("Speed").is_some());
    }
    assert!(w.state().session.notices().is_empty());
}
