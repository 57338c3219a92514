//! Limits and counters of the synchronisation buffer.

/// Limits of the buffer.
#[derive(Clone, Copy, Debug)]
pub struct SyncSettings {
    /// Largest number of events that are held.
    pub max_events: usize,
    /// Largest number of frames that wait for their events.
    pub max_frames: usize,
    /// Longest plausible exposure, in microseconds.
    pub max_exposure_us: i64,
    /// How long to wait for a missing packet, in microseconds of the event clock.
    pub packet_timeout_us: i64,
    /// How long a frame waits for events, in microseconds of the host clock. `None` for recordings,
    /// whose playback may be paused.
    pub max_wait_us: Option<i64>,
    /// How long events are kept for frames that have not arrived yet, in microseconds.
    pub history_us: i64,
}

impl Default for SyncSettings {
    fn default() -> Self {
        Self {
            // 12 Mev/s for two thirds of a second: 128 MB.
            max_events: 8_000_000,
            max_frames: 16,
            max_exposure_us: 10_000_000,
            packet_timeout_us: 5_000,
            max_wait_us: Some(500_000),
            // The longest exposure and its transfer. With much motion, `max_events` is the tighter
            // limit.
            history_us: 11_000_000,
        }
    }
}

/// Counters of the buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct SyncStats {
    /// Exposures that were output.
    pub exposures: u64,
    /// Of these, exposures with missing events.
    pub incomplete: u64,
    /// Events that were discarded because no frame needed them.
    pub unused_events: u64,
    /// Events that are currently held.
    pub held_events: usize,
    /// Frames that are currently waiting.
    pub held_frames: usize,
    /// Changes of epoch.
    pub resets: u64,
}
