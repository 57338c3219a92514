//! The live path with the wgpu engine, and on a device that is lost: one message, and the CPU goes
//! on. Without a graphics card it runs on a software driver of Vulkan.

#![cfg(feature = "wgpu")]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

#[allow(dead_code, reason = "this test uses only a part")]
#[path = "../cuda/scene.rs"]
mod scene;

use gem_live::Deblurrer;
use gem_live::engine::cpu::CpuEngine;
use gem_live::engine::wgpu::{WgpuEngine, adapters};
use gem_live::engine::{Choice, Failover};
use gem_live::exposure::Exposure;
use gem_live::image::{ImageF32, ImageU8, Rounding, Size};
use gem_live::live::{
    Compute, ExposureSource, LiveFrame, MakeRestorer, Next, Parts, Pipeline, San, Shape,
    SourceError, san,
};
use scene::{EXPOSURE, Scene, weights};
use std::time::{Duration, Instant};

const SIZE: Size = Size::new(32, 16);
const SENSOR: Size = Size::new(16, 16);
const DIFFERENT: u64 = 3;

/// Different exposures over and over, faster than they can be restored here.
struct Burst {
    next: u64,
}

fn exposure(number: u64) -> Exposure {
    let scene = Scene::seeded(number % DIFFERENT, SIZE, SENSOR, SENSOR);
    Exposure {
        frame: ImageF32::new(3, SIZE, scene.blur).unwrap().into(),
        span: EXPOSURE,
        events: scene.events.into(),
        sensor: scene.sensor,
    }
}

impl ExposureSource for Burst {
    fn name(&self) -> String {
        "burst".into()
    }
    fn shapes(&self) -> Vec<Shape> {
        vec![Shape { image: SIZE, sensor: SENSOR }]
    }
    fn interval(&self) -> Duration {
        Duration::from_millis(50)
    }
    fn next(&mut self, _: Duration) -> Result<Next, SourceError> {
        std::thread::sleep(Duration::from_millis(50));
        let exposure = exposure(self.next);
        self.next += 1;
        Ok(Next::Exposure(Box::new(LiveFrame::new(self.next - 1, exposure))))
    }
}

/// What the window would show until `count` exposures were restored; `each` is called after each.
fn play(restorer: MakeRestorer, count: usize, each: impl Fn(usize)) -> Pipeline {
    let pipeline = Pipeline::start(Parts {
        source: Box::new(Burst { next: 0 }),
        restorer,
        adapt: false,
        notify: Box::new(|| ()),
    })
    .unwrap();
    let (mut shown, mut last, start) = (0, None, Instant::now());
    while shown < count {
        assert!(start.elapsed() < Duration::from_secs(240), "only {shown} arrived");
        if let Some(outcome) = pipeline.take() {
            assert!(!outcome.failed, "{:?}", pipeline.notices().list());
            let number = outcome.captured.number;
            assert!(last.is_none_or(|l| l < number), "not in order");
            // Half precision may differ by a step or two.
            assert!(differ(&outcome.restored, &on_the_cpu(number)) <= 3, "exposure {number}");
            (shown, last) = (shown + 1, Some(number));
            each(shown);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    pipeline
}

fn on_the_cpu(number: u64) -> Vec<ImageU8> {
    let engine = CpuEngine::new(&weights(3), 0).unwrap();
    let mut deblurrer = Deblurrer::new(Box::new(engine));
    deblurrer.restore_pictures(&exposure(number), &[0.5], Rounding::Nearest).unwrap()
}

fn differ(a: &[ImageU8], b: &[ImageU8]) -> u8 {
    assert_eq!((a.len(), b.len()), (1, 1));
    a[0].data().iter().zip(b[0].data()).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

#[test]
fn exposures_come_restored_and_in_order() {
    if let Err(why) = adapters() {
        return println!("skipped: {why}");
    }
    let compute = Compute { choice: Choice::Wgpu, ..Compute::default() };
    let pipeline = play(san(|| Ok(weights(3)), compute), 5, |_| ());
    assert!(pipeline.engine().starts_with("wgpu device 0, "), "{}", pipeline.engine());
    assert!(pipeline.notices().list().is_empty(), "{:?}", pipeline.notices().list());
    assert_eq!(pipeline.stats().snapshot().drops.failed, 0);
}

#[test]
fn a_lost_device_is_reported_once_and_no_exposure_is_lost() {
    let device = match adapters() {
        Ok(mut all) => all.remove(0),
        Err(why) => return println!("skipped: {why}"),
    };
    let engine = WgpuEngine::new(&weights(3), &device).unwrap();
    let lose = engine.device_loss();
    let restorer: MakeRestorer = Box::new(move |diagnostics| {
        let diagnostics = diagnostics.clone();
        let notice = Box::new(move |line: &str| diagnostics.notify("card", line.to_owned()));
        let fallback = Box::new(|| CpuEngine::new(&weights(3), 0).map(|e| Box::new(e) as _));
        let engine = Failover::new(Box::new(engine), fallback, notice);
        let deblurrer = Deblurrer::new(Box::new(engine));
        Ok(Box::new(San { deblurrer, description: "wgpu".into() }) as _)
    });
    let pipeline = play(restorer, 6, |shown| {
        if shown == 2 {
            lose();
        }
    });
    let notices = pipeline.notices().list();
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert_eq!((notices[0].part, notices[0].count), ("card", 1), "{notices:?}");
    assert!(notices[0].text.contains("lost"), "{notices:?}");
    assert!(notices[0].text.ends_with("continuing on the CPU"), "{notices:?}");
    assert_eq!(pipeline.stats().snapshot().drops.failed, 0, "what was in flight is lost");
}
