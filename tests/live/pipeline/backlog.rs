//! A slow engine: which exposures are skipped, and that all are counted.

use super::{captured, start, wait};
use gem_live::image::ImageU8;
use gem_live::live::{
    ExposureSource, LiveFrame, Next, Parts, Pipeline, Restorer, Shape, SourceError,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[test]
fn a_slow_engine_skips_exposures_never_falls_behind_and_all_are_counted() {
    let (pipeline, ..) = start(200, 7);
    let mut numbers = Vec::new();
    wait("the last exposure", || {
        numbers.extend(pipeline.take().map(|s| s.captured.number));
        numbers.last() == Some(&199)
    });
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    let counts = pipeline.stats().snapshot();
    assert_eq!((counts.captured, counts.shown), (200, numbers.len() as u64));
    assert!(counts.drops.engine > 0, "{counts:?}");
    assert_eq!(counts.captured, counts.restored + counts.drops.engine);
    assert_eq!(counts.restored, counts.shown + counts.drops.display);
}

/// Delivers exposures up to a number that the test increases.
struct Limited {
    next: u64,
    up_to: Arc<AtomicU64>,
}

impl ExposureSource for Limited {
    fn name(&self) -> String {
        "limited".into()
    }
    fn shapes(&self) -> Vec<Shape> {
        Vec::new()
    }
    fn interval(&self) -> Duration {
        Duration::from_millis(1)
    }
    fn next(&mut self, _: Duration) -> Result<Next, SourceError> {
        if self.next >= self.up_to.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_micros(200));
            return Ok(Next::Waiting);
        }
        self.next += 1;
        Ok(Next::Exposure(Box::new(captured(self.next - 1))))
    }
}

/// Restores one exposure per permit, and reports when it starts.
struct Permitted {
    permits: std::sync::mpsc::Receiver<()>,
    started_sender: std::sync::mpsc::Sender<()>,
    submitted: Option<ImageU8>,
}

impl Restorer for Permitted {
    fn describe(&self) -> String {
        "controlled by the test".into()
    }
    fn free_slots(&mut self) -> usize {
        usize::from(self.submitted.is_none())
    }
    fn submit(&mut self, captured: &Arc<LiveFrame>, _: &[f64]) -> Result<(), String> {
        self.submitted = Some(captured.picture.clone());
        Ok(())
    }
    fn collect(&mut self) -> Result<Vec<ImageU8>, String> {
        self.started_sender.send(()).map_err(|e| e.to_string())?;
        self.permits.recv().map_err(|e| e.to_string())?;
        Ok(self.submitted.take().into_iter().collect())
    }
}

#[test]
fn after_any_delay_the_next_exposure_is_the_newest_so_latency_is_bounded() {
    let up_to = Arc::new(AtomicU64::new(1));
    let ((permit, permits), (started_sender, started)) =
        (std::sync::mpsc::channel(), std::sync::mpsc::channel());
    let parts = Parts {
        source: Box::new(Limited { next: 0, up_to: up_to.clone() }),
        restorer: Box::new(move |_| {
            Ok(Box::new(Permitted { permits, started_sender, submitted: None }))
        }),
        adapt: false,
        notify: Box::new(|| ()),
    };
    let pipeline = Pipeline::start(parts).unwrap();
    // Dropped before the pipeline, whose engine waits for it.
    let permit = permit;
    let mut numbers = Vec::new();
    for round in 1..=5_u64 {
        // The engine holds one exposure; a hundred more arrive meanwhile.
        started.recv_timeout(Duration::from_secs(20)).unwrap();
        let newest = round * 100;
        up_to.store(newest + 1, Ordering::Release);
        // All but those that were or are being restored, and the newest, which waits.
        wait("all but two to be skipped", || {
            let drops = pipeline.stats().snapshot().drops;
            drops.engine == newest + 1 - round - 1
        });
        permit.send(()).unwrap();
        wait("a result", || {
            numbers.extend(pipeline.take().map(|o| o.captured.number));
            numbers.len() as u64 == round
        });
    }
    // The engine has started another one: without this it would wait for a permit forever.
    drop(permit);
    assert_eq!(numbers, [0, 100, 200, 300, 400]);
}
