//! The frame rate that the recorder and a disk sustain: `cargo run --release --no-default-features
//! --example record_rate -- FOLDER`.
//!
//! First 1152x768 in color at 30 frames per second with 3.4 million events per second for ten
//! seconds, as from a rig; then as fast as possible, each exposure waiting for the previous one.

use gem_live::camera::Drops;
use gem_live::event::Event;
use gem_live::formats::npz::Packing;
use gem_live::image::{ImageU8, Size};
use gem_live::rig::sync::{SyncedExposure, TimedFrame};
use gem_live::sequence::SessionInfo;
use gem_live::sequence::recorder::{Disk, RecordSettings, Recorder};
use gem_live::time::Timestamp;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

const IMAGE: Size = Size::new(1152, 768);
const SENSOR: Size = Size::new(288, 192);
const PERIOD_US: i64 = 33_333;
/// Events per frame: 3.4 million per second.
const EVENTS: i64 = 113_333;

/// An exposure that follows the previous one without a gap: an image with camera noise, which does
/// not compress well, and events all over the sensor.
fn exposure(index: u64, picture: &ImageU8) -> Arc<SyncedExposure> {
    let start_us = index as i64 * PERIOD_US;
    let mut state = index + 1;
    let events = (0..EVENTS).map(|i| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        Event {
            t_us: start_us + i * PERIOD_US / EVENTS,
            x: ((state >> 33) % 288) as u16,
            y: ((state >> 48) % 192) as u16,
            polarity: state >> 63 == 1,
        }
    });
    Arc::new(SyncedExposure {
        frame: TimedFrame {
            epoch: 0,
            sequence: index,
            start: Timestamp::from_us(start_us),
            end: Timestamp::from_us(start_us + PERIOD_US),
            arrived: Timestamp::now(),
            picture: picture.clone(),
            truth: None,
            contrast: None,
        },
        index,
        events: events.collect(),
        from: Timestamp::from_us(start_us),
        missing: Vec::new(),
        lossy: false,
        frames_missing: 0,
        sensor: SENSOR,
    })
}

fn run(
    folder: &Path,
    packing: Packing,
    frames: u64,
    paced: bool,
    picture: &ImageU8,
) -> Result<(), Box<dyn Error>> {
    let settings = RecordSettings { frames: None, packing, ..RecordSettings::default() };
    let drops = Drops::default();
    let recorder =
        Recorder::start(folder, SessionInfo::default(), settings, drops, Box::new(Disk))?;
    let begin = Instant::now();
    let mut longest = 0;
    for index in 0..frames {
        let synced = exposure(index, picture);
        if paced {
            let due = begin + Duration::from_micros(index * PERIOD_US as u64);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        } else {
            while recorder.progress().waiting > 8 {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        recorder.push(synced);
        longest = longest.max(recorder.progress().waiting);
    }
    let progress = recorder.finish();
    let seconds = begin.elapsed().as_secs_f64();
    println!(
        "{packing:?}, {}: {:.1} frames/s, {:.0} MB/s, {} lost, at most {longest} waiting",
        if paced { "30 frames/s" } else { "as fast as it goes" },
        progress.pairs as f64 * 2.0 / seconds,
        progress.bytes as f64 / 1e6 / seconds,
        progress.lost,
    );
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let base = PathBuf::from(std::env::args().nth(1).ok_or("usage: record_rate FOLDER")?);
    let mut state = 1_u64;
    let mut noisy = |i: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        // A gradient with four bits of noise.
        ((i % 1152 / 6) as u64 + (state >> 60)) as u8
    };
    let data = (0..3 * IMAGE.area()).map(&mut noisy).collect();
    let picture = ImageU8::new(3, IMAGE, data)?;
    for (packing, frames) in [(Packing::Stored, 300), (Packing::Deflated(1), 120)] {
        for paced in [true, false] {
            run(&base.join("record_rate"), packing, frames, paced, &picture)?;
        }
    }
    Ok(())
}
