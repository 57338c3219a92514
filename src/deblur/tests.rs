//! Frames in place, frames of eight bits, and what reblurring has no effect on.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use super::*;
use crate::engine::{EventTensor, Restored};
use crate::event::{EventBuffer, EventInput};
use std::sync::{Arc, Mutex};

/// An engine without a queue that returns what the function makes of the blurry image.
struct FakeEngine<F>(F);

impl<F: FnMut(&[f32]) -> Vec<f32> + Send> Engine for FakeEngine<F> {
    fn event_input(&self) -> EventInput {
        EventInput::Counts
    }

    fn restore(
        &mut self,
        blur: &Image<'_>,
        targets: &[EventTensor<'_>],
    ) -> Result<Vec<Restored>, EngineError> {
        let latent = (self.0)(blur.data);
        Ok(targets.iter().map(|_| Restored { latent: latent.clone(), ratio: vec![] }).collect())
    }
}

#[test]
fn an_exposure_that_was_submitted_is_not_reblurred() {
    let half_of_the_light = |blur: &[f32]| blur.iter().map(|v| 0.5 * v).collect::<Vec<f32>>();
    let mut deblurrer = Deblurrer::new(Box::new(FakeEngine(half_of_the_light)));
    let size = Size::new(16, 16);
    for colour in [false, true] {
        let exposure = Arc::new(exposure(ImageF32::filled(colour, size, 0.8)));
        deblurrer.set_reblur_instants(Some(MIN_REBLUR_INSTANTS));
        let nearest = Rounding::Nearest;
        let whole = deblurrer.restore_pictures(&exposure, &[0.5], nearest).unwrap();
        assert_eq!(whole, [ImageU8::filled(colour, size, 204)], "the mean is the frame");
        deblurrer.submit(exposure, &[0.5], nearest).unwrap();
        assert_eq!(deblurrer.collect().unwrap(), [ImageU8::filled(colour, size, 102)]);
    }
}

fn exposure(frame: impl Into<BlurryFrame>) -> Exposure {
    Exposure {
        frame: frame.into(),
        span: TimeRange::new(0.0, 10.0),
        events: EventBuffer::default(),
        sensor: Size::new(16, 16),
    }
}

#[test]
fn a_frame_of_numbers_is_copied_only_if_it_must_be_padded() {
    let seen: Arc<Mutex<Option<usize>>> = Arc::default();
    let address = Arc::clone(&seen);
    let mut deblurrer = Deblurrer::new(Box::new(FakeEngine(move |blur: &[f32]| {
        *address.lock().unwrap() = Some(blur.as_ptr().addr());
        blur.to_vec()
    })));
    let mut is_borrowed = |colour, size: Size| {
        let frame = ImageF32::filled(colour, size, 0.25);
        let restored = deblurrer.restore(&exposure(frame.clone()), &[0.5]).unwrap();
        assert_eq!(restored, std::slice::from_ref(&frame));
        seen.lock().unwrap().take() == Some(frame.data().as_ptr().addr())
    };
    assert!(is_borrowed(true, Size::new(32, 16)));
    assert!(!is_borrowed(true, Size::new(31, 16)) && !is_borrowed(false, Size::new(32, 16)));
}

#[test]
fn a_frame_of_eight_bits_is_the_same_input_as_its_numbers() {
    let mut deblurrer = Deblurrer::new(Box::new(FakeEngine(|blur: &[f32]| blur.to_vec())));
    for (channels, size) in [(3, Size::new(32, 16)), (3, Size::new(31, 17)), (1, Size::new(5, 3))] {
        let levels = (0..channels * size.area()).map(|i| (7 * i % 256) as u8).collect();
        let picture = ImageU8::new(channels, size, levels).unwrap();
        let inputs = [exposure(picture.clone()), exposure(picture.to_f32())];
        let [bytes, numbers] = inputs.each_ref().map(|input| {
            let restored = deblurrer.restore(input, &[0.5]).unwrap();
            let (blur, _) = prepared(input, &[], Thresholds::DEFAULT).unwrap();
            let mut planes = vec![0; blur.size().area()];
            let written: Vec<Vec<u8>> = (0..3)
                .map(|channel| {
                    assert!(blur.write_bytes(channel, &mut planes));
                    planes.clone()
                })
                .collect();
            (restored, written)
        });
        assert_eq!(bytes, numbers);
    }
}
