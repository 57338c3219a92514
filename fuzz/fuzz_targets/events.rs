//! The events of a recording whose other arrays are valid: the input is the .npy file of the events.

#![no_main]

use gem_live::formats::npy::write;
use gem_live::formats::npz::{NpzWriter, Packing};
use gem_live::sequence::Pair;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let image = write("|u1", &[1, 16, 16], &[7; 256]);
    let time = |us: i64| write("<i8", &[], &us.to_le_bytes());
    let arrays = [
        ("blur1", image.clone()),
        ("blur2", image),
        ("exp_start1", time(0)),
        ("exp_end1", time(1000)),
        ("exp_start2", time(1000)),
        ("exp_end2", time(2000)),
        ("scale_factor", time(1)),
    ];
    let mut file = Vec::new();
    let mut npz = NpzWriter::new(&mut file, Packing::Stored);
    for (name, bytes) in &arrays {
        npz.add(name, [bytes.as_slice()]).expect("memory");
    }
    npz.add("events", [data]).expect("memory");
    npz.finish().expect("memory");
    let _ = Pair::from_bytes(&file);
});
