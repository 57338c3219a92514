//! Edges of the external trigger signal.

use crate::time::{EventClock, Timestamp};

/// Which way an external signal went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TriggerEdge {
    /// From low to high: with the usual wiring, the shutter opens.
    Rising,
    /// From high to low: the shutter closes.
    Falling,
}

/// An edge on the event camera's external input or generator, told on its clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// When.
    pub t: Timestamp<EventClock>,
    /// Which way.
    pub kind: TriggerEdge,
}
