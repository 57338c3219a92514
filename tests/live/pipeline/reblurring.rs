//! Reblurring of the instants that are requested.

use super::{Burst, wait};
use gem_live::Deblurrer;
use gem_live::deblur::even_instants;
use gem_live::engine::{Engine, EngineError, EventTensor, Image, Restored};
use gem_live::event::EventInput;
use gem_live::live::{Parts, Pipeline, RestorePolicy, RestoreRequest, San};
use std::sync::Arc;

/// Returns half of the light at every instant.
struct HalfOfTheLight;

impl Engine for HalfOfTheLight {
    fn event_input(&self) -> EventInput {
        EventInput::Counts
    }

    fn restore(
        &mut self,
        blur: &Image<'_>,
        targets: &[EventTensor<'_>],
    ) -> Result<Vec<Restored>, EngineError> {
        let latent: Vec<f32> = blur.data.iter().map(|v| 0.5 * v).collect();
        Ok(targets.iter().map(|_| Restored { latent: latent.clone(), ratio: vec![] }).collect())
    }
}

#[test]
fn even_instants_are_reblurred_unless_the_request_turns_it_off() {
    let deblurrer = Deblurrer::new(Box::new(HalfOfTheLight));
    // One exposure, with the level 102.
    let source = Burst { next: 400, count: 401, failing: Arc::default() };
    let parts = Parts {
        source: Box::new(source),
        restorer: Box::new(|_| Ok(Box::new(San { deblurrer, description: "fake".into() }))),
        adapt: false,
        notify: Box::new(|| ()),
    };
    let pipeline = Pipeline::start(parts).unwrap();
    wait("an image", || pipeline.take().is_some());
    for (instants, reblur, level) in [
        (even_instants(5), true, 102),
        (even_instants(5), false, 51),
        (even_instants(4), true, 51),
        (vec![0.0, 0.25, 0.5, 0.75, 1.0], true, 51),
    ] {
        let (requested, policy) = (instants.clone(), RestorePolicy::Hold);
        let default = RestoreRequest::default();
        pipeline.request(RestoreRequest { instants, policy, reblur, ..default });
        let mut held = None;
        wait("the held exposure", || {
            held = pipeline.take();
            held.is_some()
        });
        let held = held.unwrap();
        assert_eq!(held.instants, requested);
        assert_eq!(held.restored.len(), requested.len());
        for picture in &held.restored {
            assert!(picture.data().iter().all(|v| *v == level), "{requested:?}, {reblur}");
        }
    }
}
