//! Polls the alignment search on a worker thread: board detection holds its lock for up to a
//! tenth of a second, and the window must not wait for it.

use crate::image::ImageU8;
use crate::rig::align::{AlignProgress, AlignRun, Alignment};
use crate::sequence::catalog::shrink;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::sync::Arc;
use std::time::Duration;

/// Interval between two polls of the search.
const POLL: Duration = Duration::from_millis(200);
/// Longer side of the previews, in pixels.
const SIDE: usize = 420;

/// User command to the search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Discard the last view.
    Undo,
    /// Discard all views.
    Restart,
    /// Solve with the current views.
    Solve,
}

/// State of the search at one poll.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub progress: AlignProgress,
    /// Frame camera, event camera, and the event overlay once there is a result.
    pub pictures: [Option<ImageU8>; 3],
    pub alignment: Option<Alignment>,
}

/// Handle of a polled search; dropping it ends the polling thread and the search.
pub(crate) struct Search {
    orders: Sender<Order>,
    seen: Receiver<Seen>,
}

impl Search {
    /// Starts the thread that polls `run`; it calls `wake` after every poll.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn start(run: AlignRun, wake: Arc<dyn Fn() + Send + Sync>) -> std::io::Result<Self> {
        let (orders, commands) = bounded(8);
        let (states, seen) = bounded(1);
        let work = move || {
            loop {
                match commands.recv_timeout(POLL) {
                    Ok(Order::Undo) => run.undo(),
                    Ok(Order::Restart) => run.restart(),
                    Ok(Order::Solve) => run.solve(),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
                let [frame, events] = run.pictures();
                let small = |p: Option<ImageU8>| p.map(|p| shrink(&p, SIDE));
                // If the window has not taken the last state, this one is dropped; the next
                // poll sends a newer one.
                let _ = states.try_send(Seen {
                    progress: run.progress(),
                    pictures: [small(frame), small(events), small(run.overlay())],
                    alignment: run.alignment(),
                });
                wake();
            }
        };
        std::thread::Builder::new().name("align poll".into()).spawn(work)?;
        Ok(Self { orders, seen })
    }

    /// The newest state, once.
    pub(crate) fn take(&self) -> Option<Seen> {
        self.seen.try_iter().last()
    }

    /// Sends a command; its effect is visible after the next poll.
    pub(crate) fn order(&self, order: Order) {
        // If eight commands are queued already, this one is dropped: users are not that fast.
        let _ = self.orders.try_send(order);
    }
}
