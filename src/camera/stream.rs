//! A camera in threads of its own: opened, watched, waited for when it disappears, closed.
//!
//! Two threads: one talks to the device, the other watches that it still does. A library that
//! never returns is left alone in its thread, and the camera is opened again in a new one.

use super::{Drops, Packet, Value};
use crate::camera::shared::{FAREWELL, POLL, Shared};
use crate::camera::watchdog::{join, watch};
use crate::camera::{DeviceSelector, Driver, Settings, Status};
use crate::panics::caught;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};

/// Sets controls of a running source; clones reach the same one.
#[derive(Clone, Debug)]
pub struct Commands(Sender<(String, Value)>);

impl Commands {
    /// Asks for a control to be set; the answer comes as a [`Status`]. `false` where the
    /// source has ended or too many requests wait.
    pub fn set(&self, name: impl Into<String>, value: Value) -> bool {
        self.0.try_send((name.into(), value)).is_ok()
    }
}

/// A running camera.
#[derive(Debug)]
pub struct CameraStream {
    /// Packets, in the camera's order.
    pub packets: Receiver<Packet>,
    /// What happens; the oldest is forgotten where nobody reads.
    pub status: Receiver<Status>,
    /// To set controls.
    pub commands: Commands,
    /// Everything that was lost in the driver.
    pub drops: Drops,
    shared: Arc<Shared>,
    watcher: Option<JoinHandle<()>>,
}

impl CameraStream {
    /// Starts the threads of a source called `name`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        name: &str,
        opener: Arc<dyn Driver>,
        wanted: DeviceSelector,
        settings: Settings,
        drops: Drops,
    ) -> std::io::Result<Self> {
        let (packet_in, packets) = bounded(settings.queue.max(1));
        let (status_in, status) = bounded(64);
        let (command_in, command_out) = bounded(64);
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            opener,
            settings,
            drops: drops.clone(),
            packets: packet_in,
            status: (status_in, status.clone()),
            commands: command_out,
            wanted: Mutex::new(wanted),
            chosen: Mutex::new(Vec::new()),
            backlog: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let of_watcher = shared.clone();
        let watcher = Builder::new().name(format!("{name}-watch")).spawn(move || {
            if let Err(why) = caught(|| watch(&of_watcher)) {
                of_watcher.send_status(Status::Failed(why));
            }
        })?;
        let commands = Commands(command_in);
        Ok(Self { packets, status, commands, drops, shared, watcher: Some(watcher) })
    }

    /// Asks the threads to end and waits for them, though not for ever; whether all ended.
    pub fn stop(&mut self) -> bool {
        self.shared.stop.store(true, Ordering::Release);
        self.watcher.take().is_none_or(|watcher| join(watcher, FAREWELL + POLL * 10))
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
