//! AEDAT 4 recordings: the index and every packet.

#![no_main]

use gem_live::formats::aedat4::{Aedat4Error, Reader};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let path = std::env::temp_dir().join(format!("gem-live-fuzz-{}.aedat4", std::process::id()));
    std::fs::write(&path, data).expect("a temporary file");
    let Ok(mut reader) = Reader::open(&path) else { return };
    let _ = reader.index();
    for _ in 0..1000 {
        match reader.next_part() {
            Ok(Some(_)) | Err(Aedat4Error::Packet(..)) => {}
            Ok(None) | Err(_) => return,
        }
    }
});
