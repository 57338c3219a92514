//! What stands between the alignment's thread and the window: looking for a board holds the
//! search for up to a tenth of a second, and the window must not wait for it.

use crate::image::ImageU8;
use crate::rig::align::{AlignProgress, AlignRun, Alignment};
use crate::sequence::catalog::shrink;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::sync::Arc;
use std::time::Duration;

/// How often the search is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// Longer side of the pictures that are shown, in pixels.
const SIDE: usize = 420;

/// What a person asks of the search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Forget the last view.
    Undo,
    /// Forget all views.
    Restart,
    /// Solve with what there is.
    Solve,
}

/// The search at one moment.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub progress: AlignProgress,
    /// Frame camera, event camera, and the events over the frame once there is a result.
    pub pictures: [Option<ImageU8>; 3],
    pub alignment: Option<Alignment>,
}

/// A search that is being looked at; dropping it ends both.
pub(crate) struct Search {
    orders: Sender<Order>,
    seen: Receiver<Seen>,
}

impl Search {
    /// Looks at `run` on a thread of its own.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start(run: AlignRun, wake: Arc<dyn Fn() + Send + Sync>) -> std::io::Result<Self> {
        let (orders, told) = bounded(8);
        let (show, seen) = bounded(1);
        let work = move || {
            loop {
                match told.recv_timeout(LOOK) {
                    Ok(Order::Undo) => run.undo(),
                    Ok(Order::Restart) => run.restart(),
                    Ok(Order::Solve) => run.solve(),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
                let [frame, events] = run.pictures();
                let small = |p: Option<ImageU8>| p.map(|p| shrink(&p, SIDE));
                // What the window has not yet taken is replaced by the next look.
                let _ = show.try_send(Seen {
                    progress: run.progress(),
                    pictures: [small(frame), small(events), small(run.overlay())],
                    alignment: run.alignment(),
                });
                wake();
            }
        };
        std::thread::Builder::new().name("align look".into()).spawn(work)?;
        Ok(Self { orders, seen })
    }

    /// The newest look, if there is one that was not taken yet.
    pub(crate) fn take(&self) -> Option<Seen> {
        self.seen.try_iter().last()
    }

    /// Asks for something; it is seen with the next look.
    pub(crate) fn order(&self, order: Order) {
        // Eight orders that wait are more than anyone presses in a fifth of a second.
        let _ = self.orders.try_send(order);
    }
}
