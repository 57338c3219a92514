//! The steps of the alignment dialog, with two fake cameras that see a moving board.

use super::boards::{EVENTS, FRAMES, event_camera, frame_camera, poses, rig};
use super::*;
use crate::camera::{
    ControlError, Device, DeviceError, DeviceSelector, Driver, Drops, EventPacket, FramePacket,
    FrameTiming, Identity, Packet, Value,
};
use crate::gui::dialogs::Dialog;
use crate::live::{CameraChoice, RigSource};
use crate::rig::RigSettings;
use crate::rig::align::store::{Pair, load};
use crate::time::Timestamp;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Frame interval, in microseconds.
const INTERVAL_US: i64 = 100_000;
/// Exposure time, in microseconds.
const EXPOSURE_US: i64 = 20_000;
/// Number of views that the test shows: fewer than the search wants.
const VIEWS: usize = 3;

/// A camera that sees the board at position `pose`; index `VIEWS` shows no board.
#[derive(Clone)]
struct BoardCamera {
    serial: &'static str,
    pictures: Arc<Vec<ImageU8>>,
    pose: Arc<AtomicUsize>,
    /// Common start of both cameras' clocks.
    zero: Instant,
    /// It outputs events too, which are not evaluated.
    events: bool,
    sequence: u64,
    /// Events have been delivered up to this time, in microseconds.
    delivered_us: i64,
}

impl BoardCamera {
    fn us(&self) -> i64 {
        self.zero.elapsed().as_micros() as i64
    }
}

impl Driver for BoardCamera {
    fn open(&self, _: &DeviceSelector, _: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        Ok(Box::new(self.clone()))
    }
}

impl Device for BoardCamera {
    fn identity(&self) -> Identity {
        Identity { model: "fake".into(), serial: self.serial.into(), firmware: String::new() }
    }

    fn controls(&self) -> Vec<camera::Control> {
        Vec::new()
    }

    fn set(&mut self, name: &str, _: &Value) -> Result<(), ControlError> {
        Err(ControlError::Unknown(name.into()))
    }

    fn poll(&mut self, _: Duration, out: &mut Vec<Packet>) -> Result<(), DeviceError> {
        std::thread::sleep(Duration::from_millis(10));
        let (now, stamp) = (self.us(), Timestamp::from_us);
        if self.events {
            let middle = Event { t_us: self.delivered_us, x: 170, y: 130, polarity: true };
            out.push(Packet::Events(EventPacket {
                epoch: 0,
                from: stamp(self.delivered_us),
                until: stamp(now),
                arrived: Timestamp::now(),
                events: vec![middle].into(),
                edges: Vec::new(),
                sensor: EVENTS,
                lost_since: None,
            }));
            self.delivered_us = now;
        }
        let start = self.sequence as i64 * INTERVAL_US;
        if now >= start + EXPOSURE_US {
            out.push(Packet::Frame(FramePacket {
                epoch: 0,
                sequence: self.sequence,
                timing: FrameTiming::Events {
                    start: stamp(start),
                    end: stamp(start + EXPOSURE_US),
                },
                arrived: Timestamp::now(),
                picture: self.pictures[self.pose.load(Ordering::Relaxed)].clone(),
                truth: None,
                contrast: None,
            }));
            self.sequence += 1;
        }
        Ok(())
    }
}

/// A window with these two cameras, which stores alignments in `folder`.
fn board_window(folder: &Path, pose: &Arc<AtomicUsize>) -> Shown {
    let truth = rig(EVENTS, FRAMES, true);
    let (frames, events) = (frame_camera(0.8, 0.01), event_camera(truth, 0.6, 0.015));
    let drawn = |camera: &super::boards::Camera<'_>| {
        let some = poses().into_iter().take(VIEWS).zip(7..);
        let mut all: Vec<_> = some.map(|(p, seed)| camera.draw(&p, FRAMES, seed)).collect();
        // The last picture shows no board.
        all.push(ImageU8::filled(false, camera.size, 90));
        all
    };
    let [frames, events] =
        [(&frames, "F1"), (&events, "E2")].map(|(camera, serial): (_, &'static str)| BoardCamera {
            serial,
            pictures: Arc::new(drawn(camera)),
            pose: pose.clone(),
            zero: Instant::now(),
            events: serial == "E2",
            sequence: 0,
            delivered_us: 0,
        });
    // Both clocks start at the same moment.
    let events = BoardCamera { zero: frames.zero, ..events };
    let rig_handle = RigHandle::default();
    rig_handle.alignment().set_folder(folder.to_owned());
    let [frames, events] = [frames, events].map(CameraChoice::new);
    let settings = RigSettings::default();
    let source =
        RigSource::two("two".into(), frames, events, settings, rig_handle.clone()).unwrap();
    let recipe = recipe(recipe::opener(Default::default()));
    let pipeline = recipe.start(Box::new(source)).unwrap();
    let half = SourceName::davis(None);
    let name = Sources::Two { frames: half.clone(), events: half };
    let session = Session::new(pipeline, rig_handle, name, recipe, None);
    shown_at(App::new(session, None, None, Arc::new(|| ())), 1240.0, 720.0)
}

/// Whether the event overlay is shown.
fn shows_overlay(w: &Shown) -> bool {
    let name = "Event overlay";
    w.query_all_by_role_and_label(egui::Role::Image, name).next().is_some()
}

#[test]
fn a_board_shown_to_both_cameras_aligns_them_and_the_result_is_saved() {
    let folder = tempfile::tempdir().unwrap();
    let pose = Arc::new(AtomicUsize::new(0));
    let mut w = board_window(folder.path(), &pose);
    until(&mut w, "both cameras", |w| w.session.rig_handle.alignment().cameras().is_some());
    assert_eq!(w.state().player.latest.as_ref().unwrap().captured.picture.size(), FRAMES);
    press(&mut w, Key::A);
    assert!(shows(&w, "These cameras are not aligned"));
    click(&mut w, "Start");
    until(&mut w, "a view", |w| w.dialogs.alignment.progress().views == 1);
    w.run_steps(2);
    assert!(shows(&w, "Frame camera: board found") && shows(&w, "Event camera: board found"));
    assert!(shows(&w, "1 of 6 views"));
    pose.store(1, Ordering::Relaxed);
    until(&mut w, "another view", |w| w.dialogs.alignment.progress().views == 2);
    // The view is undone while the board is out of sight, and captured again.
    pose.store(VIEWS, Ordering::Relaxed);
    until(&mut w, "no board", |w| {
        let p = w.dialogs.alignment.progress();
        !p.in_frame && !p.in_events
    });
    click(&mut w, "Undo last view");
    until(&mut w, "one view less", |w| w.dialogs.alignment.progress().views == 1);
    w.run_steps(2);
    assert!(shows(&w, "Frame camera: no board") && shows(&w, "Event camera: no board"));
    pose.store(1, Ordering::Relaxed);
    until(&mut w, "the view again", |w| w.dialogs.alignment.progress().views == 2);
    pose.store(2, Ordering::Relaxed);
    until(&mut w, "the last view", |w| w.dialogs.alignment.progress().views == VIEWS);
    assert!(!shows_overlay(&w), "there is no result yet");
    click(&mut w, "Save and apply");
    assert_eq!(w.state().dialogs.open, Some(Dialog::Alignment), "there is nothing to save");
    click(&mut w, "Solve now");
    until(&mut w, "the solution", |w| w.dialogs.alignment.progress().residual.is_some());
    let residual = w.state().dialogs.alignment.progress().residual.unwrap();
    assert_eq!((residual.views, residual.corners), (VIEWS, 54 * VIEWS));
    assert!(residual.event_px < 0.1, "{residual}");
    w.run_steps(2);
    assert!(shows(&w, &format!("Residual: {residual}")));
    assert!(shows_overlay(&w), "the overlay for visual inspection");
    click(&mut w, "Save and apply");
    assert_eq!(w.state().dialogs.open, None);
    assert!(shows(&w, "Alignment applied and saved to"));
    let pair = Pair { frames: "F1".into(), events: "E2".into() };
    let stored = load(folder.path(), &pair).unwrap().unwrap();
    assert_eq!(stored.residual, residual);
    // From now on frames are on the common grid.
    until(&mut w, "an aligned frame", |w| {
        let outcome = w.player.latest.as_ref().unwrap();
        outcome.captured.picture.size() == stored.target.image()
            && outcome.captured.exposure.sensor == stored.target.sensor()
    });
    press(&mut w, Key::A);
    assert!(shows(&w, "These cameras are aligned"));
}
