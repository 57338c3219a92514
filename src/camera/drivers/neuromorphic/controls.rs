//! The controls of event cameras: their biases, the limit of the event rate, the exposure of a DAVIS.

use super::port::Setting;
use crate::camera::Control;

/// Name of the control for the limit of the event rate.
pub(super) const RATE_LIMIT: &str = "max_event_rate_mev_s";
/// Smallest and largest limit, in millions of events per second.
const RATES: (f64, f64) = (0.5, 100.0);

/// The limit of the event rate. The camera is opened again to change it.
pub(super) fn rate_limit(mev_per_s: f64) -> Control {
    Control::float(RATE_LIMIT, "Largest event rate (Mev/s)", mev_per_s, RATES).set_on_release()
}

/// How a setting is shown.
struct Shown {
    /// As the manufacturer spells it.
    setting: &'static str,
    /// Name of the control.
    name: &'static str,
    label: &'static str,
    expert: bool,
}

const fn bias(setting: &'static str, name: &'static str, label: &'static str) -> Shown {
    Shown { setting, name, label, expert: true }
}

/// All settings that are offered. Others have no use here, or are too easily set wrongly.
const SHOWN: &[Shown] = &[
    Shown { setting: "exposure_us", name: "exposure_us", label: "Exposure (us)", expert: false },
    Shown {
        setting: "frame_interval_us",
        name: "frame_interval_us",
        label: "Frame interval (us)",
        expert: false,
    },
    // Prophesee: contrast thresholds, bandwidth, high-pass filter, dead time.
    bias("diff_on", "bias_diff_on", "Threshold ON (bias_diff_on)"),
    bias("diff_off", "bias_diff_off", "Threshold OFF (bias_diff_off)"),
    bias("fo", "bias_fo", "Bandwidth (bias_fo)"),
    bias("fo_p", "bias_fo_p", "Bandwidth (bias_fo_p)"),
    bias("hpf", "bias_hpf", "High-pass filter (bias_hpf)"),
    bias("refr", "bias_refr", "Dead time (bias_refr)"),
    // iniVation, with the names of the driver for libcaer. Their values differ from those there.
    bias("diffbn", "bias_diff", "DiffBn"),
    bias("onbn", "bias_on", "OnBn"),
    bias("offbn", "bias_off", "OffBn"),
    bias("prbp", "bias_photoreceptor", "PrBp"),
    bias("prsfbp", "bias_source_follower", "PrSFBp"),
    bias("refrbp", "bias_refractory", "RefrBp"),
];

/// A setting as a control, if it is offered.
pub(super) fn control(setting: &Setting) -> Option<Control> {
    let shown = SHOWN.iter().find(|s| s.setting == setting.name)?;
    let control = Control::int(shown.name, shown.label, setting.value, setting.range);
    Some(if shown.expert { control.for_experts() } else { control })
}

/// The setting of a control.
pub(super) fn setting(control: &str) -> Option<&'static str> {
    SHOWN.iter().find(|s| s.name == control).map(|s| s.setting)
}

/// The name of a setting as a constant, if it is offered.
pub(super) fn constant(setting: &str) -> Option<&'static str> {
    SHOWN.iter().find(|s| s.setting == setting).map(|s| s.setting)
}
