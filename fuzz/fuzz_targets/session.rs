//! The metadata of recordings, `session.json`.

#![no_main]

use gem_live::sequence::{MANIFEST, Manifest};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    gem_live_fuzz::file(MANIFEST, data);
    let folder = gem_live_fuzz::folder();
    if let Ok(manifest) = Manifest::read(folder) {
        let _ = (manifest.began(), manifest.cameras(), manifest.event_camera());
        let _ = gem_live::sequence::catalog::read(folder).map(|s| s.lost_frames());
    }
});
