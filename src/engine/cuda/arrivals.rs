//! A thread that waits for the card and notifies a channel, so that the engine thread can wait for
//! several things at once.

use crate::engine::EngineError;
use crossbeam_channel::{Receiver, Sender, bounded};
use cudarc::driver::CudaEvent;
use std::sync::Arc;

/// Results in flight; never more than a few.
const MOST: usize = 16;

/// Waits for CUDA events in its own thread and notifies when one has completed.
pub(super) struct Arrivals {
    events: Sender<Arc<CudaEvent>>,
    pub(super) ready: Receiver<()>,
}

impl Arrivals {
    /// Starts the thread, which ends when this is dropped.
    pub(super) fn start() -> Result<Self, EngineError> {
        let (events, waiting) = bounded::<Arc<CudaEvent>>(MOST);
        let (notify, ready) = bounded(MOST);
        std::thread::Builder::new()
            .name("cuda-arrivals".into())
            .spawn(move || {
                for event in waiting {
                    // A failure is reported when the result is collected.
                    let _ = event.synchronize();
                    // If the channel is full, the receiver has been notified already.
                    let _ = notify.try_send(());
                }
            })
            .map_err(|e| EngineError::Threads(e.to_string()))?;
        Ok(Self { events, ready })
    }

    /// Notifies when `event` has completed.
    pub(super) fn expect(&self, event: &Arc<CudaEvent>) {
        // Never full: as many results are in flight as there are slots.
        let _ = self.events.try_send(event.clone());
    }
}
