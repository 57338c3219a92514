//! The controls of a video device that matter for restoring: exposure, gain, colour and focus.

use super::abi::{
    AUTO_WHITE_BALANCE, AUTOGAIN, CONTROL_DISABLED, ControlDescription, ControlValue,
    EXPOSURE_ABSOLUTE, EXPOSURE_AUTO, EXPOSURE_AUTO_PRIORITY, FOCUS_ABSOLUTE, FOCUS_AUTO, GAIN,
    MenuItem, Request, WHITE_BALANCE_TEMPERATURE,
};
use super::node::{VideoNode, call};
use crate::camera::{Control, ControlError, Value};
use bytemuck::Zeroable;

/// Unit of `V4L2_CID_EXPOSURE_ABSOLUTE`.
const EXPOSURE_UNIT_US: i64 = 100;
/// `enum v4l2_exposure_auto_type`.
const AUTO: i32 = 0;
const MANUAL: i32 = 1;
const SHUTTER_PRIORITY: i32 = 2;
const APERTURE_PRIORITY: i32 = 3;

/// How a value is shown.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// A time in units of 100 us, shown in microseconds.
    Exposure,
    /// `V4L2_CID_EXPOSURE_AUTO`, a menu, shown as a switch.
    AutoExposure,
    Int,
    Switch,
}

/// A control of this program and the kernel's number for it.
struct Known {
    name: &'static str,
    label: &'static str,
    id: u32,
    kind: Kind,
    /// The automatic control that overrides it, which is switched off first.
    automatic: Option<u32>,
}

const fn known(name: &'static str, label: &'static str, id: u32, kind: Kind) -> Known {
    Known { name, label, id, kind, automatic: None }
}

const fn overridden(mut known: Known, automatic: u32) -> Known {
    known.automatic = Some(automatic);
    known
}

const KNOWN: [Known; 9] = [
    overridden(
        known("exposure_us", "Exposure (us)", EXPOSURE_ABSOLUTE, Kind::Exposure),
        EXPOSURE_AUTO,
    ),
    known("auto_exposure", "Automatic exposure", EXPOSURE_AUTO, Kind::AutoExposure),
    known(
        "slower_in_the_dark",
        "Lower the frame rate in the dark",
        EXPOSURE_AUTO_PRIORITY,
        Kind::Switch,
    ),
    overridden(known("gain", "Gain", GAIN, Kind::Int), AUTOGAIN),
    known("auto_gain", "Automatic gain", AUTOGAIN, Kind::Switch),
    overridden(
        known("white_balance_k", "White balance (K)", WHITE_BALANCE_TEMPERATURE, Kind::Int),
        AUTO_WHITE_BALANCE,
    ),
    known("auto_white_balance", "Automatic white balance", AUTO_WHITE_BALANCE, Kind::Switch),
    overridden(known("focus", "Focus", FOCUS_ABSOLUTE, Kind::Int), FOCUS_AUTO),
    known("auto_focus", "Automatic focus", FOCUS_AUTO, Kind::Switch),
];

/// The available controls with their current values.
pub(super) fn controls(node: &dyn VideoNode) -> Vec<Control> {
    KNOWN.iter().filter_map(|known| control(node, known)).collect()
}

fn control(node: &dyn VideoNode, known: &Known) -> Option<Control> {
    let found = describe(node, known.id)?;
    let value = get(node, known.id)?;
    let (name, label) = (known.name, known.label);
    let range = (i64::from(found.minimum), i64::from(found.maximum));
    match known.kind {
        Kind::Exposure => {
            let us = |units: i64| units.max(1) * EXPOSURE_UNIT_US;
            let value = us(value.into()).clamp(us(range.0), us(range.1.max(range.0)));
            Some(Control::int(name, label, value, (us(range.0), us(range.1))))
        }
        Kind::AutoExposure => {
            // Without both there is nothing to switch.
            let has = |on| exposure_modes(on).into_iter().any(|mode| has_item(node, mode));
            let is_on = matches!(value, AUTO | APERTURE_PRIORITY);
            (has(true) && has(false)).then(|| Control::switch(name, label, is_on))
        }
        Kind::Int => Some(Control::int(name, label, value.into(), range)),
        Kind::Switch => Some(Control::switch(name, label, value != 0)),
    }
}

/// Sets a control, after the automatic one that would override it was switched off.
///
/// # Errors
/// The device has no such control, or rejects the value.
pub(super) fn set(node: &dyn VideoNode, name: &str, value: &Value) -> Result<(), ControlError> {
    let unknown = || ControlError::Unknown(name.into());
    let rejected = |e: std::io::Error| ControlError::Refused(format!("{name}: {e}"));
    let known = KNOWN.iter().find(|k| k.name == name).ok_or_else(unknown)?;
    let found = describe(node, known.id).ok_or_else(unknown)?;
    let units = match (known.kind, value) {
        (Kind::Exposure, Value::Int(us)) => stepped(&found, us / EXPOSURE_UNIT_US),
        (Kind::Int, Value::Int(v)) => stepped(&found, *v),
        (Kind::Switch, Value::Bool(on)) => i32::from(*on),
        (Kind::AutoExposure, Value::Bool(on)) => {
            return set_auto_exposure(node, *on).map_err(rejected);
        }
        _ => return Err(ControlError::Kind { name: name.into(), value: value.clone() }),
    };
    match known.automatic {
        Some(EXPOSURE_AUTO) if describe(node, EXPOSURE_AUTO).is_some() => {
            set_auto_exposure(node, false).map_err(rejected)?;
        }
        Some(automatic) if describe(node, automatic).is_some() => {
            put(node, automatic, 0).map_err(rejected)?;
        }
        _ => {}
    }
    put(node, known.id, units).map_err(rejected)
}

/// Exposure time in microseconds; `None` if the device does not report it.
pub(super) fn exposure_us(node: &dyn VideoNode) -> Option<i64> {
    let units = get(node, EXPOSURE_ABSOLUTE)?;
    Some(i64::from(units) * EXPOSURE_UNIT_US).filter(|us| *us > 0)
}

/// The modes for automatic and for set exposure times, preferred first. With aperture priority the
/// aperture is set and the time is automatic; web cameras have no aperture and offer only this.
fn exposure_modes(on: bool) -> [i32; 2] {
    if on { [APERTURE_PRIORITY, AUTO] } else { [MANUAL, SHUTTER_PRIORITY] }
}

fn set_auto_exposure(node: &dyn VideoNode, on: bool) -> std::io::Result<()> {
    let mut result = Err(std::io::Error::other("it has no such exposure mode"));
    for mode in exposure_modes(on).into_iter().filter(|mode| has_item(node, *mode)) {
        result = put(node, EXPOSURE_AUTO, mode);
        if result.is_ok() {
            break;
        }
    }
    result
}

/// Whether the menu of exposure modes has an item.
fn has_item(node: &dyn VideoNode, mode: i32) -> bool {
    let index = u32::try_from(mode).unwrap_or(u32::MAX);
    let mut item = MenuItem { id: EXPOSURE_AUTO, index, ..Zeroable::zeroed() };
    call(node, Request::QueryMenu, &mut item).is_ok()
}

/// Rounds a value down to the control's step, within its range.
fn stepped(found: &ControlDescription, value: i64) -> i32 {
    let (low, high) = (i64::from(found.minimum), i64::from(found.maximum));
    let step = i64::from(found.step).max(1);
    let value = value.clamp(low, high.max(low));
    i32::try_from(low + (value - low) / step * step).unwrap_or(found.minimum)
}

fn describe(node: &dyn VideoNode, id: u32) -> Option<ControlDescription> {
    let mut found = ControlDescription { id, ..Zeroable::zeroed() };
    call(node, Request::QueryControl, &mut found).ok()?;
    (found.flags & CONTROL_DISABLED == 0).then_some(found)
}

fn get(node: &dyn VideoNode, id: u32) -> Option<i32> {
    let mut value = ControlValue { id, value: 0 };
    call(node, Request::GetControl, &mut value).ok()?;
    Some(value.value)
}

fn put(node: &dyn VideoNode, id: u32, value: i32) -> std::io::Result<()> {
    call(node, Request::SetControl, &mut ControlValue { id, value })
}
