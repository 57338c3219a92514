//! How many bytes wait in a camera's channel.

use std::collections::VecDeque;

/// Bytes of what was sent last, which is what still waits when a channel says how many do.
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

    /// Bytes of the last so many packets.
    pub(crate) fn bytes_of(&mut self, packets: usize) -> usize {
        while self.sent.len() > packets {
            self.bytes -= self.sent.pop_front().unwrap_or(0);
        }
        self.bytes
    }
}
