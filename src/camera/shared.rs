//! State shared by the threads of one camera.

use crate::camera::backlog::Backlog;
use crate::camera::{
    Control, ControlError, DeviceSelector, Driver, Drops, Identity, SimulationRate, Value,
};
use crate::panics::Locked;
use crate::time::{HostClock, Timestamp};
use crossbeam_channel::{Receiver, Sender, TrySendError};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Status report of a camera stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Status {
    /// The device is open and streams.
    Connected(Identity, Vec<Control>),
    /// The device is not connected; it is opened as soon as it is.
    Waiting {
        /// The expected serial number, if one is known.
        serial: Option<String>,
        /// Why it cannot be opened, and what to do.
        why: String,
    },
    /// The device was disconnected.
    Lost(String),
    /// The driver library did not respond for this long, so its thread was abandoned.
    Stalled(Duration),
    /// Controls have changed.
    Controls(Vec<Control>),
    /// A control could not be set.
    Refused(ControlError),
    /// The speed of a simulation changed, or it fell further behind.
    SimulationRate(SimulationRate),
    /// The recording has ended.
    Ended,
    /// The device cannot be used; the stream has stopped.
    Failed(String),
}

/// Settings of a camera stream.
#[derive(Clone, Copy, Debug)]
pub struct StreamSettings {
    /// Maximum number of packets queued in the channel.
    pub queue: usize,
    /// Maximum number of bytes queued in the channel. This is the effective limit, because the
    /// packet size depends on the camera. A single packet is always accepted into an empty queue.
    pub queue_bytes: usize,
    /// Block while the channel is full, as a recording can, instead of dropping packets.
    pub lossless: bool,
    /// The library is abandoned after this time without a response.
    pub stall: Duration,
    /// The library is abandoned after this time without a response while opening.
    pub open_stall: Duration,
    /// Delay between attempts to open the device.
    pub retry: Duration,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            queue: 4096,
            // 0.7 s of 12 Mev/s, the maximum of a DAVIS346, or 0.5 s with 60 frames of 1152x768 per
            // second in addition; 4096 packets of one millisecond are four seconds.
            queue_bytes: 128 << 20,
            lossless: false,
            stall: Duration::from_secs(2),
            open_stall: Duration::from_secs(15),
            retry: Duration::from_millis(500),
        }
    }
}

/// Maximum number of threads stuck in a library before the stream stops.
pub(crate) const MAX_STUCK_THREADS: usize = 4;

/// Maximum duration of one poll, and so the response time to a command.
pub(crate) const POLL: Duration = Duration::from_millis(20);

/// Timeout for joining threads that were asked to stop.
pub(crate) const JOIN_TIMEOUT: Duration = Duration::from_secs(3);

pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) driver: Arc<dyn Driver>,
    pub(crate) settings: StreamSettings,
    pub(crate) drops: Drops,
    pub(crate) status: (Sender<Status>, Receiver<Status>),
    pub(crate) commands: Receiver<(String, Value)>,
    pub(crate) wanted: Mutex<DeviceSelector>,
    /// Settings made so far, restored when the camera reconnects.
    pub(crate) chosen: Mutex<Vec<(String, Value)>>,
    /// Bytes queued in the channel, including those of a device that was closed since.
    pub(crate) backlog: Mutex<Backlog>,
    pub(crate) stop: AtomicBool,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn send_status(&self, status: Status) {
        self.log(&status);
        let mut status = status;
        while let Err(TrySendError::Full(returned)) = self.status.0.try_send(status) {
            let _ = self.status.1.try_recv();
            status = returned;
        }
    }

    fn log(&self, status: &Status) {
        let camera = self.name.as_str();
        match status {
            Status::Connected(Identity { model, serial, firmware, .. }, _) => {
                tracing::info!(camera, model, serial, firmware, "connected");
            }
            Status::Waiting { serial, why } => {
                tracing::warn!(camera, serial, "waiting for the camera: {why}");
            }
            Status::Lost(why) => tracing::warn!(camera, "disconnected: {why}"),
            Status::Stalled(time) => {
                tracing::error!(camera, "no response for {time:?}: opening the camera again");
            }
            Status::Refused(error) => tracing::warn!(camera, "control not set: {error}"),
            Status::Controls(_) => tracing::debug!(camera, "controls changed"),
            Status::SimulationRate(SimulationRate { real_time, lag }) => {
                tracing::debug!(camera, real_time, ?lag, "simulation rate");
            }
            Status::Ended => tracing::info!(camera, "ended"),
            Status::Failed(why) => tracing::error!(camera, "failed: {why}"),
        }
    }

    pub(crate) fn stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    pub(crate) fn selector(&self) -> DeviceSelector {
        self.wanted.locked().clone()
    }
}

/// One attempt at using the device: the deadline by which its thread must respond again, and
/// whether it was abandoned.
pub(crate) struct Attempt {
    pub(crate) deadline_us: AtomicI64,
    pub(crate) abandoned: AtomicBool,
}

impl Attempt {
    pub(crate) fn allow(&self, timeout: Duration) {
        let timeout_us = i64::try_from(timeout.as_micros()).unwrap_or(i64::MAX);
        let by = Timestamp::<HostClock>::now().plus_us(timeout_us);
        self.deadline_us.store(by.us(), Ordering::Release);
    }

    pub(crate) fn abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }
}
