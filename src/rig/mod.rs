//! What makes two cameras one instrument: clock mapping, pixel alignment, and the
//! synchronisation buffer that turns frames and events into exposures.

pub mod align;
pub mod clock;
mod condition;
pub mod contrast;
mod live;
pub mod sync;

pub use condition::{Aligned, Conditioned, EventStage, StageCount};
pub use live::{Change, Changes, Input, Rig, RigSettings, RigState, Role};
