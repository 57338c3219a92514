//! How a recording is written.

use crate::formats::npz::Packing;

/// How is recorded.
#[derive(Clone, Copy, Debug)]
pub struct RecordSettings {
    /// Frames after which recording ends by itself.
    pub frames: Option<u64>,
    /// Space that stays free on the disk, in bytes.
    pub reserve_bytes: u64,
    /// Pairs that fit above the reserve when a warning is given.
    pub warn_pairs: u64,
    /// Exposures that may wait for the disk.
    pub queue: usize,
    /// Memory that they may take together, in bytes; one always may wait.
    pub queue_bytes: u64,
    /// Threads that pack and write.
    pub writers: usize,
    /// Whether files are made smaller, which takes far longer than writing them.
    pub packing: Packing,
}

impl Default for RecordSettings {
    fn default() -> Self {
        Self {
            // A sequence of MS-RBD.
            frames: Some(60),
            reserve_bytes: 512 << 20,
            warn_pairs: 300,
            queue: 64,
            queue_bytes: 768 << 20,
            // One fills its buffer while the other waits for the disk.
            writers: 2,
            packing: Packing::Stored,
        }
    }
}
