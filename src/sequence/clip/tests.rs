#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use super::*;
use crate::image::ImageF32;

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
    let mean = |frame: ImageF32| frame.data().iter().sum::<f32>() / frame.data().len() as f32;
    let (a, b) = (mean(small_one.frame.to_f32()), mean(one.frame.to_f32()));
    assert!((a - b).abs() < 1e-3, "{a} {b}");
}
