//! Offers events and restored frames as two DV streams.

use super::address::ServeAddress;
use super::encoder::{Encoder, Job};
use super::port::{Port, ServeError};
use crate::live::{FrameOutput, OutputStatus, RestoredFrame};
use crate::panics::{Locked, caught};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// Exposures that wait to be encoded.
const QUEUE: usize = 4;

/// Two ports: one for events, one for restored frames. They are what the source `dv:` and
/// dv-processing's `NetworkReader` read.
pub struct DvServer {
    ports: Arc<Ports>,
    jobs: Option<Sender<Job>>,
    /// The queue's receiver, to remove the oldest job.
    oldest: Receiver<Job>,
    thread: Option<JoinHandle<()>>,
    fault: Arc<Mutex<Option<String>>>,
}

struct Ports {
    events: Port,
    frames: Port,
}

impl DvServer {
    /// Binds both ports and starts to accept clients.
    ///
    /// # Errors
    /// A port is in use or may not be used, or the host is not an address of this computer.
    pub fn start(address: &ServeAddress) -> Result<Self, ServeError> {
        let ServeAddress { host, events_port, frames_port } = address;
        let ports = Arc::new(Ports {
            events: Port::open("events", host, *events_port)?,
            frames: Port::open("restored frames", host, *frames_port)?,
        });
        let (jobs, queue) = bounded::<Job>(QUEUE);
        let (oldest, sending) = (queue.clone(), ports.clone());
        let fault = Arc::new(Mutex::new(None));
        let failed = fault.clone();
        let run = move || {
            if let Err(why) = caught(|| encode(&queue, &sending)) {
                *failed.locked() = Some(why);
            }
        };
        let thread = std::thread::Builder::new().name("serve encoder".into()).spawn(run);
        let thread = thread.map_err(|error| ServeError::Io {
            host: host.clone(),
            port: *events_port,
            error,
        })?;
        Ok(Self { ports, jobs: Some(jobs), oldest, thread: Some(thread), fault })
    }

    /// Where the events are offered.
    pub fn events_address(&self) -> SocketAddr {
        self.ports.events.address()
    }

    /// Where the restored frames are offered.
    pub fn frames_address(&self) -> SocketAddr {
        self.ports.frames.address()
    }
}

/// Encodes exposures and queues them for the clients.
fn encode(queue: &Receiver<Job>, ports: &Ports) {
    let mut encoder = Encoder::default();
    for job in queue {
        match encoder.encode(&job) {
            Some([events, frames]) => {
                ports.events.send(&events);
                ports.frames.send(&frames);
            }
            // Only for images that are larger than the format allows.
            None => ports.frames.dropped(),
        }
    }
}

impl FrameOutput for DvServer {
    fn put(&self, frame: &RestoredFrame) {
        // The same exposure again is not news, and its times would go back.
        if frame.failed || frame.repeated {
            return;
        }
        let frames_wanted = self.ports.frames.has_clients();
        let wanted = [self.ports.events.has_clients(), frames_wanted];
        let pictures = if frames_wanted {
            frame.instants.iter().copied().zip(frame.restored.iter().cloned()).collect()
        } else {
            Vec::new()
        };
        let mut job = Job { captured: frame.captured.clone(), pictures, wanted };
        let Some(jobs) = &self.jobs else { return };
        while let Err(TrySendError::Full(back)) = jobs.try_send(job) {
            job = back;
            if self.oldest.try_recv().is_ok() {
                self.ports.events.dropped();
                self.ports.frames.dropped();
            }
        }
    }

    fn status(&self) -> Vec<OutputStatus> {
        let fault = self.fault.locked().clone();
        let mut frames = self.ports.frames.status();
        frames.fault = frames.fault.or(fault);
        vec![self.ports.events.status(), frames]
    }
}

impl Drop for DvServer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // Its panic was caught.
            let _ = thread.join();
        }
    }
}
