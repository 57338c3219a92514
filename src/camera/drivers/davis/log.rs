//! What libcaer says while it works: the only sign of some losses and failures.

use std::ffi::c_char;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// `CAER_LOG_NOTICE` of libcaer's `log.h`, at which its own losses are told.
pub(super) const NOTICE: u32 = 5;
/// How the message begins that tells of a container that found no room.
const DROPPED: &str = "Dropped EventPacket Container";
/// A newer firmware makes these cameras unusable for libcaer, so this advice is never passed on.
const ADVICE: &str = "Please update";
/// Characters of a message that are kept.
const LONGEST: usize = 300;

/// Containers that libcaer has dropped, of all cameras.
static LOST: AtomicU64 = AtomicU64::new(0);
static LAST: Mutex<String> = Mutex::new(String::new());

/// Containers that libcaer itself has dropped so far.
pub(super) fn lost() -> u64 {
    LOST.load(Ordering::Acquire)
}

/// What was said last, which is then forgotten.
pub(super) fn last_words() -> Option<String> {
    let words = std::mem::take(&mut *LAST.lock().unwrap_or_else(PoisonError::into_inner));
    (!words.is_empty()).then_some(words)
}

/// Called by libcaer with every message.
///
/// # Safety
/// `message` points to `length` bytes that live until the call returns.
pub(super) unsafe extern "C" fn hear(message: *const c_char, length: usize) {
    if message.is_null() {
        return;
    }
    // SAFETY: as said above.
    let bytes = unsafe { std::slice::from_raw_parts(message.cast::<u8>(), length.min(LONGEST)) };
    take(&String::from_utf8_lossy(bytes));
}

fn take(message: &str) {
    if message.contains(DROPPED) {
        LOST.fetch_add(1, Ordering::AcqRel);
        return;
    }
    let kept = message.split(ADVICE).next().unwrap_or_default().trim();
    *LAST.lock().unwrap_or_else(PoisonError::into_inner) = kept.to_owned();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_counted_and_the_advice_to_update_is_not_passed_on() {
        let before = lost();
        take("2026 DAVIS: Dropped EventPacket Container because ring-buffer full! This means");
        assert_eq!(lost(), before + 1);
        take("Device logic version incorrect. You have version 1. Please update by following");
        assert_eq!(
            last_words().as_deref(),
            Some("Device logic version incorrect. You have version 1.")
        );
        assert_eq!(last_words(), None);
    }
}
