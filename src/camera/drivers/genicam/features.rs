//! The controls of a GenICam camera. Features are found by their names in the GenICam Standard
//! Features Naming Convention 2.7, and by the names of older cameras.

use super::open::Open;
use super::pixels::PixelFormat;
use crate::camera::{Control, ControlError, Value};

/// A feature, by its name and type.
#[derive(Clone, Copy)]
enum Node {
    Float(&'static str),
    /// A float that is shown as an integer.
    Rounded(&'static str),
    Int(&'static str),
    Bool(&'static str),
    Enum(&'static str),
}
use crate::camera::drivers::genicam::features::Node::{Bool, Enum, Float, Int, Rounded};

impl Node {
    fn name(self) -> &'static str {
        match self {
            Float(n) | Rounded(n) | Int(n) | Bool(n) | Enum(n) => n,
        }
    }
}

/// A control and its candidate features; the first available one is used.
struct Feature {
    name: &'static str,
    label: &'static str,
    nodes: &'static [Node],
    /// Can be set only while the stream is stopped.
    stopped_only: bool,
    expert: bool,
}

const fn feature(name: &'static str, label: &'static str, nodes: &'static [Node]) -> Feature {
    Feature { name, label, nodes, stopped_only: false, expert: false }
}

const fn stopped_only(name: &'static str, label: &'static str, nodes: &'static [Node]) -> Feature {
    Feature { name, label, nodes, stopped_only: true, expert: false }
}

const fn expert(name: &'static str, label: &'static str, nodes: &'static [Node]) -> Feature {
    Feature { name, label, nodes, stopped_only: false, expert: true }
}

/// Name of the control that combines the trigger features.
const TRIGGER: &str = "trigger";
const PIXEL_FORMAT: &str = "pixel_format";

const FEATURES: &[Feature] = &[
    feature("exposure_us", "Exposure (us)", &[Rounded("ExposureTime"), Rounded("ExposureTimeAbs")]),
    feature("auto_exposure", "Automatic exposure", &[Enum("ExposureAuto")]),
    feature("gain_db", "Gain (dB)", &[Float("Gain"), Float("GainAbs"), Int("GainRaw")]),
    feature("auto_gain", "Automatic gain", &[Enum("GainAuto")]),
    feature(
        "frame_rate_limited",
        "Limit the frame rate",
        &[Bool("AcquisitionFrameRateEnable"), Bool("AcquisitionFrameRateEnabled")],
    ),
    feature(
        "frame_rate_hz",
        "Frame rate (Hz)",
        &[Float("AcquisitionFrameRate"), Float("AcquisitionFrameRateAbs")],
    ),
    stopped_only(PIXEL_FORMAT, "Pixel format", &[Enum("PixelFormat")]),
    // Before the region of interest, whose limits depend on it.
    stopped_only("binning_x", "Horizontal binning", &[Int("BinningHorizontal")]),
    stopped_only("binning_y", "Vertical binning", &[Int("BinningVertical")]),
    stopped_only("width", "Width", &[Int("Width")]),
    stopped_only("height", "Height", &[Int("Height")]),
    stopped_only("offset_x", "Horizontal offset", &[Int("OffsetX")]),
    stopped_only("offset_y", "Vertical offset", &[Int("OffsetY")]),
    stopped_only("mirror_x", "Mirror horizontally", &[Bool("ReverseX")]),
    stopped_only("mirror_y", "Mirror vertically", &[Bool("ReverseY")]),
    feature("white_balance", "White balance", &[Enum("BalanceWhiteAuto")]),
    feature("black_level", "Black level", &[Float("BlackLevel"), Int("BlackLevelRaw")]),
    feature("gamma_on", "Gamma", &[Bool("GammaEnable"), Bool("GammaEnabled")]),
    feature("trigger_source", "Trigger source", &[Enum("TriggerSource")]),
    feature("trigger_edge", "Trigger edge", &[Enum("TriggerActivation")]),
    feature("trigger_overlap", "Trigger overlap", &[Enum("TriggerOverlap")]),
    feature("line", "Line selector", &[Enum("LineSelector")]),
    feature("line_mode", "Line mode", &[Enum("LineMode")]),
    feature("line_source", "Line source", &[Enum("LineSource")]),
    expert("trigger_selector", "Trigger selector", &[Enum("TriggerSelector")]),
    expert("trigger_mode", "Trigger", &[Enum("TriggerMode")]),
    expert("exposure_mode", "Exposure mode", &[Enum("ExposureMode")]),
    expert("link_limited", "Link throughput limit", &[Enum("DeviceLinkThroughputLimitMode")]),
    expert("link_bytes_per_s", "Link throughput (bytes/s)", &[Int("DeviceLinkThroughputLimit")]),
    expert("packet_bytes", "Packet size (bytes)", &[Int("GevSCPSPacketSize")]),
    expert("packet_delay", "Packet delay (ticks)", &[Int("GevSCPD")]),
];

fn is_available(open: &Open, feature: &str) -> bool {
    open.device.is_feature_available(feature)
}

fn node(open: &Open, feature: &Feature) -> Option<Node> {
    feature.nodes.iter().copied().find(|node| is_available(open, node.name()))
}

/// The available controls with current values. Features that cannot be read are left out.
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
            Control::float(name, label, value, range)
        }
        Rounded(node) => {
            let (value, (low, high)) = float(node)?;
            // Casts from float to integer saturate.
            let range = (low.ceil() as i64, high.floor() as i64);
            Control::int(name, label, value.round() as i64, range)
        }
        Int(node) => {
            let value = device.integer_feature_value(node).ok()?;
            let range = device.integer_feature_bounds(node).unwrap_or((value, value));
            Control::int(name, label, value, range)
        }
        Bool(node) => Control::switch(name, label, device.boolean_feature_value(node).ok()?),
        Enum(node) => {
            let value = device.string_feature_value(node).ok()?;
            let choices = if name == PIXEL_FORMAT {
                pixel_formats(open).into_iter().map(|(name, _)| name).collect()
            } else {
                entries(open, node)
            };
            Control::choice(name, label, value, choices)
        }
    };
    let control = if feature.expert { control.for_experts() } else { control };
    Some(if feature.stopped_only { control.set_on_release() } else { control })
}

fn entries(open: &Open, node: &str) -> Vec<String> {
    open.device.enumeration_values(node).unwrap_or_default()
}

/// The camera's supported pixel formats, with the camera's own names for them.
pub(super) fn pixel_formats(open: &Open) -> Vec<(String, PixelFormat)> {
    let known = |(name, code): (String, i64)| {
        Some((name, PixelFormat::from_code(u32::try_from(code).ok()?)?))
    };
    open.camera.pixel_formats().unwrap_or_default().into_iter().filter_map(known).collect()
}

/// Sets a control. [`needs_stop`] returns whether the stream must be stopped first.
pub(super) fn set(open: &Open, name: &str, value: &Value) -> Result<(), ControlError> {
    let rejected = |why: String| ControlError::Refused(format!("{name}: {why}"));
    if let (TRIGGER, Value::Enum(mode)) = (name, value) {
        return set_trigger(open, mode).map_err(rejected);
    }
    let unknown = || ControlError::Unknown(name.into());
    let feature = FEATURES.iter().find(|f| f.name == name).ok_or_else(unknown)?;
    let (device, node) = (&open.device, node(open, feature).ok_or_else(unknown)?);
    let set = match (node, value) {
        (Float(node), Value::Float(v)) => device.set_float_feature_value(node, *v),
        (Rounded(node), Value::Int(v)) => device.set_float_feature_value(node, *v as f64),
        (Int(node), Value::Int(v)) => {
            device.set_integer_feature_value(node, stepped(open, node, *v))
        }
        (Bool(node), Value::Bool(v)) => device.set_boolean_feature_value(node, *v),
        (Enum(node), Value::Enum(v)) => device.set_string_feature_value(node, v),
        _ => return Err(ControlError::Kind { name: name.into(), value: value.clone() }),
    };
    set.map_err(rejected)
}

/// Rounds a value down to the feature's increment.
fn stepped(open: &Open, node: &str, value: i64) -> i64 {
    let step = open.device.integer_feature_increment(node).unwrap_or(1).max(1);
    let low = open.device.integer_feature_bounds(node).map_or(0, |b| b.0);
    low.saturating_add(value.saturating_sub(low) / step * step)
}

/// Whether a control can be set only while the stream is stopped.
pub(super) fn needs_stop(name: &str) -> bool {
    name == TRIGGER || FEATURES.iter().any(|f| f.name == name && f.stopped_only)
}

/// The camera runs freely on its own clock.
const FREE: &str = "off";
/// Each edge starts an exposure of the set duration.
const EDGE: &str = "edge begins exposure";
/// The pulse width sets the exposure, for the signal generator of a DAVIS.
const WIDTH: &str = "pulse is exposure";

/// The trigger features as one enumeration control.
fn trigger(open: &Open) -> Option<Control> {
    if !is_available(open, "TriggerMode") {
        return None;
    }
    let mut choices = vec![FREE.to_owned(), EDGE.to_owned()];
    if entries(open, "ExposureMode").iter().any(|e| e == "TriggerWidth") {
        choices.push(WIDTH.to_owned());
    }
    let is =
        |node: &str, value: &str| open.device.string_feature_value(node).is_ok_and(|v| v == value);
    let value = match (is("TriggerMode", "On"), is("ExposureMode", "TriggerWidth")) {
        (false, _) => FREE,
        (true, true) => WIDTH,
        (true, false) => EDGE,
    };
    Some(Control::choice(TRIGGER, "External trigger", value, choices))
}

fn set_trigger(open: &Open, mode: &str) -> Result<(), String> {
    // Features that the camera lacks are skipped.
    let set_if_available = |node: &str, value: &str| {
        if is_available(open, node) {
            open.device.set_string_feature_value(node, value)
        } else {
            Ok(())
        }
    };
    set_if_available("TriggerSelector", "FrameStart")?;
    if mode == WIDTH {
        set_if_available("ExposureAuto", "Off")?;
        set_if_available("TriggerMode", "On")?;
        return set_if_available("ExposureMode", "TriggerWidth");
    }
    set_if_available("ExposureMode", "Timed")?;
    set_if_available("TriggerMode", if mode == FREE { "Off" } else { "On" })
}
