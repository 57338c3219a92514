//! A virtual camera: restored frames are written to a video output device of Linux.

use crate::camera::drivers::uvc::v4l2::VideoOutput;
use crate::image::ImageU8;
use crate::live::{
    FrameOutput, MailboxReader, MailboxWriter, OutputStatus, PutResult, RestoredFrame, mailbox,
};
use crate::panics::{Locked, caught};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// Shows the newest restored frame on a video output device.
pub struct VirtualCamera {
    place: String,
    pictures: Option<MailboxWriter<ImageU8>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    sent: AtomicU64,
    dropped: AtomicU64,
    fault: Mutex<Option<String>>,
}

impl Shared {
    fn set_fault(&self, why: Option<String>) {
        *self.fault.locked() = why;
    }

    fn show(&self, mut output: VideoOutput, pictures: &MailboxReader<ImageU8>) {
        for picture in pictures.channel() {
            match output.show(&picture) {
                Ok(true) => {
                    self.set_fault(None);
                    self.sent.fetch_add(1, Ordering::Relaxed);
                }
                Ok(false) => {
                    self.dropped.fetch_add(1, Ordering::Relaxed);
                }
                Err(e) => {
                    self.set_fault(Some(e.to_string()));
                    self.dropped.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}

impl VirtualCamera {
    /// Starts the thread that writes to an open device.
    ///
    /// # Errors
    /// The system cannot start a thread.
    pub fn start(output: VideoOutput) -> std::io::Result<Self> {
        let place = output.path().to_owned();
        let (pictures, newest) = mailbox();
        let shared = Arc::new(Shared::default());
        let own = shared.clone();
        let run = move || {
            if let Err(why) = caught(|| own.show(output, &newest)) {
                own.set_fault(Some(why));
            }
        };
        let thread = std::thread::Builder::new().name("virtual camera".into()).spawn(run)?;
        Ok(Self { place, pictures: Some(pictures), shared, thread: Some(thread) })
    }
}

impl FrameOutput for VirtualCamera {
    fn put(&self, frame: &RestoredFrame) {
        // Without a restored picture, the blurry one is shown, as in the window.
        let picture = frame.restored.first().unwrap_or(&frame.captured.picture).clone();
        match self.pictures.as_ref().map(|pictures| pictures.put(picture)) {
            Some(PutResult::Replaced(_) | PutResult::Closed(_)) => {
                self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            }
            Some(PutResult::Stored) | None => {}
        }
    }

    fn status(&self) -> Vec<OutputStatus> {
        vec![OutputStatus {
            content: "restored frames",
            place: self.place.clone(),
            clients: None,
            sent: self.shared.sent.load(Ordering::Relaxed),
            dropped: self.shared.dropped.load(Ordering::Relaxed),
            fault: self.shared.fault.locked().clone(),
        }]
    }
}

impl Drop for VirtualCamera {
    fn drop(&mut self) {
        self.pictures = None;
        if let Some(thread) = self.thread.take() {
            // Its panic was caught.
            let _ = thread.join();
        }
    }
}
