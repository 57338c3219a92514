//! One exposure: a blurry frame and its events.

use crate::event::EventBuffer;
use crate::image::{ImageF32, Size};
use crate::time::TimeRange;

/// One blurry frame and the events that fired while it was exposed.
#[derive(Clone, Debug, PartialEq)]
pub struct Exposure {
    /// The blurry frame.
    pub frame: ImageF32,
    /// When the shutter opened and closed, on the events' clock.
    pub span: TimeRange,
    /// The events; those outside `span` are passed over.
    pub events: EventBuffer,
    /// Size of the event sensor, whose view must be the frame's.
    pub sensor: Size,
}
