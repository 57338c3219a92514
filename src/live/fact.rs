//! What a source reports about itself beside its numbers, as types.

use crate::image::Size;
use crate::rig::clock::SyncState;

/// One fact about the status of a source. [`describe`](super::describe()) makes the sentence for
/// people of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// How frames are timed.
    Synchronisation(SyncState),
    /// What a stage of the event path, other than the noise filters, has removed.
    Stage {
        /// The stage.
        name: &'static str,
        /// Events that entered.
        events: u64,
        /// Events that were removed.
        removed: u64,
    },
    /// Events that the frame camera does not see.
    Outside {
        /// Events that were mapped.
        events: u64,
        /// Those of them outside of the frame camera's field of view.
        outside: u64,
    },
    /// Packets of another size than the alignment's.
    NotAligned {
        /// Number of packets.
        packets: u64,
    },
    /// The position of a recording.
    Playing {
        /// Index of the frame, from 0.
        frame: usize,
        /// Number of frames.
        frames: usize,
        /// Duration of the recording.
        duration_us: i64,
    },
    /// A file of a recording that was skipped.
    SkippedFile {
        /// Its name.
        name: String,
        /// Why it could not be read.
        why: String,
    },
    /// A simulation that falls behind.
    SlowSimulation {
        /// Simulated seconds per second.
        real_time: f64,
    },
    /// The alignment of two cameras.
    Alignment(AlignmentStatus),
    /// What a noise filter that is on has removed.
    Filter {
        /// The filter.
        name: &'static str,
        /// Events that entered.
        events_in: u64,
        /// Events that left.
        events_out: u64,
        /// Number of hot pixels, for the filter that finds them.
        hot_pixels: Option<usize>,
    },
}

/// The alignment of two cameras.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AlignmentStatus {
    /// It is in use.
    Used {
        /// Size of the aligned images.
        image: Size,
        /// Size of the aligned event sensor.
        sensor: Size,
        /// Residual in pixels of the event camera.
        residual_px: f64,
    },
    /// These cameras were never aligned.
    Missing,
    /// A camera is not connected yet.
    Waiting,
}
