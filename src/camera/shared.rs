//! What the threads of one camera share.

use crate::camera::backlog::Backlog;
use crate::camera::{
    Control, ControlError, DeviceSelector, Driver, Drops, Identity, Packet, SimulationRate, Value,
};
use crate::time::{HostClock, Timestamp};
use crossbeam_channel::{Receiver, Sender, TrySendError};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What happens to a source.
#[derive(Clone, Debug, PartialEq)]
pub enum Status {
    /// The device is open and sends.
    Connected(Identity, Vec<Control>),
    /// It is not there; opened as soon as it is.
    Waiting {
        /// The serial number that is waited for, where one is known.
        serial: Option<String>,
        /// Why it cannot be opened, and what to do.
        why: String,
    },
    /// It was there and is gone.
    Lost(String),
    /// Its library has not answered for so long that it was given up.
    Stalled(Duration),
    /// Controls have changed.
    Controls(Vec<Control>),
    /// A control was not set.
    Refused(ControlError),
    /// A simulation runs at another speed, or has fallen further behind.
    Pace(SimulationRate),
    /// A recording has come to its end.
    Ended,
    /// It can not be used; the source has stopped.
    Failed(String),
}

/// How a source behaves.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Packets that wait in the channel at most.
    pub queue: usize,
    /// Bytes of frames and events that wait in the channel at most. This is what binds: packets
    /// are as short as a camera likes. One packet finds room whatever its size.
    pub queue_bytes: usize,
    /// Wait for a full channel, as a recording can, rather than drop and count.
    pub lossless: bool,
    /// Silence of the library after which it is given up.
    pub stall: Duration,
    /// Silence while opening after which it is given up.
    pub open_stall: Duration,
    /// Time between attempts to open.
    pub retry: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            queue: 4096,
            // 0.7 s of 12 Mev/s, the most that a DAVIS346 sends, and 0.5 s with 60 frames of
            // 1152x768 a second on top; four seconds of packets of a millisecond.
            queue_bytes: 128 << 20,
            lossless: false,
            stall: Duration::from_secs(2),
            open_stall: Duration::from_secs(15),
            retry: Duration::from_millis(500),
        }
    }
}

/// Threads stuck in a library that are tolerated before a source gives up.
pub(crate) const MAX_STUCK: usize = 4;

/// How long one poll may take, and with it the answer to a command.
pub(crate) const POLL: Duration = Duration::from_millis(20);

/// Patience with threads that are asked to end.
pub(crate) const FAREWELL: Duration = Duration::from_secs(3);

pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) opener: Arc<dyn Driver>,
    pub(crate) settings: Settings,
    pub(crate) drops: Drops,
    pub(crate) packets: Sender<Packet>,
    pub(crate) status: (Sender<Status>, Receiver<Status>),
    pub(crate) commands: Receiver<(String, Value)>,
    pub(crate) wanted: Mutex<DeviceSelector>,
    /// What was set, to be set again on a camera that returns.
    pub(crate) chosen: Mutex<Vec<(String, Value)>>,
    /// What waits in the channel, also of a device that was closed since.
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
        let mut status = status;
        while let Err(TrySendError::Full(back)) = self.status.0.try_send(status) {
            let _ = self.status.1.try_recv();
            status = back;
        }
    }

    pub(crate) fn stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    pub(crate) fn wanted(&self) -> DeviceSelector {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One attempt at using the device: its thread, and until when it must have spoken again.
pub(crate) struct Turn {
    pub(crate) speak_by_us: AtomicI64,
    pub(crate) abandoned: AtomicBool,
}

impl Turn {
    pub(crate) fn allow(&self, patience: Duration) {
        let patience_us = i64::try_from(patience.as_micros()).unwrap_or(i64::MAX);
        let by = Timestamp::<HostClock>::now().plus_us(patience_us);
        self.speak_by_us.store(by.us(), Ordering::Release);
    }

    pub(crate) fn abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }
}
