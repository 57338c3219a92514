use super::*;

#[test]
fn timestamp_marks_start_or_end_of_exposure_or_is_missing() {
    let at =
        |start_us| FrameTiming::Frames { start: Timestamp::from_us(start_us), exposure_us: 4_000 };
    assert_eq!(timing(9_000_999, 4_000, false), at(9_000));
    assert_eq!(timing(9_000_000, 4_000, true), at(5_000));
    assert_eq!(timing(0, 4_000, true), FrameTiming::Arrival { exposure_us: 4_000 });
}
