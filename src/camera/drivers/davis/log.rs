//! libcaer's log messages, the only sign of some drops and failures.

use std::cell::RefCell;
use std::ffi::c_char;
use std::sync::atomic::{AtomicU64, Ordering};

/// `CAER_LOG_NOTICE` of libcaer's `log.h`, the level at which it reports its own drops.
pub(super) const NOTICE: u32 = 5;
/// Start of the message about a container dropped because the ring buffer was full.
const DROPPED: &str = "Dropped EventPacket Container";
/// Start of the advice to update, which is removed: a newer firmware makes these cameras
/// unusable with libcaer.
const ADVICE: &str = "Please update";
/// Part of a message that only points to the one before it, which names the cause.
const POINTS_BACK: &str = "see above log message";
/// Maximum number of bytes of a message that are kept.
const MAX_LENGTH: usize = 300;

/// Number of containers dropped by libcaer, over all cameras.
static DROPPED_COUNT: AtomicU64 = AtomicU64::new(0);
thread_local! {
    /// The last message on this thread: several cameras may be opened at the same time.
    static LAST_MESSAGE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Number of containers dropped by libcaer so far.
pub(super) fn dropped_containers() -> u64 {
    DROPPED_COUNT.load(Ordering::Acquire)
}

/// Returns the last message of a call on this thread, and clears it.
pub(super) fn take_last_message() -> Option<String> {
    let message = LAST_MESSAGE.take();
    (!message.is_empty()).then_some(message)
}

/// Called by libcaer with every message.
///
/// # Safety
/// `message` points to `length` bytes that live until the call returns.
pub(super) unsafe extern "C" fn on_message(message: *const c_char, length: usize) {
    if message.is_null() {
        return;
    }
    // SAFETY: guaranteed by the caller, see above.
    let bytes = unsafe { std::slice::from_raw_parts(message.cast::<u8>(), length.min(MAX_LENGTH)) };
    record(&String::from_utf8_lossy(bytes));
}

fn record(message: &str) {
    if message.contains(DROPPED) {
        DROPPED_COUNT.fetch_add(1, Ordering::AcqRel);
        return;
    }
    let kept = message.split(ADVICE).next().unwrap_or_default().trim();
    // Fails on a thread that is just ending, whose messages are of no use.
    let _ = LAST_MESSAGE.try_with(|last| {
        let mut last = last.borrow_mut();
        if last.is_empty() || !message.contains(POINTS_BACK) {
            *last = kept.to_owned();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_counted_and_the_update_advice_is_removed() {
        let before = dropped_containers();
        record("2026 DAVIS: Dropped EventPacket Container because ring-buffer full! This means");
        assert_eq!(dropped_containers(), before + 1);
        record("Device logic version incorrect. You have version 1. Please update by following");
        assert_eq!(
            take_last_message().as_deref(),
            Some("Device logic version incorrect. You have version 1.")
        );
        assert_eq!(take_last_message(), None);
    }

    #[test]
    fn a_message_that_points_to_another_one_does_not_replace_it() {
        record(
            "Device firmware version incorrect. You have version 10; but version 6 is required.",
        );
        record("Failed to open device, see above log message for more information (errno=-4).");
        assert!(take_last_message().unwrap().contains("version 10"));
        record("Failed to open device, see above log message for more information (errno=-4).");
        assert!(take_last_message().unwrap().contains("errno=-4"));
    }
}
