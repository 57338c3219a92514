//! Where playing stands, for whoever shows it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where playing stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlayState {
    /// Number of the frame that was played last, from zero.
    pub frame: usize,
    /// Frames of the whole.
    pub frames: usize,
    /// Fraction of the whole at which that frame begins, 0 to 1.
    pub position: f64,
    /// How long the whole is, in microseconds.
    pub duration_us: i64,
    /// Time stands still.
    pub paused: bool,
    /// Times as fast as recorded.
    pub speed: f64,
    /// It begins again at its end.
    pub looped: bool,
    /// Files that could not be read and were passed over, and why.
    pub skipped: Vec<(String, String)>,
}

/// Tells where playing stands; clones tell of the same recording.
#[derive(Clone, Debug, Default)]
pub struct Monitor(Arc<Mutex<PlayState>>);

impl Monitor {
    /// Where playing stands; empty until the recording is open.
    pub fn state(&self) -> PlayState {
        self.lock().clone()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, PlayState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
