//! Turns synchronised exposures into numbered live frames, with pooled memory.

use super::LiveFrame;
use crate::event::{Contrast, EventPool};
use crate::rig::sync::SyncedExposure;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Assumed frame interval until it is measured.
const ASSUMED_INTERVAL: Duration = Duration::from_millis(33);

/// Numbers the frames, and measures their interval.
pub(super) struct FrameBuilder {
    next_number: u64,
    last_start_us: Option<i64>,
    interval: Duration,
    /// Pooled memory of copied events, needed while others share the exposure.
    event_pool: EventPool,
}

impl Default for FrameBuilder {
    fn default() -> Self {
        Self {
            next_number: 0,
            last_start_us: None,
            interval: ASSUMED_INTERVAL,
            event_pool: EventPool::default(),
        }
    }
}

impl FrameBuilder {
    /// Time between the starts of the last two exposures.
    pub(super) fn interval(&self) -> Duration {
        self.interval
    }

    /// Converts an exposure. `missing` frames were lost with exposures that were skipped before it;
    /// they and its own missing frames leave a gap in the numbers. `arrived` is when the frame
    /// reached this computer, `closed` when its shutter closed.
    pub(super) fn build(
        &mut self,
        synced: Arc<SyncedExposure>,
        missing: u64,
        (arrived, closed): (Instant, Instant),
        contrast: Contrast,
    ) -> LiveFrame {
        let _span = tracing::trace_span!("convert", frame = self.next_number).entered();
        let start_us = synced.frame.start.us();
        if let Some(last_start_us) = self.last_start_us.replace(start_us) {
            let us = u64::try_from(start_us.saturating_sub(last_start_us)).unwrap_or(0);
            if us > 0 {
                self.interval = Duration::from_micros(us);
            }
        }
        let number = self.next_number + missing + synced.frames_missing;
        self.next_number = number + 1;
        // A recorder and the estimate of thresholds share the exposure. Its events are cut to the
        // exposure, so they are copied then; its images are shared.
        let synced =
            Arc::try_unwrap(synced).unwrap_or_else(|shared| shared.clone_in(&self.event_pool));
        let (exposure, picture, truth) = synced.into_exposure();
        LiveFrame {
            number,
            exposure,
            picture,
            truth: truth.into_iter().map(|t| (0.5, t)).collect(),
            contrast,
            closed,
            arrived,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use super::*;
    use crate::event::{Event, EventBuffer};
    use crate::exposure::BlurryFrame;
    use crate::image::{ImageU8, Size};
    use crate::rig::sync::TimedFrame;
    use crate::time::Timestamp;

    #[test]
    fn a_shared_exposure_is_converted_without_a_copy_of_its_pictures() {
        let size = Size::new(32, 16);
        let event = |t_us| Event { t_us, x: 1, y: 2, polarity: true };
        let synced = Arc::new(SyncedExposure {
            frame: TimedFrame {
                epoch: 0,
                sequence: 0,
                start: Timestamp::from_us(1000),
                end: Timestamp::from_us(2000),
                arrived: Timestamp::from_us(0),
                picture: ImageU8::filled(true, size, 51),
                truth: Some(ImageU8::filled(true, size, 102)),
                contrast: None,
            },
            index: 0,
            events: EventBuffer::from(vec![event(900), event(1500)]),
            from: Timestamp::from_us(500),
            missing: Vec::new(),
            lossy: false,
            frames_missing: 0,
            sensor: size,
        });
        let recorded = synced.clone();
        let now = Instant::now();
        let frame = FrameBuilder::default().build(synced, 0, (now, now), Contrast::default());
        let at = |picture: &ImageU8| picture.data().as_ptr();
        assert_eq!(at(&frame.picture), at(&recorded.frame.picture));
        assert_eq!(at(&frame.truth[0].1), at(recorded.frame.truth.as_ref().unwrap()));
        let BlurryFrame::U8(input) = &frame.exposure.frame else { panic!("it was converted") };
        assert_eq!(at(input), at(&recorded.frame.picture));
        // The recorder needs the events before the exposure, the engine does not.
        assert_eq!((frame.exposure.events.len(), recorded.events.len()), (1, 2));
    }
}
