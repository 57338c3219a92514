//! The reader thread, which waits for a webcam and may block in the system indefinitely.

use super::{Mode, Webcams};
use crate::camera::{DropCause, DropUnit, Drops};
use crate::panics::caught;
use crate::time::{HostClock, Timestamp};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Maximum number of queued images; further images are counted as drops.
const QUEUE: usize = 3;
/// Timeout for opening a camera.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// An undecoded image.
pub(super) struct Shot {
    pub(super) bytes: Vec<u8>,
    pub(super) arrived: Timestamp<HostClock>,
    /// Frame number, which also counts images dropped because the queue was full.
    pub(super) number: u64,
    /// Exposure time reported by the driver, in microseconds.
    pub(super) exposure_us: Option<i64>,
}

/// First message of the thread: the current mode and all modes.
type Opened = Result<(Mode, Vec<Mode>), String>;

pub(super) struct Reader {
    mode: Mode,
    modes: Vec<Mode>,
    shots: Receiver<Result<Shot, String>>,
    exposures: Sender<i64>,
    next: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Reader {
    /// Opens a camera on its own thread.
    ///
    /// # Errors
    /// A message: the camera cannot be opened, or does not respond in time.
    pub(super) fn start(
        webcams: Arc<dyn Webcams>,
        index: u32,
        wanted: Option<Mode>,
        drops: Drops,
    ) -> Result<Self, String> {
        let (opened_sender, opened) = bounded::<Opened>(1);
        let (shot_sender, shots) = bounded(QUEUE);
        let (exposures, exposure_receiver) = bounded(4);
        let (stop, next) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopping, number) = (stop.clone(), next.clone());
        let work = move || {
            let mut camera = match caught(|| webcams.open(index, wanted)).and_then(|opened| opened)
            {
                Ok(camera) => camera,
                Err(e) => return drop(opened_sender.send(Err(e))),
            };
            let modes = camera.modes();
            if opened_sender.send(Ok((camera.mode(), modes))).is_err() {
                return;
            }
            while !stopping.load(Ordering::Acquire) {
                for us in exposure_receiver.try_iter() {
                    camera.set_exposure_us(us);
                }
                let mut bytes = Vec::new();
                let next = caught(|| camera.next(&mut bytes)).and_then(|next| next);
                let shot = next.map(|()| Shot {
                    bytes,
                    arrived: Timestamp::now(),
                    number: number.fetch_add(1, Ordering::AcqRel),
                    exposure_us: camera.exposure_us(),
                });
                let is_over = shot.is_err();
                match shot_sender.try_send(shot) {
                    Err(TrySendError::Full(Ok(_))) => {
                        drops.add(DropCause::Queue, DropUnit::Frames, 1)
                    }
                    Err(TrySendError::Disconnected(_)) => return,
                    // If the error cannot be queued, the closed channel reports the disconnect.
                    Err(TrySendError::Full(Err(_))) | Ok(()) if is_over => return,
                    _ => {}
                }
            }
        };
        // Not joined: it may hang in the system, and it holds none of our resources.
        let thread = std::thread::Builder::new().name("webcam".into());
        thread.spawn(work).map_err(|e| format!("cannot start the webcam thread: {e}"))?;
        let (mode, modes) =
            opened.recv_timeout(OPEN_TIMEOUT).map_err(|_| "it does not respond")??;
        Ok(Self { mode, modes, shots, exposures, next, stop })
    }

    /// Starts the frame numbers at `number`.
    pub(super) fn counting_from(self, number: u64) -> Self {
        self.next.fetch_add(number, Ordering::AcqRel);
        self
    }

    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    pub(super) fn modes(&self) -> &[Mode] {
        &self.modes
    }

    pub(super) fn shots(&self) -> &Receiver<Result<Shot, String>> {
        &self.shots
    }

    pub(super) fn set_exposure_us(&self, us: i64) {
        // If many requests are queued, the driver need not see every one.
        let _ = self.exposures.try_send(us);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}
