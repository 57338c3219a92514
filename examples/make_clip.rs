//! Generates the built-in clip from a photograph and two drawings (see assets/README.md):
//!
//!     cargo run --release --example make_clip BACK.jpg SIGN.png BALL.png assets/clip/dogs.npz
//!
//! The same pictures produce the same clip for any number of threads.

use gem_live::exposure::Exposure;
use gem_live::image::{ImageU8, Size};
use gem_live::sequence::Clip;
use gem_live::simulate::motion::{CameraMotion, Motion, PlaneMotion};
use gem_live::simulate::{
    CameraSettings, EventSensor, Layer, LightImage, Scene, SensorSettings, Shutter, Texture,
};
use gem_live::time::TimeRange;
use std::path::Path;

const IMAGE: Size = Size::new(576, 384);
const SENSOR: Size = Size::new(288, 192);
const EXPOSURES: i64 = 10;
const PERIOD_US: i64 = 80_000;
const EXPOSURE_US: i64 = 60_000;
/// Images per exposure: more than twice the largest motion in pixels.
const MOMENTS: i64 = 60;
/// Oscillations per loop of the clip, so that its end joins its start.
const LOOP_HZ: f64 = 1e6 / (EXPOSURES * PERIOD_US) as f64;
/// The photograph as reduced for the background, in texels; one texel is one pixel of the view.
const BACK: Size = Size::new(860, 1292);
/// The drawings, in texels.
const SIGN: Size = Size::new(600, 330);
const BALL: Size = Size::new(240, 240);

fn picture(path: &Path) -> Result<ImageU8, Box<dyn std::error::Error>> {
    let rgb = image::open(path).map_err(|e| format!("{}: {e}", path.display()))?.into_rgb8();
    let size = Size::new(rgb.width() as usize, rgb.height() as usize);
    Ok(ImageU8::from_rgb(size, rgb.as_raw())?)
}

/// A hand-held camera before two dogs at a house, a sign on its wall, and a ball that flies by.
fn scene(back: &ImageU8, sign: &ImageU8, ball: &ImageU8) -> Scene {
    // Nearly a circle, so that no exposure is without motion.
    let hand = |px: f64, phase: f64| {
        Motion::default()
            .with_sine(px, LOOP_HZ, phase)
            .with_sine(px * 0.05, 3.0 * LOOP_HZ, phase + 1.0)
            .with_sine(px * 0.02, 7.0 * LOOP_HZ, phase + 2.0)
    };
    let backdrop = Layer {
        texture: Texture::backdrop(Texture::photograph(back, BACK)),
        texels_per_px: 1.0,
        depth: 1.0,
        motion: PlaneMotion {
            x_px: Motion::still(-10.0),
            y_px: Motion::still(170.0),
            ..PlaneMotion::default()
        },
    };
    let (w, h) = (SIGN.width as f32, SIGN.height as f32);
    let sign = Layer {
        texture: Texture::cutout(Texture::photograph(sign, SIGN), move |x, y| {
            // Distance to the edge of a rectangle with rounded corners.
            const RADIUS: f32 = 24.0;
            let x = (x - 0.5).abs() * w - w / 2.0 + RADIUS + 1.0;
            let y = (y - 0.5).abs() * h - h / 2.0 + RADIUS + 1.0;
            RADIUS - x.max(0.0).hypot(y.max(0.0)) - x.max(y).min(0.0)
        }),
        texels_per_px: 2.2,
        depth: 0.97,
        motion: PlaneMotion {
            x_px: Motion::still(128.0),
            y_px: Motion::still(-62.0),
            turn: Motion::still(0.03).with_sine(0.03, 2.0 * LOOP_HZ, 0.5),
            log_scale: Motion::default(),
        },
    };
    let ball = Layer {
        texture: Texture::cutout(Texture::photograph(ball, BALL), |x, y| {
            (0.48 - (x - 0.5).hypot(y - 0.5)) * BALL.width as f32
        }),
        texels_per_px: 2.4,
        depth: 0.9,
        motion: PlaneMotion {
            x_px: Motion::still(60.0).with_sine(40.0, LOOP_HZ, 1.2),
            y_px: Motion::still(112.0).with_sine(10.0, 2.0 * LOOP_HZ, 0.4),
            turn: Motion::default().with_sine(0.6, LOOP_HZ, 0.0),
            log_scale: Motion::default(),
        },
    };
    Scene {
        view: IMAGE,
        layers: vec![backdrop, sign, ball],
        camera: CameraMotion {
            x_px: hand(22.0, 0.0),
            y_px: hand(17.0, 1.4),
            z: Motion::default().with_sine(0.02, 2.0 * LOOP_HZ, 2.2),
            pitch: Motion::default().with_sine(0.003, 3.0 * LOOP_HZ, 0.2),
            yaw: Motion::default().with_sine(0.003, 2.0 * LOOP_HZ, 1.4),
            roll: Motion::default().with_sine(0.015, 3.0 * LOOP_HZ, 0.4),
        },
        gain: 0.9,
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let paths: Vec<_> = std::env::args_os().skip(1).collect();
    let [back, sign, ball, out] = paths.as_slice() else {
        return Err("usage: make_clip BACK.jpg SIGN.png BALL.png CLIP.npz".into());
    };
    let [back, sign, ball] = [back, sign, ball].map(|path| picture(path.as_ref()));
    let scene = scene(&back?, &sign?, &ball?);
    let settings = SensorSettings { on: 0.25, off: 0.25, ..SensorSettings::default() };
    let mut sensor = EventSensor::new(SENSOR, settings);
    let (mut light, mut seen) = (LightImage::dark(IMAGE), Vec::new());
    let mut clip = Clip { exposures: Vec::new(), truth: Vec::new(), period_us: PERIOD_US as f64 };
    for i in 0..EXPOSURES {
        let start_us = i * PERIOD_US;
        let end_us = start_us + EXPOSURE_US;
        let step_us = EXPOSURE_US / MOMENTS;
        let (mut shutter, mut events) = (Shutter::new(IMAGE), Vec::new());
        for t_us in (start_us..start_us + PERIOD_US).step_by(step_us as usize) {
            scene.render(t_us as f64 * 1e-6, IMAGE, &mut light);
            light.brightness(SENSOR, &mut seen);
            sensor.push(t_us as f64, &seen, &mut events)?;
            // The trapezoidal rule: half weight at both ends.
            let ends = t_us == start_us || t_us == end_us;
            if t_us <= end_us {
                shutter.add(&light, if ends { 0.5 } else { 1.0 });
            }
            if t_us == start_us + EXPOSURE_US / 2 {
                let camera = CameraSettings::noiseless(CameraSettings::default().transfer);
                let mut instant = Shutter::new(IMAGE);
                instant.add(&light, 1.0);
                clip.truth.push(instant.read_out(0, &camera));
            }
        }
        events.retain(|e| (start_us..end_us).contains(&e.t_us));
        let frame = shutter.read_out(i as u64, &CameraSettings::default()).to_f32().into();
        let (from, to) = (start_us as f64 * 1e-6, end_us as f64 * 1e-6);
        let travel = scene.travel_px(from, to, 288.0, 192.0);
        println!("exposure {i}: {} events; travel {travel:.1?} px", events.len());
        let span = TimeRange::new(start_us as f64, end_us as f64);
        clip.exposures.push(Exposure { frame, span, events: events.into(), sensor: SENSOR });
    }
    let bytes = clip.to_bytes()?;
    println!("{} bytes", bytes.len());
    gem_live::formats::atomic_file::write(out.as_ref(), &bytes)?;
    Ok(())
}
