//! How long cropping and scaling of a frame blocks the rig thread:
//! `cargo bench --no-default-features --bench align`.

#![allow(missing_docs, reason = "criterion's macros create undocumented items")]
#![allow(clippy::unwrap_used, reason = "a bench may fail by panicking")]

use criterion::{Criterion, criterion_group, criterion_main};
use gem_live::image::{ImageU8, Size};
use gem_live::rig::align::{Alignment, Crop, FrameCrop, Side, Target, Warp};

fn frames(c: &mut Criterion) {
    let target = Target::MS_RBD;
    let mut group = c.benchmark_group(format!("crop and scale to {}", target.image()));
    // Sizes of common sensors, and the target itself at a fraction of a pixel.
    for source in [Size::new(1160, 776), Size::new(1440, 1080), Size::new(2448, 2048)] {
        let width = source.width as f64 - 7.3;
        let crop = Crop { x: 3.6, y: 2.8, width, height: width * 768.0 / 1152.0 };
        let warp = Warp {
            events: Side::from(target.sensor()),
            frames: Side::from(source),
            homography: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
            event_radial: [0.0; 2],
            frame_radial: [0.0; 2],
        };
        let alignment = Alignment { warp, crop, target, residual: Default::default() };
        let cropped = FrameCrop::new(&alignment);
        let mut picture = ImageU8::filled(true, source, 0);
        picture.data_mut().iter_mut().enumerate().for_each(|(i, v)| *v = (i * 7 % 251) as u8);
        group.bench_function(format!("colour frame of {source}"), |b| {
            b.iter(|| cropped.apply(&picture).unwrap());
        });
    }
}

criterion_group!(benches, frames);
criterion_main!(benches);
