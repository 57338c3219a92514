//! Polls the alignment search on a worker thread: board detection holds its lock for up to a
//! tenth of a second, and the window must not wait for it.

use super::wake::Wake;
use crate::image::ImageU8;
use crate::rig::align::{AlignProgress, AlignRun, Alignment};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::time::Duration;

/// Interval between two polls of the search.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Longer side of the previews, in pixels.
const PREVIEW_SIDE: usize = 420;

/// User command to the search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SearchCommand {
    /// Discard the last view.
    Undo,
    /// Discard all views.
    Restart,
    /// Solve with the current views.
    Solve,
}

/// State of the search at one poll.
#[derive(Debug, Default)]
pub(super) struct SearchState {
    pub progress: AlignProgress,
    /// Frame camera, event camera, and the event overlay once there is a result.
    pub previews: [Option<ImageU8>; 3],
    pub alignment: Option<Alignment>,
}

/// Handle of a polled search; dropping it ends the polling thread and the search.
pub(super) struct BoardSearch {
    commands: Sender<SearchCommand>,
    states: Receiver<SearchState>,
}

impl BoardSearch {
    /// Starts the thread that polls `run`; it calls `wake` after every poll.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(super) fn start(run: AlignRun, wake: Wake) -> std::io::Result<Self> {
        let (commands, commands_out) = bounded(8);
        let (states_in, states) = bounded(1);
        let work = move || {
            loop {
                match commands_out.recv_timeout(POLL_INTERVAL) {
                    Ok(SearchCommand::Undo) => run.undo(),
                    Ok(SearchCommand::Restart) => run.restart(),
                    Ok(SearchCommand::Solve) => run.solve(),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
                let [frame, events] = run.pictures();
                let small = |p: Option<ImageU8>| p.map(|p| p.shrunk_to_fit(PREVIEW_SIDE));
                // If the window has not taken the last state, this one is dropped; the next
                // poll sends a newer one.
                let _ = states_in.try_send(SearchState {
                    progress: run.progress(),
                    previews: [small(frame), small(events), small(run.overlay())],
                    alignment: run.alignment(),
                });
                wake();
            }
        };
        std::thread::Builder::new().name("align poll".into()).spawn(work)?;
        Ok(Self { commands, states })
    }

    /// The newest state, once.
    pub(super) fn take(&self) -> Option<SearchState> {
        self.states.try_iter().last()
    }

    /// Sends a command; its effect is visible after the next poll.
    pub(super) fn send(&self, command: SearchCommand) {
        // If eight commands are queued already, this one is dropped: users are not that fast.
        let _ = self.commands.try_send(command);
    }
}
