//! Arrays: headers, structured types, matrices.

#![no_main]

use gem_live::formats::npy::{Content, open, read};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = read(data, 1 << 16);
    if let Ok(Content::Numbers(view)) = open(data) {
        let count = view.count().min(64);
        let _ = (0..count).map(|i| (view.float(i), view.integer(i))).count();
        let _ = view.line(1, 0);
    }
});
