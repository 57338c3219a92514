//! What cameras deliver.

use crate::event::{EventBuffer, Trigger};
use crate::image::{ImageU8, Size};
use crate::time::{EventClock, FrameClock, HostClock, Timestamp};

/// All events of a stretch of time: none of `[from, until)` is still to come.
#[derive(Clone, Debug, PartialEq)]
pub struct EventPacket {
    /// Counts the times that the camera's clock was set anew; times of different epochs
    /// cannot be compared.
    pub epoch: u32,
    /// First moment that the packet answers for.
    pub from: Timestamp<EventClock>,
    /// First moment that it no longer answers for.
    pub until: Timestamp<EventClock>,
    /// When it reached this computer.
    pub arrived: Timestamp<HostClock>,
    /// The events, in order of time.
    pub events: EventBuffer,
    /// Edges of the external signal, in order of time.
    pub edges: Vec<Trigger>,
    /// Size of the sensor.
    pub sensor: Size,
    /// Since when, before `until`, events were lost inside of the camera. Which ones nobody
    /// knows, and the packets in between have already answered for their time.
    pub lost_since: Option<Timestamp<EventClock>>,
}

/// When a frame was exposed, as well as its camera can tell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FrameTiming {
    /// On the event camera's own clock: frames of a DAVIS, recordings.
    Events {
        /// The shutter opens.
        start: Timestamp<EventClock>,
        /// The shutter closes.
        end: Timestamp<EventClock>,
    },
    /// On the frame camera's clock.
    Frames {
        /// The shutter opens.
        start: Timestamp<FrameClock>,
        /// How long it stays open, in microseconds.
        exposure_us: i64,
    },
    /// Only the arrival is known: a web camera.
    Arrival {
        /// How long the shutter was open, told by the driver or the user, in microseconds.
        exposure_us: i64,
    },
}

/// One frame.
#[derive(Clone, Debug, PartialEq)]
pub struct FramePacket {
    /// Counts the times that the camera's clock and `sequence` were set anew. With
    /// [`FrameTiming::Events`] it is the epoch of the events' clock.
    pub epoch: u32,
    /// Counted by the camera: where it jumps, frames were lost on the way.
    pub sequence: u64,
    /// When it was exposed.
    pub span: FrameTiming,
    /// When it reached this computer.
    pub arrived: Timestamp<HostClock>,
    /// The image.
    pub picture: ImageU8,
    /// The true sharp image at the middle of the exposure, which only a simulation knows.
    pub truth: Option<ImageU8>,
}

/// What a source sends.
#[derive(Clone, Debug, PartialEq)]
pub enum Packet {
    /// Events and edges.
    Events(EventPacket),
    /// A frame.
    Frame(FramePacket),
}

impl Packet {
    /// Bytes that its pictures, events and edges take.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Events(packet) => {
                size_of_val(packet.events.as_slice()) + size_of_val(packet.edges.as_slice())
            }
            Self::Frame(frame) => {
                let truth = frame.truth.as_ref().map_or(0, |truth| truth.data().len());
                frame.picture.data().len() + truth
            }
        }
    }
}
