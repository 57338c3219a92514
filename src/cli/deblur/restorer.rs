//! The method that restores an exposure.

use crate::cli::common::Reblur;
use crate::cli::failure::Failure;
use gem_live::Deblurrer;
use gem_live::deblur::{default_reblur_instants, edi};
use gem_live::event::Thresholds;
use gem_live::exposure::Exposure;
use gem_live::image::{ImageU8, Rounding};
use gem_live::time::TimeRange;

/// The method that restores an exposure.
pub(super) enum Restorer {
    San(Box<Deblurrer>, Reblurring),
    Edi,
}

/// Which exposures are reblurred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reblurring {
    /// All, with the number of instants of the option.
    With(Reblur),
    /// Those for which it is the default: see [`default_reblur_instants`].
    Default,
    Never,
}

impl Restorer {
    pub(super) fn run(
        &mut self,
        exposure: &Exposure,
        instants: &[f64],
        thresholds: Thresholds,
    ) -> Result<Vec<ImageU8>, Failure> {
        let targets: Vec<TimeRange> =
            instants.iter().map(|f| TimeRange::instant(exposure.span.at(*f))).collect();
        match self {
            Self::San(deblurrer, reblurring) => {
                deblurrer.set_thresholds(thresholds);
                deblurrer.set_reblur_instants(match *reblurring {
                    Reblurring::With(option) => option.count(exposure, &targets),
                    Reblurring::Default => default_reblur_instants(exposure, instants),
                    Reblurring::Never => None,
                });
                Ok(deblurrer.restore_pictures(exposure, instants, Rounding::Down)?)
            }
            Self::Edi => {
                let planes = edi(exposure, &targets, thresholds)?;
                Ok(planes.iter().map(|p| p.to_u8()).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gem_live::deblur::even_instants;
    use gem_live::engine::{Engine, EngineError, EventTensor, Image, Restored};
    use gem_live::event::{EventBuffer, EventInput};
    use gem_live::image::{ImageF32, Size};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Returns half of the light at every instant, and counts the instants.
    struct HalfOfTheLight(Arc<AtomicUsize>);

    impl Engine for HalfOfTheLight {
        fn event_input(&self) -> EventInput {
            EventInput::Counts
        }

        fn restore(
            &mut self,
            blur: &Image<'_>,
            targets: &[EventTensor<'_>],
        ) -> Result<Vec<Restored>, EngineError> {
            self.0.fetch_add(targets.len(), Ordering::Relaxed);
            let latent: Vec<f32> = blur.data.iter().map(|v| 0.5 * v).collect();
            Ok(targets.iter().map(|_| Restored { latent: latent.clone(), ratio: vec![] }).collect())
        }
    }

    /// The level of the pictures at these instants, of a frame with the level 204, and the number
    /// of instants that were restored.
    fn restored(scale: usize, reblurring: Reblurring, instants: &[f64]) -> (u8, usize) {
        let sensor = Size::new(16, 16);
        let frame = ImageF32::filled(true, Size::new(16 * scale, 16 * scale), 204.5 / 255.0);
        let span = TimeRange::new(0.0, 10_000.0);
        let events = EventBuffer::default();
        let exposure = Exposure { frame: frame.into(), span, events, sensor };
        let count = Arc::new(AtomicUsize::new(0));
        let engine = Box::new(HalfOfTheLight(count.clone()));
        let mut restorer = Restorer::San(Box::new(Deblurrer::new(engine)), reblurring);
        let pictures = restorer.run(&exposure, instants, Thresholds::DEFAULT).unwrap();
        assert_eq!(pictures.len(), instants.len());
        let level = pictures[0].data()[0];
        assert!(pictures.iter().all(|p| p.data().iter().all(|v| *v == level)));
        (level, count.load(Ordering::Relaxed))
    }

    /// `--reblur=N`, or `--reblur` without a number.
    fn option(number: Option<u16>) -> Reblurring {
        Reblurring::With(Reblur { instants: Some(number) })
    }

    #[test]
    fn by_default_exposures_are_reblurred_where_it_helps_and_options_override_it() {
        let (five, four) = (even_instants(5), even_instants(4));
        let level = |scale, reblurring, instants: &[f64]| restored(scale, reblurring, instants).0;
        assert_eq!(level(1, Reblurring::Default, &five), 204);
        assert_eq!(level(2, Reblurring::Default, &five), 204);
        assert_eq!(level(4, Reblurring::Default, &five), 102, "it loses at a scale of 4");
        assert_eq!(level(2, Reblurring::Default, &four), 102, "too few for the mean");
        assert_eq!(level(4, option(Some(5)), &five), 204);
        assert_eq!(level(2, option(Some(9)), &[0.5]), 204);
        assert_eq!(level(2, Reblurring::Never, &five), 102);
    }

    #[test]
    fn without_a_number_the_instants_that_are_restored_anyway_are_used() {
        let sixteen = even_instants(16);
        assert_eq!(restored(4, option(None), &sixteen), (204, 16));
        assert_eq!(restored(4, option(Some(16)), &sixteen), (204, 16));
        assert_eq!(restored(4, option(Some(9)), &sixteen), (204, 16 + 9));
        assert_eq!(restored(4, option(None), &[0.5]), (204, 9));
        assert_eq!(restored(4, option(None), &even_instants(4)), (204, 4 + 9));
    }
}
