//! A live path in its stride takes the memory of pictures and events from what came back.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers too")]

use gem_live::engine::Choice;
use gem_live::live::{
    Compute, MakeRestorer, Parts, Pipeline, Playback, RigHandle, nothing, open, san,
};
use gem_live::network::Weights;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOC: dhat::Alloc = dhat::Alloc;

/// Of one frame in colour.
const PICTURE: u64 = 3 * 192 * 128;

/// Bytes that are allocated for a frame that the engine has done with, in the mean over `frames`
/// after as many to get going.
fn bytes_a_frame(load: &str, restorer: MakeRestorer, frames: u64) -> u64 {
    let sources = gem_live::live::Sources::One(load.parse().unwrap());
    let tap = RigHandle::default();
    let source = open(&sources, Playback::Loop, &tap, |_| Ok(())).unwrap();
    let parts = Parts { source, restorer, adapt: false, notify: Box::new(|| {}) };
    let pipeline = Pipeline::start(parts).unwrap();
    let until = Instant::now() + Duration::from_secs(120);
    let wait_for = |wanted: u64| {
        loop {
            drop(pipeline.take());
            let seen = pipeline.stats().snapshot().restored;
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
fn no_frame_no_event_and_no_map_is_allocated_again() {
    let _profiler = dhat::Profiler::builder().testing().build();
    // The events of one frame take more than twice what its picture does.
    let each = bytes_a_frame("load:192x128@50,500k", nothing(), 100);
    println!("{each} bytes a frame without a network, of which {PICTURE} would be one picture");
    assert!(each < PICTURE / 4);
    let compute = Compute { choice: Choice::Cpu, ..Compute::default() };
    let weights = || Weights::embedded().map_err(|e| e.to_string());
    let each = bytes_a_frame("load:192x128@10,100k", san(weights, compute), 20);
    println!(
        "{each} bytes a frame with one, of which {} would be one image in numbers",
        4 * PICTURE
    );
    assert!(each < 4 * PICTURE);
}
