//! What the driver needs of USB, so that tests can put other devices in its place.

use super::model::Model;
use crate::camera::DeviceError;
use std::time::{Duration, Instant};

/// How the pixels of a DAVIS's frames are read out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Orientation {
    /// Columns are read from right to left.
    pub flip_x: bool,
    /// Rows are read from bottom to top.
    pub flip_y: bool,
    /// Columns and rows are exchanged.
    pub invert_xy: bool,
}

/// The layout of the words that a camera sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prophesee's EVT 3.0.
    Evt3,
    /// iniVation's words of a DVXplorer.
    Dvxplorer,
    /// iniVation's words of a DAVIS346.
    Davis346 {
        /// Columns and rows of events are exchanged.
        invert_events: bool,
        /// Orientation of the frames.
        frames: Orientation,
    },
}

/// A buffer as it came over USB.
#[derive(Clone, Copy, Debug)]
pub struct Buffer<'a> {
    /// Words of 16 bits, little-endian.
    pub bytes: &'a [u8],
    /// Whether buffers before this one were dropped because this computer was too slow.
    pub is_after_gap: bool,
    /// When it arrived.
    pub arrived: Instant,
}

/// A number that can be set in a camera while it streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name, as the camera's manufacturer spells it.
    pub name: &'static str,
    /// Current value.
    pub value: i64,
    /// Smallest and largest value.
    pub range: (i64, i64),
}

/// What is set when a camera is opened, because it cannot be changed while it streams.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OpenSettings {
    /// Largest rate of events that the sensor may send, in millions per second. What exceeds it is
    /// dropped in the sensor.
    pub max_mev_per_s: f64,
}

impl OpenSettings {
    /// Period over which the sensor counts events to limit their rate, in microseconds.
    pub const LIMIT_PERIOD_US: u16 = 200;

    /// Largest number of events in a period of [`Self::LIMIT_PERIOD_US`].
    pub fn max_events_per_period(&self) -> u32 {
        // A million per second is one per microsecond.
        (self.max_mev_per_s * f64::from(Self::LIMIT_PERIOD_US)).round().max(1.0) as u32
    }
}

impl Default for OpenSettings {
    /// The rate that the live path is measured with, and the largest one of a DAVIS346. An EVK4 can
    /// send ten times as many.
    fn default() -> Self {
        Self { max_mev_per_s: 12.0 }
    }
}

/// Opens cameras.
pub trait Bus: Send + Sync {
    /// Opens a camera of a model, and with a serial number no other one; `None` if it is not
    /// connected. Cameras of other models are left alone.
    ///
    /// # Errors
    /// It is connected and cannot be used.
    fn open(
        &self,
        model: Model,
        serial: Option<&str>,
        settings: OpenSettings,
    ) -> Result<Option<Box<dyn Port>>, DeviceError>;
}

/// An open camera. Dropping it closes it.
pub trait Port: Send {
    /// The camera's serial number.
    fn serial(&self) -> String;

    /// How its buffers are laid out.
    fn format(&self) -> Format;

    /// Waits at most `timeout` for a buffer and passes it to `read`. Returns whether one came.
    ///
    /// # Errors
    /// The camera was disconnected, or its transfers failed.
    fn next(&mut self, timeout: Duration, read: &mut dyn FnMut(Buffer<'_>))
    -> Result<bool, String>;

    /// Number of buffers that were dropped so far because this computer was too slow.
    fn dropped(&self) -> u64;

    /// What can be set while it streams.
    fn settings(&self) -> Vec<Setting>;

    /// Sets a number. Returns whether the camera has it.
    fn set(&mut self, name: &str, value: i64) -> bool;
}
