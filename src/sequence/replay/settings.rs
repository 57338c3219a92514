//! How a recording is played.

/// How a recording is played.
#[derive(Clone, Copy, Debug)]
pub struct ReplaySettings {
    /// Begin again at the end.
    pub looped: bool,
    /// Times as fast as it was recorded; from [`UNPACED`] on as fast as it can be read.
    pub speed: f64,
    /// End the source at the end, rather than stay there and wait for a seek.
    pub end: bool,
}

impl Default for ReplaySettings {
    fn default() -> Self {
        Self { looped: true, speed: 1.0, end: false }
    }
}

/// A speed that stands for no pace at all.
pub const UNPACED: f64 = 1e6;

/// A pause in the recording is shortened to this, in microseconds.
pub(crate) const LONGEST_PAUSE_US: i64 = 2_000_000;
