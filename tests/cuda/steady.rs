//! What the driver is asked for by every exposure, once graphs are captured: nothing is
//! allocated, and no kernel is launched outside of a graph.

use crate::scene::{EXPOSURE, Scene, weights};
use crate::stand_in::on_stand_in;
use gem_live::Deblurrer;
use gem_live::engine::cuda::{CudaEngine, Precision, devices};
use gem_live::exposure::Exposure;
use gem_live::image::{ImageF32, Rounding, Size};
use std::collections::BTreeMap;
use std::sync::Arc;

const EXPOSURES: &str = "GEM_LIVE_TEST_EXPOSURES";
const INSTANTS: &str = "GEM_LIVE_TEST_INSTANTS";

const EIGHT_BIT: &str = "GEM_LIVE_TEST_EIGHT_BIT";
/// Of the frames.
const SIZE: Size = Size::new(16, 16);

/// How often every call of the driver was used; `None` without a C++ compiler.
fn uses(exposures: usize, instants: usize, eight_bit: bool) -> Option<BTreeMap<String, usize>> {
    uses_of(exposures, instants, eight_bit, "0")
}

/// The same of a driver that does nothing if `idle` is 1.
fn uses_of(
    exposures: usize,
    instants: usize,
    eight_bit: bool,
    idle: &str,
) -> Option<BTreeMap<String, usize>> {
    let numbers = [exposures, instants, usize::from(eight_bit)].map(|n| n.to_string());
    let output = on_stand_in(
        "steady::case_steady",
        &[
            (EXPOSURES, &numbers[0]),
            (INSTANTS, &numbers[1]),
            (EIGHT_BIT, &numbers[2]),
            ("CUDA_STANDIN_COUNT", "1"),
            ("CUDA_STANDIN_IDLE", idle),
        ],
    )?;
    let lines = output.lines().filter_map(|l| l.strip_prefix("stand-in: ")?.split_once(' '));
    Some(lines.map(|(times, call)| (call.to_owned(), times.parse().unwrap())).collect())
}

/// What is measured with such a driver is the host's part of what is done with a card.
#[test]
fn a_driver_that_does_nothing_is_asked_for_the_same() {
    let looks = |call: &String| call.ends_with("Query") || call.ends_with("Synchronize");
    let asked = |idle| {
        let mut uses = uses_of(2, 1, true, idle)?;
        uses.retain(|call, _| !looks(call));
        Some(uses)
    };
    let (Some(idle), Some(busy)) = (asked("1"), asked("0")) else { return };
    assert_eq!(idle, busy);
}

#[test]
fn an_exposure_allocates_nothing_and_launches_only_graphs() {
    let mut sent = Vec::new();
    for (instants, eight_bit) in [(1, false), (1, true), (3, true)] {
        // Two exposures have been through every lane and slot.
        let few = uses(2, instants, eight_bit);
        let (Some(few), Some(many)) = (few, uses(4, instants, eight_bit)) else { return };
        let each: BTreeMap<&str, usize> = (many.iter())
            .map(|(call, times)| (call.as_str(), (times - few.get(call).unwrap_or(&0)) / 2))
            .filter(|(_, times)| *times > 0)
            .collect();
        // Looking at page-locked memory, and whether something has arrived, gives the card nothing.
        let looks = |call: &str| call.ends_with("Query") || call.ends_with("Synchronize");
        let each: Vec<(&str, usize)> = each.into_iter().filter(|(call, _)| !looks(call)).collect();
        let (bytes, each): (Vec<_>, Vec<_>) =
            each.into_iter().partition(|(call, _)| *call == "bytes to the card");
        sent.push(bytes[0].1);
        let want = [
            // Events sent, image sent; for each instant its events' features, its result on the
            // card and on the host; and the first result once more for the thread that waits.
            ("cuEventRecord", 3 + 3 * instants),
            // The image's graph once, the events' and the rest for each instant.
            ("cuGraphLaunch", 1 + 2 * instants),
            ("cuMemcpyDtoHAsync_v2", instants),
            // Events, the image (numbers plane by plane), and each instant's times.
            ("cuMemcpyHtoDAsync_v2", 1 + if eight_bit { 1 } else { 3 } + instants),
            // Each instant for its events, its features and, before it is fetched, its result;
            // the image's encoding for the image.
            ("cuStreamWaitEvent", 1 + 3 * instants),
        ];
        assert_eq!(each, want, "{instants} instants");
    }
    assert_eq!(sent[0] - sent[1], 9 * SIZE.area(), "one byte for each number instead of four");
}

#[test]
fn only_launches_that_read_each_other_s_results_follow_one_another() {
    let Some(uses) = uses(2, 1, true) else { return };
    let graphs: Vec<(&str, usize)> = (uses.iter())
        .filter_map(|(call, times)| Some((call.strip_prefix("graphs of ")?, *times)))
        .collect();
    let want = [
        // By lane: the image encoder's ten convolutions.
        ("10 steps, 10 in a row", 2),
        // By slot: the same after counts are cleared and counted.
        ("12 steps, 12 in a row", 2),
        // Fusion and deformable convolution of the deepest level, eight convolutions, the last one; the
        // other four levels are branches.
        ("19 steps, 11 in a row", 2),
    ];
    assert_eq!(graphs, want);
}

#[test]
#[ignore = "runs on the stand-in"]
fn case_steady() {
    let number = |name: &str| -> usize { std::env::var(name).unwrap().parse().unwrap() };
    let (exposures, instants) = (number(EXPOSURES), number(INSTANTS));
    let card = devices().unwrap().remove(0);
    let engine = CudaEngine::new(&weights(3), &card, Precision::Half).unwrap();
    let mut deblurrer = Deblurrer::new(Box::new(engine));
    let (size, mut scene) = (SIZE, Scene::new(SIZE, SIZE, SIZE));
    if number(EIGHT_BIT) == 1 {
        scene.in_eight_bits();
    }
    let frame = ImageF32::new(3, size, scene.blur).unwrap().into();
    let exposure =
        Arc::new(Exposure { frame, span: EXPOSURE, events: scene.events.into(), sensor: size });
    let at: Vec<f64> = (0..instants).map(|i| (i as f64 + 0.5) / instants as f64).collect();
    let mut submitted = 0;
    for _ in 0..exposures {
        while submitted < exposures && deblurrer.free_slots() > 0 {
            deblurrer.submit(exposure.clone(), &at, Rounding::Nearest).unwrap();
            submitted += 1;
        }
        assert_eq!(deblurrer.collect().unwrap().len(), instants);
    }
    // The thread that waits for arrivals has been notified of all of them.
    let ready = deblurrer.ready_channel();
    for _ in 0..exposures {
        ready.recv_timeout(std::time::Duration::from_secs(60)).unwrap();
    }
}
