//! AEDAT4 files of other people: several cameras, computed frames, regions, clocks that are set
//! back, unusual frames, headers that lack something, damage.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

mod clocks;
mod damage;
mod frames;
mod geometry;
mod streams;

use crate::aedat4::{Frame, Stream, Writer, stream};
use crate::playback::{self, ONCE};
use gem_live::camera::split::StreamKind;
use gem_live::camera::{DropCause, DropUnit, Drops, Status};
use gem_live::event::Event;
use gem_live::image::Size;
use gem_live::rig::sync::{SyncSettings, SyncedExposure};
use gem_live::sequence::replay::{Replay, ReplayOptions};
use std::path::{Path, PathBuf};

const SENSOR: Size = Size::new(48, 32);
/// A time as cameras state it: microseconds since 1970.
const T0: i64 = 1_700_000_000_000_000;
const PERIOD_US: i64 = 20_000;
const EXPOSURE_US: i64 = 15_000;

/// Where the recording lies.
fn file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recording.aedat4");
    (folder, path)
}

/// Events of one period, everywhere on the sensor, `mark` in their polarity and phase.
fn events(from_us: i64, mark: bool) -> Vec<Event> {
    let at = |i: i64| Event {
        t_us: from_us + i * 10 + i64::from(mark),
        x: (i * 7 % 48) as u16,
        y: (i * 5 % 32) as u16,
        polarity: mark,
    };
    (0..PERIOD_US / 10).map(at).collect()
}

/// A gray frame of the whole sensor whose pixels follow from a number.
fn frame(t_us: i64, number: u8) -> Frame {
    let pixels = (0..SENSOR.area()).map(|i| (i as u8).wrapping_mul(3).wrapping_add(number));
    Frame {
        t_us,
        exposure_us: EXPOSURE_US,
        format: 0,
        size: (48, 32),
        position: (0, 0),
        source: 1,
        pixels: pixels.collect(),
    }
}

fn one_camera() -> [Stream; 2] {
    [stream(0, "EVTS", "DAVIS346_1"), stream(1, "FRME", "DAVIS346_1")]
}

/// Writes periods with events and a frame each, beginning at these times.
fn periods(writer: &mut Writer, starts_us: &[i64]) {
    for (i, start) in starts_us.iter().enumerate() {
        writer.events(0, &events(*start, false));
        writer.frame(1, &frame(*start, i as u8 * 10));
    }
}

struct Played {
    exposures: Vec<SyncedExposure>,
    drops: Drops,
    warnings: String,
    /// The message of a permanent failure.
    failure: Option<String>,
    title: String,
}

impl Played {
    fn starts(&self) -> Vec<i64> {
        self.exposures.iter().map(|e| e.span().from_us).collect()
    }

    /// Drops of this unit per cause.
    fn drops(&self, unit: DropUnit) -> Vec<(DropCause, u64)> {
        let all = self.drops.snapshot().into_iter().filter(|d| d.unit == unit);
        all.map(|d| (d.cause, d.count)).collect()
    }
}

fn play_as(path: &Path, options: &str, needed: Option<StreamKind>) -> Played {
    let argument = format!("x{options}");
    let (_, options) = ReplayOptions::split(argument.as_ref()).unwrap();
    let replay = Replay::new(path, ONCE).with_options(options).only(needed);
    let monitor = replay.monitor();
    let source = playback::stream(replay, Drops::default());
    let settings = SyncSettings { packet_timeout_us: 0, ..SyncSettings::default() };
    let exposures = playback::exposures(&source, settings);
    let (mut failure, mut title) = (None, String::new());
    while let Ok(status) = source.status.try_recv() {
        match status {
            Status::Failed(why) => failure = Some(why),
            Status::Connected(identity, _) => title = identity.model,
            _ => {}
        }
    }
    let (drops, warnings) = (source.drops.clone(), monitor.warnings().join("\n"));
    Played { exposures, drops, warnings, failure, title }
}

fn play(path: &Path, options: &str) -> Played {
    play_as(path, options, None)
}

/// Why a recording is refused.
fn refusal(path: &Path, options: &str) -> String {
    let played = play(path, options);
    assert!(played.exposures.is_empty());
    played.failure.unwrap()
}
