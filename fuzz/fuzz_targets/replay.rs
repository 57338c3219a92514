//! AEDAT 4 recordings as they are played: choice of the camera, order of the packets, regions.

#![no_main]

use gem_live::camera::{DeviceSelector, Driver, Drops};
use gem_live::sequence::replay::{Replay, ReplayOptions, ReplaySettings, UNPACED};
use std::time::Duration;

/// Calls in which an input must end or has been tried enough.
const MAX_POLLS: usize = 300;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let path = gem_live_fuzz::file("a.aedat4", data);
    let settings = ReplaySettings { looped: false, speed: UNPACED, end: true };
    // Of every second input the frames need an exposure.
    let exposure_us = (data.len() % 2 == 0).then_some(5000);
    let options = ReplayOptions { exposure_us, ..ReplayOptions::default() };
    let (selector, drops) = (DeviceSelector::default(), Drops::default());
    let replay = Replay::new(path, settings).with_options(options);
    let Ok(mut device) = replay.open(&selector, &drops) else { return };
    let mut packets = Vec::new();
    for _ in 0..MAX_POLLS {
        packets.clear();
        if device.poll(Duration::ZERO, &mut packets).is_err() {
            return;
        }
    }
});
