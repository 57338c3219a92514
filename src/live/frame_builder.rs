//! Turns synchronised exposures into numbered live frames, with pooled memory.

use super::LiveFrame;
use crate::event::{Contrast, EventPool};
use crate::image::ImagePool;
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
    /// Pooled memory of `f32` frames.
    f32_images: ImagePool<f32>,
    /// Pooled memory of `u8` copies, needed while a recorder shares the exposure.
    u8_images: ImagePool<u8>,
    event_pool: EventPool,
}

impl Default for FrameBuilder {
    fn default() -> Self {
        Self {
            next_number: 0,
            last_start_us: None,
            interval: ASSUMED_INTERVAL,
            f32_images: ImagePool::default(),
            u8_images: ImagePool::default(),
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
        // Only a recorder can share the exposure.
        let synced = Arc::try_unwrap(synced)
            .unwrap_or_else(|shared| shared.copy_in(&self.u8_images, &self.event_pool));
        let (exposure, picture, truth) = synced.into_exposure(&self.f32_images);
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
