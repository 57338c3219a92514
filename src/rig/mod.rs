//! Combines two cameras into one instrument: clock mapping, pixel alignment, and the
//! synchronisation buffer that turns frames and events into exposures.

pub mod align;
mod camera_file;
mod change;
pub mod clock;
pub mod contrast;
mod drop_log;
mod event_stage;
pub mod hot_pixels;
mod input;
mod preprocess;
mod rig_thread;
pub mod sync;

pub use change::{Change, Changes};
pub use event_stage::{EventStage, StageCount};
pub use input::{Input, Role};
pub use preprocess::{Aligned, Preprocessed};
pub use rig_thread::{Rig, RigSettings, RigState};
