//! The noise filters of a source: stages on the rig thread that are controlled from other threads.

mod controls;
mod handle;
mod settings;
mod stages;
mod state;

pub use controls::FILTERS;
pub use handle::Filters;
pub use settings::{FilterCount, FilterReport, FilterSettings, STAGES};
