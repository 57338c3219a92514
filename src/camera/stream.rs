//! Runs a camera on its own threads: opens it, watches it, reconnects it and closes it.
//!
//! One thread talks to the device; a watchdog thread checks that it still responds. A thread
//! that hangs in a library is abandoned, and the camera is opened again on a new thread.

use super::{Drops, Packet, Value};
use crate::camera::shared::{JOIN_TIMEOUT, POLL, Shared};
use crate::camera::watchdog::{join, watch};
use crate::camera::{DeviceSelector, Driver, Status, StreamSettings};
use crate::panics::caught;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};

/// Sets controls of a running camera stream; clones control the same stream.
#[derive(Clone, Debug)]
pub struct Commands(Sender<(String, Value)>);

impl Commands {
    /// Requests that a control is set. The result is reported as a [`Status`]. Returns `false` if
    /// the stream has ended or too many requests are pending.
    pub fn set(&self, name: impl Into<String>, value: Value) -> bool {
        self.0.try_send((name.into(), value)).is_ok()
    }
}

/// A running camera stream.
#[derive(Debug)]
pub struct CameraStream {
    /// Packets, in the order sent by the camera. The channel is disconnected when the stream has
    /// ended, after the status with the reason.
    pub packets: Receiver<Packet>,
    /// Status reports. The oldest one is discarded when the channel is full.
    pub status: Receiver<Status>,
    /// Sends requests to set controls.
    pub commands: Commands,
    /// Drop counters of the driver.
    pub drops: Drops,
    shared: Arc<Shared>,
    watcher: Option<JoinHandle<()>>,
}

impl CameraStream {
    /// Starts the threads of a camera stream called `name`.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn start(
        name: &str,
        driver: Arc<dyn Driver>,
        wanted: DeviceSelector,
        settings: StreamSettings,
        drops: Drops,
    ) -> std::io::Result<Self> {
        let (packet_sender, packets) = bounded(settings.queue.max(1));
        let (status_sender, status) = bounded(64);
        let (command_sender, command_receiver) = bounded(64);
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            driver,
            settings,
            drops: drops.clone(),
            status: (status_sender, status.clone()),
            commands: command_receiver,
            wanted: Mutex::new(wanted),
            chosen: Mutex::new(Vec::new()),
            backlog: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let watcher_shared = shared.clone();
        let watcher = Builder::new().name(format!("{name}-watch")).spawn(move || {
            if let Err(why) = caught(|| watch(&watcher_shared, packet_sender)) {
                watcher_shared.send_status(Status::Failed(why));
            }
        })?;
        let commands = Commands(command_sender);
        Ok(Self { packets, status, commands, drops, shared, watcher: Some(watcher) })
    }

    /// Asks the threads to stop and waits for them with a timeout. Returns whether all ended.
    pub fn stop(&mut self) -> bool {
        self.shared.stop.store(true, Ordering::Release);
        self.watcher.take().is_none_or(|watcher| join(watcher, JOIN_TIMEOUT + POLL * 10))
    }

    /// Whether the threads have ended.
    pub fn is_finished(&self) -> bool {
        self.watcher.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for CameraStream {
    fn drop(&mut self) {
        self.stop();
    }
}
