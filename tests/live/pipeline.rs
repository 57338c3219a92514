//! The threads between a source and the window, with a source and an engine that fail.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use gem_live::Deblurrer;
use gem_live::engine::{
    AsyncEngine, Blurry, Engine, EngineError, EventTensor, Events, Image, OutputFormat, OutputRef,
    Restored,
};
use gem_live::event::{Contrast, EventInput};
use gem_live::exposure::Exposure;
use gem_live::image::{ImageF32, ImageU8, Rounding, Size};
use gem_live::live::{
    ExposureSource, LiveFrame, Next, Parts, Pipeline, RestorePolicy, RestoreRequest, Restorer, San,
    Shape, SourceError, pass_through,
};
use gem_live::time::TimeRange;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const SIZE: Size = Size::new(16, 16);

/// An exposure whose brightness encodes its number.
fn captured(number: u64) -> LiveFrame {
    let frame = ImageF32::filled(true, SIZE, number as f32 / 1000.0);
    LiveFrame {
        number,
        picture: frame.to_picture(),
        exposure: Exposure {
            frame,
            span: TimeRange::new(0.0, 1000.0),
            events: Vec::new().into(),
            sensor: SIZE,
        },
        truth: Vec::new(),
        contrast: Contrast::default(),
        closed: Instant::now(),
        arrived: Instant::now(),
    }
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
fn a_held_exposure_is_restored_again_for_another_request_and_no_other_is_used() {
    let (pipeline, ..) = start(u64::MAX, 1);
    wait("an image", || pipeline.take().is_some());
    let hold = |at| RestoreRequest {
        instants: vec![at],
        policy: RestorePolicy::Hold,
        edi: false,
        thresholds: None,
        read_back: false,
    };
    let mut held = None;
    pipeline.request(hold(0.25));
    wait("the held one", || {
        held = pipeline.take().filter(|o| o.instants == [0.25]).or(held.take());
        held.is_some()
    });
    let held = held.unwrap();
    let mut again = None;
    pipeline.request(hold(0.75));
    wait("the other instant", || {
        again = pipeline.take();
        again.is_some()
    });
    let again = again.unwrap();
    assert_eq!((again.instants.as_slice(), again.repeated), ([0.75].as_slice(), true));
    assert_eq!(again.captured.number, held.captured.number);
    let before = pipeline.stats().snapshot();
    std::thread::sleep(Duration::from_millis(50));
    assert!(pipeline.take().is_none(), "no result without a new request");
    assert_eq!(pipeline.stats().snapshot().restored, before.restored);
}

#[test]
fn on_demand_every_number_returns_one_newer_exposure_with_all_instants() {
    let (pipeline, ..) = start(u64::MAX, 1);
    wait("an image", || pipeline.take().is_some());
    let mut last = 0;
    for number in 1..4 {
        let instants = vec![0.1, 0.5, 0.9];
        pipeline.request(RestoreRequest {
            instants,
            policy: RestorePolicy::One(number),
            edi: false,
            thresholds: None,
            read_back: false,
        });
        let mut got = None;
        wait("all instants", || {
            got = pipeline.take().filter(|o| o.instants.len() == 3);
            got.is_some()
        });
        let got = got.unwrap();
        assert_eq!(got.restored.len(), 3);
        assert!(got.captured.number > last);
        last = got.captured.number;
        std::thread::sleep(Duration::from_millis(20));
        assert!(pipeline.take().is_none(), "one number returns one exposure");
    }
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

/// An asynchronous engine: it processes one exposure after the other, and two may be in flight.
struct FakeGpu {
    time: Duration,
    jobs: VecDeque<(Instant, Vec<u8>)>,
    max_in_flight: Arc<AtomicUsize>,
    done_sender: crossbeam_channel::Sender<()>,
    done_receiver: crossbeam_channel::Receiver<()>,
}

impl Engine for FakeGpu {
    fn event_input(&self) -> EventInput {
        EventInput::Counts
    }

    fn restore(
        &mut self,
        _: &Image<'_>,
        _: &[EventTensor<'_>],
    ) -> Result<Vec<Restored>, EngineError> {
        Err(EngineError::Shape("only its queue may be used".into()))
    }

    fn queue(&mut self) -> Option<&mut dyn AsyncEngine> {
        Some(self)
    }
}

impl AsyncEngine for FakeGpu {
    fn free_slots(&mut self) -> usize {
        2 - self.jobs.len()
    }

    fn submit(
        &mut self,
        blur: &dyn Blurry,
        events: &Events<'_>,
        form: OutputFormat,
    ) -> Result<bool, EngineError> {
        let (size, OutputFormat::U8(rounding)) = (blur.size(), form) else {
            return Err(EngineError::Shape("a colour frame needs 8-bit output".into()));
        };
        assert_eq!((size, events.targets.len()), (SIZE, 1));
        let mut plane = vec![0.0; size.area()];
        blur.write_plane(0, &mut plane);
        let pixels = [plane.clone(), plane.clone(), plane].concat();
        let start = self.jobs.back().map_or(Instant::now(), |(then, _)| *then);
        let done = start.max(Instant::now()) + self.time;
        self.jobs.push_back((done, pixels.iter().map(|v| rounding.byte(*v)).collect()));
        self.max_in_flight.fetch_max(self.jobs.len(), Ordering::Relaxed);
        let done_sender = self.done_sender.clone();
        std::thread::spawn(move || {
            std::thread::sleep(done.saturating_duration_since(Instant::now()));
            done_sender.send(())
        });
        Ok(true)
    }

    fn collect(&mut self, take: &mut dyn FnMut(OutputRef<'_>)) -> Result<(), EngineError> {
        let (done, pixels) = self.jobs.pop_front().unwrap();
        std::thread::sleep(done.saturating_duration_since(Instant::now()));
        take(OutputRef::U8(&pixels));
        Ok(())
    }

    fn can_collect(&mut self) -> bool {
        self.jobs.front().is_none_or(|(done, _)| *done <= Instant::now())
    }

    fn ready_channel(&mut self) -> crossbeam_channel::Receiver<()> {
        self.done_receiver.clone()
    }
}

/// Plays `count` exposures on a fake GPU. Returns the maximum number in flight.
fn play_on_fake_gpu(count: u64, time: Duration) -> usize {
    let max_in_flight = Arc::new(AtomicUsize::new(0));
    let (done_sender, done_receiver) = crossbeam_channel::unbounded();
    let gpu = FakeGpu {
        time,
        jobs: VecDeque::new(),
        max_in_flight: max_in_flight.clone(),
        done_sender,
        done_receiver,
    };
    let deblurrer = Deblurrer::new(Box::new(gpu));
    let source = Burst { next: 0, count, failing: Arc::default() };
    let pipeline = Pipeline::start(Parts {
        source: Box::new(source),
        restorer: Box::new(|_| Ok(Box::new(San { deblurrer, description: "fake".into() }))),
        adapt: true,
        notify: Box::new(|| ()),
    });
    let pipeline = pipeline.unwrap();
    let mut numbers = Vec::new();
    wait("the last exposure", || {
        if let Some(result) = pipeline.take() {
            let number = result.captured.number;
            let shown = result.restored[0].data()[0];
            assert_eq!(
                shown,
                Rounding::Nearest.byte(number as f32 / 1000.0),
                "the image of another exposure"
            );
            numbers.push(number);
        }
        numbers.last() == Some(&(count - 1))
    });
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    let counts = pipeline.stats().snapshot();
    assert_eq!(counts.captured, counts.restored + counts.drops.engine);
    assert_eq!(counts.restored, counts.shown + counts.drops.display);
    max_in_flight.load(Ordering::Relaxed)
}

#[test]
fn with_a_backlog_two_exposures_are_in_flight_and_all_are_counted() {
    assert_eq!(play_on_fake_gpu(100, Duration::from_millis(5)), 2);
}

#[test]
fn a_single_exposure_is_shown_without_waiting_for_another() {
    assert_eq!(play_on_fake_gpu(1, Duration::from_millis(5)), 1);
}
