//! Reblurring: the mean of the sharp images over an exposure must be the blurry frame.
//!
//! Where several instants of one exposure are restored anyway, what their mean lacks of the frame is
//! known exactly. It is added to every one of them: the errors that all instants share vanish.

use crate::image::ImageF32;

/// Fewer instants say too little of the mean over the exposure.
pub const MIN_REBLUR_INSTANTS: usize = 5;

/// Adds to every restored image what the mean of all of them lacks of `frame`. The images must be
/// those of the middles of equal parts of the exposure, in any order. Does nothing, and answers
/// `false`, for fewer than [`MIN_REBLUR_INSTANTS`] or for images of another shape than the frame's.
///
/// The camera's numbers must be proportional to light, as those of MS-RBD recordings are.
pub fn reblur(frame: &ImageF32, restored: &mut [ImageF32]) -> bool {
    let same = |p: &ImageF32| (p.size(), p.channels()) == (frame.size(), frame.channels());
    if restored.len() < MIN_REBLUR_INSTANTS || !restored.iter().all(same) {
        return false;
    }
    let mut lack = vec![0.0_f32; frame.data().len()];
    let share = 1.0 / restored.len() as f32;
    for image in restored.iter() {
        lack.iter_mut().zip(image.data()).for_each(|(l, v)| *l -= share * v);
    }
    lack.iter_mut().zip(frame.data()).for_each(|(l, v)| *l += v);
    for image in restored {
        image.data_mut().iter_mut().zip(&lack).for_each(|(v, l)| *v += l);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Size;

    #[test]
    fn an_error_that_all_instants_share_vanishes() {
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
        // Too few instants to say anything of the mean: nothing changes.
        let few = restored[..4].to_vec();
        assert!(!reblur(&frame, &mut restored[..4]));
        assert!(few == restored[..4]);
    }
}
