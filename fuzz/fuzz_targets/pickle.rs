//! Pickles, in both dialects.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    use gem_live::formats::pickle::{Dialect, load};
    let _ = load(data, Dialect::Numpy);
    let _ = load(data, Dialect::Checkpoint);
});
