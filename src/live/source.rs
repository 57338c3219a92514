//! The interface of exposure sources.

use super::fact::Fact;
use crate::camera::{self, DropSnapshot, Value};
use crate::event::Contrast;
use crate::exposure::Exposure;
use crate::image::{ImageU8, Size};
use crate::rig::clock::SyncState;
use crate::rig::sync::SyncStats;
use crate::time::TimeRange;
use std::borrow::Cow;
use std::time::{Duration, Instant};

/// Size of a frame, and size of the sensor that its events come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The frame's size.
    pub image: Size,
    /// The event sensor's size.
    pub sensor: Size,
}

/// One exposure with its metadata.
#[derive(Clone, Debug)]
pub struct LiveFrame {
    /// Sequence number, counted from 0 by the source; a gap is a loss.
    pub number: u64,
    /// The blurry frame and its events.
    pub exposure: Exposure,
    /// The blurry frame with 8 bits per channel, for display. It shares its samples with the
    /// exposure's if that has 8 bits too, as a camera's.
    pub picture: ImageU8,
    /// Sharp images at fractions of the exposure, in ascending order; empty for a real camera.
    pub truth: Vec<(f64, ImageU8)>,
    /// The event camera's contrast thresholds as known at the time of capture.
    pub contrast: Contrast,
    /// When the shutter closed, in this computer's clock, as accurately as it is known.
    pub closed: Instant,
    /// When the frame reached this computer.
    pub arrived: Instant,
}

impl AsRef<Exposure> for LiveFrame {
    fn as_ref(&self) -> &Exposure {
        &self.exposure
    }
}

impl LiveFrame {
    /// An exposure that was captured just now, without ground truth and with the default contrast
    /// thresholds.
    pub fn new(number: u64, exposure: Exposure) -> Self {
        let now = Instant::now();
        Self {
            number,
            picture: exposure.frame.to_u8(),
            exposure,
            truth: Vec::new(),
            contrast: Contrast::default(),
            closed: now,
            arrived: now,
        }
    }

    /// The ground truth nearest to `instant` (a fraction of the exposure), if it is close enough
    /// for a comparison.
    pub fn truth_at(&self, instant: f64) -> Option<&ImageU8> {
        /// Within 2 % of the exposure, motion is only a fraction of a pixel.
        const CLOSE: f64 = 0.02;
        let near = |(at, _): &&(f64, ImageU8)| (at - instant).abs();
        let best = self.truth.iter().min_by(|a, b| near(a).total_cmp(&near(b)))?;
        (near(&best) <= CLOSE).then_some(&best.1)
    }

    /// Events per second while the shutter was open.
    pub fn event_rate(&self) -> f64 {
        let seconds = self.exposure.span.duration_us() / 1e6;
        if seconds > 0.0 { self.exposure.events.len() as f64 / seconds } else { 0.0 }
    }

    /// The time range of the exposure in the event clock.
    pub fn span(&self) -> TimeRange {
        self.exposure.span
    }
}

/// A request to a source. A source ignores requests that it does not support.
#[derive(Clone, Debug, PartialEq)]
pub enum Control {
    /// Deliver exposures of this index in [`ExposureSource::shapes`] from now on.
    Shape(usize),
    /// Pause (`true`) or resume (`false`).
    Pause(bool),
    /// Move this many exposures forward, or backward if negative, while paused.
    Step(i32),
    /// Go to this fraction of the whole recording, 0 to 1.
    Seek(f64),
    /// Play at this multiple of the recorded speed.
    Speed(f64),
    /// Set the camera control of this name.
    Set(Cow<'static, str>, Value),
}

/// Playback status of a recording.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transport {
    /// Fraction of the recording that was played, 0 to 1.
    pub position: f64,
    /// Whether playback is paused.
    pub paused: bool,
    /// Multiple of the recorded speed.
    pub speed: f64,
}

/// Result of [`ExposureSource::next`].
#[derive(Debug)]
pub enum Next {
    /// An exposure.
    Exposure(Box<LiveFrame>),
    /// No exposure within the timeout.
    Waiting,
    /// The source has ended.
    End,
    /// The source has failed permanently, with the reason as text for the user.
    Failed(String),
}

/// Status of a source in numbers.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct SourceReport {
    /// How frames are synchronised with events; `None` where no rig does it.
    pub sync: Option<SyncState>,
    /// Counters and fill level of the synchronisation buffer.
    pub buffer: Option<SyncStats>,
    /// Packets that wait between the camera threads and the rig thread.
    pub packets_queued: usize,
    /// Exposures that wait between the rig thread and the first pipeline thread.
    pub exposures_queued: usize,
    /// Losses of the cameras and the rig, per cause.
    pub lost: Vec<DropSnapshot>,
    /// Speed of a simulation; 1 is real time.
    pub real_time: Option<f64>,
}

/// Why a source has no exposure at present, as text for the user. The source is asked again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);

/// Something that delivers exposures. It runs on its own thread.
pub trait ExposureSource: Send {
    /// Short name for the user.
    fn name(&self) -> String;

    /// Sizes that can be selected, smallest first; a camera without a choice has one.
    fn shapes(&self) -> Vec<Shape>;

    /// Time between two exposures.
    fn interval(&self) -> Duration;

    /// Returns the next exposure. Waits for at most `timeout`, so that the program can stop.
    ///
    /// # Errors
    /// A temporary fault that the user should know, such as a camera that is unplugged.
    fn next(&mut self, timeout: Duration) -> Result<Next, SourceError>;

    /// Whether the next exposure is only asked for once the engine has taken the last one, so that
    /// a slow machine skips none. A camera does not wait; a clip can.
    fn waits_for_engine(&self) -> bool {
        false
    }

    /// A fault that does not stop the exposures, such as one of two cameras that is missing.
    fn fault(&self) -> Option<String> {
        None
    }

    /// What the user should know about the source although nothing is wrong with it, such as a
    /// camera of a recording that is not played. One sentence each.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// What contradicts between events and exposures; empty if nothing does.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }

    /// Handles a request.
    fn control(&mut self, control: Control) {
        let _ = control;
    }

    /// The camera's controls with their present values.
    fn controls(&self) -> &[camera::Control] {
        &[]
    }

    /// Status, for [`describe`](super::describe()).
    fn facts(&self) -> Vec<Fact> {
        Vec::new()
    }

    /// Status as numbers.
    fn report(&self) -> SourceReport {
        SourceReport::default()
    }

    /// Playback status, if the source is a recording.
    fn transport(&self) -> Option<Transport> {
        None
    }
}

/// Times the playback of a recording: when exposures are due, with pause and single steps.
#[derive(Clone, Copy, Debug)]
pub struct PlaybackClock {
    interval: Duration,
    due: Instant,
    speed: f64,
    paused: bool,
    steps: u32,
}

impl PlaybackClock {
    /// One exposure per `interval`; the first is due now.
    pub fn new(interval: Duration) -> Self {
        Self { interval, due: Instant::now(), speed: 1.0, paused: false, steps: 0 }
    }

    /// Waits until the next exposure is due, but at most for `timeout`. Returns `true` if it is
    /// due.
    pub fn wait(&mut self, timeout: Duration) -> bool {
        if self.paused && self.steps == 0 {
            std::thread::sleep(timeout.min(Duration::from_millis(20)));
            self.due = Instant::now();
            return false;
        }
        let now = Instant::now();
        if self.steps > 0 {
            self.steps -= 1;
            self.due = now;
            return true;
        }
        let left = self.due.saturating_duration_since(now);
        std::thread::sleep(left.min(timeout));
        if left > timeout {
            return false;
        }
        // Lost time is not caught up on: a burst of old exposures is of no use.
        let interval = self.interval.div_f64(self.speed);
        self.due = (self.due + interval).max(Instant::now() - interval);
        true
    }

    /// Handles the requests that concern time. Returns `false` for all others.
    pub fn control(&mut self, control: Control) -> bool {
        match control {
            Control::Pause(paused) => (self.paused, self.steps) = (paused, 0),
            Control::Step(count) => self.steps += count.unsigned_abs(),
            // The range that a player offers; it also keeps the divisor away from zero.
            Control::Speed(speed) if speed.is_finite() => self.speed = speed.clamp(0.1, 10.0),
            _ => return false,
        }
        true
    }

    /// The playback status at this `position`, a fraction of the duration.
    pub fn transport(&self, position: f64) -> Transport {
        Transport { position, paused: self.paused, speed: self.speed }
    }
}
