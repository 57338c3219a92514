//! Pickles of numpy and PyTorch.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = gem_live::formats::pickle::load(data);
});
