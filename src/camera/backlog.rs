//! Counts the bytes queued in a camera's channel.

use std::collections::VecDeque;

/// Sizes in bytes of the packets sent last. The channel reports how many packets are still
/// queued, and those are always the last ones sent.
#[derive(Default)]
pub(crate) struct Backlog {
    pub(crate) sent: VecDeque<usize>,
    pub(crate) bytes: usize,
}

impl Backlog {
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.sent.push_back(bytes);
        self.bytes += bytes;
    }

    /// Bytes of the last `packets` packets; forgets older ones.
    pub(crate) fn bytes_of(&mut self, packets: usize) -> usize {
        while self.sent.len() > packets {
            self.bytes -= self.sent.pop_front().unwrap_or(0);
        }
        self.bytes
    }
}
