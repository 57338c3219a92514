//! In steady state, the live pipeline reuses the memory of images and events.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers too")]

use gem_live::engine::Choice;
use gem_live::live::{
    Compute, MakeRestorer, Parts, Pipeline, Playback, RigHandle, open, pass_through, san,
};
use gem_live::network::Weights;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOC: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes of one colour frame.
const PICTURE: u64 = 3 * 192 * 128;

/// Mean number of allocated bytes per restored frame, over `frames` frames after as many to warm
/// up.
fn bytes_per_frame(load: &str, restorer: MakeRestorer, frames: u64) -> u64 {
    let sources = gem_live::live::Sources::One(load.parse().unwrap());
    let handle = RigHandle::default();
    let source = open(&sources, Playback::Loop, &handle, |_| Ok(())).unwrap();
    let parts = Parts { source, restorer, adapt: false, notify: Box::new(|| {}) };
    let pipeline = Pipeline::start(parts).unwrap();
    let until = Instant::now() + Duration::from_secs(120);
    let wait_for = |wanted: u64| {
        loop {
            drop(pipeline.take());
            let seen = pipeline.stats().snapshot().restored;
            if seen >= wanted {
                return (seen, ALLOC.stats().bytes_allocated as u64);
            }
            assert!(Instant::now() < until, "timeout after {seen} frames");
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    let (first, before) = wait_for(frames);
    let (last, after) = wait_for(first + frames);
    (after - before) / (last - first)
}

#[test]
fn frames_events_and_event_maps_are_not_allocated_again() {
    // As in the program: the spans of the stages are compiled in and disabled.
    let level = tracing_subscriber::filter::LevelFilter::INFO;
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::sink).init();
    // The events of one frame need more than twice the memory of its image.
    let per_frame = bytes_per_frame("load:192x128@50,500k", pass_through(), 100);
    println!("{per_frame} bytes per frame without a network; one image has {PICTURE}");
    assert!(per_frame < PICTURE / 4);
    let compute = Compute { choice: Choice::Cpu, ..Compute::default() };
    let weights = || Weights::embedded().map_err(|e| e.to_string());
    let per_frame = bytes_per_frame("load:192x128@10,100k", san(weights, compute), 20);
    println!("{per_frame} bytes per frame with a network; one f32 image has {}", 4 * PICTURE);
    assert!(per_frame < 4 * PICTURE);
}
