//! Frames in place, frames of eight bits, and reblurring of exposures that were submitted.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use super::*;
use crate::engine::{AsyncEngine, DeviceOutput, EventTensor, Restored};
use crate::event::{EventBuffer, EventInput};
use crossbeam_channel::{Receiver, never};
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

/// An engine with a queue only, which returns half of the light at every instant, in single
/// precision.
#[derive(Default)]
struct QueueOnly(VecDeque<(Vec<f32>, usize)>);

impl Engine for QueueOnly {
    fn event_input(&self) -> EventInput {
        EventInput::Counts
    }

    fn restore(
        &mut self,
        _: &Image<'_>,
        _: &[EventTensor<'_>],
    ) -> Result<Vec<Restored>, EngineError> {
        Err(EngineError::Shape("only its queue may be used".into()))
    }

    fn queue(&mut self) -> Option<&mut dyn AsyncEngine> {
        Some(self)
    }
}

impl AsyncEngine for QueueOnly {
    fn free_slots(&mut self) -> usize {
        2 - self.0.len()
    }

    fn submit(
        &mut self,
        blur: &dyn Blurry,
        events: &Events<'_>,
        form: OutputFormat,
    ) -> Result<bool, EngineError> {
        assert_eq!(form, OutputFormat::F32);
        let mut planes = vec![0.0; 3 * blur.size().area()];
        for (channel, plane) in planes.chunks_exact_mut(blur.size().area()).enumerate() {
            blur.write_plane(channel, plane);
        }
        planes.iter_mut().for_each(|v| *v *= 0.5);
        self.0.push_back((planes, events.targets.len()));
        Ok(true)
    }

    fn submit_to_device(
        &mut self,
        _: &dyn Blurry,
        _: &Events<'_>,
        _: DeviceOutput,
    ) -> Result<bool, EngineError> {
        panic!("what is reblurred is needed in memory")
    }

    fn collect(&mut self, take: &mut dyn FnMut(OutputRef<'_>)) -> Result<(), EngineError> {
        let (latent, count) = self.0.pop_front().unwrap();
        (0..count).for_each(|_| take(OutputRef::F32 { latent: &latent, ratio: &[] }));
        Ok(())
    }

    fn can_collect(&mut self) -> bool {
        true
    }

    fn ready_channel(&mut self) -> Receiver<()> {
        never()
    }
}

#[test]
fn an_exposure_that_was_submitted_is_reblurred_as_one_that_is_restored() {
    let half_of_the_light = |blur: &[f32]| blur.iter().map(|v| 0.5 * v).collect::<Vec<f32>>();
    let (size, nearest) = (Size::new(16, 16), Rounding::Nearest);
    let engines: [Box<dyn Engine>; 2] =
        [Box::new(FakeEngine(half_of_the_light)), Box::new(QueueOnly::default())];
    for (engine, has_queue) in engines.into_iter().zip([false, true]) {
        let mut deblurrer = Deblurrer::new(engine);
        for colour in [false, true] {
            let exposure = Arc::new(exposure(ImageF32::filled(colour, size, 0.8)));
            let frame = ImageU8::filled(colour, size, 204);
            deblurrer.set_reblur_instants(Some(MIN_REBLUR_INSTANTS));
            deblurrer.submit_to_device(exposure.clone(), &[0.5], nearest, false).unwrap();
            // What was set when it was submitted counts.
            deblurrer.set_reblur_instants(None);
            let Pictures { in_memory, on_device } = deblurrer.collect_pictures().unwrap();
            assert!(on_device.is_none());
            assert_eq!(in_memory, std::slice::from_ref(&frame), "the mean is the frame");
            deblurrer.set_reblur_instants(Some(7));
            deblurrer.submit(exposure.clone(), &even_instants(7), nearest).unwrap();
            assert_eq!(deblurrer.collect().unwrap(), vec![frame.clone(); 7]);
            if !has_queue {
                let whole = deblurrer.restore_pictures(&exposure, &[0.5], nearest).unwrap();
                assert_eq!(whole, [frame]);
                deblurrer.set_reblur_instants(None);
                deblurrer.submit(exposure, &[0.5], nearest).unwrap();
                assert_eq!(deblurrer.collect().unwrap(), [ImageU8::filled(colour, size, 102)]);
            }
        }
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
