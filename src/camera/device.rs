//! The traits that a camera driver implements.

use crate::camera::{Control, ControlError, Drops, Packet, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Identifies a camera.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Identity {
    /// Manufacturer and model.
    pub model: String,
    /// Serial number, used to find the camera again after a reconnect.
    pub serial: String,
    /// Firmware and logic versions, empty if the camera does not report them.
    pub firmware: String,
}

/// Why a device cannot be used.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum DeviceError {
    /// It is not connected, or was disconnected. Opening is retried.
    #[error("{0}")]
    NotFound(String),
    /// It cannot be used, and retrying will not help.
    #[error("{0}")]
    Unusable(String),
    /// The end of a recording was reached.
    #[error("the recording has ended")]
    Ended,
}

/// Selects the device to open.
#[derive(Clone, Debug, Default)]
pub struct DeviceSelector {
    /// Serial number of the device; `None` accepts any device.
    pub serial: Option<String>,
    epochs: Arc<AtomicU32>,
}

impl DeviceSelector {
    /// Selects the device with a serial number, or any device.
    pub fn new(serial: Option<String>) -> Self {
        Self { serial, ..Self::default() }
    }

    /// Returns a new epoch number, for a device that was opened or whose clock was reset.
    pub fn next_epoch(&self) -> u32 {
        self.epochs.fetch_add(1, Ordering::Relaxed)
    }
}

/// Speed of a simulation compared with real time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SimulationRate {
    /// Simulated seconds per real second: 1 is real time.
    pub real_time: f64,
    /// How far the simulation has fallen behind so far.
    pub lag: Duration,
}

/// An open camera, used by one thread at a time.
pub trait Device: Send {
    /// Identity of the camera.
    fn identity(&self) -> Identity;

    /// The available controls with their current values.
    fn controls(&self) -> Vec<Control>;

    /// Sets a control. The value has been checked against [`Device::controls`].
    ///
    /// # Errors
    /// The device rejects the value.
    fn set(&mut self, name: &str, value: &Value) -> Result<(), ControlError>;

    /// Waits at most `timeout` for packets and appends them to `out`. Receiving none in that time
    /// is not an error.
    ///
    /// # Errors
    /// The device is disconnected or unusable, or the recording has ended.
    fn poll(&mut self, timeout: Duration, out: &mut Vec<Packet>) -> Result<(), DeviceError>;

    /// Speed of the simulation; `None` for a device that is not simulated.
    fn simulation_rate(&self) -> Option<SimulationRate> {
        None
    }
}

/// Opens devices of one type.
pub trait Driver: Send + Sync {
    /// Opens the selected device. The device adds its later losses to `drops`.
    ///
    /// # Errors
    /// The device is not connected, or cannot be used.
    fn open(&self, wanted: &DeviceSelector, drops: &Drops) -> Result<Box<dyn Device>, DeviceError>;
}
