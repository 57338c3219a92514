//! Generates the built-in clip from photographs (see assets/README.md):
//!
//!     cargo run --release --example make_clip BACK.jpg FRONT.jpg assets/clip/friends.npz
//!
//! The same photographs produce the same clip for any number of threads.

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
const EXPOSURES: i64 = 16;
const PERIOD_US: i64 = 80_000;
const EXPOSURE_US: i64 = 60_000;
/// Images per exposure: more than twice the largest motion in pixels.
const MOMENTS: i64 = 60;
/// Oscillations per loop of the clip, so that its end joins its start.
const LOOP_HZ: f64 = 1e6 / (EXPOSURES * PERIOD_US) as f64;

fn photo(path: &Path) -> Result<ImageU8, Box<dyn std::error::Error>> {
    let rgb = image::open(path).map_err(|e| format!("{}: {e}", path.display()))?.into_rgb8();
    let size = Size::new(rgb.width() as usize, rgb.height() as usize);
    Ok(ImageU8::from_rgb(size, rgb.as_raw())?)
}

/// A hand-held camera in front of a house, and a ball in the foreground.
fn scene(back: &ImageU8, front: &ImageU8) -> Scene {
    let hand = |k: f64, px: f64, phase: f64| {
        Motion::default()
            .with(px, k * LOOP_HZ, phase)
            .with(px * 0.22, (k + 2.0) * LOOP_HZ, phase + 1.0)
            .with(px * 0.06, (k + 6.0) * LOOP_HZ, phase + 2.0)
    };
    let backdrop = Layer {
        texture: Texture::backdrop(Texture::photograph(back, Size::new(960, 1442))),
        texels_per_px: 1.0,
        depth: 1.0,
        motion: PlaneMotion { y_px: Motion::still(130.0), ..PlaneMotion::default() },
    };
    let ball = Layer {
        texture: Texture::cutout(Texture::photograph(front, Size::new(150, 150)), |x, y| {
            (0.48 - (x - 0.5).hypot(y - 0.5)) * 60.0
        }),
        texels_per_px: 1.2,
        depth: 0.8,
        motion: PlaneMotion {
            x_px: Motion::still(-40.0).with(150.0, LOOP_HZ, 1.2),
            y_px: Motion::still(80.0).with(40.0, 2.0 * LOOP_HZ, 0.4),
            turn: Motion::default().with(0.6, LOOP_HZ, 0.0),
            log_scale: Motion::default(),
        },
    };
    Scene {
        view: IMAGE,
        layers: vec![backdrop, ball],
        camera: CameraMotion {
            x_px: hand(1.0, 46.0, 0.0),
            y_px: hand(2.0, 24.0, 0.7),
            z: Motion::default().with(0.03, 2.0 * LOOP_HZ, 2.2),
            pitch: Motion::default().with(0.004, 3.0 * LOOP_HZ, 0.2),
            yaw: Motion::default().with(0.004, 2.0 * LOOP_HZ, 1.4),
            roll: Motion::default().with(0.02, 3.0 * LOOP_HZ, 0.4),
        },
        gain: 0.9,
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let paths: Vec<_> = std::env::args_os().skip(1).collect();
    let [back, front, out] = paths.as_slice() else {
        return Err("usage: make_clip BACK.jpg FRONT.jpg CLIP.npz".into());
    };
    let scene = scene(&photo(back.as_ref())?, &photo(front.as_ref())?);
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
        let frame = shutter.read_out(i as u64, &CameraSettings::default()).to_planes();
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
