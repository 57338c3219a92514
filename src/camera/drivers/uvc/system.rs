//! The system's webcams, through nokhwa.

use super::{Coding, Listed, Mode, Webcam, Webcams, choose};
use crate::camera::DeviceError;
use crate::image::Size;
use nokhwa::Camera;
use nokhwa::utils::{
    ApiBackend, CameraFormat, CameraIndex, ControlValueDescription, ControlValueSetter,
    FrameFormat, KnownCameraControl, RequestedFormat, RequestedFormatType, Resolution,
};

/// `V4L2_CID_EXPOSURE_AUTO` of the kernel's `v4l2-controls.h`, and its value for manual.
const EXPOSURE_AUTO: KnownCameraControl = KnownCameraControl::Other(0x009a_0901);
const MANUAL: i64 = 1;
/// `V4L2_CID_EXPOSURE_ABSOLUTE`, in units of 100 us.
const EXPOSURE_ABSOLUTE: KnownCameraControl = KnownCameraControl::Other(0x009a_0902);
const EXPOSURE_UNIT_US: i64 = 100;

/// Supported formats.
const CODINGS: &[FrameFormat] = &[FrameFormat::YUYV, FrameFormat::MJPEG];

pub(super) struct System {}

impl Webcams for System {
    fn list(&self) -> Result<Vec<Listed>, DeviceError> {
        let found = nokhwa::query(ApiBackend::Auto)
            .map_err(|e| DeviceError::NotFound(format!("cannot list the web cameras: {e}")))?;
        let mut listed: Vec<Listed> = found
            .iter()
            .filter_map(|c| {
                Some(Listed { index: c.index().as_index().ok()?, name: c.human_name() })
            })
            .collect();
        listed.sort_by_key(|l| l.index);
        Ok(listed)
    }

    fn open(&self, index: u32, wanted: Option<Mode>) -> Result<Box<dyn Webcam>, String> {
        let any = RequestedFormat::with_formats(RequestedFormatType::None, CODINGS);
        let message = |e: nokhwa::NokhwaError| e.to_string();
        let mut camera = Camera::new(CameraIndex::Index(index), any).map_err(message)?;
        let modes = modes(&mut camera);
        let mode = wanted.or_else(|| choose(&modes)).ok_or("it sends neither YUYV nor MJPEG")?;
        let side = |v: usize| u32::try_from(v).unwrap_or(u32::MAX);
        let resolution = Resolution::new(side(mode.size.width), side(mode.size.height));
        let format = CameraFormat::new(resolution, frame_format(mode.coding), mode.rate_hz);
        let exact = RequestedFormat::with_formats(RequestedFormatType::Exact(format), CODINGS);
        camera.set_camera_requset(exact).map_err(message)?;
        camera.open_stream().map_err(message)?;
        // Some drivers select another mode than the requested one.
        let mode = supported_mode(camera.camera_format())
            .ok_or("it sends images in an unsupported format")?;
        Ok(Box::new(Open { camera, mode }))
    }
}

fn frame_format(coding: Coding) -> FrameFormat {
    match coding {
        Coding::Mjpeg => FrameFormat::MJPEG,
        Coding::Yuyv => FrameFormat::YUYV,
    }
}

fn supported_mode(format: CameraFormat) -> Option<Mode> {
    let coding = match format.format() {
        FrameFormat::MJPEG => Coding::Mjpeg,
        FrameFormat::YUYV => Coding::Yuyv,
        _ => return None,
    };
    let size = Size::new(format.width() as usize, format.height() as usize);
    Some(Mode { size, coding, rate_hz: format.frame_rate() })
}

fn modes(camera: &mut Camera) -> Vec<Mode> {
    let formats = camera.compatible_camera_formats().unwrap_or_default();
    formats.into_iter().filter_map(supported_mode).collect()
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

    fn next(&mut self, bytes: &mut Vec<u8>) -> Result<(), String> {
        let frame = self.camera.frame_raw().map_err(|e| e.to_string())?;
        bytes.extend_from_slice(&frame);
        Ok(())
    }

    fn exposure_us(&self) -> Option<i64> {
        if !cfg!(target_os = "linux") {
            // On other systems the unit depends on the driver.
            return None;
        }
        let control = self.camera.camera_control(EXPOSURE_ABSOLUTE).ok()?;
        match control.description() {
            ControlValueDescription::Integer { value, .. }
            | ControlValueDescription::IntegerRange { value, .. } => {
                value.checked_mul(EXPOSURE_UNIT_US).filter(|us| *us > 0)
            }
            _ => None,
        }
    }

    fn set_exposure_us(&mut self, us: i64) -> bool {
        if !cfg!(target_os = "linux") {
            return false;
        }
        let units = (us / EXPOSURE_UNIT_US).max(1);
        let mut set = |control, value| {
            let value = ControlValueSetter::Integer(value);
            self.camera.set_camera_control(control, value).is_ok()
        };
        set(EXPOSURE_AUTO, MANUAL) && set(EXPOSURE_ABSOLUTE, units)
    }
}
