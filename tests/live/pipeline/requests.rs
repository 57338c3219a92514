//! Requests for other instants, and for exposures on demand.

use super::{start, wait};
use gem_live::live::{RestorePolicy, RestoreRequest};
use std::time::Duration;

#[test]
fn a_held_exposure_is_restored_again_for_another_request_and_no_other_is_used() {
    let (pipeline, ..) = start(u64::MAX, 1);
    wait("an image", || pipeline.take().is_some());
    let hold = |at| RestoreRequest {
        instants: vec![at],
        policy: RestorePolicy::Hold,
        edi: false,
        thresholds: None,
        reblur: true,
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
            reblur: true,
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
