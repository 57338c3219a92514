//! Edges of the external trigger signal.

use crate::time::{EventClock, Timestamp};

/// Direction of an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TriggerEdge {
    /// From low to high. With the usual wiring, the shutter opens.
    Rising,
    /// From high to low. The shutter closes.
    Falling,
}

/// An edge on the event camera's external input or signal generator, timed on the event clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// Time of the edge.
    pub t: Timestamp<EventClock>,
    /// Direction of the edge.
    pub kind: TriggerEdge,
}
