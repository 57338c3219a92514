//! The thread that waits for a web camera, which may block it for ever, so that nobody else does.

use super::{Mode, Webcams};
use crate::camera::{DropCause, DropUnit, Drops};
use crate::panics::caught;
use crate::time::{HostClock, Timestamp};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Pictures that may wait; one that finds no room is counted.
const QUEUE: usize = 3;
/// How long opening may take.
const OPENING: Duration = Duration::from_secs(10);

/// A picture as it came.
pub(super) struct Shot {
    pub(super) bytes: Vec<u8>,
    pub(super) arrived: Timestamp<HostClock>,
    /// Counts the pictures that came, also those that found no room.
    pub(super) number: u64,
    /// As the driver tells it.
    pub(super) exposure_us: Option<i64>,
}

/// What the thread says first: how the camera sends, and how it could.
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
    /// Opens a camera in a thread of its own.
    ///
    /// # Errors
    /// In words: it cannot be opened, or does not answer.
    pub(super) fn start(
        webcams: Arc<dyn Webcams>,
        index: u32,
        wanted: Option<Mode>,
        drops: Drops,
    ) -> Result<Self, String> {
        let (opened_in, opened) = bounded::<Opened>(1);
        let (shot_in, shots) = bounded(QUEUE);
        let (exposures, exposure_out) = bounded(4);
        let (stop, next) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopping, number) = (stop.clone(), next.clone());
        let work = move || {
            let mut camera = match caught(|| webcams.open(index, wanted)).and_then(|opened| opened)
            {
                Ok(camera) => camera,
                Err(e) => return drop(opened_in.send(Err(e))),
            };
            let modes = camera.modes();
            if opened_in.send(Ok((camera.mode(), modes))).is_err() {
                return;
            }
            while !stopping.load(Ordering::Acquire) {
                for us in exposure_out.try_iter() {
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
                let over = shot.is_err();
                match shot_in.try_send(shot) {
                    Err(TrySendError::Full(Ok(_))) => {
                        drops.add(DropCause::Queue, DropUnit::Frames, 1)
                    }
                    Err(TrySendError::Disconnected(_)) => return,
                    // That it is gone is told by the channel's end if by nothing else.
                    Err(TrySendError::Full(Err(_))) | Ok(()) if over => return,
                    _ => {}
                }
            }
        };
        // Not joined: it may hang in the system, and holds nothing of ours.
        let thread = std::thread::Builder::new().name("webcam".into());
        thread.spawn(work).map_err(|e| format!("no thread: {e}"))?;
        let (mode, modes) = opened.recv_timeout(OPENING).map_err(|_| "does not answer")??;
        Ok(Self { mode, modes, shots, exposures, next, stop })
    }

    /// The same, whose pictures are counted from `number` on.
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
        // Of many that come at once, the driver need not see every one.
        let _ = self.exposures.try_send(us);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}
