//! Webcams: MJPEG or YUYV, without hardware timestamps; the arrival time is used.
//!
//! The system's cameras are accessed through nokhwa, only with the cargo feature `uvc`, because
//! its build on Linux needs libclang. The rest of the driver uses the trait [`Webcams`]. A webcam
//! sends no frame numbers, so losses before the frames reach this computer cannot be detected.

mod reader;
mod webcam;

pub use webcam::{Coding, Listed, Mode, Webcam, Webcams, choose};

#[cfg(feature = "uvc")]
mod system;

use crate::camera::drivers::genicam::pixels::yuv422;
use crate::camera::{
    Control, ControlError, Device, DeviceError, DeviceSelector, Driver, DropCause, DropUnit, Drops,
    FramePacket, FrameTiming, Identity, Packet, Value,
};
use crate::image::{ImagePool, ImageU8, Size};
use crossbeam_channel::RecvTimeoutError;
use reader::{Reader, Shot};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Exposure time assumed if neither the driver nor the user provides one, in microseconds.
pub const SUPPOSED_EXPOSURE_US: i64 = 10_000;
/// A webcam that sends nothing for this long is treated as disconnected. In the dark, some send
/// only five frames per second.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(3);
/// Maximum number of pixels of an image; a JPEG with a larger size in its header is rejected.
const MAX_PIXELS: u64 = 1 << 26;

/// Driver for webcams.
pub struct Uvc {
    webcams: Arc<dyn Webcams>,
}

impl Uvc {
    /// Uses the system's webcams.
    pub fn new() -> Self {
        #[cfg(feature = "uvc")]
        let webcams = system::System {};
        #[cfg(not(feature = "uvc"))]
        let webcams = NotBuilt {};
        Self::with(Arc::new(webcams))
    }

    /// Uses other webcams, for tests.
    pub fn with(webcams: Arc<dyn Webcams>) -> Self {
        Self { webcams }
    }

    /// Lists the connected webcams.
    ///
    /// # Errors
    /// The system cannot list them, or the program was built without the cargo feature `uvc`.
    pub fn list(&self) -> Result<Vec<Listed>, DeviceError> {
        self.webcams.list()
    }
}

impl Default for Uvc {
    fn default() -> Self {
        Self::new()
    }
}

/// Replacement in a program that was built without webcam support.
#[cfg(not(feature = "uvc"))]
struct NotBuilt {}

#[cfg(not(feature = "uvc"))]
impl Webcams for NotBuilt {
    fn list(&self) -> Result<Vec<Listed>, DeviceError> {
        Err(DeviceError::Unusable(
            "this program was built without webcam support: install libclang-dev, then \
             cargo install --path . --features uvc"
                .into(),
        ))
    }

    fn open(&self, _: u32, _: Option<Mode>) -> Result<Box<dyn Webcam>, String> {
        Err("built without webcam support".into())
    }
}

impl Driver for Uvc {
    /// `wanted` selects a camera by its index (`0`) or its name. Of several cameras with the same
    /// name the first one that can be opened is used.
    fn open(&self, wanted: &DeviceSelector, drops: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        let listed = self.webcams.list()?;
        let number: Option<u32> = wanted.serial.as_ref().and_then(|s| s.parse().ok());
        let fits = |l: &&Listed| match (&wanted.serial, number) {
            (None, _) => true,
            (_, Some(number)) => l.index == number,
            (Some(name), _) => l.name == *name,
        };
        let mut why = None;
        for listed in listed.iter().filter(fits) {
            match Reader::start(self.webcams.clone(), listed.index, None, drops.clone()) {
                Ok(reader) => {
                    return Ok(Box::new(Camera::new(self, listed, reader, wanted, drops)));
                }
                // A camera has several device nodes; only the first one sends images.
                Err(e) => why = why.or(Some(format!("{}: {e}", listed.name))),
            }
        }
        let which = wanted.serial.as_ref().map_or(String::new(), |s| format!(" {s}"));
        Err(DeviceError::NotFound(match why {
            Some(why) => {
                format!("the web camera cannot be used ({why}): close other programs that use it")
            }
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
            last_data: Instant::now(),
            pictures: ImagePool::default(),
        }
    }

    fn not_found(&self, why: &str) -> DeviceError {
        DeviceError::NotFound(format!("{} {why}", self.listed.name))
    }

    fn process(&mut self, shot: Shot, mode: Mode, out: &mut Vec<Packet>) {
        let Shot { bytes, arrived, number, exposure_us } = shot;
        self.sequence = number;
        let Some(picture) = decode(mode, &bytes, &self.pictures) else {
            return self.drops.add(DropCause::Malformed, DropUnit::Frames, 1);
        };
        // A value from the driver takes precedence over the user's.
        self.exposure_us = exposure_us.unwrap_or(self.exposure_us);
        out.push(Packet::Frame(FramePacket {
            epoch: self.epoch,
            sequence: self.sequence,
            span: FrameTiming::Arrival { exposure_us: self.exposure_us },
            arrived,
            picture,
            truth: None,
        }));
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
        let exposure = Control::whole(EXPOSURE, "Exposure (us)", self.exposure_us, (1, 1_000_000));
        let Some(reader) = &self.reader else { return vec![exposure] };
        let modes = reader.modes().iter().map(ToString::to_string).collect();
        let mode = Control::choice(MODE, "Size and rate", reader.mode().to_string(), modes);
        vec![exposure, mode]
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), ControlError> {
        let rejected = |why: String| ControlError::Refused(format!("{name}: {why}"));
        match (name, value) {
            (EXPOSURE, Value::Int(us)) => {
                // If the driver cannot set it, the user's value is used.
                self.exposure_us = *us;
                self.reader.iter().for_each(|r| r.set_exposure_us(*us));
                Ok(())
            }
            (MODE, Value::Enum(text)) => {
                let reader = self.reader.take();
                let modes = reader.iter().flat_map(|r| r.modes().iter().copied());
                let wanted = modes.into_iter().find(|m| m.to_string() == *text);
                // Closed first: only one reader can open the camera.
                drop(reader);
                let wanted =
                    Some(wanted.ok_or_else(|| rejected("the camera has no such mode".into()))?);
                let drops = self.drops.clone();
                let reader = Reader::start(self.webcams.clone(), self.listed.index, wanted, drops);
                self.reader = Some(reader.map_err(rejected)?.counting_from(self.sequence + 1));
                self.last_data = Instant::now();
                Ok(())
            }
            _ => Err(ControlError::Unknown(name.into())),
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

/// Decodes an image to blue, green and red planes, in a buffer from `pictures`. `None` if `bytes`
/// do not form an image.
pub fn decode(mode: Mode, bytes: &[u8], pictures: &ImagePool<u8>) -> Option<ImageU8> {
    match mode.coding {
        Coding::Yuyv => {
            let row = mode.size.width.checked_mul(2).filter(|w| *w > 0)?;
            let bytes = bytes.get(..row.checked_mul(mode.size.height).filter(|n| *n > 0)?)?;
            let picture = ImageU8::in_store(pictures, true, mode.size, 0);
            yuv422(picture, [0, 1], bytes.chunks_exact(row))
        }
        Coding::Mjpeg => {
            let mut reader = image::ImageReader::new(std::io::Cursor::new(bytes));
            reader.set_format(image::ImageFormat::Jpeg);
            let (width, height) = reader.into_dimensions().ok()?;
            let size = Size::new(width as usize, height as usize);
            // A few bytes can claim an image that takes seconds to decode.
            if size != mode.size || u64::from(width) * u64::from(height) > MAX_PIXELS {
                return None;
            }
            let image = image::load_from_memory_with_format(bytes, image::ImageFormat::Jpeg);
            ImageU8::from_rgb(size, image.ok()?.to_rgb8().as_raw()).ok()
        }
    }
}
