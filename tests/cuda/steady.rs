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

/// How often every call of the driver was used; `None` without a C++ compiler.
fn uses(exposures: usize, instants: usize) -> Option<BTreeMap<String, usize>> {
    let (exposures, instants) = (exposures.to_string(), instants.to_string());
    let variables = [(EXPOSURES, exposures.as_str()), (INSTANTS, &instants)];
    let output = on_stand_in(
        "steady::case_steady",
        &[variables[0], variables[1], ("CUDA_STANDIN_COUNT", "1")],
    )?;
    let lines = output.lines().filter_map(|l| l.strip_prefix("stand-in: ")?.split_once(' '));
    Some(lines.map(|(times, call)| (call.to_owned(), times.parse().unwrap())).collect())
}

#[test]
fn an_exposure_allocates_nothing_and_launches_only_graphs() {
    for instants in [1, 3] {
        // Two exposures have been through every lane and slot.
        let (Some(few), Some(many)) = (uses(2, instants), uses(4, instants)) else { return };
        let each: BTreeMap<&str, usize> = (many.iter())
            .map(|(call, times)| (call.as_str(), (times - few.get(call).unwrap_or(&0)) / 2))
            .filter(|(_, times)| *times > 0)
            .collect();
        // Looking at page-locked memory, and whether something has arrived, gives the card nothing.
        let looks = |call: &str| call.ends_with("Query") || call.ends_with("Synchronize");
        let each: Vec<(&str, usize)> = each.into_iter().filter(|(call, _)| !looks(call)).collect();
        let want = [
            // Events sent, image sent; for each instant its events' features, its result on the
            // card and on the host; and the first result once more for the thread that waits.
            ("cuEventRecord", 3 + 3 * instants),
            // The image's graph once, the events' and the rest for each instant.
            ("cuGraphLaunch", 1 + 2 * instants),
            ("cuMemcpyDtoHAsync_v2", instants),
            // Events, three planes, and each instant's times.
            ("cuMemcpyHtoDAsync_v2", 4 + instants),
            // Each instant for its events, its features and, before it is fetched, its result;
            // the image's encoding for the image.
            ("cuStreamWaitEvent", 1 + 3 * instants),
        ];
        assert_eq!(each, want, "{instants} instants");
    }
}

#[test]
#[ignore = "runs on the stand-in"]
fn case_steady() {
    let number = |name: &str| -> usize { std::env::var(name).unwrap().parse().unwrap() };
    let (exposures, instants) = (number(EXPOSURES), number(INSTANTS));
    let card = devices().unwrap().remove(0);
    let engine = CudaEngine::new(&weights(3), &card, Precision::Half).unwrap();
    let mut deblurrer = Deblurrer::new(Box::new(engine));
    let size = Size::new(16, 16);
    let scene = Scene::new(size, size, size);
    let frame = ImageF32::new(3, size, scene.blur).unwrap();
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
