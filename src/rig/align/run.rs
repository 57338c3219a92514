//! An alignment of running cameras, on a thread of its own.

use super::{AlignProgress, AlignSession, AlignSettings, Alignment};
use crate::camera::Packet;
use crate::frame::Picture;
use crate::rig::Role;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Looks for boards in what two cameras send; dropping it ends the search.
#[derive(Debug)]
pub struct AlignRun {
    session: Arc<Mutex<AlignSession>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl AlignRun {
    /// Starts the thread. `packets` says of each which camera sent it: frames of the frame
    /// camera, frames and events of the event camera.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        settings: AlignSettings,
        flashing: bool,
        packets: Receiver<(Role, Packet)>,
    ) -> std::io::Result<Self> {
        let session = Arc::new(Mutex::new(AlignSession::new(settings)));
        let stop = Arc::new(AtomicBool::new(false));
        let (shared, stopping) = (session.clone(), stop.clone());
        let thread = Builder::new().name("align".into()).spawn(move || {
            while !stopping.load(Ordering::Acquire) {
                let first = match packets.recv_timeout(Duration::from_millis(50)) {
                    Ok(sent) => sent,
                    Err(RecvTimeoutError::Timeout) => continue,
                    Err(RecvTimeoutError::Disconnected) => return,
                };
                // Of each camera the newest picture: a search that is slower than they are must
                // not show where the board was seconds ago.
                let (mut frame, mut own) = (None, None);
                for (role, packet) in std::iter::once(first).chain(packets.try_iter()) {
                    match packet {
                        Packet::Frame(packet) if role == Role::Frames => frame = Some(packet),
                        Packet::Frame(packet) if !flashing => own = Some(packet),
                        Packet::Events(packet) if flashing => {
                            lock(&shared).push_events(packet.sensor, &packet.events);
                        }
                        Packet::Frame(_) | Packet::Events(_) => {}
                    }
                }
                if let Some(packet) = frame {
                    lock(&shared).push_frame(&packet.picture);
                }
                if let Some(packet) = own {
                    lock(&shared).push_aps(&packet.picture);
                }
            }
        })?;
        Ok(Self { session, stop, thread: Some(thread) })
    }

    /// How it stands.
    pub fn progress(&self) -> AlignProgress {
        lock(&self.session).progress()
    }

    /// Solves with the views that there are.
    pub fn solve(&self) {
        lock(&self.session).solve();
    }

    /// Forgets all views.
    pub fn restart(&self) {
        lock(&self.session).restart();
    }

    /// Forgets the view that was taken last.
    pub fn undo(&self) {
        lock(&self.session).undo();
    }

    /// The result, once there is one.
    pub fn alignment(&self) -> Option<Alignment> {
        lock(&self.session).alignment().cloned()
    }

    /// The last pictures of the frame camera and of the event camera.
    pub fn pictures(&self) -> [Option<Picture>; 2] {
        lock(&self.session).pictures().map(|p| p.cloned())
    }

    /// What the event camera saw, over the frame that it is aligned to.
    pub fn overlay(&self) -> Option<Picture> {
        lock(&self.session).overlay()
    }
}

fn lock(session: &Mutex<AlignSession>) -> MutexGuard<'_, AlignSession> {
    session.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for AlignRun {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // It looks at `stop` after every picture.
            let _ = thread.join();
        }
    }
}
