//! Settings of a replay.

/// Settings of a replay.
#[derive(Clone, Copy, Debug)]
pub struct ReplaySettings {
    /// Restart at the end.
    pub looped: bool,
    /// Multiple of the recorded speed; from [`UNPACED`] on, as fast as it can be read.
    pub speed: f64,
    /// End the source at the end, instead of waiting there for a seek.
    pub end: bool,
}

impl Default for ReplaySettings {
    fn default() -> Self {
        Self { looped: true, speed: 1.0, end: false }
    }
}

/// The speed from which on playback is not timed.
pub const UNPACED: f64 = 1e6;

/// Maximum duration of a pause in the recording, in microseconds; longer ones are shortened.
pub(crate) const LONGEST_PAUSE_US: i64 = 2_000_000;
