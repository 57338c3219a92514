//! What every kind of recording offers to the player.

use crate::camera::Packet;
use crate::formats::aedat4::Aedat4Error;

/// Why a recording cannot be played on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TapeError {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Find(String),
    #[error("none of its {0} files can be read: {1}")]
    Unreadable(usize, String),
    #[error(transparent)]
    Aedat4(#[from] Aedat4Error),
    #[error("neither a folder with .npz files nor a file named .npz or .aedat4")]
    Kind,
}

/// Where the frames lie on a recording's own time, which begins at zero.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Timeline {
    /// When the exposure of every frame begins, in microseconds, in order.
    pub(crate) starts_us: Vec<i64>,
    /// When the last one ends.
    pub(crate) end_us: i64,
}

impl Timeline {
    /// The frame that is seen at a fraction of the whole: the last that has begun by then.
    pub(crate) fn frame_at(&self, fraction: f64) -> usize {
        let us = (fraction.clamp(0.0, 1.0) * self.end_us as f64).round() as i64;
        self.starts_us.partition_point(|start| *start <= us).saturating_sub(1)
    }

    /// Fraction of the whole at which a frame begins.
    pub(crate) fn fraction(&self, frame: usize) -> f64 {
        let start_us = self.starts_us.get(frame).copied().unwrap_or(self.end_us);
        start_us as f64 / self.end_us.max(1) as f64
    }
}

/// A packet, and when it is due.
#[derive(Debug)]
pub(crate) struct Due {
    /// In microseconds of the recording's own time.
    pub(crate) at_us: i64,
    /// The frame's number on the timeline, where it is one.
    pub(crate) frame: Option<usize>,
    pub(crate) packet: Packet,
}

/// A recording.
pub(crate) trait Tape: Send {
    fn timeline(&self) -> &Timeline;

    /// The next packet; `None` at the end.
    fn next(&mut self) -> Result<Option<Due>, TapeError>;

    /// Goes to a frame: the next one to come is this, with all of its events before it or
    /// after it, and on a new epoch of the clock.
    fn go(&mut self, frame: usize) -> Result<(), TapeError>;

    /// Files that cannot be read and are passed over, and why.
    fn skipped(&self) -> &[(String, String)] {
        &[]
    }
}
