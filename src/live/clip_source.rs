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
    /// Index of the next exposure.
    position: usize,
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
            position: 0,
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

    /// Number of exposures, at least one.
    fn count(&self) -> usize {
        self.clips.first().map_or(1, |c| c.exposures.len().max(1))
    }

    /// Delivers one exposure at once if playback is paused.
    fn show_one(&mut self) {
        if self.clock.transport(0.0).paused {
            self.clock.control(Control::Step(1));
        }
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
        let position = self.position;
        let Some(exposure) = clip.and_then(|c| c.exposures.get(position)).cloned() else {
            return Ok(Next::End);
        };
        // The clip has ground truth for the middle of every exposure.
        let truth = clip.and_then(|c| c.truth.get(position)).map(|t| (0.5, t.clone()));
        let number = self.number;
        self.number += 1;
        self.position = (position + 1) % self.count();
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
            Control::Seek(to) => {
                let count = self.count();
                self.position = ((to.clamp(0.0, 1.0) * count as f64) as usize).min(count - 1);
                self.show_one();
            }
            // The exposure before the one that was delivered last, or further back.
            Control::Step(steps) if steps < 0 => {
                let (count, back) = (self.count(), steps.unsigned_abs() as usize);
                self.position = (self.position + 2 * count - 1 - back % count) % count;
                self.show_one();
            }
            other => {
                self.clock.control(other);
            }
        }
    }

    fn transport(&self) -> Option<Transport> {
        Some(self.clock.transport(self.position as f64 / self.count() as f64))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    #[test]
    fn a_paused_clip_is_searched_and_stepped_in_both_directions() {
        let clip = Clip::embedded().unwrap();
        let small = ClipSource::small(&clip);
        let mut source = ClipSource::new(&clip);
        source.control(Control::Pause(true));
        assert!(matches!(source.next(Duration::ZERO), Ok(Next::Waiting)));
        let asked = [
            (Control::Seek(0.75), 7),
            (Control::Step(-1), 6),
            (Control::Step(1), 7),
            (Control::Seek(1.0), 9),
            (Control::Step(1), 0),
            (Control::Step(-3), 7),
        ];
        for (number, (control, index)) in asked.into_iter().enumerate() {
            source.control(control.clone());
            let Ok(Next::Exposure(frame)) = source.next(Duration::ZERO) else {
                panic!("{control:?}: no exposure");
            };
            let expected = small.exposures.get(index).unwrap();
            assert!(frame.picture == expected.frame.to_u8(), "{control:?} leads elsewhere");
            // A gap would be a loss.
            assert_eq!(frame.number, number as u64);
            assert!(matches!(source.next(Duration::ZERO), Ok(Next::Waiting)), "{control:?}");
        }
    }
}
