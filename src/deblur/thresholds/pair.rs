//! Input of the threshold estimator.

use crate::event::Event;
use crate::image::{ImageU8, Size};
use crate::time::TimeRange;

/// Two consecutive frames with the events of both exposures and of the time between.
#[derive(Clone, Copy, Debug)]
pub struct FramePair<'a> {
    /// The blurry frames, of the same size and with the same view as the event sensor.
    pub frames: [&'a ImageU8; 2],
    /// The exposures on the events' clock, in order and not overlapping.
    pub spans: [TimeRange; 2],
    /// The events in order of time, in one or more consecutive parts. Events outside the exposures
    /// and the gap between them are ignored.
    pub events: &'a [&'a [Event]],
    /// Size of the event sensor.
    pub sensor: Size,
}

/// Why a pair of frames was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unused {
    /// Sizes, channels or times do not match.
    #[error("sizes or exposure times of the two frames do not match")]
    Shape,
    /// Too little change between the frames, as in a static scene.
    #[error("too little change between the frames")]
    Static,
    /// The events do not explain how the frames change.
    #[error("the events do not explain the change between the frames")]
    Unrelated,
}
