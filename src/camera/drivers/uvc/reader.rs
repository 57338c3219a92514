//! The reader thread, which waits for a webcam and may block in the system indefinitely.

use super::webcam::{Mark, Mode, Webcam, Webcams};
use crate::camera::drivers::frame_numbers::FrameNumbers;
use crate::camera::{Control, ControlError, DropCause, DropUnit, Drops, Value};
use crate::panics::{Locked, caught};
use crate::time::{HostClock, Timestamp};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Maximum number of queued images; further images are counted as drops.
const QUEUE: usize = 3;
/// Timeout for opening a camera.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// Message for a camera that is not open by then.
const UNRESPONSIVE: &str =
    "it does not respond: close other programs that use it, or unplug it and plug it in again";
/// Timeout for setting a control: the camera answers between two images. Shorter than the time
/// after which the watchdog abandons the caller.
const SET_TIMEOUT: Duration = Duration::from_secs(1);
/// Timeout for closing a camera.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);
/// Polling interval for the exposure time, which the camera may change by itself. Each query is a
/// transfer to the camera.
const EXPOSURE_INTERVAL: Duration = Duration::from_millis(500);

/// An undecoded image.
pub(super) struct Shot {
    pub(super) bytes: Vec<u8>,
    pub(super) arrived: Timestamp<HostClock>,
    /// When it was taken, in microseconds on the system's monotonic clock.
    pub(super) taken_us: Option<i64>,
    /// Frame number, which also counts images that were lost or dropped.
    pub(super) number: u64,
    /// Exposure time reported by the driver, in microseconds.
    pub(super) exposure_us: Option<i64>,
}

/// What is known of a camera once it is open.
#[derive(Clone)]
struct Opened {
    mode: Mode,
    modes: Vec<Mode>,
    mark: Option<Mark>,
}

/// A request to set a control, and where to send the result.
struct SetRequest {
    name: String,
    value: Value,
    reply: Sender<Result<(), ControlError>>,
}

/// Which camera to open, and how.
pub(super) struct Start {
    pub(super) webcams: Arc<dyn Webcams>,
    pub(super) index: u32,
    pub(super) wanted: Option<Mode>,
    pub(super) first_number: u64,
    pub(super) drops: Drops,
}

pub(super) struct Reader {
    opened: Opened,
    controls: Arc<Mutex<Vec<Control>>>,
    shots: Receiver<Result<Shot, String>>,
    requests: Sender<SetRequest>,
    stop: Arc<AtomicBool>,
}

impl Reader {
    /// Opens a camera on its own thread.
    ///
    /// # Errors
    /// A message: the camera cannot be opened, or does not respond in time.
    pub(super) fn start(start: Start) -> Result<Self, String> {
        let (opened_sender, opened) = bounded::<Result<Opened, String>>(1);
        let (shot_sender, shots) = bounded(QUEUE);
        let (requests, request_receiver) = bounded::<SetRequest>(4);
        let stop = Arc::new(AtomicBool::new(false));
        let controls = Arc::new(Mutex::new(Vec::new()));
        let (stopping, shared_controls) = (stop.clone(), controls.clone());
        let work = move || {
            let opened = caught(|| start.webcams.open(start.index, start.wanted));
            let mut camera = match opened.and_then(|opened| opened) {
                Ok(camera) => camera,
                Err(e) => return drop(opened_sender.send(Err(e))),
            };
            let opened = Opened { mode: camera.mode(), modes: camera.modes(), mark: camera.mark() };
            publish(&shared_controls, camera.as_mut());
            if opened_sender.send(Ok(opened)).is_err() {
                return;
            }
            let numbers = FrameNumbers::starting_at(start.first_number);
            let drops = start.drops;
            let mut thread = ReaderThread {
                numbers,
                drops,
                exposure_us: camera.exposure_us(),
                last_query: Instant::now(),
            };
            while !stopping.load(Ordering::Acquire) {
                for request in request_receiver.try_iter() {
                    let set = camera.set(&request.name, &request.value);
                    publish(&shared_controls, camera.as_mut());
                    thread.exposure_us = camera.exposure_us();
                    // The caller may have given up waiting.
                    let _ = request.reply.send(set);
                }
                let shot = match caught(|| thread.next(camera.as_mut())).and_then(|next| next) {
                    Ok(None) => continue,
                    Ok(Some(shot)) => Ok(shot),
                    Err(e) => Err(e),
                };
                let is_over = shot.is_err();
                match shot_sender.try_send(shot) {
                    Err(TrySendError::Full(Ok(_))) => {
                        thread.drops.add(DropCause::Queue, DropUnit::Frames, 1);
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
        let opened = opened.recv_timeout(OPEN_TIMEOUT).map_err(|_| UNRESPONSIVE)??;
        Ok(Self { opened, controls, shots, requests, stop })
    }

    pub(super) fn mode(&self) -> Mode {
        self.opened.mode
    }

    pub(super) fn modes(&self) -> &[Mode] {
        &self.opened.modes
    }

    pub(super) fn mark(&self) -> Option<Mark> {
        self.opened.mark
    }

    pub(super) fn shots(&self) -> &Receiver<Result<Shot, String>> {
        &self.shots
    }

    pub(super) fn controls(&self) -> Vec<Control> {
        self.controls.locked().clone()
    }

    /// Sets a control and waits for the result.
    pub(super) fn set(&self, name: &str, value: &Value) -> Result<(), ControlError> {
        let (reply, result) = bounded(1);
        let request = SetRequest { name: name.into(), value: value.clone(), reply };
        let unanswered = || ControlError::Refused(format!("{name}: the camera does not respond"));
        self.requests.try_send(request).map_err(|_| unanswered())?;
        result.recv_timeout(SET_TIMEOUT).map_err(|_| unanswered())?
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // The thread closes the camera before its end of this channel, so that the camera can be
        // opened again at once. A thread that hangs in the system is left behind.
        let deadline = Instant::now() + CLOSE_TIMEOUT;
        while self.shots.recv_deadline(deadline).is_ok() {}
    }
}

/// Makes the present controls known outside the thread.
fn publish(shared: &Mutex<Vec<Control>>, camera: &mut dyn Webcam) {
    let controls = camera.controls();
    *shared.locked() = controls;
}

/// State of the thread beside the camera itself.
struct ReaderThread {
    numbers: FrameNumbers,
    drops: Drops,
    exposure_us: Option<i64>,
    last_query: Instant,
}

impl ReaderThread {
    /// The next image; `None` if there is none yet, or an incomplete one, which is counted.
    fn next(&mut self, camera: &mut dyn Webcam) -> Result<Option<Shot>, String> {
        let mut bytes = Vec::new();
        let Some(stamp) = camera.next(&mut bytes)? else { return Ok(None) };
        let arrived = Timestamp::now();
        let place = match stamp.number {
            Some(number) => self.numbers.place_or_next(number),
            None => self.numbers.next_place(),
        };
        self.drops.add(DropCause::Usb, DropUnit::Frames, place.lost);
        if stamp.incomplete {
            self.drops.add(DropCause::Usb, DropUnit::Frames, 1);
            return Ok(None);
        }
        if self.last_query.elapsed() > EXPOSURE_INTERVAL {
            self.last_query = Instant::now();
            self.exposure_us = camera.exposure_us();
        }
        Ok(Some(Shot {
            bytes,
            arrived,
            taken_us: stamp.taken_us,
            number: place.sequence,
            exposure_us: self.exposure_us,
        }))
    }
}
