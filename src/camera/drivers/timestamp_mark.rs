//! The control that states what the timestamps of a camera's frames mark.

use crate::camera::Control;

/// Name of the control.
pub(super) const NAME: &str = "time_stamp";
const AT_START: &str = "exposure's start";
const AT_END: &str = "exposure's end";

/// The control, for experts.
pub(super) fn control(at_end: bool) -> Control {
    let value = if at_end { AT_END } else { AT_START };
    let choices = vec![AT_START.into(), AT_END.into()];
    Control::choice(NAME, "Timestamp marks", value, choices).for_experts()
}

/// Whether a value of the control is the end of the exposure.
pub(super) fn is_end(value: &str) -> bool {
    value == AT_END
}
