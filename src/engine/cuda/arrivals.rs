//! The thread that waits for the card, so that whoever waits for other things too can be told.

use crate::engine::EngineError;
use crossbeam_channel::{Receiver, Sender, bounded};
use cudarc::driver::CudaEvent;
use std::sync::Arc;

/// Results on their way; nobody has more than a few in flight.
const MOST: usize = 16;

/// Waits for events in a thread of its own and says when one has happened.
pub(super) struct Arrivals {
    events: Sender<Arc<CudaEvent>>,
    pub(super) told: Receiver<()>,
}

impl Arrivals {
    /// Starts the thread, which ends when this is dropped.
    pub(super) fn start() -> Result<Self, EngineError> {
        let (events, waiting) = bounded::<Arc<CudaEvent>>(MOST);
        let (tell, told) = bounded(MOST);
        std::thread::Builder::new()
            .name("cuda-arrivals".into())
            .spawn(move || {
                for event in waiting {
                    // A failure is seen by whoever collects.
                    let _ = event.synchronize();
                    // If it is full, somebody has been told already.
                    let _ = tell.try_send(());
                }
            })
            .map_err(|e| EngineError::Threads(e.to_string()))?;
        Ok(Self { events, told })
    }

    /// Tells when `event` has happened.
    pub(super) fn expect(&self, event: &Arc<CudaEvent>) {
        // Never full: as many results are in flight as there are slots.
        let _ = self.events.try_send(event.clone());
    }
}
