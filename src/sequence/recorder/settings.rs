//! Settings of a recording.

use crate::formats::npz::Packing;

/// Settings of a recording.
#[derive(Clone, Copy, Debug)]
pub struct RecordSettings {
    /// Number of frames after which the recording stops; `None` for no limit.
    pub frames: Option<u64>,
    /// Disk space that must stay free, in bytes.
    pub reserve_bytes: u64,
    /// A warning is given when fewer pairs than this fit above the reserve.
    pub warn_pairs: u64,
    /// Maximum number of exposures in the queue.
    pub queue: usize,
    /// Maximum memory of the queue in bytes; one exposure is always accepted.
    pub queue_bytes: u64,
    /// Number of threads that encode and write.
    pub writers: usize,
    /// Whether files are compressed, which takes much longer than writing them.
    pub packing: Packing,
}

impl Default for RecordSettings {
    fn default() -> Self {
        Self {
            // The length of an MS-RBD sequence.
            frames: Some(60),
            reserve_bytes: 512 << 20,
            warn_pairs: 300,
            queue: 64,
            queue_bytes: 768 << 20,
            // One encodes while the other waits for the disk.
            writers: 2,
            packing: Packing::Stored,
        }
    }
}
