//! Recovery from faults: a clock jump, a camera that is unplugged and reconnected, a sync cable
//! that is unplugged. The sync state must show the fault, and the timing must be accurate again
//! within a stated time.

#![allow(clippy::indexing_slicing, reason = "a test may fail by panicking, in its helpers too")]

use crate::played;

use gem_live::rig::clock::SyncState;
use played::{AWAY_US, Fault, Play, TimedFrame, model, world, worst};

/// Longest time until the delay is estimated again from image content, in microseconds.
const CONTENT_AGAIN_US: i64 = 10_000_000;
/// Longest time from the return of the cable until exposures are timed by edges, in microseconds.
const EDGES_AGAIN_US: i64 = 2_000_000;
/// Longest time until the loss of the cable is detected, in microseconds: ten frame periods, and a
/// margin of at least one.
const NOTICED_US: i64 = 800_000;

const S: i64 = 1_000_000;

fn between(timed: &[TimedFrame], from_us: i64, until_us: i64) -> &[TimedFrame] {
    let at = |us: i64| timed.partition_point(|t| t.true_us < us);
    &timed[at(from_us)..at(until_us)]
}

fn is_content(t: &TimedFrame) -> bool {
    matches!(t.state, SyncState::Content { .. })
}

fn is_edges(t: &TimedFrame) -> bool {
    matches!(t.state, SyncState::Edges { .. })
}

#[test]
fn without_a_cable_the_delay_is_estimated_again_after_jumps_and_unplugging() {
    let model = model(1);
    let world = world(model, 150);
    for (fault, away_us) in [
        (Fault::EventsJump(5 * S), 0),
        (Fault::EventsJump(-5 * S), 0),
        (Fault::FramesJump(3 * S), 0),
        (Fault::FramesJump(-7 * S), 0),
        (Fault::EventsAnew, AWAY_US),
        (Fault::FramesAnew, AWAY_US),
    ] {
        let faults = vec![(20 * S, fault)];
        let timed = Play { faults, ..Play::new(model, &world) }.run(600);
        let before = between(&timed, 12 * S, 19 * S);
        assert!(before.iter().all(is_content) && worst(before) < 1_000.0, "{fault:?}");
        // The result for the old clock must not be applied to the new one.
        let anew = between(&timed, 20 * S + away_us, 40 * S);
        assert!(anew.iter().any(|t| !is_content(t)), "{fault:?}");
        let again = between(&timed, 20 * S + away_us + CONTENT_AGAIN_US, 40 * S);
        assert!(again.len() > 100 && again.iter().all(is_content), "{fault:?}");
        assert!(worst(again) < 1_000.0, "{fault:?}: {:.0} us", worst(again));
    }
}

#[test]
fn loss_of_the_cable_is_detected_and_content_timing_takes_over() {
    let model = model(1);
    let world = world(model, 150);
    let faults =
        vec![(0, Fault::Cable(true)), (20 * S, Fault::Cable(false)), (40 * S, Fault::Cable(true))];
    let timed = Play { faults, ..Play::new(model, &world) }.run(900);
    let with = between(&timed, 10 * S, 20 * S);
    assert!(with.iter().all(is_edges) && worst(with) <= 5.0, "{:.1} us", worst(with));
    let without = between(&timed, 20 * S + NOTICED_US, 40 * S);
    assert!(without.len() > 250 && without.iter().all(is_content));
    // The timing is accurate all the time, before and after the detection.
    let all = between(&timed, 10 * S, 60 * S);
    assert!(worst(all) < 1_000.0, "{:.0} us", worst(all));
    let again = between(&timed, 40 * S + EDGES_AGAIN_US, 60 * S);
    assert!(again.iter().all(is_edges) && worst(again) <= 5.0, "{:.1} us", worst(again));
}

#[test]
fn with_a_static_scene_the_last_edge_fit_is_held() {
    let model = gem_live::simulate::rig::RigModel { speed: 0.0, ..model(1) };
    let world = world(model, 15);
    let faults = vec![(0, Fault::Cable(true)), (20 * S, Fault::Cable(false))];
    let timed = Play { faults, ..Play::new(model, &world) }.run(12_000);
    let without = between(&timed, 20 * S + NOTICED_US, 600 * S);
    assert!(without.len() > 8_000);
    for t in without {
        let SyncState::Held { silent_s, .. } = t.state else { panic!("{t:?}") };
        assert!((silent_s - (t.true_us - 20 * S) as f64 * 1e-6).abs() < 0.5, "{t:?}");
    }
    assert!(worst(without) < 50.0, "{:.0} us", worst(without));
    // The line is not extrapolated indefinitely, as the drift is not known.
    let last = timed.last().unwrap();
    assert!(matches!(last.state, SyncState::Arrival { .. }), "{last:?}");
}
