//! A clock that jumps, a camera that is unplugged and comes back, a cable that is pulled: the
//! clocks say so, and are right again within a stated time.

#![allow(clippy::indexing_slicing, reason = "a test may fail by panicking, in its helpers too")]

mod played;

use gem_live::rig::clock::SyncState;
use played::{AWAY_US, Fault, Play, Told, model, world, worst};

/// How long finding the delay anew from what both cameras see may take, in microseconds.
const CONTENT_AGAIN_US: i64 = 10_000_000;
/// How long edges may take: from the cable's return to exposures that they time.
const EDGES_AGAIN_US: i64 = 2_000_000;
/// How long a cable that is gone may go unnoticed: ten periods of the frames, and one.
const NOTICED_US: i64 = 800_000;

const S: i64 = 1_000_000;

fn between(told: &[Told], from_us: i64, until_us: i64) -> &[Told] {
    let at = |us: i64| told.partition_point(|t| t.true_us < us);
    &told[at(from_us)..at(until_us)]
}

fn is_content(t: &Told) -> bool {
    matches!(t.state, SyncState::Content { .. })
}

fn is_edges(t: &Told) -> bool {
    matches!(t.state, SyncState::Edges { .. })
}

#[test]
fn without_a_cable_the_delay_is_found_again_after_jumps_and_unplugging() {
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
        let told = Play { faults, ..Play::new(model, &world) }.run(600);
        let before = between(&told, 12 * S, 19 * S);
        assert!(before.iter().all(is_content) && worst(before) < 1_000.0, "{fault:?}");
        // What was found on the clock before is not taken for the new one's.
        let anew = between(&told, 20 * S + away_us, 40 * S);
        assert!(anew.iter().any(|t| !is_content(t)), "{fault:?}");
        let again = between(&told, 20 * S + away_us + CONTENT_AGAIN_US, 40 * S);
        assert!(again.len() > 100 && again.iter().all(is_content), "{fault:?}");
        assert!(worst(again) < 1_000.0, "{fault:?}: {:.0} us", worst(again));
    }
}

#[test]
fn a_cable_that_is_pulled_is_noticed_and_what_both_cameras_see_takes_over() {
    let model = model(1);
    let world = world(model, 150);
    let faults =
        vec![(0, Fault::Cable(true)), (20 * S, Fault::Cable(false)), (40 * S, Fault::Cable(true))];
    let told = Play { faults, ..Play::new(model, &world) }.run(900);
    let with = between(&told, 10 * S, 20 * S);
    assert!(with.iter().all(is_edges) && worst(with) <= 5.0, "{:.1} us", worst(with));
    let without = between(&told, 20 * S + NOTICED_US, 40 * S);
    assert!(without.len() > 250 && without.iter().all(is_content));
    // Right all the time, noticed or not.
    let all = between(&told, 10 * S, 60 * S);
    assert!(worst(all) < 1_000.0, "{:.0} us", worst(all));
    let again = between(&told, 40 * S + EDGES_AGAIN_US, 60 * S);
    assert!(again.iter().all(is_edges) && worst(again) <= 5.0, "{:.1} us", worst(again));
}

#[test]
fn before_a_scene_that_stands_still_the_last_edges_are_held_to() {
    let model = gem_live::simulate::rig::RigModel { speed: 0.0, ..model(1) };
    let world = world(model, 15);
    let faults = vec![(0, Fault::Cable(true)), (20 * S, Fault::Cable(false))];
    let told = Play { faults, ..Play::new(model, &world) }.run(12_000);
    let without = between(&told, 20 * S + NOTICED_US, 600 * S);
    assert!(without.len() > 8_000);
    for t in without {
        let SyncState::Held { silent_s, .. } = t.state else { panic!("{t:?}") };
        assert!((silent_s - (t.true_us - 20 * S) as f64 * 1e-6).abs() < 0.5, "{t:?}");
    }
    assert!(worst(without) < 50.0, "{:.0} us", worst(without));
    // Not for ever: nobody knows how clocks drift.
    let last = told.last().unwrap();
    assert!(matches!(last.state, SyncState::Arrival { .. }), "{last:?}");
}
