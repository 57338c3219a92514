//! The packets that cameras deliver.

use crate::event::{Contrast, EventBuffer, Trigger};
use crate::image::{ImageU8, Size};
use crate::time::{EventClock, FrameClock, HostClock, Timestamp};

/// All events of the time range `[from, until)`. No later packet adds events to this range.
#[derive(Clone, Debug, PartialEq)]
pub struct EventPacket {
    /// Number of clock resets so far. Timestamps of different epochs cannot be compared.
    pub epoch: u32,
    /// Start of the time range, inclusive.
    pub from: Timestamp<EventClock>,
    /// End of the time range, exclusive.
    pub until: Timestamp<EventClock>,
    /// Arrival time on this computer.
    pub arrived: Timestamp<HostClock>,
    /// The events, sorted by time.
    pub events: EventBuffer,
    /// Edges of the external signal, sorted by time.
    pub edges: Vec<Trigger>,
    /// Size of the sensor.
    pub sensor: Size,
    /// Start of a period before `until` in which the camera dropped events. Which events were
    /// dropped is unknown, and the packets of that period have already been delivered.
    pub lost_since: Option<Timestamp<EventClock>>,
}

/// Exposure time of a frame, as precisely as the camera reports it.
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
        /// Exposure time in microseconds.
        exposure_us: i64,
    },
    /// No hardware timestamp: the arrival time is used, as for a webcam.
    Arrival {
        /// Exposure time in microseconds, reported by the driver or set by the user.
        exposure_us: i64,
    },
}

/// One frame.
#[derive(Clone, Debug, PartialEq)]
pub struct FramePacket {
    /// Number of resets of the camera's clock and of `sequence`. With [`FrameTiming::Events`] it
    /// is the epoch of the event clock.
    pub epoch: u32,
    /// Frame number from the camera. A jump means that frames were lost upstream.
    pub sequence: u64,
    /// When the frame was exposed, as precisely as the camera reports it.
    pub timing: FrameTiming,
    /// Arrival time on this computer.
    pub arrived: Timestamp<HostClock>,
    /// The image.
    pub picture: ImageU8,
    /// Sharp ground-truth image at the middle of the exposure; only a simulation provides it.
    pub truth: Option<ImageU8>,
    /// Contrast thresholds of the event camera, if they are known for the file that is played.
    pub contrast: Option<Contrast>,
}

/// A packet sent by a camera.
#[derive(Clone, Debug, PartialEq)]
pub enum Packet {
    /// Events and trigger edges.
    Events(EventPacket),
    /// A frame.
    Frame(FramePacket),
}

impl Packet {
    /// Size in bytes of the images, events and edges.
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
