//! AEDAT 4 recordings: the index, the beginning of every packet and every packet.

#![no_main]

use gem_live::formats::aedat4::{Aedat4Error, Reader};

/// Packets that are read of an input.
const MAX_PACKETS: usize = 200;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let path = gem_live_fuzz::file("a.aedat4", data);
    let Ok(mut reader) = Reader::open(&path) else { return };
    if let Ok(index) = reader.index() {
        for place in index.packets.iter().take(MAX_PACKETS) {
            let _ = reader.peek(place.at);
        }
    }
    reader.rewind();
    for _ in 0..MAX_PACKETS {
        match reader.next_packet() {
            Ok(Some(_)) | Err(Aedat4Error::Packet { .. }) => {}
            Ok(None) | Err(_) => return,
        }
    }
});
