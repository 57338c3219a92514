//! How many seconds of the rig are simulated per second: `cargo bench --no-default-features --bench
//! sim [-- --threads 1]`.
//!
//! 1 is real time. Only the rendering on its own thread is measured: no camera, rig or display.

use gem_live::image::Size;
use gem_live::simulate::rig::{RigModel, RigWorld};
use std::time::{Duration, Instant};

/// Simulated time that is measured, after a warm-up period that touches all memory.
const STRETCH: Duration = Duration::from_secs(3);

/// Frame size, event sensor size, frames per second.
const RIGS: [(Size, Size, f64); 7] = [
    (Size::new(1152, 768), Size::new(288, 192), 15.0),
    (Size::new(1152, 768), Size::new(288, 192), 20.0),
    (Size::new(1152, 768), Size::new(288, 192), 30.0),
    (Size::new(640, 480), Size::new(320, 240), 30.0),
    (Size::new(346, 260), Size::new(173, 130), 30.0),
    (Size::new(288, 192), Size::new(144, 96), 15.0),
    (Size::new(288, 192), Size::new(144, 96), 60.0),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip_while(|a| a != "--threads").skip(1);
    if let Some(threads) = arguments.next() {
        rayon::ThreadPoolBuilder::new().num_threads(threads.parse()?).build_global()?;
    }
    println!("| frames | events | frames/s | Mev/s | ms a period | simulated s per s |");
    println!("|---|---|---|---|---|---|");
    for (image, sensor, fps) in RIGS {
        let period_us = (1e6 / fps) as i64;
        // An exposure of three fifths of the period, like the rig's 40 ms of 66.
        let exposure_us = (period_us * 3 / 5).min(period_us - 10_000);
        let model = RigModel { sensor, period_us, exposure_us, ..RigModel::new(image, 1) };
        let mut world = RigWorld::new(model)?;
        world.period()?;
        let periods = (STRETCH.as_secs_f64() * fps).round() as u32;
        let (mut events, started) = (0, Instant::now());
        for _ in 0..periods {
            events += world.period()?.events.len();
        }
        let took_s = started.elapsed().as_secs_f64();
        let simulated_s = f64::from(periods) * period_us as f64 * 1e-6;
        println!(
            "| {image} | {sensor} | {fps} | {:.2} | {:.1} | {:.2} |",
            events as f64 / simulated_s * 1e-6,
            took_s * 1e3 / f64::from(periods),
            simulated_s / took_s
        );
    }
    Ok(())
}
