//! The threads between a source and the window, with a source and an engine that fail.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

mod backlog;
mod failures;
mod in_flight;
mod reblurring;
mod requests;

use gem_live::Deblurrer;
use gem_live::engine::{Engine, EngineError, EventTensor, Image, Restored};
use gem_live::event::EventInput;
use gem_live::exposure::Exposure;
use gem_live::image::{ImageF32, Size};
use gem_live::live::{ExposureSource, LiveFrame, Next, Parts, Pipeline, San, Shape, SourceError};
use gem_live::time::TimeRange;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const SIZE: Size = Size::new(16, 16);

/// An exposure whose brightness encodes its number.
fn captured(number: u64) -> LiveFrame {
    let frame = ImageF32::filled(true, SIZE, number as f32 / 1000.0);
    let exposure = Exposure {
        frame: frame.into(),
        span: TimeRange::new(0.0, 1000.0),
        events: Vec::new().into(),
        sensor: SIZE,
    };
    LiveFrame::new(number, exposure)
}

/// Delivers `count` exposures as fast as possible; their brightness encodes their number.
struct Burst {
    next: u64,
    count: u64,
    failing: Arc<AtomicBool>,
}

impl ExposureSource for Burst {
    fn name(&self) -> String {
        "burst".into()
    }
    fn shapes(&self) -> Vec<Shape> {
        vec![Shape { image: SIZE, sensor: SIZE }]
    }
    fn interval(&self) -> Duration {
        Duration::from_millis(1)
    }
    fn next(&mut self, timeout: Duration) -> Result<Next, SourceError> {
        if self.failing.load(Ordering::Relaxed) {
            return Err(SourceError("unplugged".into()));
        }
        if self.next == self.count {
            std::thread::sleep(timeout);
            return Ok(Next::Waiting);
        }
        std::thread::sleep(Duration::from_micros(300));
        let number = self.next;
        self.next += 1;
        Ok(Next::Exposure(Box::new(captured(number))))
    }
}

/// Waits for a fixed time, returns the input image, and fails while the flag is set.
struct Slow {
    time: Duration,
    failing: Arc<AtomicBool>,
}

impl Engine for Slow {
    fn event_input(&self) -> EventInput {
        EventInput::Counts
    }

    fn restore(
        &mut self,
        blur: &Image<'_>,
        targets: &[EventTensor<'_>],
    ) -> Result<Vec<Restored>, EngineError> {
        std::thread::sleep(self.time);
        if self.failing.load(Ordering::Relaxed) {
            return Err(EngineError::Device("the GPU is lost".into()));
        }
        let one = || Restored { latent: blur.data.to_vec(), ratio: blur.data.to_vec() };
        Ok(targets.iter().map(|_| one()).collect())
    }
}

fn start(count: u64, time_ms: u64) -> (Pipeline, Arc<AtomicBool>, Arc<AtomicBool>) {
    let (camera, engine) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let source = Burst { next: 0, count, failing: camera.clone() };
    let slow = Slow { time: Duration::from_millis(time_ms), failing: engine.clone() };
    let deblurrer = Deblurrer::new(Box::new(slow));
    let parts = Parts {
        source: Box::new(source),
        restorer: Box::new(|_| Ok(Box::new(San { deblurrer, description: "fake".into() }))),
        adapt: true,
        notify: Box::new(|| ()),
    };
    (Pipeline::start(parts).unwrap(), camera, engine)
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(20), "timeout while waiting for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
