//! How many faults were injected.

use crate::panics::Locked;
use std::sync::{Arc, Mutex};

/// Number of injected faults, counted where they are injected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct FaultCounts {
    /// Frames produced by the device.
    pub frames_made: u64,
    /// Frames of these that were dropped on purpose before anything could count them.
    pub frames_withheld: u64,
    /// Frames that were sent twice.
    pub frames_doubled: u64,
    /// Frames that were delayed.
    pub frames_late: u64,
    /// Number of times the camera was unplugged.
    pub unplugged: u64,
    /// Number of times the library hung.
    pub stalled: u64,
    /// Number of event floods.
    pub floods: u64,
    /// Number of clock resets.
    pub new_epochs: u64,
    /// Number of clock jumps within an epoch, which no device should make.
    pub jumps: u64,
    /// Event packets that were lost, duplicated and delayed.
    pub event_packets: [u64; 3],
}

impl FaultCounts {
    /// Frames that were delivered: each must come out of the pipeline, or be counted as dropped.
    pub fn frames_sent(&self) -> u64 {
        (self.frames_made + self.frames_doubled).saturating_sub(self.frames_withheld)
    }
}

/// Shared [`FaultCounts`] of a device, kept when it is opened again.
#[derive(Clone, Debug, Default)]
pub struct FaultLedger(Arc<Mutex<FaultCounts>>);

impl FaultLedger {
    /// The counts so far.
    pub fn read(&self) -> FaultCounts {
        *self.0.locked()
    }

    pub(super) fn note(&self, change: impl FnOnce(&mut FaultCounts)) {
        change(&mut self.0.locked());
    }
}
