//! What the estimate is made from.

use crate::event::Event;
use crate::image::{ImageU8, Size};
use crate::time::TimeRange;

/// Two consecutive frames with the events of both exposures and of the time between.
#[derive(Clone, Copy, Debug)]
pub struct FramePair<'a> {
    /// The blurry frames, of one size, with the event sensor's view.
    pub frames: [&'a ImageU8; 2],
    /// The exposures on the events' clock, in order and apart.
    pub spans: [TimeRange; 2],
    /// The events in order of time, in one or more parts that follow each other; those outside
    /// both exposures and the gap are ignored.
    pub events: &'a [&'a [Event]],
    /// Size of the event sensor.
    pub sensor: Size,
}

/// Why a pair of frames was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unused {
    /// Sizes or times do not fit.
    #[error("the two frames do not fit each other")]
    Shape,
    /// Too little changes between the frames, as in a static scene.
    #[error("too little changes between the frames")]
    Static,
    /// The events do not explain how the frames change.
    #[error("the events do not explain the change between the frames")]
    Unrelated,
}
