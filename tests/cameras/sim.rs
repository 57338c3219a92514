//! Sources without a device do what every camera must do: the simulated rig, the load generator and
//! recordings.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers too")]

use crate::aedat4::{Frame, Packing, Writer, stream};
use crate::conformance::{Bench, Cable, conforms};
use gem_live::camera::{Driver, DropCause, DropUnit};
use gem_live::event::Event;
use gem_live::image::{ImageU8, Size};
use gem_live::sequence::Pair;
use gem_live::sequence::replay::{Replay, ReplaySettings};
use gem_live::simulate::load_generator::{Load, LoadModel};
use gem_live::simulate::rig::RigModel;
use gem_live::simulate::sim_camera::Sim;
use std::path::Path;
use std::sync::Arc;

/// Time between two frames of a recording, in microseconds.
const PERIOD_US: i64 = 20_000;
/// Exposure time of its frames, in microseconds.
const EXPOSURE_US: i64 = 5_000;
/// Frames of a recording: two seconds, after which it starts again.
const FRAMES: i64 = 100;

/// A source of frames and events, which loses nothing by itself.
struct Source<D> {
    cable: Arc<Cable<D>>,
    has_serial_number: bool,
}

impl<D: Driver + 'static> Bench for Source<D> {
    fn driver(&self) -> Arc<dyn Driver> {
        self.cable.clone()
    }

    fn delivers(&self) -> (bool, bool) {
        (true, true)
    }

    fn has_serial_number(&self) -> bool {
        self.has_serial_number
    }

    fn plug(&self, present: bool) {
        self.cable.plug(present);
    }

    fn lose(&self) -> Option<(DropCause, DropUnit, u64)> {
        None
    }

    fn is_closed(&self) -> bool {
        self.cable.is_closed()
    }
}

/// A load or a recording.
fn without_serial_number<D: Driver>(driver: D) -> Source<D> {
    Source { cable: Arc::new(Cable::new(driver)), has_serial_number: false }
}

/// As long as the test takes, from the beginning again at its end.
fn play(path: &Path) -> Source<Replay> {
    without_serial_number(Replay::new(path, ReplaySettings::default()))
}

#[test]
fn simulated_rig_conforms() {
    let rig = Sim::new(RigModel::new(Size::new(64, 48), 5), true);
    conforms(&Source { cable: Arc::new(Cable::new(rig)), has_serial_number: true });
}

#[test]
fn load_conforms() {
    let model: LoadModel = "64x48@50,100k".parse().unwrap();
    conforms(&without_serial_number(Load::new(model)));
}

/// Events of a period, within the smallest sensor that is used.
fn events(from_us: i64, until_us: i64) -> impl Iterator<Item = Event> {
    let at = |t_us: i64| Event {
        t_us,
        x: (t_us % 16) as u16,
        y: (t_us % 8) as u16,
        polarity: t_us % 2 == 0,
    };
    (from_us..until_us).step_by(37).map(at)
}

#[test]
fn recorded_pairs_conform() {
    let folder = tempfile::tempdir().unwrap();
    let size = Size::new(32, 16);
    for number in 0..FRAMES / 2 {
        let first = 1_000_000 + 2 * number * PERIOD_US;
        let starts = [first, first + PERIOD_US];
        let picture = |value: u8| ImageU8::new(1, size, vec![value; size.area()]).unwrap();
        let pair = Pair {
            frames: [picture(40), picture(80)],
            exposures_us: starts.map(|start| [start, start + EXPOSURE_US]),
            events: events(first, first + PERIOD_US + EXPOSURE_US).collect(),
            scale_factor: 2.0,
            truth: None,
        };
        pair.write(&folder.path().join(format!("scene_{number:03}.npz"))).unwrap();
    }
    conforms(&play(folder.path()));
}

#[test]
fn aedat4_recording_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recording.aedat4");
    let streams = [stream(0, "EVTS", "DAVIS346_1"), stream(1, "FRME", "DAVIS346_1")];
    let mut writer = Writer::new(Packing::Lz4, &streams);
    for number in 0..FRAMES {
        let t_us = 1_000_000 + number * PERIOD_US;
        let frame = Frame {
            t_us,
            exposure_us: EXPOSURE_US,
            format: 0,
            size: (48, 32),
            position: (0, 0),
            source: 1,
            pixels: vec![number as u8; 48 * 32],
        };
        let events: Vec<Event> = events(t_us, t_us + PERIOD_US).collect();
        writer.events(0, &events).frame(1, &frame);
    }
    writer.write(&path, true);
    conforms(&play(&path));
}
