//! One exposure: a blurry frame and its events.

pub mod consistency;
mod frame;

pub use frame::BlurryFrame;

use crate::event::EventBuffer;
use crate::image::Size;
use crate::time::TimeRange;

/// One blurry frame and the events that fired during its exposure.
#[derive(Clone, Debug, PartialEq)]
pub struct Exposure {
    /// The blurry frame.
    pub frame: BlurryFrame,
    /// When the shutter opened and closed, on the event clock.
    pub span: TimeRange,
    /// The events. Those outside `span` are ignored.
    pub events: EventBuffer,
    /// Size of the event sensor. Its field of view must be that of the frame.
    pub sensor: Size,
}
