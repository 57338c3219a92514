//! Turns panics of worker threads into errors, so that other threads do not wait for a dead one.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks that are also taken after a thread panicked while it held them: the panic is reported by
/// the owner of that thread, and must not spread to others.
pub(crate) trait Locked<T: ?Sized> {
    /// Waits for the lock and takes it.
    fn locked(&self) -> MutexGuard<'_, T>;
}

impl<T: ?Sized> Locked<T> for Mutex<T> {
    fn locked(&self) -> MutexGuard<'_, T> {
        self.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs `f` and returns its result, or the message of its panic.
///
/// Values that `f` borrowed mutably may be in an inconsistent state after a panic, so the
/// caller must discard or replace them.
///
/// # Errors
/// `f` panicked.
pub(crate) fn caught<T>(f: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|panic| message(&*panic))
}

/// A panic as a message for the user.
pub(crate) fn message(panic: &(dyn Any + Send)) -> String {
    let text = (panic.downcast_ref::<&str>().copied())
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("internal error, please report it: {}", text.unwrap_or("unknown"))
}
