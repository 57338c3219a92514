//! Two cameras, one of which has no hardware timestamps, such as a webcam: image content determines
//! the delay as soon as the cameras are aligned, and not before.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use crate::played;

use crossbeam_channel::bounded;
use gem_live::camera::{Drops, Packet};
use gem_live::image::Size;
use gem_live::rig::align::{Alignment, Crop, Residual, Target, Warp};
use gem_live::rig::clock::SyncState;
use gem_live::rig::{Change, Input, Rig, RigSettings, Role};
use played::{Play, Sent, model, world};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};

const IMAGE: Size = Size::new(144, 96);
const SENSOR: Size = Size::new(72, 48);
/// Time from the closing of the shutter to the arrival of the frame.
const READOUT_US: i64 = 11_000;

/// The event camera is mounted upside down.
fn alignment() -> Alignment {
    let warp = Warp {
        events: SENSOR.into(),
        frames: IMAGE.into(),
        homography: [-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0],
        event_radial: [0.0; 2],
        frame_radial: [0.0; 2],
    };
    let crop = Crop { x: 0.0, y: 0.0, width: IMAGE.width as f64, height: IMAGE.height as f64 };
    let (target, residual) = (Target::new(IMAGE, 2).unwrap(), Residual::default());
    Alignment { warp, crop, target, residual }
}

/// Runs frames through a complete rig that is aligned from frame `aligned_from` on. Returns the
/// final state and the errors of the last 100 frames, in microseconds.
fn run(stamped: bool, frames: Range<usize>, aligned_from: usize) -> (SyncState, Vec<f64>) {
    let model = model(1);
    assert_eq!((model.image, model.sensor), (IMAGE, SENSOR));
    let world = world(model, 150);
    let play = Play { stamped, readout_us: READOUT_US, ..Play::new(model, &world) };
    // Zero capacity, so that packets of both cameras are received in the order of sending.
    let (to_frames, of_frames) = bounded(0);
    let (to_events, of_events) = bounded(0);
    let input = |packets, role| Input { packets, role, own_clock: true };
    let inputs = vec![input(of_frames, Role::Frames), input(of_events, Role::Events)];
    let starts = Arc::new(Mutex::new(HashMap::new()));
    let recorded = starts.clone();
    let rig = Rig::start(inputs, RigSettings::default(), Drops::default(), move |synced| {
        recorded.lock().unwrap().insert(synced.frame.sequence, synced.frame.start.us());
    });
    let rig = rig.unwrap();
    let mut expected = Vec::new();
    play.send(frames, |_, sent| match sent {
        Sent::Events(mut packet) => {
            for event in packet.events.iter_mut() {
                event.x = SENSOR.width as u16 - 1 - event.x;
                event.y = SENSOR.height as u16 - 1 - event.y;
            }
            to_events.send(Packet::Events(packet)).unwrap();
        }
        Sent::Frame(frame, _, start_us) => {
            if frame.sequence == aligned_from as u64 {
                rig.changes().send(Change::Align(Some(Arc::new(alignment()))));
            }
            expected.push((frame.sequence, start_us));
            to_frames.send(Packet::Frame(frame)).unwrap();
        }
    });
    drop((to_events, to_frames));
    while !rig.is_finished() {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let starts = starts.lock().unwrap();
    let last = &expected[expected.len() - 100..];
    let errors = last.iter().map(|(number, us)| (starts[number] - us) as f64).collect();
    (rig.state().sync, errors)
}

fn mean(errors_us: &[f64]) -> f64 {
    errors_us.iter().sum::<f64>() / errors_us.len() as f64
}

#[test]
fn frames_without_timestamps_are_timed_by_content_once_aligned() {
    // Upside down, the images do not match, and only arrival times remain.
    let (state, errors) = run(false, 0..300, usize::MAX);
    assert!(matches!(state, SyncState::Arrival { .. }), "{state:?}");
    assert!(mean(&errors) > READOUT_US as f64, "{:.0} us", mean(&errors));

    let (state, errors) = run(false, 0..450, 100);
    let SyncState::Content { residual_us, offset_us, .. } = state else { panic!("{state:?}") };
    println!("{:.0} us on average; {state:?}", mean(&errors));
    // Single frames are as uncertain as their arrival, but the delay itself is determined.
    assert!(mean(&errors).abs() < 1_000.0, "{:.0} us", mean(&errors));
    assert!(offset_us < -READOUT_US as f64 + 1_000.0 && residual_us < 4_000.0, "{state:?}");
}

#[test]
fn frames_with_timestamps_are_timed_by_content_once_aligned() {
    let (state, errors) = run(true, 0..450, 100);
    assert!(matches!(state, SyncState::Content { .. }), "{state:?}");
    let worst_us = errors.iter().map(|e| e.abs()).fold(0.0, f64::max);
    assert!(worst_us < 1_000.0, "{worst_us:.0} us");
}
