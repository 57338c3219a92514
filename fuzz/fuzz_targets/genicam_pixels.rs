//! Images of GenICam cameras: the first bytes give pixel format, size and padding of the rest.

#![no_main]

use gem_live::camera::drivers::genicam::pixels::{Decoder, FORMATS};
use gem_live::image::Size;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some(([format, width, height, padding], pixels)) = data.split_first_chunk::<4>() else {
        return;
    };
    let format = FORMATS[usize::from(*format) % FORMATS.len()];
    let size = Size::new(usize::from(*width), usize::from(*height));
    let _ = Decoder::default().decode(format, size, usize::from(*padding), pixels);
});
