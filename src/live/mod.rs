//! The path of an exposure from a source to the screen, without a window.
//!
//! Two threads: `source` waits for the next exposure of an [`ExposureSource`], and `engine`
//! restores it. Mailboxes that keep only the newest value connect source, engine and window: a slow
//! engine or window skips exposures and never falls behind. Every skipped exposure is counted at
//! the place where it was dropped. A source that waits for the engine
//! ([`ExposureSource::waits_for_engine`]) is only asked for an exposure when the engine has taken
//! the last one.
//!
//! The cameras of a [`RigSource`] and the rig that synchronises them have their own threads, see
//! [`crate::camera::CameraStream`] and [`crate::rig::Rig`]. A recorder gets its exposures on the
//! rig thread, before any are skipped ([`RigHandle`]).

mod aligning;
mod clip_size;
mod clip_source;
mod contrast;
mod describe;
mod diagnostics;
mod edi_pictures;
mod engine;
mod exposure_queue;
mod fact;
mod filters;
mod frame_builder;
mod in_flight;
mod mailbox;
mod open_source;
mod output;
mod pipeline;
pub mod profile;
mod read_back;
mod restore_request;
mod restored_frame;
mod restorer;
mod rig_camera;
mod rig_facts;
mod rig_handle;
mod rig_source;
mod scoring;
pub mod serve;
mod source;
mod source_kind;
mod source_spec;
mod source_thread;
pub mod sources;
mod stats;

pub use aligning::{AlignmentHandle, AlignmentHandleError};
pub use clip_size::SizeChoice;
pub use clip_source::ClipSource;
pub use contrast::LiveContrast;
pub use describe::describe;
pub use diagnostics::{Diagnostics, Notice};
pub use fact::{AlignmentStatus, Fact};
pub use filters::{FILTERS, FilterCount, FilterReport, FilterSettings, Filters, STAGES};
pub use mailbox::{MailboxReader, MailboxWriter, PutResult, mailbox};
pub use open_source::{OpenSettings, open, open_with_clock};
pub use output::{FrameOutput, OutputStatus};
pub use pipeline::{Parts, Pipeline};
pub use restore_request::{RestorePolicy, RestoreRequest};
pub use restored_frame::RestoredFrame;
pub use restorer::{
    Compute, MakeRestorer, PassThrough, Restorer, San, Sparse, pass_through, san, san_with,
};
pub use rig_camera::CameraChoice;
pub use rig_handle::{RigHandle, RigHandleError};
pub use rig_source::RigSource;
pub use source::{
    Control, ExposureSource, LiveFrame, Next, PlaybackClock, Shape, SourceError, SourceReport,
    Transport,
};
pub use source_kind::{OpenError, OpenRequest, Playback, SourceKind, SourceName};
pub use source_spec::Sources;
pub use stats::{Drops, Snapshot, Stats, Times};
