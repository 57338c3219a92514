//! Weights of every format.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = gem_live::network::Weights::from_bytes(data);
});
