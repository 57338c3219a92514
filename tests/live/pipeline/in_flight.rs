//! An engine with two exposures in flight.

use super::{Burst, SIZE, wait};
use gem_live::Deblurrer;
use gem_live::engine::{
    AsyncEngine, Blurry, Engine, EngineError, EventTensor, Events, Image, OutputFormat, OutputRef,
    Restored,
};
use gem_live::event::EventInput;
use gem_live::image::Rounding;
use gem_live::live::{Parts, Pipeline, San};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

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
