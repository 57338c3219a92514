//! Web cameras on macOS and Windows, through nokhwa.

#[cfg(target_os = "windows")]
use super::media_foundation;
use super::webcam::{Coding, Listed, Mark, Mode, Stamp, Webcam, Webcams, choose};
use crate::camera::DeviceError;
#[cfg(target_os = "windows")]
use crate::camera::{Control, ControlError, Value};
use crate::image::Size;
use crate::time::Timestamp;
use nokhwa::Camera;
use nokhwa::utils::{
    ApiBackend, CameraFormat, CameraIndex, FrameFormat, RequestedFormat, RequestedFormatType,
    Resolution,
};
use std::sync::Once;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Supported formats.
const CODINGS: &[FrameFormat] = &[FrameFormat::YUYV, FrameFormat::MJPEG, FrameFormat::GRAY];
/// An image older than this, or younger than now, has a timestamp that cannot be used.
const MAX_AGE: Duration = Duration::from_secs(1);

pub(super) struct System {}

impl Webcams for System {
    fn list(&self) -> Result<Vec<Listed>, DeviceError> {
        let found = nokhwa::query(ApiBackend::Auto)
            .map_err(|e| DeviceError::NotFound(format!("cannot list the web cameras: {e}")))?;
        let listed = |c: &nokhwa::utils::CameraInfo| {
            let index = c.index().as_index().ok()?;
            Some(Listed { index, name: c.human_name(), problem: None })
        };
        let mut listed: Vec<Listed> = found.iter().filter_map(listed).collect();
        listed.sort_by_key(|l| l.index);
        Ok(listed)
    }

    fn open(&self, index: u32, wanted: Option<Mode>) -> Result<Box<dyn Webcam>, String> {
        check_permission()?;
        let any = RequestedFormat::with_formats(RequestedFormatType::None, CODINGS);
        let message = |e: nokhwa::NokhwaError| format!("{e}: close other programs that use it");
        let mut camera = Camera::new(CameraIndex::Index(index), any).map_err(message)?;
        let modes = modes(&mut camera);
        let mode = wanted.or_else(|| choose(&modes));
        let mode = mode.ok_or("it offers none of YUYV, MJPEG and gray images")?;
        let side = |v: usize| u32::try_from(v).unwrap_or(u32::MAX);
        let resolution = Resolution::new(side(mode.size.width), side(mode.size.height));
        let wire = frame_format(mode.coding).ok_or("it has no such mode")?;
        let format = CameraFormat::new(resolution, wire, mode.rate_hz);
        let exact = RequestedFormat::with_formats(RequestedFormatType::Exact(format), CODINGS);
        camera.set_camera_requset(exact).map_err(message)?;
        camera.open_stream().map_err(message)?;
        // Some drivers select another mode than the requested one.
        let mode = supported_mode(camera.camera_format())
            .ok_or("it sends images in an unsupported format")?;
        Ok(Box::new(Open { camera, mode }))
    }
}

/// macOS asks the user whether this program may use cameras; without the permission no image arrives.
/// It is asked once, and the answer is seen when the camera is next opened. Windows always permits it
/// here, and fails to open the camera if its settings forbid it.
fn check_permission() -> Result<(), String> {
    static ASKED: Once = Once::new();
    if nokhwa::nokhwa_check() {
        return Ok(());
    }
    ASKED.call_once(|| nokhwa::nokhwa_initialize(|_| ()));
    Err("macOS has not permitted cameras yet: answer its question, or switch the camera on for this \
         program, or for the terminal that it runs in, in System Settings, Privacy & Security, Camera"
        .to_owned())
}

fn frame_format(coding: Coding) -> Option<FrameFormat> {
    match coding {
        Coding::Mjpeg => Some(FrameFormat::MJPEG),
        Coding::Yuyv => Some(FrameFormat::YUYV),
        Coding::Grey => Some(FrameFormat::GRAY),
        Coding::Uyvy => None,
    }
}

fn supported_mode(format: CameraFormat) -> Option<Mode> {
    let coding = match format.format() {
        FrameFormat::MJPEG => Coding::Mjpeg,
        FrameFormat::YUYV => Coding::Yuyv,
        FrameFormat::GRAY => Coding::Grey,
        _ => return None,
    };
    let size = Size::new(format.width() as usize, format.height() as usize);
    Some(Mode { size, coding, rate_hz: format.frame_rate() })
}

fn modes(camera: &mut Camera) -> Vec<Mode> {
    let formats = camera.compatible_camera_formats().unwrap_or_default();
    formats.into_iter().filter_map(supported_mode).collect()
}

/// A time of day as a time on the monotonic clock, in microseconds; `None` if it is implausible.
fn monotonic_us(since_1970: Duration) -> Option<i64> {
    let age = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.checked_sub(since_1970)?;
    let age_us = i64::try_from(age.as_micros()).ok().filter(|_| age <= MAX_AGE)?;
    Some(Timestamp::now().plus_us(-age_us).us())
}

struct Open {
    camera: Camera,
    mode: Mode,
}

impl Webcam for Open {
    fn mode(&self) -> Mode {
        self.mode
    }

    fn modes(&mut self) -> Vec<Mode> {
        modes(&mut self.camera)
    }

    fn mark(&self) -> Option<Mark> {
        // Both systems give the time at which the image was complete or began to arrive.
        Some(Mark::End)
    }

    fn next(&mut self, bytes: &mut Vec<u8>) -> Result<Option<Stamp>, String> {
        let frame = self.camera.frame().map_err(|e| e.to_string())?;
        bytes.extend_from_slice(frame.buffer());
        let taken_us = frame.capture_timestamp().and_then(monotonic_us);
        Ok(Some(Stamp { taken_us, number: None, incomplete: false }))
    }

    // On macOS nokhwa asks for properties that the system does not have, which ends the program.
    #[cfg(target_os = "windows")]
    fn exposure_us(&mut self) -> Option<i64> {
        media_foundation::exposure_us(&self.camera)
    }

    #[cfg(target_os = "windows")]
    fn controls(&mut self) -> Vec<Control> {
        media_foundation::controls(&self.camera)
    }

    #[cfg(target_os = "windows")]
    fn set(&mut self, name: &str, value: &Value) -> Result<(), ControlError> {
        media_foundation::set(&mut self.camera, name, value)
    }
}
