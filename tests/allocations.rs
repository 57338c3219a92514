//! A live path in its stride takes the memory of pictures and events from what came back.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers too")]

use gem_live::engine::Choice;
use gem_live::network::Weights;
use gem_live::pipeline::{
    Compute, MakeRestorer, Parts, Pipeline, Playback, Tap, nothing, open, san,
};
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOC: dhat::Alloc = dhat::Alloc;

/// Of one frame in colour and of the events between two frames.
const PICTURE: u64 = 3 * 192 * 128;
const EVENTS: u64 = 16 * 500_000 / 50;

/// Bytes that are allocated for a frame, in the mean over `frames` after as many to get going.
fn bytes_a_frame(restorer: MakeRestorer, frames: u64) -> u64 {
    let sources = gem_live::pipeline::Sources::One("load:192x128@50,500k".parse().unwrap());
    let tap = Tap::default();
    let source = open(&sources, Playback::Loop, &tap, |_| Ok(())).unwrap();
    let parts = Parts { source, restorer, adapt: false, notify: Box::new(|| {}) };
    let pipeline = Pipeline::start(parts).unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    let wait_for = |wanted: u64| {
        loop {
            drop(pipeline.take());
            let seen = pipeline.stats().snapshot().captured;
            if seen >= wanted {
                return (seen, dhat::HeapStats::get().total_bytes);
            }
            assert!(Instant::now() < until, "{seen} frames came");
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    let (first, before) = wait_for(frames);
    let (last, after) = wait_for(first + frames);
    (after - before) / (last - first)
}

#[test]
fn no_frame_and_no_event_is_allocated_again() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let each = bytes_a_frame(nothing(), 100);
    println!(
        "{each} bytes a frame without a network; {PICTURE} are a picture, {EVENTS} its events"
    );
    assert!(each < PICTURE / 10);
    let compute = Compute { choice: Choice::Cpu, ..Compute::default() };
    let weights = || Weights::embedded().map_err(|e| e.to_string());
    let each = bytes_a_frame(san(weights, compute), 30);
    println!("{each} bytes a frame with one");
    assert!(each < PICTURE / 10);
}
