//! The live path on a card that fails: one message, and the processor continues.

use crate::scene::{EXPOSURE, Scene, weights};
use crate::stand_in::on_stand_in;
use gem_live::Deblurrer;
use gem_live::engine::Choice;
use gem_live::engine::cpu::CpuEngine;
use gem_live::exposure::Exposure;
use gem_live::image::{ImageF32, ImageU8, Rounding, Size};
use gem_live::live::{
    Compute, ExposureSource, LiveFrame, Next, Parts, Pipeline, RestorePolicy, RestoreRequest,
    Shape, SourceError, san,
};
use std::time::{Duration, Instant};

const SIZE: Size = Size::new(32, 16);

#[test]
fn a_card_that_fails_while_the_window_is_open_is_reported_once_and_the_processor_continues() {
    let failures = [
        "cuGraphLaunch:9:719",          // a kernel crashes
        "cuGraphLaunch:10:719",         // with another exposure in flight
        "cuEventSynchronize:200:719",   // the card is lost while a thread waits
        "cuMemcpyHtoDAsync_v2:180:999", // a copy fails, the card lives
        "cuMemcpyDtoHAsync_v2:3:719",
    ];
    for failure in failures {
        let variables = [("CUDA_STANDIN_FAIL", failure), ("CUDA_STANDIN_STREAMS", "1")];
        on_stand_in("live::case_live_failure", &variables);
    }
}

#[test]
fn the_live_path_shows_a_card_s_pictures_in_order_and_holds_one_when_asked_to() {
    on_stand_in("live::case_live", &[("CUDA_STANDIN_STREAMS", "2")]);
}

/// Different exposures over and over, faster than they can be restored here.
struct Burst {
    next: u64,
    all: Vec<Exposure>,
}

const DIFFERENT: u64 = 3;

fn exposure(number: u64) -> Exposure {
    let scene = Scene::seeded(number % DIFFERENT, SIZE, Size::new(16, 16), Size::new(16, 16));
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
        vec![Shape { image: SIZE, sensor: Size::new(16, 16) }]
    }
    fn interval(&self) -> Duration {
        Duration::from_millis(5)
    }
    fn next(&mut self, _: Duration) -> Result<Next, SourceError> {
        std::thread::sleep(Duration::from_millis(5));
        let exposure = self.all[(self.next % DIFFERENT) as usize].clone();
        self.next += 1;
        Ok(Next::Exposure(Box::new(LiveFrame::new(self.next - 1, exposure))))
    }
}

type Shown = Vec<(u64, Vec<ImageU8>)>;

/// What the window shows, until it is enough.
fn play(enough: impl Fn(&Pipeline, &Shown) -> bool) -> (Pipeline, Shown) {
    let compute = Compute { choice: Choice::Auto, ..Compute::default() };
    let pipeline = Pipeline::start(Parts {
        source: Box::new(Burst { next: 0, all: (0..DIFFERENT).map(exposure).collect() }),
        restorer: san(|| Ok(weights(3)), compute),
        adapt: false,
        notify: Box::new(|| ()),
    });
    let pipeline = pipeline.unwrap();
    let (mut shown, start) = (Vec::new(), Instant::now());
    while !enough(&pipeline, &shown) {
        assert!(start.elapsed() < Duration::from_secs(120), "only {} arrived", shown.len());
        if let Some(outcome) = pipeline.take() {
            assert!(!outcome.failed, "{:?}", pipeline.notices().list());
            shown.push((outcome.captured.number, outcome.restored));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    (pipeline, shown)
}

fn on_the_processor(number: u64) -> Vec<ImageU8> {
    let engine = CpuEngine::new(&weights(3), 0).unwrap();
    let mut deblurrer = Deblurrer::new(Box::new(engine));
    deblurrer.restore_pictures(&exposure(number), &[0.5], Rounding::Nearest).unwrap()
}

/// Half precision may differ by a step or two.
fn differ(a: &[ImageU8], b: &[ImageU8]) -> u8 {
    assert_eq!((a.len(), b.len()), (1, 1));
    a[0].data().iter().zip(b[0].data()).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

#[test]
#[ignore = "runs on the stand-in"]
fn case_live_failure() {
    let reported_at = std::cell::Cell::new(None);
    let (pipeline, shown) = play(|pipeline, shown| {
        if reported_at.get().is_none() && !pipeline.notices().list().is_empty() {
            reported_at.set(Some(shown.len()));
        }
        reported_at.get().is_some_and(|at| shown.len() >= at + 4)
    });
    assert!(pipeline.engine().contains("stand-in"), "the card was taken at first");
    let notices = pipeline.notices().list();
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert_eq!((notices[0].part, notices[0].count), ("card", 1), "{notices:?}");
    assert!(notices[0].text.ends_with("continuing on the CPU"), "{notices:?}");
    assert!(shown.is_sorted_by(|a, b| a.0 < b.0));
    let (number, last) = shown.last().unwrap();
    assert_eq!(differ(last, &on_the_processor(*number)), 0, "not the processor's picture");
    assert_eq!(pipeline.stats().snapshot().drops.failed, 0, "what was in flight is not lost");
}

#[test]
#[ignore = "runs on the stand-in"]
fn case_live() {
    let (pipeline, shown) = play(|_, shown| shown.len() >= 6);
    assert!(pipeline.notices().list().is_empty(), "{:?}", pipeline.notices().list());
    assert!(shown.is_sorted_by(|a, b| a.0 < b.0));
    for (number, pictures) in &shown {
        assert!(differ(pictures, &on_the_processor(*number)) <= 3, "exposure {number}");
    }
    assert_eq!(pipeline.stats().snapshot().drops.failed, 0);
    pipeline.request(RestoreRequest {
        instants: vec![0.1, 0.9],
        policy: RestorePolicy::Hold,
        edi: false,
        thresholds: None,
        reblur: true,
        read_back: false,
    });
    let start = Instant::now();
    let held = loop {
        assert!(start.elapsed() < Duration::from_secs(60), "the held exposure does not come");
        if let Some(outcome) = pipeline.take().filter(|o| o.repeated) {
            break outcome;
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    assert_eq!(held.restored.len(), 2);
}
