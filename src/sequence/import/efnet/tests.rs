#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use super::*;
use crate::sequence::import::FrameExposure;

#[test]
fn a_frame_whose_time_is_not_a_number_has_no_exposure_and_the_others_keep_theirs() {
    let path = Path::new("a.h5");
    let us = |t: f64| t as i64;
    let nan = f64::NAN;
    let known = |start, end| [None, Some(start), Some(end)];
    let stamps = [known(1.0, 5.0), known(nan, 9.0), known(11.0, nan), known(20.0, 25.0)];
    let found = exposures(path, &stamps, us, &ImportOptions::default()).unwrap();
    assert_eq!(found, [Some([1, 5]), None, None, Some([20, 25])]);
    let stamps = [0.0, 10.0, nan, 30.0, 40.0, 50.0].map(|t| [Some(t), None, None]);
    let with = |exposure| ImportOptions { exposure: Some(exposure), ..ImportOptions::default() };
    let found = exposures(path, &stamps, us, &with(FrameExposure::Us(5))).unwrap();
    let each = |t: i64| Some([t, t + 5]);
    assert_eq!(found, [each(0), each(10), None, each(30), each(40), each(50)]);
    let found = exposures(path, &stamps, us, &with(FrameExposure::Contiguous)).unwrap();
    assert_eq!(found, [None, None, None, None, Some([35, 45]), None]);
}
