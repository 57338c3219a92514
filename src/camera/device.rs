//! What a driver implements.

use crate::camera::{Control, ControlError, Drops, Packet, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Which camera it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Identity {
    /// Maker and model.
    pub model: String,
    /// Serial number, by which it is found again.
    pub serial: String,
    /// Versions of firmware and logic, where it tells them.
    pub firmware: String,
}

/// Why a device cannot be used.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum DeviceError {
    /// It is not there now, or was there and is gone: worth waiting for.
    #[error("{0}")]
    NotFound(String),
    /// Waiting will not help.
    #[error("{0}")]
    Unusable(String),
    /// A recording is over.
    #[error("the end")]
    Ended,
}

/// Which device to open.
#[derive(Clone, Debug, Default)]
pub struct DeviceSelector {
    /// Only the one of this serial number.
    pub serial: Option<String>,
    epochs: Arc<AtomicU32>,
}

impl DeviceSelector {
    /// Any device, or the one of a serial number.
    pub fn new(serial: Option<String>) -> Self {
        Self { serial, ..Self::default() }
    }

    /// A new epoch, for a device that was opened or whose clock was set anew.
    pub fn next_epoch(&self) -> u32 {
        self.epochs.fetch_add(1, Ordering::Relaxed)
    }
}

/// How the time of a simulation runs against that of this computer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SimulationRate {
    /// Seconds of the simulation in a second: 1 is real time.
    pub real_time: f64,
    /// How far the simulation has fallen behind so far.
    pub slipped: Duration,
}

/// An open camera, used by one thread.
pub trait Device: Send {
    /// Which one it is.
    fn identity(&self) -> Identity;

    /// What can be set, with present values.
    fn controls(&self) -> Vec<Control>;

    /// Sets a control, whose value was checked against [`Device::controls`].
    ///
    /// # Errors
    /// The device refuses.
    fn set(&mut self, name: &str, value: &Value) -> Result<(), ControlError>;

    /// Waits at most `patience` for packets and appends them to `out`; none is no error.
    ///
    /// # Errors
    /// The device is gone, cannot go on, or has come to its end.
    fn poll(&mut self, patience: Duration, out: &mut Vec<Packet>) -> Result<(), DeviceError>;

    /// How its time runs; `None` for what is not simulated.
    fn pace(&self) -> Option<SimulationRate> {
        None
    }
}

/// Opens devices of one kind.
pub trait Driver: Send + Sync {
    /// Opens the wanted device. Counts what it loses later in `drops`.
    ///
    /// # Errors
    /// It is not there, or cannot be used.
    fn open(&self, wanted: &DeviceSelector, drops: &Drops) -> Result<Box<dyn Device>, DeviceError>;
}
