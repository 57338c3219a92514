//! Files that `gem-live import` reads: HDF5, bags of ROS 1, MCAP.

#![no_main]

use gem_live::sequence::import::{FrameExposure, ImportOptions, check, foreign_at, pair};

/// Pairs that are made of an input.
const MAX_PAIRS: usize = 3;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let path = gem_live_fuzz::file("recording", data);
    let options =
        ImportOptions { exposure: Some(FrameExposure::Us(5000)), ..ImportOptions::default() };
    for source in foreign_at(&path) {
        let Ok(mut recording) = source.open(&options) else { continue };
        let _ = (check(recording.as_ref()), recording.skipped(), recording.remarks().len());
        for number in 0..MAX_PAIRS.min(recording.frames().len() / 2) {
            let _ = pair(recording.as_mut(), "input", number);
        }
    }
});
