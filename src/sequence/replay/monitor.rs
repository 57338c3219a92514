//! The playback state, for display.

use crate::panics::Locked;
use std::sync::{Arc, Mutex, MutexGuard};

/// The playback state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlayState {
    /// Index of the frame that was played last, from 0.
    pub frame: usize,
    /// Number of frames.
    pub frames: usize,
    /// Fraction of the duration at which that frame starts, 0 to 1.
    pub position: f64,
    /// Duration of the recording, in microseconds.
    pub duration_us: i64,
    /// Whether playback is paused.
    pub paused: bool,
    /// Multiple of the recorded speed.
    pub speed: f64,
    /// Whether playback restarts at the end.
    pub looped: bool,
    /// Files that could not be read and were skipped, and the reasons.
    pub skipped: Vec<(String, String)>,
    /// What the user should know about the recording, one sentence each.
    pub warnings: Vec<String>,
}

/// Reads the playback state; clones belong to the same recording.
#[derive(Clone, Debug, Default)]
pub struct Monitor(Arc<Mutex<PlayState>>);

impl Monitor {
    /// The playback state; empty until the recording is open.
    pub fn state(&self) -> PlayState {
        self.lock().clone()
    }

    /// What the user should know about the recording, one sentence each.
    pub fn warnings(&self) -> Vec<String> {
        self.lock().warnings.clone()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, PlayState> {
        self.0.locked()
    }
}
