#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use super::*;

#[test]
fn a_smaller_image_averages_the_area_of_every_pixel() {
    let frame = ImageF32::new(1, Size::new(3, 2), vec![0.0, 3.0, 6.0, 3.0, 6.0, 9.0]).unwrap();
    // Columns of 1.5 pixels: (0 + 3 / 2) / 1.5 and (3 / 2 + 6) / 1.5, then the mean of two rows.
    let small = shrunk(&frame, Size::new(2, 1));
    let expected = [(1.0 + 4.0) / 2.0, (5.0 + 8.0) / 2.0];
    for (v, expected) in small.data().iter().zip(expected) {
        assert!((v - expected).abs() < 1e-5, "{:?}", small.data());
    }
}

#[test]
fn smaller_images_keep_events_and_times() {
    let clip = Clip::embedded().unwrap();
    let small = clip.with_images(Size::new(384, 256));
    assert_eq!(small.exposures.len(), clip.exposures.len());
    let (small_one, one) = (&small.exposures[0], &clip.exposures[0]);
    assert_eq!(small_one.frame.size(), Size::new(384, 256));
    assert_eq!((small_one.span, small_one.sensor), (one.span, one.sensor));
    assert_eq!(small_one.events.len(), one.events.len());
    assert_eq!(small.truth[0].size(), Size::new(384, 256));
    let mean = |data: &[f32]| data.iter().sum::<f32>() / data.len() as f32;
    let (a, b) = (mean(small_one.frame.data()), mean(one.frame.data()));
    assert!((a - b).abs() < 1e-3, "{a} {b}");
}
