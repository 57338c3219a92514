//! The controls of a DAVIS: registers, and two that set several biases each.

use super::biases::{BIAS, BiasControls};
use super::open::{Info, Open};
use super::registers::{Register, registers};
use crate::camera::{Control, ControlError, Value};

/// Names of the bias controls.
pub(super) const SENSITIVITY: &str = "sensitivity";
pub(super) const BANDWIDTH: &str = "bandwidth";

/// All controls with their current values.
pub(super) fn list(open: &Open, info: &Info, bias_controls: Option<&BiasControls>) -> Vec<Control> {
    let registers =
        registers(info).filter_map(|r| Some(r.control(open.get(r.module, r.parameter)?)));
    let bias_controls = bias_controls.into_iter().flat_map(|b| {
        let range = (-1.0, 1.0);
        [
            Control::float(SENSITIVITY, "Sensitivity", b.sensitivity, range),
            Control::float(BANDWIDTH, "Photoreceptor bandwidth", b.bandwidth, range),
        ]
    });
    bias_controls.chain(registers).collect()
}

/// Moves one of the bias controls and sets all biases.
///
/// # Errors
/// The chip's biases are unknown, or the camera rejects one.
pub(super) fn set_bias_control(
    open: &Open,
    bias_controls: Option<&mut BiasControls>,
    name: &str,
    position: f64,
) -> Result<(), ControlError> {
    let rejected = || ControlError::Refused(name.into());
    let bias_controls = bias_controls.ok_or_else(rejected)?;
    match name {
        SENSITIVITY => bias_controls.sensitivity = position,
        _ => bias_controls.bandwidth = position,
    }
    let set = bias_controls.biases().iter().all(|(address, raw)| open.set(BIAS, *address, *raw));
    if set { Ok(()) } else { Err(rejected()) }
}

/// The register of a control, and its content for a value.
///
/// # Errors
/// There is no such control, or it does not accept this value.
pub(super) fn register(
    info: &Info,
    name: &str,
    value: &Value,
) -> Result<(Register, u32), ControlError> {
    let register: Register = registers(info)
        .find(|r| r.name == name)
        .ok_or_else(|| ControlError::Unknown(name.into()))?;
    let raw = match value {
        Value::Bool(on) => u32::from(*on),
        Value::Int(v) => u32::try_from(*v).unwrap_or(0),
        Value::Enum(choice) => choice.parse().map_err(|_| {
            let (name, value) = (name.into(), value.clone());
            ControlError::Range { name, value }
        })?,
        Value::Float(_) => {
            return Err(ControlError::Kind { name: name.into(), value: value.clone() });
        }
    };
    Ok((register, raw))
}
