//! The interface of what restored frames are sent to, beside the window.

use super::{Diagnostics, RestoredFrame};
use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

/// Something that restored frames are sent to, such as a network stream or a virtual camera.
pub trait FrameOutput: Send + Sync {
    /// Takes a frame. Called on the engine thread, so it must never wait: what cannot be sent soon
    /// enough is dropped and counted.
    fn put(&self, frame: &RestoredFrame);

    /// What was sent so far, one entry per stream.
    fn status(&self) -> Vec<OutputStatus>;
}

/// Counters of one stream of an output.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct OutputStatus {
    /// Its content, such as `restored frames`.
    pub content: &'static str,
    /// Where it is sent, such as `127.0.0.1:10102` or `/dev/video9`.
    pub place: String,
    /// Connected clients; `None` where they are not known.
    pub clients: Option<usize>,
    /// Exposures that were sent, summed over all clients.
    pub sent: u64,
    /// Exposures that were dropped because a client was too slow, summed over all clients.
    pub dropped: u64,
    /// Why nothing is sent at present.
    pub fault: Option<String>,
}

impl OutputStatus {
    /// The counters in words.
    pub fn counters(&self) -> String {
        let clients = match self.clients {
            None => String::new(),
            Some(1) => "1 client, ".to_owned(),
            Some(count) => format!("{count} clients, "),
        };
        format!("{clients}{} sent, {} dropped", self.sent, self.dropped)
    }
}

impl Display for OutputStatus {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}: {}", self.content, self.place, self.counters())
    }
}

/// Reports the faults of outputs, or that they are over.
pub(super) fn report_faults(outputs: &[Arc<dyn FrameOutput>], notices: &Diagnostics) {
    if outputs.is_empty() {
        return;
    }
    let faults = outputs.iter().flat_map(|output| output.status()).filter_map(|s| s.fault);
    let faults: Vec<String> = faults.collect();
    if faults.is_empty() {
        notices.resolve("output");
    } else {
        notices.notify("output", faults.join("; "));
    }
}
