//! A frame with all of its events.

use super::event_history::within;
use crate::event::{Contrast, Event, EventBuffer, EventPool};
use crate::exposure::Exposure;
use crate::image::{ImageU8, Size};
use crate::time::{EventClock, HostClock, RangeUs, TimeRange, Timestamp};

/// A frame with its exposure time on the event clock.
#[derive(Clone, Debug, PartialEq)]
pub struct TimedFrame {
    /// Epoch of the event clock that `start` and `end` belong to.
    pub epoch: u32,
    /// Frame number of the frame camera.
    pub sequence: u64,
    /// When the shutter opens.
    pub start: Timestamp<EventClock>,
    /// When the shutter closes.
    pub end: Timestamp<EventClock>,
    /// When the frame arrived at the host.
    pub arrived: Timestamp<HostClock>,
    /// The image.
    pub picture: ImageU8,
    /// Ground truth: the sharp image at the middle of the exposure, if known.
    pub truth: Option<ImageU8>,
    /// Contrast thresholds of the event camera, if they are known for the file that is played.
    pub contrast: Option<Contrast>,
}

/// One frame with its events: the unit for restoration and recording.
#[derive(Clone, Debug, PartialEq)]
pub struct SyncedExposure {
    /// The frame.
    pub frame: TimedFrame,
    /// Number of the exposure, counted from zero in the order of output.
    pub index: u64,
    /// Events from the end of the previous frame to the end of this exposure, in order. For the
    /// first frame, and after a change of epoch, they begin with the exposure.
    pub events: EventBuffer,
    /// Start of the time range that `events` covers.
    pub from: Timestamp<EventClock>,
    /// Time ranges between `from` and the end of the exposure whose events are missing.
    pub missing: Vec<RangeUs>,
    /// The camera reported that it lost events in a time range that overlaps this exposure. Which
    /// events are missing is not known.
    pub lossy: bool,
    /// Frames that the camera numbered between the previous frame and this one, but that did not
    /// arrive.
    pub frames_missing: u64,
    /// Size of the event sensor.
    pub sensor: Size,
}

impl SyncedExposure {
    /// A clone that shares the images, with its events in a buffer from `lists`.
    pub fn clone_in(&self, lists: &EventPool) -> Self {
        Self {
            frame: self.frame.clone(),
            events: self.events.copy_in(lists),
            missing: self.missing.clone(),
            ..*self
        }
    }

    /// The time range of the exposure.
    pub fn span(&self) -> RangeUs {
        RangeUs { from_us: self.frame.start.us(), until_us: self.frame.end.us() }
    }

    /// Whether all events of the exposure are present. Gaps before the exposure do not count.
    pub fn is_complete(&self) -> bool {
        !self.lossy && self.missing.iter().all(|gap| gap.until_us <= self.frame.start.us())
    }

    /// The events within the exposure only.
    pub fn exposure_events(&self) -> &[Event] {
        within(&self.events, self.span())
    }

    /// Converts to the input of the restoration. Frame and events must be aligned.
    pub fn exposure(&self) -> Exposure {
        let RangeUs { from_us, until_us } = self.span();
        Exposure {
            frame: self.frame.picture.clone().into(),
            span: TimeRange::new(from_us as f64, until_us as f64),
            events: self.exposure_events().to_vec().into(),
            sensor: self.sensor,
        }
    }

    /// Converts to the input of the restoration, the frame, which shares its samples with it, and
    /// the ground truth if it is known, without copying large data.
    pub fn into_exposure(self) -> (Exposure, ImageU8, Option<ImageU8>) {
        let RangeUs { from_us, until_us } = self.span();
        let Self { frame, mut events, sensor, .. } = self;
        let until = events.partition_point(|e| e.t_us < until_us);
        events.truncate(until);
        let from = events.partition_point(|e| e.t_us < from_us);
        events.drain(..from);
        let exposure = Exposure {
            frame: frame.picture.clone().into(),
            span: TimeRange::new(from_us as f64, until_us as f64),
            events,
            sensor,
        };
        (exposure, frame.picture, frame.truth)
    }
}
