//! Asking a device what is complete, and waiting for it.

use crate::panics::caught;
use std::time::Duration;
use wgpu::{Device, PollError, PollType, SubmissionIndex};

/// How long is waited at a time. wgpu holds a lock meanwhile that a window on the same device needs
/// to show what it has drawn.
const AT_A_TIME: Duration = Duration::from_millis(2);

/// Lets wgpu call back for what is complete.
pub(super) fn poll(device: &Device) {
    // wgpu panics if the device is lost, which it reports through a callback, too.
    let _ = caught(|| device.poll(PollType::Poll));
}

/// Waits until the device has executed `submission` (`None`: all that was submitted), or `done`.
/// False after a failure.
pub(super) fn wait(
    device: &Device,
    submission: Option<&SubmissionIndex>,
    done: impl Fn() -> bool,
) -> bool {
    while !done() {
        let timeout = Some(AT_A_TIME);
        let poll = PollType::Wait { submission_index: submission.cloned(), timeout };
        match caught(|| device.poll(poll)) {
            Ok(Err(PollError::Timeout)) => {}
            Ok(outcome) => return outcome.is_ok(),
            // The device is lost.
            Err(_) => return false,
        }
    }
    true
}
