//! What can be set on a GenICam camera: features by their names in the GenICam Standard
//! Features Naming Convention 2.7, and by those of older cameras, as controls.

use super::ffi::Open;
use super::pixels::PixelFormat;
use crate::camera::{Control, ControlError, Value};
use aravis::prelude::*;

/// A feature under one of its names.
#[derive(Clone, Copy)]
enum Node {
    Float(&'static str),
    /// A float that is shown in whole units.
    Rounded(&'static str),
    Whole(&'static str),
    Switch(&'static str),
    Choice(&'static str),
}
use crate::camera::drivers::genicam::features::Node::{Choice, Float, Rounded, Switch, Whole};

impl Node {
    fn name(self) -> &'static str {
        match self {
            Float(n) | Rounded(n) | Whole(n) | Switch(n) | Choice(n) => n,
        }
    }
}

/// A control and the features that stand for it; the first one that is there counts.
struct Feature {
    name: &'static str,
    label: &'static str,
    nodes: &'static [Node],
    /// Only to be set while the camera does not send.
    still: bool,
    expert: bool,
}

const fn feature(name: &'static str, label: &'static str, nodes: &'static [Node]) -> Feature {
    Feature { name, label, nodes, still: false, expert: false }
}

const fn still(name: &'static str, label: &'static str, nodes: &'static [Node]) -> Feature {
    Feature { name, label, nodes, still: true, expert: false }
}

const fn expert(name: &'static str, label: &'static str, nodes: &'static [Node]) -> Feature {
    Feature { name, label, nodes, still: false, expert: true }
}

/// The name of the control that makes up the trigger's features.
const TRIGGER: &str = "trigger";
const PIXEL_FORMAT: &str = "pixel_format";

const FEATURES: &[Feature] = &[
    feature("exposure_us", "Exposure (us)", &[Rounded("ExposureTime"), Rounded("ExposureTimeAbs")]),
    feature("auto_exposure", "Automatic exposure", &[Choice("ExposureAuto")]),
    feature("gain_db", "Gain (dB)", &[Float("Gain"), Float("GainAbs"), Whole("GainRaw")]),
    feature("auto_gain", "Automatic gain", &[Choice("GainAuto")]),
    feature(
        "frame_rate_limited",
        "Limit the frame rate",
        &[Switch("AcquisitionFrameRateEnable"), Switch("AcquisitionFrameRateEnabled")],
    ),
    feature(
        "frame_rate_hz",
        "Frames a second",
        &[Float("AcquisitionFrameRate"), Float("AcquisitionFrameRateAbs")],
    ),
    still(PIXEL_FORMAT, "Pixel format", &[Choice("PixelFormat")]),
    // Before the region, whose limits depend on it.
    still("binning_x", "Binning across", &[Whole("BinningHorizontal")]),
    still("binning_y", "Binning down", &[Whole("BinningVertical")]),
    still("width", "Width", &[Whole("Width")]),
    still("height", "Height", &[Whole("Height")]),
    still("offset_x", "Left edge", &[Whole("OffsetX")]),
    still("offset_y", "Upper edge", &[Whole("OffsetY")]),
    still("mirror_x", "Mirror left and right", &[Switch("ReverseX")]),
    still("mirror_y", "Mirror up and down", &[Switch("ReverseY")]),
    feature("white_balance", "White balance", &[Choice("BalanceWhiteAuto")]),
    feature("black_level", "Black level", &[Float("BlackLevel"), Whole("BlackLevelRaw")]),
    feature("gamma_on", "Gamma", &[Switch("GammaEnable"), Switch("GammaEnabled")]),
    feature("trigger_source", "Trigger comes from", &[Choice("TriggerSource")]),
    feature("trigger_edge", "Trigger's edge", &[Choice("TriggerActivation")]),
    feature("trigger_overlap", "Trigger while reading out", &[Choice("TriggerOverlap")]),
    feature("line", "Line to set", &[Choice("LineSelector")]),
    feature("line_mode", "Direction of the line", &[Choice("LineMode")]),
    feature("line_source", "Signal on the line", &[Choice("LineSource")]),
    expert("trigger_selector", "Trigger to set", &[Choice("TriggerSelector")]),
    expert("trigger_mode", "Trigger", &[Choice("TriggerMode")]),
    expert("exposure_mode", "Exposure's length", &[Choice("ExposureMode")]),
    expert("link_limited", "Limit the link", &[Choice("DeviceLinkThroughputLimitMode")]),
    expert("link_bytes_per_s", "Link limit (bytes/s)", &[Whole("DeviceLinkThroughputLimit")]),
    expert("packet_bytes", "Packet size (bytes)", &[Whole("GevSCPSPacketSize")]),
    expert("packet_delay", "Packet delay (ticks)", &[Whole("GevSCPD")]),
];

fn there(open: &Open, feature: &str) -> bool {
    open.device.is_feature_available(feature).unwrap_or(false)
}

fn node(open: &Open, feature: &Feature) -> Option<Node> {
    feature.nodes.iter().copied().find(|node| there(open, node.name()))
}

/// What can be set now, with present values. A feature that cannot be read is left out.
pub(super) fn controls(open: &Open) -> Vec<Control> {
    let mut controls: Vec<Control> = FEATURES.iter().filter_map(|f| control(open, f)).collect();
    controls.extend(trigger(open));
    controls
}

fn control(open: &Open, feature: &Feature) -> Option<Control> {
    let (name, label, device) = (feature.name, feature.label, &open.device);
    let float = |node: &str| {
        let value = device.float_feature_value(node).ok()?;
        let range = device.float_feature_bounds(node).unwrap_or((value, value));
        Some((value, range))
    };
    let control = match node(open, feature)? {
        Float(node) => {
            let (value, range) = float(node)?;
            Control::number(name, label, value, range)
        }
        Rounded(node) => {
            let (value, (low, high)) = float(node)?;
            // Casts of floats stop at the ends of the integers.
            let range = (low.ceil() as i64, high.floor() as i64);
            Control::whole(name, label, value.round() as i64, range)
        }
        Whole(node) => {
            let value = device.integer_feature_value(node).ok()?;
            let range = device.integer_feature_bounds(node).unwrap_or((value, value));
            Control::whole(name, label, value, range)
        }
        Switch(node) => Control::switch(name, label, device.boolean_feature_value(node).ok()?),
        Choice(node) => {
            let value = device.string_feature_value(node).ok()?;
            let choices = if name == PIXEL_FORMAT {
                pixel_formats(open).into_iter().map(|(name, _)| name).collect()
            } else {
                entries(open, node)
            };
            Control::choice(name, label, value.to_string(), choices)
        }
    };
    let control = if feature.expert { control.for_experts() } else { control };
    Some(if feature.still { control.set_on_release() } else { control })
}

fn entries(open: &Open, node: &str) -> Vec<String> {
    let entries = open.device.dup_available_enumeration_feature_values_as_strings(node);
    entries.unwrap_or_default().iter().map(ToString::to_string).collect()
}

/// The camera's pixel formats that are understood, by its own names.
pub(super) fn pixel_formats(open: &Open) -> Vec<(String, PixelFormat)> {
    let codes = open.camera.dup_available_pixel_formats().unwrap_or_default();
    let names = open.camera.dup_available_pixel_formats_as_strings().unwrap_or_default();
    let known = |(name, code): (aravis::glib::GString, i64)| {
        Some((name.to_string(), PixelFormat::from_code(u32::try_from(code).ok()?)?))
    };
    names.into_iter().zip(codes).filter_map(known).collect()
}

/// Sets a control; whether the camera must be started anew to follow is [`is_still`]'s to say.
pub(super) fn set(open: &Open, name: &str, value: &Value) -> Result<(), ControlError> {
    let refused =
        |e: aravis::glib::Error| ControlError::Refused(format!("{name}: {}", e.message()));
    if let (TRIGGER, Value::Enum(way)) = (name, value) {
        return set_trigger(open, way).map_err(refused);
    }
    let unknown = || ControlError::Unknown(name.into());
    let feature = FEATURES.iter().find(|f| f.name == name).ok_or_else(unknown)?;
    let (device, node) = (&open.device, node(open, feature).ok_or_else(unknown)?);
    let set = match (node, value) {
        (Float(node), Value::Float(v)) => device.set_float_feature_value(node, *v),
        (Rounded(node), Value::Int(v)) => device.set_float_feature_value(node, *v as f64),
        (Whole(node), Value::Int(v)) => {
            device.set_integer_feature_value(node, stepped(open, node, *v))
        }
        (Switch(node), Value::Bool(v)) => device.set_boolean_feature_value(node, *v),
        (Choice(node), Value::Enum(v)) => device.set_string_feature_value(node, v),
        _ => return Err(ControlError::Kind { name: name.into(), value: value.clone() }),
    };
    set.map_err(refused)
}

/// Sizes come in steps; the next lower one that the camera can take.
fn stepped(open: &Open, node: &str, value: i64) -> i64 {
    let step = open.device.integer_feature_increment(node).unwrap_or(1).max(1);
    let low = open.device.integer_feature_bounds(node).map_or(0, |b| b.0);
    low.saturating_add(value.saturating_sub(low) / step * step)
}

/// Whether a control can only be set while the camera does not send.
pub(super) fn is_still(name: &str) -> bool {
    name == TRIGGER || FEATURES.iter().any(|f| f.name == name && f.still)
}

/// Runs on its own clock.
const FREE: &str = "off";
/// Every edge begins an exposure of the length that is set.
const EDGE: &str = "edge begins exposure";
/// The signal is the exposure: what a DAVIS's generator needs.
const WIDTH: &str = "pulse is exposure";

/// The features that belong to a trigger, as one choice.
fn trigger(open: &Open) -> Option<Control> {
    if !there(open, "TriggerMode") {
        return None;
    }
    let mut choices = vec![FREE.to_owned(), EDGE.to_owned()];
    if entries(open, "ExposureMode").iter().any(|e| e == "TriggerWidth") {
        choices.push(WIDTH.to_owned());
    }
    let is = |node: &str, value: &str| {
        open.device.string_feature_value(node).is_ok_and(|v| v.as_str() == value)
    };
    let value = match (is("TriggerMode", "On"), is("ExposureMode", "TriggerWidth")) {
        (false, _) => FREE,
        (true, true) => WIDTH,
        (true, false) => EDGE,
    };
    Some(Control::choice(TRIGGER, "External trigger", value, choices))
}

fn set_trigger(open: &Open, way: &str) -> Result<(), aravis::glib::Error> {
    // What a camera does not have, it need not be told.
    let put = |node: &str, value: &str| {
        if there(open, node) { open.device.set_string_feature_value(node, value) } else { Ok(()) }
    };
    put("TriggerSelector", "FrameStart")?;
    if way == WIDTH {
        put("ExposureAuto", "Off")?;
        put("TriggerMode", "On")?;
        return put("ExposureMode", "TriggerWidth");
    }
    put("ExposureMode", "Timed")?;
    put("TriggerMode", if way == FREE { "Off" } else { "On" })
}
