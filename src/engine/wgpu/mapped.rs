//! Buffers that the host writes or reads, and the thread that finds out when it may.

use super::faults::Faults;
use super::waiting::{poll, wait};
use crate::engine::EngineError;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};
use wgpu::{Buffer, MapMode, SubmissionIndex};

/// Submissions in flight; never more than a few.
const MOST: usize = 16;

/// Waits for submissions in its own thread, which lets wgpu call back, and so notifies a channel
/// when a result has arrived.
pub(super) struct Arrivals {
    submissions: Sender<SubmissionIndex>,
    notify: Sender<()>,
    pub(super) ready: Receiver<()>,
}

impl Arrivals {
    /// Starts the thread, which ends when this is dropped.
    pub(super) fn start(device: &wgpu::Device) -> Result<Self, EngineError> {
        let (submissions, waiting) = bounded(MOST);
        let (notify, ready) = bounded(MOST);
        let device = device.clone();
        std::thread::Builder::new()
            .name("wgpu-arrivals".into())
            .spawn(move || {
                for index in waiting {
                    // A failure is reported when the result is collected.
                    wait(&device, Some(&index), || false);
                }
            })
            .map_err(|e| EngineError::Threads(e.to_string()))?;
        Ok(Self { submissions, notify, ready })
    }

    /// Waits for `submission`.
    pub(super) fn expect(&self, submission: SubmissionIndex) {
        // Never full: as many results are in flight as there are slots.
        let _ = self.submissions.try_send(submission);
    }
}

/// A buffer that belongs to the host and to the device in turn.
pub(super) struct Mapped {
    pub(super) buffer: Buffer,
    state: Arc<AtomicU8>,
}

/// States of a buffer: the device's, the host's, or lost with its device.
const ON_DEVICE: u8 = 0;
const MAPPED: u8 = 1;
const LOST: u8 = 2;

/// How long to wait for a callback after the device has finished.
const CALLBACK: Duration = Duration::from_secs(5);

impl Mapped {
    /// `here`: whether the buffer was mapped when it was made.
    pub(super) fn new(buffer: Buffer, here: bool) -> Self {
        Self { buffer, state: Arc::new(AtomicU8::new(if here { MAPPED } else { ON_DEVICE })) }
    }

    /// Asks for the buffer's first bytes, as soon as what was submitted so far is done with it.
    /// With `arrivals`, their channel is notified.
    pub(super) fn request(
        &self,
        mode: MapMode,
        bytes: u64,
        faults: &Arc<Faults>,
        arrivals: Option<&Arrivals>,
    ) {
        let (state, faults) = (Arc::clone(&self.state), Arc::clone(faults));
        let notify = arrivals.map(|a| a.notify.clone());
        self.buffer.map_async(mode, ..bytes, move |outcome| {
            if outcome.is_err() {
                faults.report("the device was lost while a result was expected");
            }
            state.store(if outcome.is_ok() { MAPPED } else { LOST }, Ordering::Release);
            // If the channel is full, the receiver has been notified already.
            let _ = notify.map(|n| n.try_send(()));
        });
    }

    /// Whether the host may access it.
    pub(super) fn is_mapped(&self) -> bool {
        self.state.load(Ordering::Acquire) == MAPPED
    }

    /// Waits until the buffer is the host's, which it is after `submission` (`None`: after all
    /// that was submitted). False after a failure.
    pub(super) fn wait(&self, device: &wgpu::Device, submission: Option<SubmissionIndex>) -> bool {
        let away = || self.state.load(Ordering::Acquire) == ON_DEVICE;
        if away() {
            poll(device);
        }
        if away() && wait(device, submission.as_ref(), || !away()) {
            // The other thread may have taken the callback, and be about to call it.
            let start = Instant::now();
            while away() && start.elapsed() < CALLBACK {
                std::thread::sleep(Duration::from_micros(20));
            }
        }
        self.is_mapped()
    }

    /// Gives the buffer to the device.
    pub(super) fn unmap(&self) {
        self.state.store(ON_DEVICE, Ordering::Release);
        self.buffer.unmap();
    }
}
