//! The metadata of recordings, `session.json`.

#![no_main]

use gem_live::sequence::{MANIFEST, Manifest};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let folder = std::env::temp_dir().join(format!("gem-live-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    std::fs::write(folder.join(MANIFEST), data).expect("a temporary file");
    if let Ok(manifest) = Manifest::read(&folder) {
        let _ = (manifest.began(), manifest.cameras(), manifest.event_camera());
        let _ = gem_live::sequence::catalog::read(&folder).map(|s| s.lost_frames());
    }
});
