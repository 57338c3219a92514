//! Recordings played without loss and as fast as they can be read, and their exposures.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers too")]

use gem_live::camera::{
    CameraStream, DeviceSelector, Drops, FramePacket, FrameTiming, Packet, StreamSettings,
};
use gem_live::rig::sync::{SyncBuffer, SyncSettings, SyncedExposure, TimedFrame};
use gem_live::sequence::replay::{Replay, ReplaySettings, UNPACED};
use gem_live::time::Timestamp;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub const ONCE: ReplaySettings = ReplaySettings { looped: false, speed: UNPACED, end: true };

/// The stream of a recording; nothing is dropped, however slowly it is read.
pub fn stream(replay: Replay, drops: Drops) -> CameraStream {
    let lossless = StreamSettings { lossless: true, ..StreamSettings::default() };
    let selector = DeviceSelector::default();
    CameraStream::start("replay", Arc::new(replay), selector, lossless, drops).unwrap()
}

/// A frame of a recording, whose exposure is given on the events' clock.
pub fn timed(f: FramePacket) -> TimedFrame {
    let FrameTiming::Events { start, end } = f.timing else {
        panic!("no exposure: {:?}", f.timing)
    };
    TimedFrame {
        epoch: f.epoch,
        sequence: f.sequence,
        start,
        end,
        arrived: f.arrived,
        picture: f.picture,
        truth: f.truth,
        contrast: f.contrast,
    }
}

/// All exposures of a stream, until it ends. `max_wait_us` is ignored: nothing is given up.
pub fn exposures(stream: &CameraStream, settings: SyncSettings) -> Vec<SyncedExposure> {
    let settings = SyncSettings { max_wait_us: None, ..settings };
    let mut buffer = SyncBuffer::new(settings, stream.drops.clone());
    let mut out = Vec::new();
    let started = Instant::now();
    loop {
        assert!(started.elapsed() < Duration::from_secs(60), "the recording does not end");
        match stream.packets.recv_timeout(Duration::from_millis(20)) {
            Ok(Packet::Events(p)) => buffer.push_events(p),
            Ok(Packet::Frame(f)) => buffer.push_frame(timed(f)),
            Err(_) if stream.is_finished() && stream.packets.is_empty() => break,
            Err(_) => {}
        }
        out.extend(std::iter::from_fn(|| buffer.pop(Timestamp::now())));
    }
    out.extend(buffer.finish());
    out
}
