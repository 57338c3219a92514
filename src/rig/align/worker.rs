//! Alignment of running cameras on a worker thread.

use super::{AlignProgress, AlignSession, AlignSettings, Alignment};
use crate::camera::Packet;
use crate::image::ImageU8;
use crate::panics::{Locked, caught};
use crate::rig::Role;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Searches for boards in the packets of two cameras. Dropping it stops the search.
#[derive(Debug)]
pub struct AlignRun {
    session: Arc<Mutex<AlignSession>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// The panic message of the thread, if it panicked.
    failure: Arc<Mutex<Option<String>>>,
}

impl AlignRun {
    /// Starts the thread. `packets` holds the packets with the role of the camera that sent each:
    /// frames of the frame camera, frames and events of the event camera.
    ///
    /// # Errors
    /// The operating system cannot start a thread.
    pub fn start(
        settings: AlignSettings,
        flashing: bool,
        packets: Receiver<(Role, Packet)>,
    ) -> std::io::Result<Self> {
        Self::launch(settings, move |session, stopping| {
            search(session, stopping, flashing, &packets);
        })
    }

    fn launch(
        settings: AlignSettings,
        search: impl FnOnce(&Mutex<AlignSession>, &AtomicBool) + Send + 'static,
    ) -> std::io::Result<Self> {
        let session = Arc::new(Mutex::new(AlignSession::new(settings)));
        let (stop, failure) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let (shared, stopping, failed) = (session.clone(), stop.clone(), Arc::clone(&failure));
        let thread = Builder::new().name("align".into()).spawn(move || {
            if let Err(why) = caught(|| search(&shared, &stopping)) {
                *lock(&failed) = Some(why);
            }
        })?;
        Ok(Self { session, stop, thread: Some(thread), failure })
    }

    /// The current progress.
    pub fn progress(&self) -> AlignProgress {
        let mut progress = lock(&self.session).progress();
        if let Some(why) = lock(&self.failure).clone() {
            progress.fault = Some(why);
        }
        progress
    }

    /// Solves with the current views.
    pub fn solve(&self) {
        lock(&self.session).solve();
    }

    /// Removes all views.
    pub fn restart(&self) {
        lock(&self.session).restart();
    }

    /// Removes the last view.
    pub fn undo(&self) {
        lock(&self.session).undo();
    }

    /// The result, once there is one.
    pub fn alignment(&self) -> Option<Alignment> {
        lock(&self.session).alignment().cloned()
    }

    /// The last images of the frame camera and of the event camera.
    pub fn pictures(&self) -> [Option<ImageU8>; 2] {
        lock(&self.session).pictures().map(|p| p.cloned())
    }

    /// Overlay of the event camera's image on the aligned frame.
    pub fn overlay(&self) -> Option<ImageU8> {
        lock(&self.session).overlay()
    }
}

/// Processes images and events until it is stopped.
fn search(
    session: &Mutex<AlignSession>,
    stopping: &AtomicBool,
    flashing: bool,
    packets: &Receiver<(Role, Packet)>,
) {
    while !stopping.load(Ordering::Acquire) {
        let first = match packets.recv_timeout(Duration::from_millis(50)) {
            Ok(sent) => sent,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        // Use only the newest image of each camera: if the search is slower than the cameras, it
        // must not show the board at an outdated position.
        let (mut frame, mut own) = (None, None);
        for (role, packet) in std::iter::once(first).chain(packets.try_iter()) {
            match packet {
                Packet::Frame(packet) if role == Role::Frames => frame = Some(packet),
                Packet::Frame(packet) if !flashing => own = Some(packet),
                Packet::Events(packet) if flashing => {
                    lock(session).push_events(packet.sensor, &packet.events);
                }
                Packet::Frame(_) | Packet::Events(_) => {}
            }
        }
        if let Some(packet) = frame {
            lock(session).push_frame(&packet.picture);
        }
        if let Some(packet) = own {
            lock(session).push_aps(&packet.picture);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.locked()
}

impl Drop for AlignRun {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // The thread checks `stop` after every image.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking")]

    use super::*;
    use std::time::Instant;

    #[test]
    fn a_panic_of_the_search_is_reported_as_a_fault() {
        let settings = AlignSettings::default();
        let run = AlignRun::launch(settings, |_, _| panic!("on purpose")).unwrap();
        let start = Instant::now();
        let why = loop {
            if let Some(why) = run.progress().fault {
                break why;
            }
            assert!(start.elapsed() < Duration::from_secs(10), "no fault was reported");
            std::thread::sleep(Duration::from_millis(5));
        };
        assert!(why.contains("on purpose"), "{why}");
    }
}
