//! Panics of worker threads as errors: a thread that dies silently leaves others waiting.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What `f` returns, or the message of its panic.
///
/// What `f` had borrowed mutably may be half changed after a panic: a caller gives it up, or
/// replaces it.
///
/// # Errors
/// `f` panicked.
pub(crate) fn caught<T>(f: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|panic| message(&*panic))
}

/// A panic in words for a person.
pub(crate) fn message(panic: &(dyn Any + Send)) -> String {
    let text = (panic.downcast_ref::<&str>().copied())
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("an internal error, please report it: {}", text.unwrap_or("unknown"))
}
