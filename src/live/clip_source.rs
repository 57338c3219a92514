//! The embedded clip as an endless camera, which waits for a slow machine.

use super::{
    Control, ExposureSource, LiveContrast, LiveFrame, Next, PlaybackClock, Shape, SourceError,
    Transport,
};
use crate::image::Size;
use crate::sequence::Clip;
use std::time::{Duration, Instant};

/// Plays a clip in a loop at the selected size, at most at the speed at which it was taken.
pub struct ClipSource {
    clips: Vec<Clip>,
    shape: usize,
    clock: PlaybackClock,
    number: u64,
    contrast: LiveContrast,
}

impl ClipSource {
    /// Plays `clip`, starting with the smaller of its two sizes.
    pub fn new(clip: &Clip) -> Self {
        let interval = Duration::from_secs_f64((clip.period_us / 1e6).clamp(1e-3, 10.0));
        Self {
            clips: vec![Self::small(clip), clip.clone()],
            shape: 0,
            clock: PlaybackClock::new(interval),
            number: 0,
            contrast: LiveContrast::default(),
        }
    }

    /// The clip at the smaller of its two sizes: two thirds of the stored size.
    pub fn small(clip: &Clip) -> Clip {
        let size = clip.exposures.first().map_or(Size::new(0, 0), |e| e.frame.size());
        clip.with_images(Size::new(size.width * 2 / 3, size.height * 2 / 3))
    }

    /// Attaches these contrast thresholds to all exposures.
    pub fn with_contrast(mut self, contrast: LiveContrast) -> Self {
        self.contrast = contrast;
        self
    }

    fn position(&self) -> usize {
        let count = self.clips.first().map_or(1, |c| c.exposures.len().max(1));
        (self.number % count as u64) as usize
    }
}

impl ExposureSource for ClipSource {
    fn name(&self) -> String {
        "built-in clip".to_owned()
    }

    fn waits_for_engine(&self) -> bool {
        true
    }

    fn shapes(&self) -> Vec<Shape> {
        let first = self.clips.iter().filter_map(|c| c.exposures.first());
        first.map(|e| Shape { image: e.frame.size(), sensor: e.sensor }).collect()
    }

    fn interval(&self) -> Duration {
        Duration::from_secs_f64(self.clips.first().map_or(0.1, |c| c.period_us / 1e6))
    }

    fn next(&mut self, timeout: Duration) -> Result<Next, SourceError> {
        if !self.clock.wait(timeout) {
            return Ok(Next::Waiting);
        }
        let clip = self.clips.get(self.shape);
        let position = self.position();
        let Some(exposure) = clip.and_then(|c| c.exposures.get(position)).cloned() else {
            return Ok(Next::End);
        };
        // The clip has ground truth for the middle of every exposure.
        let truth = clip.and_then(|c| c.truth.get(position)).map(|t| (0.5, t.clone()));
        let number = self.number;
        self.number += 1;
        let now = Instant::now();
        Ok(Next::Exposure(Box::new(LiveFrame {
            number,
            picture: exposure.frame.to_u8(),
            exposure,
            truth: truth.into_iter().collect(),
            contrast: self.contrast.now(),
            closed: now,
            arrived: now,
        })))
    }

    fn control(&mut self, control: Control) {
        match control {
            Control::Shape(index) => self.shape = index.min(self.clips.len().saturating_sub(1)),
            other => {
                self.clock.control(other);
            }
        }
    }

    fn transport(&self) -> Option<Transport> {
        let count = self.clips.first().map_or(1, |c| c.exposures.len().max(1));
        Some(self.clock.transport(self.position() as f64 / count as f64))
    }
}
