//! Reblurring: makes the mean of the sharp images over an exposure equal the blurry frame.
//!
//! If several instants of one exposure are restored, the difference between their mean and the
//! frame is known exactly. Adding it to each image removes the errors that all of them share.

use crate::image::ImageF32;

/// Minimum number of instants: fewer do not represent the mean over the exposure.
pub const MIN_REBLUR_INSTANTS: usize = 5;

/// Adds the difference between `frame` and the mean of all restored images to each of them. The
/// images must be those at the centres of equal parts of the exposure, in any order. Does nothing
/// and returns `false` if there are fewer than [`MIN_REBLUR_INSTANTS`] images, or if their shape is
/// not the frame's.
///
/// The camera's values must be proportional to light, as in MS-RBD recordings.
pub fn reblur(frame: &ImageF32, restored: &mut [ImageF32]) -> bool {
    let same = |p: &ImageF32| (p.size(), p.channels()) == (frame.size(), frame.channels());
    if restored.len() < MIN_REBLUR_INSTANTS || !restored.iter().all(same) {
        return false;
    }
    let mut difference = vec![0.0_f32; frame.data().len()];
    let share = 1.0 / restored.len() as f32;
    for image in restored.iter() {
        difference.iter_mut().zip(image.data()).for_each(|(d, v)| *d -= share * v);
    }
    difference.iter_mut().zip(frame.data()).for_each(|(d, v)| *d += v);
    for image in restored {
        image.data_mut().iter_mut().zip(&difference).for_each(|(v, d)| *v += d);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Size;

    #[test]
    fn an_error_shared_by_all_instants_is_removed() {
        let size = Size::new(4, 2);
        let image = |k: usize, error: f32| {
            let data = (0..8).map(|i| 0.1 * ((i + k) % 8) as f32 + error).collect();
            ImageF32::new(1, size, data).unwrap()
        };
        let truth: Vec<ImageF32> = (0..8).map(|k| image(k, 0.0)).collect();
        let mean = (0..8).map(|i| truth.iter().map(|t| t.data()[i]).sum::<f32>() / 8.0);
        let frame = ImageF32::new(1, size, mean.collect()).unwrap();
        let mut restored: Vec<ImageF32> = (0..8).map(|k| image(k, 0.05)).collect();
        assert!(reblur(&frame, &mut restored));
        for (got, want) in restored.iter().zip(&truth) {
            for (a, b) in got.data().iter().zip(want.data()) {
                assert!((a - b).abs() < 1e-6);
            }
        }
        // Too few instants to represent the mean: nothing changes.
        let few = restored[..4].to_vec();
        assert!(!reblur(&frame, &mut restored[..4]));
        assert!(few == restored[..4]);
    }
}
