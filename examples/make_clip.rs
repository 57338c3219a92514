//! Makes the clip that comes with the program from a photograph (see assets/README.md):
//!
//!     cargo run --release --example make_clip PHOTO.jpg assets/clip/friends.npz

use gem_live::dataset::Clip;
use gem_live::event::Span;
use gem_live::frame::{Exposure, Picture, Size};
use gem_live::simulate::{EventSensor, Pose, Scene, SensorSettings, expose};
use std::f64::consts::TAU;

const IMAGE: Size = Size::new(576, 384);
const SENSOR: Size = Size::new(288, 192);
const EXPOSURES: i64 = 16;
const PERIOD_US: i64 = 80_000;
const EXPOSURE_US: i64 = 60_000;
/// Images per exposure: more than the pixels that anything moves in it.
const MOMENTS: i64 = 60;

/// A hand that shakes, back where it was after the last exposure.
fn pose(t_us: i64) -> Pose {
    let phase = TAU * t_us as f64 / (EXPOSURES * PERIOD_US) as f64;
    let wave = |k: f64, shift: f64| (k * phase + shift).sin();
    Pose {
        x_px: 505.0 + 46.0 * wave(1.0, 0.0) + 12.0 * wave(3.0, 1.0) + 3.0 * wave(7.0, 0.3),
        y_px: 590.0 + 22.0 * wave(2.0, 0.7) + 8.0 * wave(4.0, 2.0) + 3.0 * wave(6.0, 1.1),
        roll: 0.02 * wave(3.0, 0.4),
        zoom: 1.0 + 0.03 * wave(2.0, 2.2),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(photo), Some(out)) = (arguments.next(), arguments.next()) else {
        return Err("usage: make_clip PHOTO.jpg CLIP.npz".into());
    };
    let photo = image::open(photo)?;
    let photo = photo.resize_exact(
        photo.width() / 2,
        photo.height() / 2,
        image::imageops::FilterType::Lanczos3,
    );
    let rgb = photo.into_rgb8();
    let size = Size::new(rgb.width() as usize, rgb.height() as usize);
    let scene = Scene::new(Picture::from_rgb(size, rgb.as_raw())?.to_planes());
    let mut sensor = EventSensor::new(
        SENSOR,
        SensorSettings { on: 0.25, off: 0.25, ..SensorSettings::default() },
    );
    let mut exposures = Vec::new();
    for i in 0..EXPOSURES {
        let start_us = i * PERIOD_US;
        let step_us = EXPOSURE_US / MOMENTS;
        let mut events = Vec::new();
        for t_us in (start_us..start_us + PERIOD_US).step_by(step_us as usize) {
            let view = scene.view(pose(t_us), IMAGE);
            // The sensor's pixels are twice as large: each sees the mean of four.
            let clip = Clip {
                exposures: vec![Exposure {
                    frame: view,
                    span: Span::new(0.0, 1.0),
                    events: Vec::new(),
                    sensor: IMAGE,
                }],
                period_us: 1.0,
            };
            for small in clip.reduced(2).exposures {
                events.extend(sensor.show(&small.frame, t_us));
            }
        }
        let end_us = start_us + EXPOSURE_US;
        events.retain(|e| (start_us..end_us).contains(&e.t_us));
        let frame = expose(MOMENTS as usize, |m| {
            scene.view(pose(start_us + m as i64 * step_us + step_us / 2), IMAGE)
        });
        println!("exposure {i}: {} events", events.len());
        let span = Span::new(start_us as f64, end_us as f64);
        exposures.push(Exposure { frame, span, events, sensor: SENSOR });
    }
    let clip = Clip { exposures, period_us: PERIOD_US as f64 };
    gem_live::output::write(out.as_ref(), &clip.to_bytes()?)?;
    Ok(())
}
