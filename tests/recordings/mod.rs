//! Small recordings to train on, valid and invalid ones.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "every test uses some; a test may fail by panicking"
)]

use gem_live::event::Event;
use gem_live::image::{ImageU8, Size};
use gem_live::sequence::{GroundTruth, Pair};
use rand::{Rng, SeedableRng};
use std::path::Path;

/// A pair of `side x side` frames with `side / scale` event pixels a side, and one sharp image.
pub fn sized(seed: u64, side: usize, scale: usize) -> Pair {
    let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
    let size = Size::new(side, side);
    let mut frame = || {
        let data =
            (0..3 * side * side).map(|i| (i % side * 3) as u8 ^ rng.random_range(0..32)).collect();
        ImageU8::new(3, size, data).unwrap()
    };
    let frames = [frame(), frame()];
    let truth = GroundTruth { images: vec![frame()], timestamps_us: vec![5_000] };
    let pixels = (side / scale) as u16;
    let mut events: Vec<Event> = (0..800)
        .map(|_| Event {
            t_us: rng.random_range(0..25_000),
            x: rng.random_range(0..pixels),
            y: rng.random_range(0..pixels),
            polarity: rng.random(),
        })
        .collect();
    events.sort_by_key(|e| e.t_us);
    let exposures_us = [[0, 10_000], [15_000, 25_000]];
    Pair { frames, exposures_us, events, scale_factor: scale as f64, truth: Some(truth) }
}

/// A pair of 64x64 frames with 32x32 event pixels.
pub fn pair(seed: u64) -> Pair {
    sized(seed, 64, 2)
}

pub fn write(folder: &Path, name: &str, pair: &Pair) {
    gem_live::formats::atomic_file::write(&folder.join(name), &pair.to_bytes().unwrap()).unwrap();
}

/// Invalid recordings: the file name, and a part of the reason for skipping it.
pub const BAD: [(&str, &str); 4] = [
    ("no_events.npz", "no events during the first exposure"),
    ("storm.npz", "hot pixel"),
    ("torn.npz", ""),
    ("uneven.npz", "exposures of different lengths"),
];

/// Writes one recording of every kind of [`BAD`], of the size of [`pair`].
pub fn write_bad(folder: &Path) {
    let mut still = pair(10);
    still.events.retain(|e| e.t_us > 10_000);
    write(folder, "no_events.npz", &still);
    let mut uneven = pair(11);
    uneven.exposures_us = [[0, 10_000], [15_000, 20_000]];
    uneven.events.retain(|e| e.t_us < 20_000);
    write(folder, "uneven.npz", &uneven);
    let mut storm = pair(12);
    storm.events.extend((0..1200).map(|i| Event { t_us: i * 20, x: 3, y: 4, polarity: true }));
    storm.events.sort_by_key(|e| e.t_us);
    write(folder, "storm.npz", &storm);
    gem_live::formats::atomic_file::write(&folder.join("torn.npz"), b"PK\x03\x04 and no more")
        .unwrap();
}
