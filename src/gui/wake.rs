//! Work on other threads, whose results the window shows.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

/// Requests a repaint. Without it, a result would be shown with the next input only.
pub(super) type Wake = Arc<dyn Fn() + Send + Sync>;

/// Does `work` once, on a thread of this name, and requests a repaint when its result can be
/// received. Without a receiver the result is dropped.
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
        let _ = send.send(work());
        wake();
    })?;
    Ok(receive)
}
