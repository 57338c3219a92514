//! A control that was just set.

use crate::camera::Value;
use std::borrow::Cow;
use std::time::Instant;

/// A value that was set, and when.
pub(crate) type Edit = (Cow<'static, str>, Value, Instant);
