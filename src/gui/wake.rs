//! Work on other threads, whose results the window shows.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

/// Requests a repaint. Without it, a result would be shown with the next input only.
pub(super) type Wake = Arc<dyn Fn() + Send + Sync>;

/// Requests a repaint when it is dropped: also when its thread panics.
pub(super) struct WakeAtEnd(pub Wake);

impl Drop for WakeAtEnd {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Does `work` once, on a thread of this name, and requests a repaint when its result can be
/// received. After a panic the channel is disconnected. Without a receiver the result is dropped.
///
/// # Errors
/// The thread cannot be started.
pub(super) fn in_background<T: Send + 'static>(
    name: &str,
    wake: &Wake,
    work: impl FnOnce() -> T + Send + 'static,
) -> std::io::Result<Receiver<T>> {
    let (send, receive) = channel();
    let wake = wake.clone();
    std::thread::Builder::new().name(name.into()).spawn(move || {
        // Dropped last: the window must see that the channel is disconnected.
        let _wake = WakeAtEnd(wake);
        let results = send;
        let _ = results.send(work());
    })?;
    Ok(receive)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;
    use std::sync::mpsc::TryRecvError;
    use std::time::Duration;

    #[test]
    fn a_repaint_follows_the_result_and_the_end_without_one() {
        let (woken, repaints) = channel();
        let wake: Wake = Arc::new(move || {
            let _ = woken.send(());
        });
        let next = || repaints.recv_timeout(Duration::from_secs(60)).unwrap();
        let result = in_background("works", &wake, || 7).unwrap();
        next();
        assert_eq!(result.try_recv(), Ok(7));
        let result = in_background("panics", &wake, || -> u32 { panic!("on purpose") }).unwrap();
        next();
        assert_eq!(result.try_recv(), Err(TryRecvError::Disconnected));
    }
}
