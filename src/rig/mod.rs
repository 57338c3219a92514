//! What makes two cameras one instrument: clock mapping and the synchronisation buffer that
//! turns frames and events into exposures.

pub mod clock;
mod live;
pub mod sync;

pub use live::{Rig, RigSettings, RigState};
