//! A simulated rig with misaligned cameras: aligned with a board, then run live.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use crate::boards;

use boards::{EVENTS, FRAMES, event_camera, frame_camera, poses, rig};
use gem_live::camera::split::split;
use gem_live::camera::{Device, DeviceError, DeviceSelector, Driver, Drops, Packet, wrap};
use gem_live::event::Event;
use gem_live::image::{ImageU8, Size};
use gem_live::live::{CameraChoice, ExposureSource, Next, RigHandle, RigSource, describe};
use gem_live::rig::RigSettings;
use gem_live::rig::align::store::{Pair, load, save};
use gem_live::rig::align::{AlignSession, AlignSettings, Alignment, Crop, Target, Warp};
use gem_live::rig::clock::SyncState;
use gem_live::simulate::rig::{RigModel, RigWorld};
use gem_live::simulate::sim_camera::Sim;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The size of the simulated scene, and its position in the frame camera's image.
const IMAGE: Size = Size::new(192, 128);
const CORNER: (usize, usize) = (220, 180);

fn model() -> RigModel {
    RigModel { period_us: 60_000, exposure_us: 30_000, ..RigModel::new(IMAGE, 5) }
}

/// Turns an aligned pair of cameras into a misaligned one.
#[derive(Clone)]
struct Misaligned {
    inner: Arc<dyn Driver>,
    /// The pixel of the event camera that sees a cell of the scene, for every cell.
    pixels: Arc<Vec<Option<(u16, u16)>>>,
}

impl Misaligned {
    fn new(inner: impl Driver + 'static, warp: &Warp) -> Self {
        let sensor = model().sensor;
        let mut pixels = vec![None; sensor.area()];
        for y in 0..EVENTS.height {
            for x in 0..EVENTS.width {
                let place = warp.map((x as f64 + 0.5, y as f64 + 0.5)).unwrap();
                let u = (place.0 - CORNER.0 as f64) / 2.0;
                let v = (place.1 - CORNER.1 as f64) / 2.0;
                let inside = (0.0..sensor.width as f64).contains(&u)
                    && (0.0..sensor.height as f64).contains(&v);
                if inside {
                    pixels[v as usize * sensor.width + u as usize] = Some((x as u16, y as u16));
                }
            }
        }
        Self { inner: Arc::new(inner), pixels: Arc::new(pixels) }
    }
}

impl Driver for Misaligned {
    fn open(&self, wanted: &DeviceSelector, drops: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        let (inner, pixels) = (self.inner.open(wanted, drops)?, self.pixels.clone());
        Ok(wrap(inner, move |inner, timeout, out| {
            let first = out.len();
            inner.poll(timeout, out)?;
            for packet in &mut out[first..] {
                match packet {
                    Packet::Frame(frame) => frame.picture = pasted(&frame.picture),
                    Packet::Events(packet) => {
                        let width = packet.sensor.width;
                        packet.events.retain_mut(|e| {
                            let cell = usize::from(e.y) * width + usize::from(e.x);
                            let pixel = pixels[cell];
                            (e.x, e.y) = pixel.unwrap_or_default();
                            pixel.is_some()
                        });
                        // A pixel outside the frame camera's field of view fires as well.
                        if packet.from < packet.until {
                            packet.events.insert(
                                0,
                                Event { t_us: packet.from.us(), x: 0, y: 0, polarity: true },
                            );
                        }
                        packet.sensor = EVENTS;
                    }
                }
            }
            Ok(())
        }))
    }
}

/// Pastes the image of the scene into the frame camera's image.
fn pasted(picture: &ImageU8) -> ImageU8 {
    let mut out = ImageU8::filled(true, FRAMES, 20);
    for channel in 0..3 {
        for y in 0..IMAGE.height {
            let from = &picture.plane(channel)[y * IMAGE.width..][..IMAGE.width];
            let start = channel * FRAMES.area() + (CORNER.1 + y) * FRAMES.width + CORNER.0;
            out.data_mut()[start..start + IMAGE.width].copy_from_slice(from);
        }
    }
    out
}

/// An alignment measured with boards, with a crop that is the simulated scene.
fn measured(truth: Warp) -> Alignment {
    let (frame, event) = (frame_camera(0.8, 0.01), event_camera(truth, 0.6, 0.015));
    let mut session = AlignSession::new(AlignSettings::default());
    for (i, pose) in poses().iter().enumerate() {
        session.push_frame(&frame.draw(pose, FRAMES, i as u64));
        session.push_aps(&event.draw(pose, FRAMES, 50 + i as u64));
        assert!(session.take_view(), "pose {i}");
    }
    let measured = session.solve().unwrap().clone();
    assert!(measured.residual.event_px < 0.1, "{}", measured.residual);
    let (x, y) = (CORNER.0 as f64, CORNER.1 as f64);
    let crop = Crop { x, y, width: IMAGE.width as f64, height: IMAGE.height as f64 };
    Alignment { crop, target: Target::new(IMAGE, 2).unwrap(), ..measured }
}

#[test]
fn a_stored_alignment_is_applied_to_the_rig_of_this_camera_pair() {
    let truth = rig(EVENTS, FRAMES, true);
    let alignment = measured(truth);
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair { frames: "00000005-frames".into(), events: "00000005-events".into() };
    save(folder.path(), &pair, &alignment).unwrap();

    let (frames, events) = split(Arc::new(Sim::new(model(), true)), &["cable"]);
    let (frames, events) = (Misaligned::new(frames, &truth), Misaligned::new(events, &truth));
    let rig_handle = RigHandle::default();
    rig_handle.alignment().set_folder(folder.path().into());
    let mut source = RigSource::two(
        "misaligned".into(),
        CameraChoice::new(frames),
        CameraChoice::new(events),
        RigSettings::default(),
        rig_handle.clone(),
    )
    .unwrap();
    // A second instance of the same world, as the reference.
    let mut world = RigWorld::new(model()).unwrap();
    let mut periods = Vec::new();
    let (mut timed, mut seen, mut near, mut all) = (0, 0, 0, 0);
    let started = Instant::now();
    while seen < 12 || all < 5000 {
        assert!(
            started.elapsed() < Duration::from_secs(120),
            "{seen} frames, {all} events received"
        );
        let Ok(Next::Exposure(captured)) = source.next(Duration::from_millis(20)) else { continue };
        // The first exposures were in transit before the alignment was set.
        if captured.picture.size() != IMAGE || captured.exposure.sensor != model().sensor {
            assert!(seen == 0, "an exposure was not aligned after aligned ones");
            continue;
        }
        // Until its pulse is known, an exposure is timed by arrival; so are those in transit at
        // that time.
        timed += usize::from(matches!(source.report().sync, Some(SyncState::Edges { .. })));
        if timed <= 6 {
            continue;
        }
        let known = periods
            .iter()
            .position(|p: &gem_live::simulate::rig::Period| p.frame == captured.picture);
        let index = known.unwrap_or_else(|| {
            // The crop of the larger image must be bit-exactly the image of the scene.
            while periods.last().is_none_or(|p| p.frame != captured.picture) {
                assert!(periods.len() < 400, "the image does not occur in the scene");
                periods.push(world.period().unwrap());
            }
            periods.len() - 1
        });
        let period = &periods[index];
        seen += 1;
        let begin = model().event_us(period.start_us);
        for event in &captured.exposure.events {
            let age_us = event.t_us - begin;
            all += 1;
            near += usize::from(period.events.iter().any(|e| {
                (e.t_us - period.start_us - age_us).abs() <= 6
                    && e.polarity == event.polarity
                    && e.x.abs_diff(event.x) <= 1
                    && e.y.abs_diff(event.y) <= 1
            }));
        }
    }
    println!("{near} of {all} events within a cell of where they were");
    assert!(near * 100 >= all * 98, "{near} of {all}");
    let facts: Vec<_> = source.facts().iter().map(describe).collect();
    let fact = |name: &str| facts.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str());
    assert!(fact("aligned").unwrap().starts_with("192x128 and 96x64"), "{facts:?}");
    assert!(!fact("outside").unwrap().starts_with("0.0 %"), "{facts:?}");
    assert!(fact("not aligned").is_none(), "{facts:?}");
    let used = rig_handle.alignment().used().unwrap();
    assert_eq!((used.target, used.crop), (alignment.target, alignment.crop));
}

#[cfg(target_os = "linux")]
#[test]
fn the_align_command_solves_from_images_and_stores_the_result() {
    let truth = rig(EVENTS, FRAMES, true);
    let (frame, event) = (frame_camera(0.8, 0.01), event_camera(truth, 0.6, 0.015));
    let folder = tempfile::tempdir().unwrap();
    let path = |name: String| folder.path().join(name);
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_gem-live"));
    program.arg("align").env("XDG_CONFIG_HOME", folder.path());
    for (i, pose) in poses().iter().enumerate().take(3) {
        for (option, camera) in [("--frame", &frame), ("--event", &event)] {
            let picture = camera.draw(pose, FRAMES, i as u64);
            let (file, size) = (path(format!("{}{i}.png", &option[2..])), picture.size());
            let (width, height) = (size.width as u32, size.height as u32);
            let rgb = image::RgbImage::from_raw(width, height, picture.to_rgb()).unwrap();
            rgb.save(&file).unwrap();
            program.arg(option).arg(file);
        }
    }
    let out = path("out".into());
    let output = program.args(["--cameras", "F1,E2", "--out"]).arg(&out).output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stdout}{stderr}");
    assert!(
        stdout.contains("residual: 0.0") && stdout.contains("162 corners of 3 views"),
        "{stdout}"
    );
    assert!(out.join("overlay.png").exists() && out.join("aligned.png").exists());
    let pair = Pair { frames: "F1".into(), events: "E2".into() };
    let stored = load(&folder.path().join("gem-live").join("alignments"), &pair).unwrap().unwrap();
    assert_eq!((stored.residual.corners, stored.residual.views), (162, 3));
}
