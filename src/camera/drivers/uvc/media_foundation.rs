//! Exposure and gain of web cameras on Windows. nokhwa sets a value, but does not switch a camera
//! from automatic to manual: what is automatic is not offered, because setting it has no effect.

use super::exposure_power::{from_us, range_us, to_us};
use crate::camera::{Control, ControlError, Value};
use nokhwa::Camera;
use nokhwa::utils::{
    ControlValueDescription, ControlValueSetter, KnownCameraControl, KnownCameraControlFlag,
};

const EXPOSURE: &str = "exposure_us";
const GAIN: &str = "gain";

/// The present value of a control that is not automatic; `None` also if the camera lacks it.
fn manual(camera: &Camera, control: KnownCameraControl) -> Option<ControlValueDescription> {
    let found = camera.camera_control(control).ok()?;
    let is_automatic = found.flag().contains(&KnownCameraControlFlag::Automatic);
    (!is_automatic).then(|| found.description().clone())
}

/// The exposure time in microseconds; `None` if it is automatic: cameras then report the last one
/// that was set.
pub(super) fn exposure_us(camera: &Camera) -> Option<i64> {
    match manual(camera, KnownCameraControl::Exposure)? {
        ControlValueDescription::Integer { value, .. }
        | ControlValueDescription::IntegerRange { value, .. } => Some(to_us(value)),
        _ => None,
    }
}

/// The controls that can be set.
pub(super) fn controls(camera: &Camera) -> Vec<Control> {
    let exposure =
        exposure_us(camera).map(|us| Control::int(EXPOSURE, "Exposure (us)", us, range_us()));
    let gain = match manual(camera, KnownCameraControl::Gain) {
        Some(ControlValueDescription::IntegerRange { min, max, value, .. }) if min < max => {
            Some(Control::int(GAIN, "Gain", value.clamp(min, max), (min, max)))
        }
        _ => None,
    };
    exposure.into_iter().chain(gain).collect()
}

/// Sets a control.
///
/// # Errors
/// The camera has no such control, or rejects the value.
pub(super) fn set(camera: &mut Camera, name: &str, value: &Value) -> Result<(), ControlError> {
    let (control, number) = match (name, value) {
        (EXPOSURE, Value::Int(us)) => (KnownCameraControl::Exposure, from_us(*us)),
        (GAIN, Value::Int(gain)) => (KnownCameraControl::Gain, *gain),
        (EXPOSURE | GAIN, _) => {
            return Err(ControlError::Kind { name: name.into(), value: value.clone() });
        }
        _ => return Err(ControlError::Unknown(name.into())),
    };
    // It may have become automatic since it was offered.
    if manual(camera, control).is_none() {
        let why = "it is automatic: switch that off in the camera's own program";
        return Err(ControlError::Refused(format!("{name}: {why}")));
    }
    camera
        .set_camera_control(control, ControlValueSetter::Integer(number))
        .map_err(|e| ControlError::Refused(format!("{name}: {e}")))
}
