//! DV's live stream: the header and every packet.

#![no_main]

use gem_live::formats::aedat4::LivePackets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(mut packets) = LivePackets::start(data) else { return };
    let _ = packets.streams().len();
    while packets.read_packet().is_ok() {}
});
