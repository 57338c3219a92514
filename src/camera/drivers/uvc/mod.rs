//! Web cameras: MJPEG, YUYV, UYVY or gray images, with the system's timestamps and frame numbers.
//!
//! On Linux the kernel is asked directly (`v4l2`), on macOS and Windows through nokhwa. The rest
//! of the driver uses the trait [`Webcams`]. Frames that never arrived are found by the kernel's
//! frame numbers; the other systems number nothing, so that such losses cannot be detected there.

mod decoding;
#[cfg(any(target_os = "windows", test))]
mod exposure_power;
#[cfg(target_os = "windows")]
mod media_foundation;
mod mjpeg;
mod reader;
mod same_name;
#[cfg(any(target_os = "macos", target_os = "windows"))]
mod system;
#[cfg(target_os = "linux")]
pub mod v4l2;
mod webcam;

pub use decoding::decode;
pub use webcam::{Coding, Listed, Mark, Mode, Stamp, Webcam, Webcams, choose};

use crate::camera::drivers::timestamp_mark;
use crate::camera::{
    Control, ControlError, Device, DeviceError, DeviceSelector, Driver, DropCause, DropUnit, Drops,
    FramePacket, FrameTiming, Identity, Packet, Value,
};
use crate::image::ImagePool;
use crate::time::Timestamp;
use crossbeam_channel::RecvTimeoutError;
use reader::{Reader, Shot, Start};
use same_name::LastOpened;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Exposure time assumed if neither the driver nor the user provides one, in microseconds.
pub const SUPPOSED_EXPOSURE_US: i64 = 10_000;
/// A webcam that sends nothing for this long is treated as disconnected. In the dark, some send
/// only five frames per second.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(3);
/// Driver for webcams.
pub struct Uvc {
    webcams: Arc<dyn Webcams>,
    last_opened: LastOpened,
}

impl Uvc {
    /// Uses the system's webcams.
    pub fn new() -> Self {
        #[cfg(target_os = "linux")]
        let webcams = v4l2::V4l2::system();
        #[cfg(any(target_os = "macos", target_os = "windows"))]
        let webcams = system::System {};
        #[cfg(not(any(target_os = "linux", target_os = "macos", target_os = "windows")))]
        let webcams = Unsupported {};
        Self::with_webcams(Arc::new(webcams))
    }

    /// Uses other webcams, for tests.
    pub fn with_webcams(webcams: Arc<dyn Webcams>) -> Self {
        Self { webcams, last_opened: LastOpened::default() }
    }

    /// Lists the connected webcams.
    ///
    /// # Errors
    /// The system cannot list them, or webcams are not supported on it.
    pub fn list(&self) -> Result<Vec<Listed>, DeviceError> {
        self.webcams.list()
    }
}

impl Default for Uvc {
    fn default() -> Self {
        Self::new()
    }
}

/// Stands in for webcams on other systems.
#[cfg(not(any(target_os = "linux", target_os = "macos", target_os = "windows")))]
struct Unsupported {}

#[cfg(not(any(target_os = "linux", target_os = "macos", target_os = "windows")))]
impl Webcams for Unsupported {
    fn list(&self) -> Result<Vec<Listed>, DeviceError> {
        let why = "web cameras are supported on Linux, macOS and Windows only";
        Err(DeviceError::Unusable(why.into()))
    }

    fn open(&self, _: u32, _: Option<Mode>) -> Result<Box<dyn Webcam>, String> {
        Err("web cameras are not supported on this system".into())
    }
}

impl Driver for Uvc {
    /// `wanted` selects a camera by its index (`0`) or its name. Of several cameras with the same
    /// name the one that was open before is used, else the first one that can be opened.
    fn open(&self, wanted: &DeviceSelector, drops: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        let listed = self.webcams.list()?;
        let mut why = None;
        for camera in self.last_opened.candidates(&listed, wanted.serial.as_deref()) {
            let start = Start {
                webcams: self.webcams.clone(),
                index: camera.index,
                wanted: None,
                first_number: 0,
                drops: drops.clone(),
            };
            match Reader::start(start) {
                Ok(reader) => {
                    self.last_opened.remember(&camera, &listed);
                    return Ok(Box::new(Camera::new(self, &camera, reader, wanted, drops)));
                }
                // A camera has several device nodes; only the first one sends images.
                Err(e) => why = why.or(Some(format!("{}: {e}", camera.name))),
            }
        }
        let which = wanted.serial.as_ref().map_or(String::new(), |s| format!(" {s}"));
        Err(DeviceError::NotFound(match why {
            Some(why) => format!("the web camera cannot be used: {why}"),
            None => format!("web camera{which} not found: plug it in"),
        }))
    }
}

const EXPOSURE: &str = "exposure_us";
const MODE: &str = "mode";

struct Camera {
    webcams: Arc<dyn Webcams>,
    listed: Listed,
    /// `None` while it is opened in another mode.
    reader: Option<Reader>,
    drops: Drops,
    epoch: u32,
    sequence: u64,
    exposure_us: i64,
    /// What the user has chosen that timestamps mark, instead of what the system reports.
    mark: Option<Mark>,
    last_data: Instant,
    pictures: ImagePool<u8>,
}

impl Camera {
    fn new(
        uvc: &Uvc,
        listed: &Listed,
        reader: Reader,
        wanted: &DeviceSelector,
        drops: &Drops,
    ) -> Self {
        Self {
            webcams: uvc.webcams.clone(),
            listed: listed.clone(),
            reader: Some(reader),
            drops: drops.clone(),
            epoch: wanted.next_epoch(),
            sequence: 0,
            exposure_us: SUPPOSED_EXPOSURE_US,
            mark: None,
            last_data: Instant::now(),
            pictures: ImagePool::default(),
        }
    }

    fn not_found(&self, why: &str) -> DeviceError {
        DeviceError::NotFound(format!("{} {why}", self.listed.name))
    }

    /// What timestamps mark; `None` if there are none.
    fn mark(&self) -> Option<Mark> {
        let reported = self.reader.as_ref().and_then(Reader::mark)?;
        Some(self.mark.unwrap_or(reported))
    }

    fn process(&mut self, shot: Shot, mode: Mode, out: &mut Vec<Packet>) {
        let Shot { bytes, arrived, taken_us, number, exposure_us } = shot;
        self.sequence = number;
        let Some(picture) = decode(mode, &bytes, &self.pictures) else {
            return self.drops.add(DropCause::Malformed, DropUnit::Frames, 1);
        };
        // A value from the driver takes precedence over the user's.
        self.exposure_us = exposure_us.unwrap_or(self.exposure_us);
        let exposure_us = self.exposure_us;
        let timing = match (taken_us.map(Timestamp::from_us), self.mark()) {
            (Some(start), Some(Mark::Start)) => FrameTiming::Frames { start, exposure_us },
            (Some(end), Some(Mark::End)) => {
                FrameTiming::Frames { start: end.plus_us(-exposure_us), exposure_us }
            }
            _ => FrameTiming::Arrival { exposure_us },
        };
        out.push(Packet::Frame(FramePacket {
            epoch: self.epoch,
            sequence: self.sequence,
            timing,
            arrived,
            picture,
            truth: None,
            contrast: None,
        }));
    }

    /// Opens the camera in another mode. If that fails, the camera stays closed, is reported as
    /// disconnected and opened again.
    fn set_mode(&mut self, text: &str) -> Result<(), ControlError> {
        let rejected = |why: String| ControlError::Refused(format!("{MODE}: {why}"));
        let modes = self.reader.iter().flat_map(|r| r.modes().iter().copied());
        let wanted = modes.into_iter().find(|m| m.to_string() == text);
        let wanted = wanted.ok_or_else(|| rejected("the camera has no such mode".into()))?;
        // Closed first: only one reader can open the camera.
        self.reader = None;
        let start = Start {
            webcams: self.webcams.clone(),
            index: self.listed.index,
            wanted: Some(wanted),
            first_number: self.sequence + 1,
            drops: self.drops.clone(),
        };
        self.reader = Some(Reader::start(start).map_err(rejected)?);
        self.last_data = Instant::now();
        Ok(())
    }
}

impl Device for Camera {
    fn identity(&self) -> Identity {
        // Only the name is the same after a reconnect.
        Identity {
            model: format!("web camera {}", self.listed.index),
            serial: self.listed.name.clone(),
            firmware: String::new(),
        }
    }

    fn controls(&self) -> Vec<Control> {
        let mut controls = self.reader.as_ref().map(Reader::controls).unwrap_or_default();
        if !controls.iter().any(|c| c.name == EXPOSURE) {
            // The camera does not report it, so the user states it.
            let range = (1, 1_000_000);
            controls.push(Control::int(EXPOSURE, "Exposure (us)", self.exposure_us, range));
        }
        let Some(reader) = &self.reader else { return controls };
        let modes = reader.modes().iter().map(ToString::to_string).collect();
        let mode = Control::choice(MODE, "Size and rate", reader.mode().to_string(), modes);
        controls.push(mode.set_on_release());
        if let Some(mark) = self.mark() {
            controls.push(timestamp_mark::control(mark == Mark::End));
        }
        controls
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), ControlError> {
        match (name, value) {
            (MODE, Value::Enum(text)) => self.set_mode(text),
            (timestamp_mark::NAME, Value::Enum(text)) => {
                let at_end = timestamp_mark::is_end(text);
                self.mark = Some(if at_end { Mark::End } else { Mark::Start });
                Ok(())
            }
            _ => {
                let reader = self.reader.as_ref();
                let known = reader.is_some_and(|r| r.controls().iter().any(|c| c.name == name));
                match (reader.filter(|_| known), name, value) {
                    (Some(reader), _, _) => reader.set(name, value),
                    (None, EXPOSURE, Value::Int(us)) => {
                        self.exposure_us = *us;
                        Ok(())
                    }
                    _ => Err(ControlError::Unknown(name.into())),
                }
            }
        }
    }

    fn poll(&mut self, timeout: Duration, out: &mut Vec<Packet>) -> Result<(), DeviceError> {
        let Some(reader) = &self.reader else { return Err(self.not_found("does not restart")) };
        let mode = reader.mode();
        match reader.shots().recv_timeout(timeout) {
            Ok(Ok(shot)) => {
                self.last_data = Instant::now();
                self.process(shot, mode, out);
                Ok(())
            }
            Ok(Err(why)) => Err(self.not_found(&format!("was disconnected ({why})"))),
            Err(RecvTimeoutError::Disconnected) => Err(self.not_found("was disconnected")),
            Err(RecvTimeoutError::Timeout) if self.last_data.elapsed() > SILENCE_TIMEOUT => {
                let seconds = SILENCE_TIMEOUT.as_secs();
                Err(self.not_found(&format!("has sent nothing for {seconds} s")))
            }
            Err(RecvTimeoutError::Timeout) => Ok(()),
        }
    }
}
