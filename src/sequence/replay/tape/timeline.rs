//! The interface between recordings and the player.

use crate::camera::Packet;
use crate::formats::aedat4::Aedat4Error;
use crate::sequence::import::ImportError;

/// Why playback of a recording failed.
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
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Foreign(#[from] ImportError),
    #[error(
        "neither a folder with .npz files, nor a file named .npz or .aedat4, nor of a format that \
         `gem-live import` reads"
    )]
    Kind,
}

/// Times of the frames of a recording, from 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Timeline {
    /// Start of the exposure of every frame, in microseconds, ascending.
    pub(crate) starts_us: Vec<i64>,
    /// End of the last exposure, in microseconds.
    pub(crate) end_us: i64,
}

impl Timeline {
    /// The frame at a fraction of the duration: the last one that has started by then.
    pub(crate) fn frame_at(&self, fraction: f64) -> usize {
        let us = (fraction.clamp(0.0, 1.0) * self.end_us as f64).round() as i64;
        self.starts_us.partition_point(|start| *start <= us).saturating_sub(1)
    }

    /// Fraction of the duration at which a frame starts.
    pub(crate) fn fraction(&self, frame: usize) -> f64 {
        let start_us = self.starts_us.get(frame).copied().unwrap_or(self.end_us);
        start_us as f64 / self.end_us.max(1) as f64
    }
}

/// A packet, and when it is due.
#[derive(Debug)]
pub(crate) struct ScheduledPacket {
    /// Time in the recording, in microseconds.
    pub(crate) at_us: i64,
    /// Index of the frame on the timeline, if the packet is a frame.
    pub(crate) frame: Option<usize>,
    pub(crate) packet: Packet,
}

/// A recording that can be played.
pub(crate) trait Tape: Send {
    fn timeline(&self) -> &Timeline;

    /// The next packet; `None` at the end.
    fn next(&mut self) -> Result<Option<ScheduledPacket>, TapeError>;

    /// Seeks to a frame: it is the next frame to be returned, with all of its events before or
    /// after it, in a new clock epoch.
    fn seek(&mut self, frame: usize) -> Result<(), TapeError>;

    /// The camera that is played, if the recording names several.
    fn camera(&self) -> Option<&str> {
        None
    }

    /// What the user should know about the recording, one sentence each.
    fn warnings(&self) -> &[String] {
        &[]
    }

    /// Files that cannot be read and are skipped, and the reasons.
    fn skipped(&self) -> &[(String, String)] {
        &[]
    }
}
