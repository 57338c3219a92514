#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use super::*;

#[test]
fn set_thresholds_override_known_ones_and_those_override_the_estimate() {
    let folder = tempfile::tempdir().unwrap();
    let stored = Contrast {
        thresholds: Thresholds::both(0.35),
        source: ContrastSource::Estimated,
        uncertainty: Some(0.05),
    };
    contrast::save(folder.path(), "00000042", stored).unwrap();
    let live = LiveContrast::in_folder(folder.path());
    assert_eq!(live.now(), Contrast::default());
    live.camera(Some("00000042".into()));
    assert_eq!(live.now(), stored);
    let known = Contrast::known(Thresholds::both(0.3));
    live.use_known(known);
    assert_eq!(live.now(), known);
    live.set(Some(Thresholds::both(0.15)));
    assert_eq!(live.now(), Contrast::set(Thresholds::both(0.15)));
    live.set(None);
    assert_eq!((live.now(), live.estimated()), (known, stored));
    live.camera(None);
    assert_eq!(live.estimated(), Contrast::default());
}

#[test]
fn a_good_new_estimate_is_stored_under_its_own_camera() {
    let folder = tempfile::tempdir().unwrap();
    let live = LiveContrast::in_folder(folder.path());
    let estimate = |on: f64, uncertainty: f64| {
        let mut state = live.state();
        state.estimated = Contrast {
            thresholds: Thresholds::both(on),
            source: ContrastSource::Estimated,
            uncertainty: Some(uncertainty),
        };
        state.unsaved = true;
    };
    live.camera(Some("one".into()));
    estimate(0.4, 0.03);
    live.camera(Some("two".into()));
    estimate(0.2, 0.5);
    drop(live);
    let on = |serial| contrast::load(folder.path(), serial).map(|c| c.thresholds.on);
    assert_eq!((on("one"), on("two")), (Some(0.4), None));
}

#[test]
fn the_estimate_starts_from_a_poor_one_of_a_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let estimate = |on: f64, uncertainty: f64| Contrast {
        thresholds: Thresholds::both(on),
        source: ContrastSource::Estimated,
        uncertainty: Some(uncertainty),
    };
    let (poor, good) = (estimate(0.4, 0.3), estimate(0.3, 0.1));
    let live = LiveContrast::in_folder(folder.path());
    live.use_known(poor);
    assert_eq!((live.now(), live.state().known), (poor, None));
    // A recording has no serial number; an accurate estimate for one is better.
    live.camera(None);
    assert_eq!(live.now(), poor);
    contrast::save(folder.path(), "00000042", good).unwrap();
    live.camera(Some("00000042".into()));
    assert_eq!(live.now(), good);
    live.camera(None);
    assert_eq!(live.now(), poor);
    live.use_known(good);
    assert_eq!(live.state().known, Some(good));
}

#[test]
fn what_is_set_by_hand_is_kept_for_its_camera_only() {
    let folder = tempfile::tempdir().unwrap();
    let by_hand = Thresholds { on: 0.3, off: 0.25 };
    let stored = |serial| contrast::load(folder.path(), serial);
    let connect = |serial: &str| {
        let live = LiveContrast::in_folder(folder.path());
        live.camera(Some(serial.into()));
        live
    };
    let live = connect("one");
    let before = Instant::now();
    live.set_by_hand(Some(by_hand));
    live.store_changed(before);
    assert_eq!(stored("one"), None, "it may still be changing");
    live.store_changed(Instant::now() + CHANGE_DELAY);
    assert_eq!(stored("one"), Some(Contrast::set(by_hand)));
    {
        // An estimate does not replace it.
        let mut state = live.state();
        state.estimated = Contrast {
            thresholds: Thresholds::both(0.4),
            source: ContrastSource::Estimated,
            uncertainty: Some(0.03),
        };
        state.unsaved = true;
    }
    drop(live);
    let live = connect("one");
    assert_eq!((live.now(), live.estimated()), (Contrast::set(by_hand), Contrast::default()));
    live.camera(Some("two".into()));
    assert_eq!(live.now(), Contrast::default());
    live.camera(Some("one".into()));
    live.set(Some(Thresholds::both(0.15)));
    assert_eq!(live.now(), Contrast::set(Thresholds::both(0.15)), "given for this run");
    live.set_by_hand(None);
    assert_eq!(live.now(), Contrast::default());
    drop(live);
    assert_eq!((stored("one"), stored("two")), (None, None));
}

#[test]
fn what_is_set_by_hand_without_a_serial_number_is_not_stored() {
    let folder = tempfile::tempdir().unwrap();
    let by_hand = Thresholds::both(0.3);
    let live = LiveContrast::in_folder(folder.path());
    live.camera(None);
    live.use_known(Contrast::known(Thresholds::both(0.2)));
    live.set_by_hand(Some(by_hand));
    live.store_changed(Instant::now() + CHANGE_DELAY);
    assert_eq!(live.now(), Contrast::set(by_hand));
    drop(live);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    // Set while the camera was not connected yet.
    let live = LiveContrast::in_folder(folder.path());
    live.set_by_hand(Some(by_hand));
    live.camera(Some("one".into()));
    assert_eq!(live.now(), Contrast::set(by_hand));
    drop(live);
    assert_eq!(contrast::load(folder.path(), "one"), Some(Contrast::set(by_hand)));
}
