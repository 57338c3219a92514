//! Where exposures come from.

use crate::camera::{self, DropSnapshot, Value};
use crate::event::Contrast;
use crate::exposure::Exposure;
use crate::image::{ImageU8, Size};
use crate::rig::clock::SyncState;
use crate::rig::sync::SyncStats;
use crate::time::TimeRange;
use std::borrow::Cow;
use std::time::{Duration, Instant};

/// Sizes of a frame and of the events that belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The frame's size.
    pub image: Size,
    /// The event sensor's size.
    pub sensor: Size,
}

/// One exposure, and what is known of it besides.
#[derive(Clone, Debug)]
pub struct LiveFrame {
    /// Counted from 0 by the source; a gap is a loss.
    pub number: u64,
    /// The blurry frame and its events.
    pub exposure: Exposure,
    /// The blurry frame again, in eight bits, to be shown.
    pub picture: ImageU8,
    /// Sharp images at fractions of the exposure, in order; empty for a real camera.
    pub truth: Vec<(f64, ImageU8)>,
    /// The event camera's contrast thresholds as known when it was captured.
    pub contrast: Contrast,
    /// When the shutter closed, on this computer's clock, as far as that can be known.
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
    /// The true image nearest to an instant, if there is one close enough to be compared.
    pub fn truth_at(&self, instant: f64) -> Option<&ImageU8> {
        /// A fiftieth of the exposure moves nothing by more than a fraction of a pixel.
        const CLOSE: f64 = 0.02;
        let near = |(at, _): &&(f64, ImageU8)| (at - instant).abs();
        let best = self.truth.iter().min_by(|a, b| near(a).total_cmp(&near(b)))?;
        (near(&best) <= CLOSE).then_some(&best.1)
    }

    /// Events a second while the shutter was open.
    pub fn event_rate(&self) -> f64 {
        let seconds = self.exposure.span.duration_us() / 1e6;
        if seconds > 0.0 { self.exposure.events.len() as f64 / seconds } else { 0.0 }
    }

    /// The exposure's span on the events' clock.
    pub fn span(&self) -> TimeRange {
        self.exposure.span
    }
}

/// A wish to a source; one that it cannot fulfil is ignored.
#[derive(Clone, Debug, PartialEq)]
pub enum Control {
    /// Deliver this one of [`ExposureSource::shapes`] from now on.
    Shape(usize),
    /// Stop time, or let it run again.
    Pause(bool),
    /// Go this many exposures forward, or backward, while paused.
    Step(i32),
    /// Go to a fraction of the whole recording.
    Seek(f64),
    /// Play this many times as fast as it was recorded.
    Speed(f64),
    /// Set the camera's control of this name.
    Set(Cow<'static, str>, Value),
}

/// Where a recording stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transport {
    /// Fraction of the whole that was played.
    pub position: f64,
    /// Time stands still.
    pub paused: bool,
    /// Times as fast as recorded.
    pub speed: f64,
}

/// What a source answers.
#[derive(Debug)]
pub enum Next {
    /// An exposure.
    Exposure(Box<LiveFrame>),
    /// None within the given time.
    Waiting,
    /// There will be no more.
    End,
    /// There will be no more because something broke for good: what, in words for a person.
    Failed(String),
}

/// What a source knows of itself, as numbers.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct SourceReport {
    /// How frames are timed; `None` where no rig has to.
    pub sync: Option<SyncState>,
    /// What the synchronisation buffer has done, and what it holds now.
    pub buffer: Option<SyncStats>,
    /// Packets that wait between the camera's thread and the rig's.
    pub packets_queued: usize,
    /// Exposures that wait between the rig's thread and the pipeline's first.
    pub exposures_queued: usize,
    /// What cameras and rig have lost, by cause.
    pub lost: Vec<DropSnapshot>,
    /// How fast a simulation runs: 1 is real time.
    pub real_time: Option<f64>,
}

/// Why a source has nothing to give, in words for a person. The source is asked again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);

/// Something that delivers exposures. It lives on a thread of its own.
pub trait ExposureSource: Send {
    /// A short name for people.
    fn name(&self) -> String;

    /// What it can deliver, smallest first; a camera that cannot choose has one.
    fn shapes(&self) -> Vec<Shape>;

    /// Time between two exposures.
    fn interval(&self) -> Duration;

    /// The next exposure; waits for at most `patience`, so that the program can end.
    ///
    /// # Errors
    /// Anything that a person should know: an unplugged camera, an unreadable file.
    fn next(&mut self, patience: Duration) -> Result<Next, SourceError>;

    /// What is wrong while exposures come all the same: one of two cameras is gone.
    fn fault(&self) -> Option<String> {
        None
    }

    /// Takes a wish.
    fn control(&mut self, control: Control) {
        let _ = control;
    }

    /// What can be set on the camera, with present values.
    fn controls(&self) -> &[camera::Control] {
        &[]
    }

    /// What it can tell about itself, as names and values for people.
    fn facts(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// The same as numbers.
    fn report(&self) -> SourceReport {
        SourceReport::default()
    }

    /// Where it stands, if it is a recording.
    fn transport(&self) -> Option<Transport> {
        None
    }
}

/// Lets a recording run at its own pace: when exposures are due, with pausing and stepping.
#[derive(Clone, Copy, Debug)]
pub struct PlaybackClock {
    interval: Duration,
    due: Instant,
    speed: f64,
    paused: bool,
    steps: u32,
}

impl PlaybackClock {
    /// One exposure every `interval`, the first one now.
    pub fn new(interval: Duration) -> Self {
        Self { interval, due: Instant::now(), speed: 1.0, paused: false, steps: 0 }
    }

    /// Waits until the next exposure is due, or for `patience`; `true` if it is due.
    pub fn wait(&mut self, patience: Duration) -> bool {
        if self.paused && self.steps == 0 {
            std::thread::sleep(patience.min(Duration::from_millis(20)));
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
        std::thread::sleep(left.min(patience));
        if left > patience {
            return false;
        }
        // A hiccup is not made up for: a burst of old exposures helps nobody.
        let interval = self.interval.div_f64(self.speed);
        self.due = (self.due + interval).max(Instant::now() - interval);
        true
    }

    /// Takes what concerns time; `true` if the wish was one.
    pub fn control(&mut self, control: Control) -> bool {
        match control {
            Control::Pause(paused) => (self.paused, self.steps) = (paused, 0),
            Control::Step(count) => self.steps += count.unsigned_abs(),
            // The range that a player offers; it also keeps the division sane.
            Control::Speed(speed) if speed.is_finite() => self.speed = speed.clamp(0.1, 10.0),
            _ => return false,
        }
        true
    }

    /// Where a recording of which this `position` was played stands.
    pub fn transport(&self, position: f64) -> Transport {
        Transport { position, paused: self.paused, speed: self.speed }
    }
}
