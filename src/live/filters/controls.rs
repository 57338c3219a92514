//! The controls of the filters, in the form of camera controls.

use super::settings::FilterSettings;
use super::state::SharedState;
use crate::camera::{Control, ControlError, Value};

/// The group name of the filters' controls.
pub const FILTERS: &str = "noise filters";

/// The controls of the filters, in the form of camera controls.
pub(super) fn controls(s: &FilterSettings) -> Vec<Control> {
    let mut controls = vec![
        Control::switch("filter_hot", "Hot pixels", s.hot_pixels),
        Control::float(
            "filter_hot_hz",
            "Minimum hot pixel rate (events/s)",
            s.hot.rate_hz,
            (1.0, 10_000.0),
        )
        .for_experts(),
        Control::float(
            "filter_hot_factor",
            "Hot pixel ratio to neighbours",
            s.hot.factor,
            (2.0, 100.0),
        )
        .for_experts(),
        Control::switch("filter_hot_forget", "Relearn hot pixels", false).for_experts(),
        Control::switch("filter_activity", "Background activity", s.background_activity),
        Control::int(
            "filter_activity_us",
            "Support window (us)",
            s.activity.window_us,
            (100, 1_000_000),
        ),
        Control::int(
            "filter_activity_support",
            "Supporting neighbours",
            s.activity.support.into(),
            (1, 8),
        )
        .for_experts(),
        Control::switch("filter_refractory", "Refractory time", s.refractory),
        Control::int(
            "filter_refractory_us",
            "Refractory time (us)",
            s.refractory_settings.period_us,
            (1, 100_000),
        ),
    ];
    for control in &mut controls {
        control.group = FILTERS.into();
    }
    controls
}

/// Sets a control. Returns `None` if it is not a filter's control.
pub(super) fn set(
    state: &SharedState,
    name: &str,
    value: &Value,
) -> Option<Result<(), ControlError>> {
    let settings = state.lock().report.settings;
    let control = controls(&settings).into_iter().find(|c| c.name == name)?;
    if let Err(e) = control.check(value) {
        return Some(Err(e));
    }
    let mut state = state.lock();
    let s = &mut state.report.settings;
    match (name, value) {
        ("filter_hot", Value::Bool(on)) => s.hot_pixels = *on,
        ("filter_hot_hz", Value::Float(hz)) => s.hot.rate_hz = *hz,
        ("filter_hot_factor", Value::Float(factor)) => s.hot.factor = *factor,
        ("filter_hot_forget", Value::Bool(on)) => state.forget |= *on,
        ("filter_activity", Value::Bool(on)) => s.background_activity = *on,
        ("filter_activity_us", Value::Int(us)) => s.activity.window_us = *us,
        ("filter_activity_support", Value::Int(n)) => {
            s.activity.support = u8::try_from(*n).unwrap_or(1);
        }
        ("filter_refractory", Value::Bool(on)) => s.refractory = *on,
        ("filter_refractory_us", Value::Int(us)) => s.refractory_settings.period_us = *us,
        _ => return Some(Err(ControlError::Unknown(name.to_owned()))),
    }
    Some(Ok(()))
}
