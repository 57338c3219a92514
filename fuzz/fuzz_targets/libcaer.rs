//! A packet of libcaer: its header and everything in it.

#![no_main]

use gem_live::camera::drivers::davis::parse_packet;

libfuzzer_sys::fuzz_target!(|data: &[u8]| parse_packet(data));
