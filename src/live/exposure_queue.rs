//! The queue of exposures between the rig thread and the source thread. When it is full, the oldest
//! exposure is dropped and counted.

use crate::camera::{DropCause, DropUnit, Drops};
use crate::rig::sync::SyncedExposure;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Exposures that may wait.
const CAPACITY: usize = 4;

/// The end of the rig thread.
pub(super) struct ExposureSender {
    queue: Sender<Arc<SyncedExposure>>,
    oldest: Receiver<Arc<SyncedExposure>>,
    missing: Arc<AtomicU64>,
    drops: Drops,
}

/// The end of the source thread.
pub(super) struct ExposureReceiver {
    queue: Receiver<Arc<SyncedExposure>>,
    missing: Arc<AtomicU64>,
}

/// Creates a queue that counts dropped exposures as [`DropCause::Skipped`].
pub(super) fn exposure_queue(drops: Drops) -> (ExposureSender, ExposureReceiver) {
    let (sender, receiver) = bounded(CAPACITY);
    let missing = Arc::new(AtomicU64::new(0));
    let oldest = receiver.clone();
    (
        ExposureSender { queue: sender, oldest, missing: missing.clone(), drops },
        ExposureReceiver { queue: receiver, missing },
    )
}

impl ExposureSender {
    /// Adds an exposure, and drops the oldest ones for it if the queue is full. Never waits.
    pub(super) fn push(&self, exposure: Arc<SyncedExposure>) {
        let mut newest = exposure;
        while let Err(TrySendError::Full(returned)) = self.queue.try_send(newest) {
            newest = returned;
            if let Ok(skipped) = self.oldest.try_recv() {
                self.drops.add(DropCause::Skipped, DropUnit::Frames, 1);
                self.missing.fetch_add(skipped.frames_missing, Ordering::Relaxed);
            }
        }
    }
}

impl ExposureReceiver {
    /// Waits for the next exposure.
    ///
    /// # Errors
    /// None came in time, or the sender is gone and the queue is empty.
    pub(super) fn recv_timeout(
        &self,
        timeout: Duration,
    ) -> Result<Arc<SyncedExposure>, RecvTimeoutError> {
        self.queue.recv_timeout(timeout)
    }

    /// Number of exposures that wait.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Number of frames that were missing before exposures that were dropped since the last call.
    pub(super) fn take_missing(&self) -> u64 {
        self.missing.swap(0, Ordering::Relaxed)
    }
}
