//! A control that was set a moment ago.

use crate::camera::Value;
use std::borrow::Cow;
use std::time::Instant;

/// Name of the control, its new value, and when it was set.
pub(crate) type Edit = (Cow<'static, str>, Value, Instant);
