//! Recordings: whatever the bytes, an error and no panic.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = gem_live::sequence::Pair::from_bytes(data);
});
