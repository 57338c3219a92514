//! The process of an encoder, which another thread can end.

use crate::panics::Locked;
use std::io::ErrorKind;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// How soon the end of the process is noticed.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Ends a film from another thread, which cannot wait longer for it: ffmpeg may hang.
#[derive(Clone, Debug, Default)]
pub struct FilmStopper {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    child: Option<Child>,
    stopped: bool,
}

impl FilmStopper {
    /// Ends ffmpeg, if it runs. What is being written fails with
    /// [`FilmError::Stopped`](super::FilmError::Stopped).
    pub fn stop(&self) {
        let mut shared = self.lock();
        shared.stopped = true;
        kill(&mut shared);
    }

    /// Whether [`Self::stop`] was called.
    pub fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    /// Takes over a process that has been started.
    pub(super) fn take_over(&self, child: Child) {
        let mut shared = self.lock();
        shared.child = Some(child);
        if shared.stopped {
            kill(&mut shared);
        }
    }

    /// Waits until the process ends. It can be stopped meanwhile.
    pub(super) fn wait(&self) -> std::io::Result<ExitStatus> {
        loop {
            let ended = match &mut self.lock().child {
                Some(child) => child.try_wait()?,
                None => return Err(ErrorKind::NotFound.into()),
            };
            match ended {
                Some(status) => return Ok(status),
                None => std::thread::sleep(POLL_INTERVAL),
            }
        }
    }

    /// Ends the process, if it runs, and waits for it: nothing of it remains.
    pub(super) fn end(&self) {
        let child = self.lock().child.take();
        if let Some(mut child) = child {
            // Usually it has already ended; then neither call does anything.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Identifier of the running process.
    #[cfg(all(test, target_os = "linux"))]
    pub(super) fn process_id(&self) -> Option<u32> {
        self.lock().child.as_ref().map(Child::id)
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.locked()
    }
}

fn kill(shared: &mut Shared) {
    if let Some(child) = &mut shared.child {
        // It may have ended already.
        let _ = child.kill();
    }
}
