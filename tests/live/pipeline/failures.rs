//! What fails, and what the pipeline does then.

use super::{Burst, start, wait};
use gem_live::live::{ExposureSource, Next, Parts, Pipeline, Shape, SourceError, pass_through};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// A source that panics after five exposures.
struct Panicking(Burst);

impl ExposureSource for Panicking {
    fn name(&self) -> String {
        self.0.name()
    }
    fn shapes(&self) -> Vec<Shape> {
        self.0.shapes()
    }
    fn interval(&self) -> Duration {
        self.0.interval()
    }
    fn next(&mut self, timeout: Duration) -> Result<Next, SourceError> {
        assert!(self.0.next < 5, "on purpose");
        self.0.next(timeout)
    }
}

fn panics() {
    panic!("on purpose");
}

#[test]
fn a_panic_in_a_pipeline_thread_is_reported_and_ends_the_pipeline() {
    let burst = || Burst { next: 0, count: u64::MAX, failing: Arc::default() };
    type Case = (Box<dyn ExposureSource>, Box<dyn Fn() + Send>);
    let sources: [Case; 2] = [
        (Box::new(Panicking(burst())), Box::new(|| ())),
        // Called on the engine thread.
        (Box::new(burst()), Box::new(panics)),
    ];
    for (source, notify) in sources {
        let parts = Parts { source, restorer: pass_through(), adapt: false, notify };
        let pipeline = Pipeline::start(parts).unwrap();
        wait("the end", || pipeline.ended());
        let why = pipeline.failure().unwrap();
        assert!(why.contains("on purpose"), "{why}");
        let notices = pipeline.notices().list();
        assert!(notices.iter().any(|n| n.active && n.text.contains("on purpose")), "{notices:?}");
    }
}

#[test]
fn a_failing_engine_is_reported_once_and_the_pipeline_continues() {
    let (pipeline, _, engine) = start(u64::MAX, 1);
    wait("an image", || pipeline.take().is_some());
    engine.store(true, Ordering::Relaxed);
    wait("several failures", || pipeline.stats().snapshot().drops.failed >= 5);
    let notices = pipeline.notices().list();
    assert_eq!(notices.len(), 1);
    assert!(notices[0].active && notices[0].text.contains("the GPU is lost"));
    engine.store(false, Ordering::Relaxed);
    let before = pipeline.stats().snapshot().restored;
    wait("images again", || pipeline.stats().snapshot().restored > before + 3);
    assert!(!pipeline.notices().list()[0].active);
}

#[test]
fn a_lost_source_is_reported_and_resumed() {
    let (pipeline, camera, _) = start(u64::MAX, 1);
    wait("an image", || pipeline.take().is_some());
    camera.store(true, Ordering::Relaxed);
    wait("the notice", || pipeline.notices().list().iter().any(|n| n.active));
    assert_eq!(pipeline.notices().list()[0].text, "burst: unplugged");
    camera.store(false, Ordering::Relaxed);
    wait("its end", || pipeline.notices().list().iter().all(|n| !n.active));
}

#[test]
fn a_restorer_that_cannot_be_created_is_reported_and_the_old_one_stays() {
    let (pipeline, ..) = start(u64::MAX, 1);
    wait("an image", || pipeline.take().is_some());
    pipeline.swap(Box::new(|_| Err("other.ckpt: not a readable checkpoint".into())));
    wait("the notice", || pipeline.notices().list().iter().any(|n| n.text.contains("other.ckpt")));
    wait("an image", || pipeline.take().is_some_and(|o| o.restored.len() == 1));
    assert_eq!(pipeline.engine(), "fake");
    pipeline.swap(Box::new(|_| Ok(Box::new(gem_live::live::PassThrough))));
    wait("the swap", || pipeline.engine() == "no restoration");
    wait("a blurry image", || pipeline.take().is_some_and(|o| o.restored.is_empty()));
}

#[test]
fn dropping_stops_the_threads_while_both_are_busy() {
    let (pipeline, ..) = start(u64::MAX, 20);
    wait("an image", || pipeline.take().is_some());
    let start = Instant::now();
    drop(pipeline);
    assert!(start.elapsed() < Duration::from_secs(5));
}
