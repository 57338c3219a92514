//! A folder of pictures with text files of events and of times. The input is both files: the times
//! begin after the first line `--`.

#![no_main]

use gem_live::sequence::import::{FrameExposure, ImportOptions, check, foreign_at, pair};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let folder = gem_live_fuzz::folder();
    for name in ["a_1.png", "a_2.png"] {
        if !folder.join(name).exists() {
            image::GrayImage::new(24, 16).save(folder.join(name)).expect("a temporary file");
        }
    }
    let mark = b"\n--\n";
    let at = data.windows(mark.len()).position(|w| w == mark).unwrap_or(data.len());
    let (events, times) = data.split_at(at);
    gem_live_fuzz::file("events.csv", events);
    gem_live_fuzz::file("times.csv", times.get(mark.len()..).unwrap_or(b"1000\n9000\n"));
    let options =
        ImportOptions { exposure: Some(FrameExposure::Us(5000)), ..ImportOptions::default() };
    for source in foreign_at(folder) {
        let Ok(mut recording) = source.open(&options) else { continue };
        let _ = (check(recording.as_ref()), recording.skipped());
        let _ = pair(recording.as_mut(), "input", 0);
    }
});
